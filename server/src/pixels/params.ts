import type { Params } from "../engines/engine";
import type { Noise } from "./noise";
import type { Plane } from "./tiles";

/** The lowest and the highest value of a page, in 16-bit steps. */
export interface ValueRange {
  readonly low: number;
  readonly high: number;
}

/**
 * The page's lowest and highest value, single dead and hot pixels aside: each pixel counts only as far as the most
 * extreme of its eight neighbours backs it, so that an inclusion of two pixels is within the range and one alone is not.
 */
export const valueRange = ({ samples, width, height, channels, channel }: Plane): ValueRange => {
  let low = 65535;
  let high = 0;
  let lowest = 65535;
  let highest = 0;
  /** The most extreme neighbour; none on a page of one pixel. */
  const backing = (x: number, y: number, extreme: (one: number, other: number) => number): number | undefined => {
    let best: number | undefined;
    for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
      for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
        if (row === y && column === x) continue;
        const value = samples[(row * width + column) * channels + channel];
        best = best === undefined ? value : extreme(best, value);
      }
    }
    return best;
  };
  let index = channel;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, index += channels) {
      const value = samples[index];
      if (value > high) {
        if (value > highest) highest = value;
        high = Math.max(high, Math.min(value, backing(x, y, Math.max) ?? value));
      }
      if (value < low) {
        if (value < lowest) lowest = value;
        low = Math.min(low, Math.max(value, backing(x, y, Math.min) ?? value));
      }
    }
  }
  // Where no two neighbours are alike, as on two pixels, there is nothing to set aside.
  return low <= high ? { low, high } : { low: lowest, high: highest };
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
