import type { Params } from "../engines/engine";
import type { Samples } from "../images/image";
import type { Noise } from "./noise";
import type { Plane } from "./tiles";

/** The lowest and the highest value of a page, in 16-bit steps. */
export interface ValueRange {
  readonly low: number;
  readonly high: number;
}

/** The first sample from `index` on, `step` apart, that is below `low` or above `high`; the samples' end where none is. */
const nextOutside = (samples: Samples, index: number, step: number, { low, high }: ValueRange): number => {
  let next = index;
  while (next < samples.length && samples[next] >= low && samples[next] <= high) next += step;
  return next;
};

/** The lowest and the highest of a pixel's eight neighbours, or as many as it has. */
const rangeAround = ({ samples, width, height, channels, channel }: Plane, x: number, y: number): ValueRange => {
  let low = 65535;
  let high = 0;
  for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
    for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
      if (row === y && column === x) continue;
      const value = samples[(row * width + column) * channels + channel];
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return { low, high };
};

/**
 * The page's lowest and highest value, single dead and hot pixels aside: each pixel counts only as far as the most
 * extreme of its eight neighbours backs it, so that an inclusion of two pixels is within the range and one alone is not.
 */
export const valueRange = (plane: Plane): ValueRange => {
  const { samples, width, channels, channel } = plane;
  let backed: ValueRange = { low: 65535, high: 0 };
  let all = backed;
  for (
    let index = nextOutside(samples, channel, channels, backed);
    index < samples.length;
    index = nextOutside(samples, index + channels, channels, backed)
  ) {
    const value = samples[index];
    const pixel = (index - channel) / channels;
    const around = rangeAround(plane, pixel % width, Math.floor(pixel / width));
    all = { low: Math.min(all.low, value), high: Math.max(all.high, value) };
    backed = {
      low: Math.min(backed.low, Math.max(value, around.low)),
      high: Math.max(backed.high, Math.min(value, around.high)),
    };
  }
  // Where no two neighbours are alike, as on two pixels, there is nothing to set aside.
  return backed.low <= backed.high ? backed : all;
};

/**
 * The parameters of one page and channel: its range mapped to 0–1, and its noise in that unit.
 * With v in 16-bit steps, x = (v − offset)·scale, and u = v / 65535 the full-scale unit of `noise`, x = k·(u − o) where
 * k = 65535·scale and o = offset / 65535; so var(x) = k²·(a·u + b) = (k·a)·x + k²·(a·o + b).
 * A constant page is not stretched.
 */
export const pageParams = ({ low, high }: ValueRange, noise: Noise): Params => {
  const steps = high > low ? high - low : 65535;
  const stretch = 65535 / steps;
  return {
    offset: low,
    scale: 1 / steps,
    a: stretch * noise.a,
    b: stretch ** 2 * ((noise.a * low) / 65535 + noise.b),
  };
};
