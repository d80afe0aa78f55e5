// Does not prove the estimate on photographs or real detectors, nor on correlated noise: it sees synthetic white noise only.
import { describe, expect, it } from "vitest";
import { estimateNoise, type Noise, sigmaAt } from "./noise";
import { gaussian, phantom, withNoise } from "./testPages";

const size = 256;
const estimate = (samples: Uint16Array, width = size, height = samples.length / width) =>
  estimateNoise({ samples, width, height, channels: 1, channel: 0 });
const sigmaLsb = (noise: Noise, value = 0.5) => 65535 * sigmaAt(noise, value);

/** Largest relative error of the standard deviation where the phantom has its values. */
const worst = (found: Noise, a: number, b: number): number =>
  Math.max(...[0.2, 0.4, 0.6, 0.75].map((value) => Math.abs(sigmaAt(found, value) / Math.sqrt(a * value + b) - 1)));

describe("estimateNoise", () => {
  it("finds how noise grows with the signal where most of the page is dark", () => {
    const lit = (x: number, y: number) => (x > 0.55 ? 0.15 + 0.8 * y : 0);
    const values = Float64Array.from({ length: size * size }, (_, index) =>
      lit((index % size) / size, Math.floor(index / size) / size),
    );
    // A pedestal, so that the noise of the dark is not clipped.
    const [a, b, pedestal] = [5e-3, 1e-4, 0.1];
    const stored = values.map((value) => pedestal + 0.8 * value);
    const { noise } = estimate(withNoise(stored, 0.8 * a, 0.64 * b - 0.8 * a * pedestal, 3));
    for (const value of [0, 0.2, 0.5, 0.9])
      expect(sigmaAt(noise, pedestal + 0.8 * value) / (0.8 * Math.sqrt(a * value + b))).toBeCloseTo(1, 1);
  });

  it.each([1 / 255, 5 / 255, 15 / 255, 30 / 255])("finds uniform noise of %f of full scale within a 16th", (sigma) => {
    const { noise } = estimate(withNoise(phantom(size, size), 0, sigma ** 2, 1));
    expect(worst(noise, 0, sigma ** 2)).toBeLessThan(0.06);
  });

  it.each([
    [0.001, 1e-5],
    [0.003, 4e-6],
    [0.0005, 1e-4],
  ])("finds noise that grows with the signal, a = %f, b = %f, within a 16th", (a, b) => {
    const { noise } = estimate(withNoise(phantom(size, size), a, b, 2));
    expect(worst(noise, a, b)).toBeLessThan(0.06);
  });

  it("finds the same noise on a page that is shifted, line and all", () => {
    const page = withNoise(phantom(size, size), 0.001, 1e-5, 3).map((value) => value >> 1);
    const { noise } = estimate(page);
    const shifted = estimate(page.map((value) => value + 20000)).noise;
    expect(shifted.a).toBeCloseTo(noise.a, 12);
    expect(shifted.b).toBeCloseTo(noise.b - (noise.a * 20000) / 65535, 12);
  });

  it("finds half the noise on a page of half the values", () => {
    const page = withNoise(phantom(size, size), 0, 1e-4, 4).map((value) => value & ~1);
    const halved = estimate(page.map((value) => value / 2)).noise;
    expect(sigmaLsb(halved, 0.25) / sigmaLsb(estimate(page).noise)).toBeCloseTo(0.5, 6);
  });

  it("looks past stripes and texture when a tenth of the page is flat", () => {
    const normal = gaussian(5);
    const busy = Float64Array.from({ length: size * size }, (_, index) => {
      const [x, y] = [index % size, Math.floor(index / size)];
      return x < size / 8 ? 0.5 : 0.5 + 0.1 * Math.sin(0.9 * x + 0.5 * y) + 0.05 * normal();
    });
    const { noise } = estimate(withNoise(busy, 0, 1e-4, 6));
    expect(sigmaLsb(noise) / 655.35).toBeGreaterThan(0.95);
    expect(sigmaLsb(noise) / 655.35).toBeLessThan(1.1);
  });

  it("leaves out what is clipped at 0, at 65535 or at the page's own plateau, and empty surroundings", () => {
    const cut = (from: number, to: number) =>
      withNoise(phantom(size, size), 0, 4e-4, 7).map((value, index) => {
        const outside = index % size < 100;
        return outside ? 3000 : Math.min(to, Math.max(from, value));
      });
    for (const page of [cut(0, 65535), cut(15000, 48000), cut(0, 38000)]) {
      const found = sigmaLsb(estimate(page).noise, 0.55) / (65535 * 0.02);
      expect(found).toBeGreaterThan(0.85);
      expect(found).toBeLessThan(1.05);
    }
  });

  it("finds the falling line of an inverted page", () => {
    const page = withNoise(phantom(size, size), 0.001, 1e-5, 12).map((value) => 65535 - value);
    const { a, b } = estimate(page).noise;
    expect(a).toBeLessThan(0);
    for (const value of [0.3, 0.6]) {
      expect(sigmaLsb({ a, b }, value)).toBeGreaterThan(0.92 * sigmaLsb({ a: -0.001, b: 0.00101 }, value));
      expect(sigmaLsb({ a, b }, value)).toBeLessThan(1.08 * sigmaLsb({ a: -0.001, b: 0.00101 }, value));
    }
  });

  it("is not misled by hot pixels", () => {
    const page = withNoise(phantom(size, size), 0, 1e-4, 8).map((value, index) => (index % 997 === 0 ? 65000 : value));
    expect(worst(estimate(page).noise, 0, 1e-4)).toBeLessThan(0.05);
  });

  it("subtracts the rounding of 12-bit data and of 8-bit images", () => {
    const fine = withNoise(phantom(size, size), 0, (1 / 255) ** 2, 9);
    const twelve = fine.map((value) => (value >> 4) << 4);
    const eight = fine.map((value) => Math.round(value / 257) * 257);
    expect(sigmaLsb(estimate(twelve).noise) / 257).toBeCloseTo(1, 1);
    expect(sigmaLsb(estimate(eight).noise) / 257).toBeCloseTo(1, 1);
  });

  it("finds next to nothing on pages without noise", () => {
    const clean = withNoise(phantom(size, size), 0, 0, 1);
    const eight = clean.map((value) => Math.round(value / 257) * 257);
    const lineArt = clean.map((_, index) => (index % 7 === 0 || index % size < 40 ? 60000 : 2000));
    const patches = clean.map((_, index) => 5000 + 9000 * ((Math.floor(index / size / 50) + (index % size) / 64) | 0));
    for (const page of [clean.slice(), eight, lineArt, patches, clean.fill(1234)])
      expect(estimate(page).noise).toEqual({ a: 0, b: 0 });
  });

  it("answers with finite numbers on pages of any shape", () => {
    const normal = gaussian(10);
    for (const [width, height] of [
      [1, 1],
      [1, 500],
      [500, 1],
      [7, 9],
      [8, 8],
      [9, 11],
      [16, 16],
      [8, 5000],
    ]) {
      const samples = Uint16Array.from({ length: width * height }, () => 30000 + 500 * normal());
      const { noise, median } = estimate(samples, width);
      expect(Number.isFinite(noise.a) && Number.isFinite(noise.b)).toBe(true);
      expect(median).toBeGreaterThan(0.4);
      if (width >= 16 && height >= 16) expect(sigmaLsb(noise) / 500).toBeCloseTo(1, 0);
    }
  });

  it("finds the same in memory that threads share, and leaves it as it is", () => {
    const page = withNoise(phantom(size, size), 0, 1e-4, 13);
    const shared = new Uint16Array(new SharedArrayBuffer(page.byteLength));
    shared.set(page);
    expect(estimate(shared)).toEqual(estimate(page));
    expect(shared).toEqual(page);
  });

  it("reads one channel of interleaved samples", () => {
    const grey = withNoise(phantom(size, size), 0, 1e-4, 11);
    const rgb = Uint16Array.from({ length: 3 * grey.length }, (_, index) =>
      index % 3 === 1 ? grey[Math.floor(index / 3)] : 0,
    );
    const plane = { samples: rgb, width: size, height: size, channels: 3 };
    expect(estimateNoise({ ...plane, channel: 1 })).toEqual(estimate(grey));
    expect(estimateNoise({ ...plane, channel: 0 })).toEqual({
      noise: { a: 0, b: 0 },
      median: 0,
      flat: undefined,
      clippedShare: 1,
    });
  });
});

describe("sigmaAt", () => {
  it("is the root of the line, and 0 where the line is below 0", () => {
    expect(sigmaAt({ a: 2, b: 1 }, 4)).toBe(3);
    expect(sigmaAt({ a: 1, b: -0.5 }, 0.25)).toBe(0);
  });
});
