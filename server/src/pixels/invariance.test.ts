// Does not prove how good the model is, only that the way there does not depend on where an image's values lie.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { casting } from "../../../local/demo/phantoms";
import type { Engine } from "../engines/engine";
import { createOnnxEngine } from "../engines/onnx";
import { denoisePage } from "./denoisePage";
import { psnr } from "./psnr";
import { qualityWarnings } from "./qualityReport";
import { phantom, sharedNoise, withNoise } from "./testPages";

const size = 128;
const page = { width: size, height: size, channels: 1 as const };

let engine: Engine;
beforeAll(async () => {
  engine = await createOnnxEngine({ modelPath: join(__dirname, "../../triton/models/ddn/1/model.onnx"), threads: 1 });
});
afterAll(() => engine.close());

const denoise = async (samples: Uint16Array, sigma?: number): Promise<Uint16Array> =>
  (await denoisePage({ samples, page, engine, options: { strength: 1, ...(sigma === undefined ? {} : { sigma }) } }))
    .samples;

const largest = (one: Uint16Array, other: Uint16Array): number =>
  one.reduce((most, value, index) => Math.max(most, Math.abs(value - other[index])), 0);

/** 12 bits: values of about 600 to 3500 with noise of 40. */
const twelve = withNoise(phantom(size, size), 1e-4, 1e-4, 5).map((value) => value >> 4);

describe("denoisePage with the shipped model", () => {
  it.each([
    [1, 40000],
    [16, 0],
    [13, 9001],
  ])(
    "gives the same picture times %i plus %i the same result, times and plus",
    async (factor, shift) => {
      const reference = await denoise(twelve);
      const result = await denoise(twelve.map((value) => factor * value + shift));
      const expected = reference.map((value) => factor * value + shift);
      // Each result is rounded to whole steps, half a step at most; the second to its own, finer ones.
      expect(largest(result, expected)).toBeLessThanOrEqual(factor / 2 + 1);
      expect(largest(reference, twelve)).toBeGreaterThan(20);
    },
    120_000,
  );

  it("denoises an inverted image about as well", async () => {
    const clean = withNoise(phantom(size, size), 0, 0, 0);
    const noisy = withNoise(phantom(size, size), 1e-3, 1e-4, 6);
    const inverted = (samples: Uint16Array) => samples.map((value) => 65535 - value);
    const upright = psnr(clean, await denoise(noisy));
    expect(psnr(clean, inverted(await denoise(inverted(noisy))))).toBeGreaterThan(upright - 1);
    expect(upright).toBeGreaterThan(psnr(clean, noisy) + 8);
  }, 120_000);

  it("does not make an image of little noise worse, the noise known or not", async () => {
    const clean = withNoise(phantom(size, size), 0, 0, 0);
    for (const sigma of [0.5 / 255, 1 / 255, 2 / 255]) {
      const noisy = withNoise(phantom(size, size), 0, sigma ** 2, 8);
      const before = psnr(clean, noisy);
      expect(psnr(clean, await denoise(noisy))).toBeGreaterThan(before);
      expect(psnr(clean, await denoise(noisy, sigma))).toBeGreaterThan(before);
    }
  }, 120_000);

  it("removes noise that neighbours share, and says what it is", async () => {
    const [side, sigma] = [256, 0.02];
    const values = phantom(side, side);
    const clean = withNoise(values, 0, 0, 0);
    const large = { width: side, height: side, channels: 1 as const };
    const found = async (samples: Uint16Array) => {
      const { samples: denoised, quality } = await denoisePage({
        samples,
        page: large,
        engine,
        options: { strength: 1 },
      });
      const codes = quality.flatMap((plane) => qualityWarnings([{ page: 0, ...plane }])).map(({ code }) => code);
      return { gain: psnr(clean, denoised) - psnr(clean, samples), codes };
    };
    const white = await found(withNoise(values, 0, sigma ** 2, 12));
    const noise = sharedNoise(side, side, 0.7, 12);
    const shared = await found(
      Uint16Array.from(values, (value, index) => Math.round(65535 * (value + sigma * noise[index]))),
    );
    expect(white.codes).toEqual([]);
    expect(shared.codes).toEqual(["noise_correlated"]);
    // A model that knows white noise only takes it for texture and gains 4 dB.
    expect(shared.gain).toBeGreaterThan(10);
  }, 120_000);

  it("returns an image without noise within 2 steps, and a constant one exactly", async () => {
    for (const { clean, width } of [
      { clean: withNoise(phantom(size, size), 0, 0, 0), width: size },
      casting(448, 448, 5, 0),
    ]) {
      const kept = await denoisePage({
        samples: clean,
        page: { width, height: width, channels: 1 },
        engine,
        options: { strength: 1 },
      });
      expect(largest(kept.samples, clean)).toBeLessThanOrEqual(2);
    }
    const constant = new Uint16Array(size * size).fill(31234);
    expect(await denoise(constant)).toEqual(constant);
  }, 120_000);
});
