// Does not prove where a real model loses detail: what it removes is made here.
import { describe, expect, it } from "vitest";
import { findFlatNoise } from "./flatNoise";
import { measureQuality } from "./quality";
import { gaussian } from "./testPages";
import { planTiles } from "./tiles";

const [width, height] = [192, 160];
const sigma = 300;
const plan = planTiles(width, height, { tileSizes: [256], halo: 8 });
const varianceAt = () => sigma ** 2;

const page = (valueAt: (x: number, y: number) => number): Float64Array =>
  Float64Array.from({ length: width * height }, (_, index) => valueAt(index % width, Math.floor(index / width)));
const deviates = (() => {
  const normal = gaussian(11);
  return page(normal);
})();
/** Each row's noise smeared over two pixels. */
const smeared = deviates.map((value, index) => (value + deviates[(index + 1) % deviates.length]) / Math.SQRT2);
const sum = (clean: Float64Array, noise: Float64Array, times: number) =>
  clean.map((value, index) => value + times * noise[index]);
/** Mean of three pixels along rows. */
const blurred = (values: Float64Array): Float64Array =>
  page(
    (x, y) =>
      [-1, 0, 1].reduce((total, by) => total + values[y * width + Math.min(width - 1, Math.max(0, x + by))], 0) / 3,
  );

const measure = (before: Float64Array, after: Float64Array, clippedShare = 0) => {
  const planeOf = (values: Float64Array) => ({
    samples: Uint16Array.from(values, Math.round),
    width,
    height,
    channels: 1,
    channel: 0,
  });
  const flat = findFlatNoise(planeOf(before), { blank: new Uint8Array(65536) }, varianceAt);
  return measureQuality({ before: planeOf(before), after: planeOf(after), flat, varianceAt, clippedShare, plan });
};

const ramp = page((x, y) => 20000 + 30 * x + 20 * y);
/** Half of it is stripes, 8 pixels apart, the other half is flat. */
const striped = page((x, y) => 20000 + (x < width / 2 ? 0 : 1500 * Math.sin((Math.PI * (x + y)) / 4)));

describe("measureQuality", () => {
  it("tells a gain of 20 dB where a tenth of the noise is left", () => {
    const { flat } = measure(sum(ramp, deviates, sigma), sum(ramp, deviates, sigma / 10));
    expect(flat?.snrGainDb).toBeCloseTo(20, 1);
    expect(flat?.sigmaBeforeLsb).toBeGreaterThan(0.97 * sigma);
    expect(flat?.sigmaBeforeLsb).toBeLessThan(1.03 * sigma);
    expect(flat?.sigmaAfterPercent).toBeCloseTo((100 * (flat?.sigmaAfterLsb ?? 0)) / 65535, 12);
    expect(flat?.sigmaBeforePercent).toBeCloseTo((100 * (flat?.sigmaBeforeLsb ?? 0)) / 65535, 12);
  });

  it("tells by how much the mean moved, result less input", () => {
    const before = sum(ramp, deviates, sigma);
    const after = before.map((value) => value - 7);
    expect(measure(before, after).meanShiftLsb).toBeCloseTo(-7, 9);
    expect(measure(before, before)).toMatchObject({
      meanShiftLsb: 0,
      residual: { correlation: { horizontal: [0, 0, 0] }, gradientCorrelation: 0, structure: 0 },
    });
  });

  it("finds no structure where noise alone was removed, white or not", () => {
    for (const noise of [deviates, smeared]) {
      const { residual } = measure(sum(striped, noise, sigma), striped);
      expect(residual.structure).toBeLessThan(0.05);
      expect(Math.abs(residual.gradientCorrelation)).toBeLessThan(0.05);
    }
    expect(measure(sum(ramp, smeared, sigma), ramp).residual.correlation.horizontal[0]).toBeCloseTo(0.5, 1);
  });

  it("finds structure where stripes went with the noise, correlated noise or not", () => {
    for (const noise of [deviates, smeared]) {
      const { residual } = measure(
        sum(striped, noise, sigma),
        page(() => 20000),
      );
      expect(residual.structure).toBeGreaterThan(0.3);
    }
  });

  it("finds that what was removed follows the edges that were blurred", () => {
    const edges = page((x) => 20000 + 4000 * (Math.floor(x / 24) % 2));
    const { residual } = measure(sum(edges, deviates, sigma), blurred(edges));
    expect(residual.gradientCorrelation).toBeGreaterThan(0.3);
  });

  it("hands on what was clipped, and sees no seam on a page of one tile", () => {
    const quality = measure(ramp, ramp, 0.25);
    expect(quality.clippedShare).toBe(0.25);
    expect(quality).not.toHaveProperty("seamRatio");
  });
});
