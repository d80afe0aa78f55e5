import type { Plane } from "./tiles";
import type { Values } from "./values";

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
/**
 * They overlap on small pages and lie apart on large ones. A fourth of it finds the noise at the median value as well,
 * but not where few flat parts are as dark or as bright.
 */
const maxBlocks = 2 ** 13;
/** The last frequency of each band, the sum of the horizontal and the vertical one, 0 to 14; `low` comes first. */
const lastOfBand = [4, 7, 10, 14];

/** The band of each coefficient; the mean stands for itself, after the last band. */
const bandOf = Uint8Array.from({ length: side * side }, (_, index) =>
  index === 0 ? lastOfBand.length : lastOfBand.findIndex((last) => (index >> 3) + (index & 7) <= last),
);
const counts = lastOfBand.map((_, band) => bandOf.reduce((count, each) => count + (each === band ? 1 : 0), 0));
/** Degrees of freedom of one block's value in each band. */
export const bandCounts: readonly number[] = counts.slice(1);

/** Half the cosine of so many sixteenths of a half turn. */
const halfCosine = (sixteenths: number): number => Math.cos((sixteenths * Math.PI) / 16) / 2;
const c1 = halfCosine(1);
const c2 = halfCosine(2);
const c3 = halfCosine(3);
const c4 = halfCosine(4);
const c5 = halfCosine(5);
const c6 = halfCosine(6);
const c7 = halfCosine(7);

/** Orthonormal DCT-II of 8 values, `step` apart, in place: even frequencies from the sums of mirrored values, odd ones from the differences. */
const transform = (values: Float64Array, start: number, step: number): void => {
  const end = start + 7 * step;
  const s0 = values[start] + values[end];
  const d0 = values[start] - values[end];
  const s1 = values[start + step] + values[end - step];
  const d1 = values[start + step] - values[end - step];
  const s2 = values[start + 2 * step] + values[end - 2 * step];
  const d2 = values[start + 2 * step] - values[end - 2 * step];
  const s3 = values[start + 3 * step] + values[end - 3 * step];
  const d3 = values[start + 3 * step] - values[end - 3 * step];
  values[start] = c4 * (s0 + s1 + s2 + s3);
  values[start + step] = c1 * d0 + c3 * d1 + c5 * d2 + c7 * d3;
  values[start + 2 * step] = c2 * (s0 - s3) + c6 * (s1 - s2);
  values[start + 3 * step] = c3 * d0 - c7 * d1 - c1 * d2 - c5 * d3;
  values[start + 4 * step] = c4 * (s0 - s1 - s2 + s3);
  values[start + 5 * step] = c5 * d0 - c1 * d1 + c7 * d2 + c3 * d3;
  values[start + 6 * step] = c6 * (s0 - s3) - c2 * (s1 - s2);
  values[end] = c7 * d0 - c5 * d1 + c3 * d2 - c1 * d3;
};

/** Copies a block's samples. @returns their sum, or undefined where one of them is blank */
const readBlock = (
  { samples, width, channels, channel }: Plane,
  left: number,
  top: number,
  blank: Uint8Array,
  into: Float64Array,
): number | undefined => {
  let sum = 0;
  let blanks = 0;
  for (let y = 0; y < side; y++) {
    let index = ((top + y) * width + left) * channels + channel;
    for (let x = 0; x < side; x++, index += channels) {
      const value = samples[index];
      blanks += blank[value];
      into[y * side + x] = value;
      sum += value;
    }
  }
  return blanks === 0 ? sum : undefined;
};

/** Sums of the squares of a block's coefficients, band by band; the block is transformed in place. */
const sumSquares = (block: Float64Array, sums: Float64Array): void => {
  for (let row = 0; row < side; row++) transform(block, row * side, 1);
  for (let column = 0; column < side; column++) transform(block, column, side);
  sums.fill(0);
  for (let index = 0; index < block.length; index++) sums[bandOf[index]] += block[index] * block[index];
};

/** The smallest steps that meet at most `maxBlocks`; not the same along both axes, so that no pattern keeps step with both. */
const steps = (columns: number, rows: number): { readonly across: number; readonly down: number } => {
  let across = 1;
  while (Math.ceil(columns / across) * Math.ceil(rows / (across + 1)) > maxBlocks) across++;
  return { across, down: across + 1 };
};

/** Up to 8192 blocks, evenly spread, without those that hold a blank pixel. */
export const sampleBlocks = (plane: Plane, { blank }: Pick<Values, "blank">): Blocks => {
  const { width, height } = plane;
  const { across, down } = steps(Math.max(0, width - side + 1), Math.max(0, height - side + 1));
  const energies = counts.map(() => new Float64Array(maxBlocks));
  /** The sum of a block's pixels, then its place among those found: as one number, so that one plain sort orders them. */
  const order = new Float64Array(maxBlocks);
  const pixels = new Float64Array(side * side);
  const sums = new Float64Array(counts.length + 1);
  let found = 0;
  for (let top = 0; top + side <= height; top += down) {
    for (let left = 0; left + side <= width; left += across) {
      const sum = readBlock(plane, left, top, blank, pixels);
      if (sum === undefined) continue;
      sumSquares(pixels, sums);
      for (let band = 0; band < counts.length; band++) energies[band][found] = sums[band] / counts[band];
      order[found] = sum * maxBlocks + found;
      found++;
    }
  }
  order.subarray(0, found).sort();
  const mean = new Float64Array(found);
  const [low, ...bands] = energies.map(() => new Float64Array(found));
  for (let block = 0; block < found; block++) {
    const total = Math.floor(order[block] / maxBlocks);
    const place = order[block] - total * maxBlocks;
    mean[block] = total / side ** 2;
    low[block] = energies[0][place];
    for (let band = 0; band < bands.length; band++) bands[band][block] = energies[band + 1][place];
  }
  return { mean, low, bands };
};
