import type { Plane } from "./tiles";
import { strideFor, type Values } from "./values";

/**
 * Blocks of 8×8 pixels in the cosine domain, in 16-bit steps. The picture lives in the low frequencies and white noise
 * in all alike, independently: blocks picked for little energy in `low` are still fair witnesses of the noise in `bands`.
 */
export interface Blocks {
  /** Block by block, from dark to bright. */
  readonly mean: Float64Array;
  /** Mean square of the low frequencies' coefficients, without the mean itself. */
  readonly low: Float64Array;
  /** Mean square of the coefficients of each of the `bands`, towards higher frequencies: of white noise, its variance. */
  readonly bands: readonly Float64Array[];
}

const side = 8;
/** They overlap on small pages and lie apart on large ones. */
const maxBlocks = 2 ** 15;
/** The last frequency of each band, the sum of the horizontal and the vertical one, 0 to 14; `low` comes first. */
const lastOfBand = [4, 8, 14];

/** The band of each coefficient, 0 for the low frequencies; the mean is in none. */
const bandOf = Int8Array.from({ length: side * side }, (_, index) =>
  index === 0 ? -1 : lastOfBand.findIndex((last) => (index >> 3) + (index & 7) <= last),
);
const counts = lastOfBand.map((_, band) => bandOf.reduce((count, each) => count + (each === band ? 1 : 0), 0));
/** Degrees of freedom of one block's value in each band. */
export const bandCounts: readonly number[] = counts.slice(1);

/** Orthonormal DCT-II: row u is the wave of frequency u. */
const waves = Float64Array.from({ length: side * side }, (_, index) => {
  const u = index >> 3;
  return Math.sqrt((u === 0 ? 1 : 2) / side) * Math.cos(((2 * (index & 7) + 1) * u * Math.PI) / (2 * side));
});

/** Mean squares of the coefficients of one block, first of the low ones, then band by band; `half` is scratch. */
const energies = (block: Float64Array, half: Float64Array): number[] => {
  for (let y = 0; y < side; y++) {
    for (let u = 0; u < side; u++) {
      let sum = 0;
      for (let x = 0; x < side; x++) sum += waves[u * side + x] * block[y * side + x];
      half[u * side + y] = sum;
    }
  }
  const sums = counts.map(() => 0);
  for (let u = 0; u < side; u++) {
    for (let v = u === 0 ? 1 : 0; v < side; v++) {
      let coefficient = 0;
      for (let y = 0; y < side; y++) coefficient += waves[v * side + y] * half[u * side + y];
      sums[bandOf[u * side + v]] += coefficient * coefficient;
    }
  }
  return sums.map((sum, band) => sum / counts[band]);
};

/** Up to 32768 blocks, evenly spread, without those that hold a blank pixel. */
export const sampleBlocks = (
  { samples, width, height, channels, channel }: Plane,
  { blank }: Pick<Values, "blank">,
): Blocks => {
  const stride = strideFor(Math.max(0, width - side + 1), Math.max(0, height - side + 1), maxBlocks);
  const found: { mean: number; energies: number[] }[] = [];
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
      if (blanks === 0) found.push({ mean: sum / (side * side), energies: energies(block, half) });
    }
  }
  found.sort((one, other) => one.mean - other.mean);
  return {
    mean: Float64Array.from(found, ({ mean }) => mean),
    low: Float64Array.from(found, (each) => each.energies[0]),
    bands: bandCounts.map((_, band) => Float64Array.from(found, (each) => each.energies[band + 1])),
  };
};
