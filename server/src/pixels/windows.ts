import type { Correlation } from "../../../contract/job";
import type { Plane } from "./tiles";

/** Windows of 16×16 pixels: wide enough for noise that is blurred over a few pixels, small enough to be flat somewhere. */
export const windowSide = 16;
const maxWindows = 1024;
export const lags = [1, 2, 3] as const;

/** A window's first pixel. */
export interface Corner {
  readonly left: number;
  readonly top: number;
}

/** So many whole numbers from 0 to `last`, evenly spread. */
const spread = (last: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => (count === 1 ? 0 : Math.round((index * last) / (count - 1))));

/** Up to 1024 windows, evenly spread, always the same ones; none on a page narrower or lower than a window. */
export const cornersOf = ({ width, height }: Pick<Plane, "width" | "height">): Corner[] => {
  const columns = Math.floor(width / windowSide);
  const rows = Math.floor(height / windowSide);
  if (columns === 0 || rows === 0) return [];
  const share = Math.min(1, Math.sqrt(maxWindows / (columns * rows)));
  const across = Math.max(1, Math.floor(columns * share));
  const lefts = spread(width - windowSide, across);
  const tops = spread(height - windowSide, Math.min(rows, Math.floor(maxWindows / across)));
  return tops.flatMap((top) => lefts.map((left) => ({ left, top })));
};

/** Copies a window's samples, row by row. */
export const readWindow = (
  { samples, width, channels, channel }: Plane,
  { left, top }: Corner,
  into: Float64Array,
): void => {
  for (let y = 0; y < windowSide; y++) {
    let index = ((top + y) * width + left) * channels + channel;
    for (let x = 0; x < windowSide; x++, index += channels) into[y * windowSide + x] = samples[index];
  }
};

const pixels = windowSide ** 2;
const middle = (windowSide - 1) / 2;
/** Sum over a window of the squared distance from its middle along one axis. */
const leverage = (pixels * (windowSide ** 2 - 1)) / 12;

/** Subtracts the plane that fits a window best, in place. @returns the window's mean */
export const subtractPlane = (values: Float64Array): number => {
  let sum = 0;
  let across = 0;
  let down = 0;
  for (let index = 0; index < pixels; index++) {
    sum += values[index];
    across += values[index] * ((index % windowSide) - middle);
    down += values[index] * (Math.floor(index / windowSide) - middle);
  }
  const mean = sum / pixels;
  for (let index = 0; index < pixels; index++) {
    const [x, y] = [(index % windowSide) - middle, Math.floor(index / windowSide) - middle];
    values[index] -= mean + (across * x + down * y) / leverage;
  }
  return mean;
};

/** Sums of products of window values with their neighbours 1 to 3 pixels away, to be divided by the sums of squares. */
export interface LagSums {
  squares: number;
  readonly horizontal: number[];
  readonly vertical: number[];
}

export const lagSums = (): LagSums => ({ squares: 0, horizontal: lags.map(() => 0), vertical: lags.map(() => 0) });

/** Mean square of a window's values; adds that, and the mean products at each lag, to the sums with a weight. */
export const addWindow = (sums: LagSums, values: Float64Array, weight: number): number => {
  let squares = 0;
  for (let index = 0; index < pixels; index++) squares += values[index] ** 2;
  sums.squares += (weight * squares) / pixels;
  for (const [place, lag] of lags.entries()) {
    let horizontal = 0;
    let vertical = 0;
    for (let index = 0; index < pixels; index++) {
      if (index % windowSide >= lag) horizontal += values[index] * values[index - lag];
      if (index >= lag * windowSide) vertical += values[index] * values[index - lag * windowSide];
    }
    const pairs = pixels - lag * windowSide;
    sums.horizontal[place] += (weight * horizontal) / pairs;
    sums.vertical[place] += (weight * vertical) / pairs;
  }
  return squares / pixels;
};

/** Autocorrelation at 1, 2 and 3 pixels; 0 where there is nothing to correlate. */
export const correlationOf = ({ squares, horizontal, vertical }: LagSums): Correlation => {
  const share = (sum: number): number => (squares === 0 ? 0 : Math.max(-1, Math.min(1, sum / squares)));
  return { horizontal: horizontal.map(share), vertical: vertical.map(share) };
};
