import { createHash } from "node:crypto";
import { type Engine, EngineError, type Params, type Tile } from "./engine";

/** The built-in test image: noise of a known level on a known phantom. */
export interface GoldenImage {
  readonly tile: Tile;
  readonly params: Params;
  /** The phantom without the noise. */
  readonly clean: Uint16Array;
}

const largestMeanShift = 0.005;
const leastGainDb = 3;

/** Marsaglia's xorshift with 32 bits: integers only, so the same on every machine. */
const xorshift32 = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
};

/** A bright plate on a ramp, with a bore and a thin dark crack. */
const phantomAt = (x: number, y: number, size: number): number => {
  const ramp = 12000 + Math.floor((8000 * y) / size);
  const onPlate = Math.abs(2 * x - size) < Math.floor((3 * size) / 4) && Math.abs(2 * y - size) < Math.floor(size / 2);
  if (!onPlate) return ramp;
  const inBore = (4 * x - size) ** 2 + (2 * y - size) ** 2 < (size * size) / 16;
  if (inBore) return ramp + 6000;
  return x + y === size ? ramp + 14000 : ramp + 22000;
};

/** Standard deviation of the sum of four uniform 16-bit integers, divided by 32: 16-bit steps. */
const sigmaLsb = (65536 * Math.sqrt(4 / 12)) / 32;

/** The golden image, `size`·`size` samples, made of integer arithmetic alone. */
export const goldenImage = (size: number): GoldenImage => {
  const random = xorshift32(20210704);
  const clean = new Uint16Array(size * size);
  const image = new Uint16Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const sum = (random() >>> 16) + (random() >>> 16) + (random() >>> 16) + (random() >>> 16);
      const index = y * size + x;
      clean[index] = phantomAt(x, y, size);
      image[index] = clean[index] + ((sum - 2 * 65535) >> 5);
    }
  }
  const scale = 1 / 65535;
  return {
    tile: { height: size, width: size, image },
    params: { offset: 0, scale, a: 0, b: (sigmaLsb * scale) ** 2 },
    clean,
  };
};

const mean = (samples: Uint16Array): number => samples.reduce((sum, sample) => sum + sample, 0) / samples.length;

const squaredError = (samples: Uint16Array, clean: Uint16Array): number =>
  samples.reduce((sum, sample, index) => sum + (sample - clean[index]) ** 2, 0);

const fail = (what: string, received: string): never => {
  throw new EngineError("engine_unavailable", `Expected ${what} of the golden image but received ${received}.`);
};

/**
 * Denoises the golden image, at the model's smallest tile size from 128 on, and judges the result: number of samples,
 * all finite, mean within 0.5 %, noise down by at least 3 dB, and the exact pixels where the model promises them.
 * @throws EngineError with the reason; the signal's reason when aborted
 */
export const goldenSelfTest = async (engine: Engine, signal?: AbortSignal): Promise<void> => {
  const { tileSizes, goldenSha256 } = engine.model;
  const { tile, params, clean } = goldenImage(tileSizes.find((size) => size >= 128) ?? tileSizes[tileSizes.length - 1]);
  const denoised = await engine.denoise(tile, params, signal);
  if (denoised.length !== clean.length) fail(`${clean.length} samples`, `${denoised.length}`);
  if (!denoised.every(Number.isFinite)) fail("finite samples", "a sample that is not");
  const shift = mean(denoised) / mean(tile.image) - 1;
  if (Math.abs(shift) > largestMeanShift) fail("the mean within 0.5 %", `a shift of ${(100 * shift).toFixed(2)} %`);
  const gainDb = 10 * Math.log10(squaredError(tile.image, clean) / squaredError(denoised, clean));
  if (gainDb < leastGainDb) fail(`at least ${leastGainDb} dB less noise`, `${gainDb.toFixed(2)} dB`);
  if (goldenSha256 === undefined) return;
  const bytes = Buffer.from(denoised.buffer, denoised.byteOffset, denoised.byteLength);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (sha256 !== goldenSha256) fail(`pixels with the SHA-256 ${goldenSha256}`, sha256);
};
