import type { Plane } from "./tiles";
import { strideFor, type Values } from "./values";

/**
 * Blocks of 8×8 pixels in the cosine domain, in 16-bit steps. The picture lives in the low frequencies and white noise
 * in all alike, independently: blocks picked for little energy in `low` are still fair witnesses of the noise in `high`.
 */
export interface Blocks {
  /** Block by block, from dark to bright. */
  readonly mean: Float64Array;
  /** Mean square of the low frequencies' coefficients, without the mean itself. */
  readonly low: Float64Array;
  /** Mean square of the high frequencies' coefficients: the variance of white noise. */
  readonly high: Float64Array;
}

const side = 8;
/** They overlap on small pages and lie apart on large ones. */
const maxBlocks = 2 ** 15;
/** By the sum of the horizontal and the vertical frequency, 0 to 14. */
const lastLow = 4;
const firstHigh = 9;

const frequencies = Array.from({ length: side * side }, (_, index) => (index >> 3) + (index & 7));
const lowCount = frequencies.filter((frequency) => frequency > 0 && frequency <= lastLow).length;
/** Degrees of freedom of one block's `high`. */
export const highCount = frequencies.filter((frequency) => frequency >= firstHigh).length;

/** Orthonormal DCT-II: row u is the wave of frequency u. */
const waves = Float64Array.from({ length: side * side }, (_, index) => {
  const u = index >> 3;
  return Math.sqrt((u === 0 ? 1 : 2) / side) * Math.cos(((2 * (index & 7) + 1) * u * Math.PI) / (2 * side));
});

/** Mean squares of the low and of the high coefficients of one block; `half` is scratch. */
const energies = (block: Float64Array, half: Float64Array): { low: number; high: number } => {
  for (let y = 0; y < side; y++) {
    for (let u = 0; u < side; u++) {
      let sum = 0;
      for (let x = 0; x < side; x++) sum += waves[u * side + x] * block[y * side + x];
      half[u * side + y] = sum;
    }
  }
  let low = 0;
  let high = 0;
  for (let u = 0; u < side; u++) {
    for (let v = 0; v < side; v++) {
      const frequency = u + v;
      if (frequency === 0 || (frequency > lastLow && frequency < firstHigh)) continue;
      let coefficient = 0;
      for (let y = 0; y < side; y++) coefficient += waves[v * side + y] * half[u * side + y];
      if (frequency <= lastLow) low += coefficient * coefficient;
      else high += coefficient * coefficient;
    }
  }
  return { low: low / lowCount, high: high / highCount };
};

/** Up to 32768 blocks, evenly spread, without those that hold a blank pixel. */
export const sampleBlocks = (
  { samples, width, height, channels, channel }: Plane,
  { blank }: Pick<Values, "blank">,
): Blocks => {
  const stride = strideFor(Math.max(0, width - side + 1), Math.max(0, height - side + 1), maxBlocks);
  const found: { mean: number; low: number; high: number }[] = [];
  const block = new Float64Array(side * side);
  const half = new Float64Array(side * side);
  for (let top = 0; top + side <= height; top += stride) {
    for (let left = 0; left + side <= width; left += stride) {
      let sum = 0;
      let blanks = 0;
      for (let y = 0; y < side; y++) {
        let index = ((top + y) * width + left) * channels + channel;
        for (let x = 0; x < side; x++, index += channels) {
          const value = samples[index];
          blanks += blank[value];
          block[y * side + x] = value;
          sum += value;
        }
      }
      if (blanks === 0) found.push({ mean: sum / (side * side), ...energies(block, half) });
    }
  }
  found.sort((one, other) => one.mean - other.mean);
  return {
    mean: Float64Array.from(found, ({ mean }) => mean),
    low: Float64Array.from(found, ({ low }) => low),
    high: Float64Array.from(found, ({ high }) => high),
  };
};
