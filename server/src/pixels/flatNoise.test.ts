// Does not prove that every texture is told from noise: it sees ramps and synthetic noise only.
import { describe, expect, it } from "vitest";
import { findFlatNoise, isCorrelated, sigmaIn } from "./flatNoise";
import { estimateNoise, sigmaAt } from "./noise";
import { gaussian } from "./testPages";

const [width, height] = [192, 160];
const sigma = 400;
const plane = (samples: Uint16Array) => ({ samples, width, height, channels: 1, channel: 0 });
const noBlanks = { blank: new Uint8Array(65536) };

/** A ramp with noise of standard deviation 400, made of independent deviates by `mix`. */
const ramp = (mix: (x: number, y: number, deviate: (x: number, y: number) => number) => number): Uint16Array => {
  const normal = gaussian(3);
  const deviates = Float64Array.from({ length: (width + 1) * height }, normal);
  const deviate = (x: number, y: number) => deviates[y * (width + 1) + x];
  return Uint16Array.from({ length: width * height }, (_, index) => {
    const [x, y] = [index % width, Math.floor(index / width)];
    return Math.round(20000 + 40 * x + 25 * y + sigma * mix(x, y, deviate));
  });
};

const white = ramp((x, y, deviate) => deviate(x, y));
const smeared = ramp((x, y, deviate) => (deviate(x, y) + deviate(x + 1, y)) / Math.SQRT2);
const inRows = ramp((x, y, deviate) => (deviate(x, y) + deviate(width, y)) / Math.SQRT2);

const find = (samples: Uint16Array) => {
  const found = findFlatNoise(plane(samples), noBlanks, () => sigma ** 2);
  if (found === undefined) throw new Error("Expected flat windows.");
  return found;
};

describe("findFlatNoise", () => {
  it("finds white noise on a ramp: its level, its variance over the announced, no correlation", () => {
    const found = find(white);
    expect(found.sigmaLsb / sigma).toBeCloseTo(1, 1);
    expect(found.excess).toBeCloseTo(1, 1);
    expect(found.share).toBeGreaterThan(0.9);
    for (const value of [...found.correlation.horizontal, ...found.correlation.vertical])
      expect(Math.abs(value)).toBeLessThan(0.03);
    expect(isCorrelated(found)).toBe(false);
  });

  it("finds one half next door and nothing beyond where each pixel shares half its noise with the next", () => {
    const found = find(smeared);
    const { horizontal, vertical } = found.correlation;
    expect(horizontal[0]).toBeGreaterThan(0.45);
    expect(horizontal[0]).toBeLessThan(0.55);
    for (const value of [...horizontal.slice(1), ...vertical]) expect(Math.abs(value)).toBeLessThan(0.05);
    expect(isCorrelated(found)).toBe(true);
  });

  it("finds noise of rows by its lasting correlation along them", () => {
    const found = find(inRows);
    const { horizontal, vertical } = found.correlation;
    // Half of the variance; a window holds but 16 rows, and loses part of their noise with the plane.
    for (const value of horizontal) {
      expect(value).toBeGreaterThan(0.35);
      expect(value).toBeLessThan(0.55);
    }
    for (const value of vertical) expect(Math.abs(value)).toBeLessThan(0.08);
    expect(isCorrelated(found)).toBe(true);
  });

  it("leaves textured and blank windows out", () => {
    const page = white.map((value, index) => {
      const x = index % width;
      if (x < 32) return 777;
      return x < 96 ? value + 3000 * (Math.floor(x / 4) % 2) : value;
    });
    const blank = new Uint8Array(65536);
    blank[777] = 1;
    const found = findFlatNoise(plane(page), { blank }, () => sigma ** 2);
    expect(found?.corners.every(({ left }) => left >= 96 - 16)).toBe(true);
    expect(found?.sigmaLsb).toBeGreaterThan(0.95 * sigma);
    expect(found?.sigmaLsb).toBeLessThan(1.05 * sigma);
  });

  it("finds nothing on a page of fewer than twelve windows", () => {
    const small = { ...plane(white), width: 15 };
    expect(findFlatNoise(small, noBlanks, () => 1)).toBeUndefined();
    expect(findFlatNoise({ ...plane(white), height: 15 }, noBlanks, () => 1)).toBeUndefined();
  });
});

describe("sigmaIn", () => {
  it("is that of rounding where nothing varies", () => {
    const flat = plane(new Uint16Array(width * height).fill(9));
    expect(sigmaIn(flat, [{ left: 0, top: 0 }])).toBeCloseTo(Math.sqrt(1 / 12), 12);
  });
});

describe("estimateNoise on correlated noise", () => {
  it.each([
    ["smeared", smeared],
    ["of rows", inRows],
  ])("announces the whole of it, %s", (_, samples) => {
    const found = 65535 * sigmaAt(estimateNoise(plane(samples)).noise, 0.4);
    expect(found / sigma).toBeGreaterThan(0.87);
    expect(found / sigma).toBeLessThan(1.1);
  });
});
