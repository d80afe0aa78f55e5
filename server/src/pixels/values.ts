import type { Plane } from "./tiles";

/** What the values of a page tell without looking at where they stand; 16-bit steps. */
export interface Values {
  readonly median: number;
  /** Greatest common divisor of all differences: 1 on 16-bit data, 16 on 12 bits shifted up, 257 on 8 bits; 0 on a constant page. */
  readonly step: number;
  /** How many different values there are. */
  readonly levels: number;
  /** 1 for each value that stands for no measurement: 0, 65535, and where the signal was cut off or a mask was painted. */
  readonly blank: Uint8Array;
  /** Share of the pixels that are 0 or 65535, or lie on a plateau at the page's lowest or highest value. */
  readonly clippedShare: number;
  /** Share of the pixels at blank values other than 0 and 65535: masks, or the plateaus of a picture without noise. */
  readonly paintedShare: number;
  /**
   * Share of neighbouring pixels that are equal, along rows or columns, whichever is more; those aside that are 0, 65535
   * or one of the two lowest or highest blank values, which may be a mask and the ends of a range that was cut off. Noise of a few steps leaves few alike: 1/(2·√π·σ) at σ steps.
   */
  readonly alikeShare: number;
}

const fullScale = 65535;
const maxPixels = 2 ** 20;

const greatestCommonDivisor = (one: number, other: number): number =>
  other === 0 ? one : greatestCommonDivisor(other, one % other);

/** Values shared by far more pixels than the values that occur beside them: noise never leaves such a spike. */
const spikes = (histogram: Uint32Array, levels: readonly number[], total: number): number[] => {
  const least = Math.max(8, total / 1000);
  return levels.filter((level, index) => {
    if (histogram[level] <= least) return false;
    const beside = [...levels.slice(Math.max(0, index - 4), index), ...levels.slice(index + 1, index + 5)];
    return histogram[level] > 3 * Math.max(...beside.map((other) => histogram[other]));
  });
};

/** The smallest step along both axes that meets at most `most` of `columns`·`rows` positions. */
const strideFor = (columns: number, rows: number, most: number): number => {
  let stride = 1;
  while (Math.ceil(columns / stride) * Math.ceil(rows / stride) > most) stride++;
  return stride;
};

/** Share of the pixels, but those at values set `aside`, that equal the pixel to the right or the one below, whichever is more. */
const shareAlike = (
  { samples, width, height, channels, channel }: Plane,
  stride: number,
  aside: Uint8Array,
): number => {
  let pixels = 0;
  let right = 0;
  let below = 0;
  for (let y = 0; y + 1 < height; y += stride) {
    for (let x = 0; x + 1 < width; x += stride) {
      const index = (y * width + x) * channels + channel;
      const value = samples[index];
      if (aside[value] === 1) continue;
      pixels++;
      if (samples[index + channels] === value) right++;
      if (samples[index + width * channels] === value) below++;
    }
  }
  return pixels === 0 ? 0 : Math.max(right, below) / pixels;
};

/** How many pixels have each value. */
const countValues = ({ samples, width, height, channels, channel }: Plane, stride: number): Uint32Array => {
  const histogram = new Uint32Array(fullScale + 1);
  for (let y = 0; y < height; y += stride) {
    const end = (y + 1) * width * channels;
    for (let index = y * width * channels + channel; index < end; index += stride * channels)
      histogram[samples[index]]++;
  }
  return histogram;
};

/** Surveys at most about a million pixels, evenly spread. */
export const surveyValues = (plane: Plane): Values => {
  const { width, height } = plane;
  const stride = strideFor(width, height, maxPixels);
  const histogram = countValues(plane, stride);
  const total = Math.ceil(width / stride) * Math.ceil(height / stride);
  const levels: number[] = [];
  let median = -1;
  let step = 0;
  let counted = 0;
  for (let value = 0; value <= fullScale; value++) {
    if (histogram[value] === 0) continue;
    levels.push(value);
    if (step !== 1) step = greatestCommonDivisor(value - levels[0], step);
    counted += histogram[value];
    if (median < 0 && 2 * counted >= total) median = value;
  }
  const blank = new Uint8Array(fullScale + 1);
  for (const value of [0, fullScale, ...spikes(histogram, levels, total)]) blank[value] = 1;
  const ends = levels.length < 3 ? [] : [levels[0], levels[levels.length - 1]].filter((value) => blank[value] === 1);
  const clipped = [...new Set([0, fullScale, ...ends])].reduce((sum, value) => sum + histogram[value], 0);
  const painted = levels.filter((value) => value > 0 && value < fullScale && blank[value] === 1);
  const aside = new Uint8Array(fullScale + 1);
  for (const value of [0, fullScale, ...painted.slice(0, 2), ...painted.slice(-2)]) aside[value] = 1;
  return {
    median,
    step,
    levels: levels.length,
    blank,
    clippedShare: clipped / total,
    paintedShare: painted.reduce((sum, value) => sum + histogram[value], 0) / total,
    alikeShare: shareAlike(plane, stride, aside),
  };
};
