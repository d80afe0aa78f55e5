import type { Correlation } from "../../../contract/job";
import type { Plane } from "./tiles";

/** Windows of 16×16 pixels: wide enough for noise that is blurred over a few pixels, small enough to be flat somewhere. */
export const windowSide = 16;
const maxWindows = 512;

/** A window's first pixel. */
export interface Corner {
  readonly left: number;
  readonly top: number;
}

/** So many whole numbers from 0 to `last`, evenly spread. */
const spread = (last: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => (count === 1 ? 0 : Math.round((index * last) / (count - 1))));

/** Up to 512 windows, evenly spread, always the same ones; none on a page narrower or lower than a window. */
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
  for (let y = 0, index = 0; y < windowSide; y++) {
    let row = 0;
    for (let x = 0; x < windowSide; x++, index++) {
      row += values[index];
      across += values[index] * (x - middle);
    }
    sum += row;
    down += row * (y - middle);
  }
  const mean = sum / pixels;
  const slope = across / leverage;
  for (let y = 0, index = 0; y < windowSide; y++) {
    const level = mean + (down / leverage) * (y - middle);
    for (let x = 0; x < windowSide; x++, index++) values[index] -= level + slope * (x - middle);
  }
  return mean;
};

export const sumOfSquares = (values: Float64Array): number => {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index] * values[index];
  return sum;
};

/** Mean products of window values with their neighbours 1, 2 and 3 pixels away, to be divided by the mean squares. */
export interface LagSums {
  squares: number;
  readonly horizontal: number[];
  readonly vertical: number[];
}

export const lagSums = (): LagSums => ({ squares: 0, horizontal: [0, 0, 0], vertical: [0, 0, 0] });

/** Adds the mean products along a row or column, whose values are `step` apart. */
const addLine = (sums: number[], values: Float64Array, start: number, step: number, weight: number): void => {
  let first = 0;
  let second = 0;
  let third = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  for (let place = 0, index = start; place < windowSide; place++, index += step) {
    const value = values[index];
    sum1 += value * first;
    sum2 += value * second;
    sum3 += value * third;
    third = second;
    second = first;
    first = value;
  }
  sums[0] += (weight * sum1) / (windowSide - 1);
  sums[1] += (weight * sum2) / (windowSide - 2);
  sums[2] += (weight * sum3) / (windowSide - 3);
};

/** Adds a window's mean square and mean products with a weight. */
export const addWindow = (sums: LagSums, values: Float64Array, weight: number): void => {
  sums.squares += (weight * sumOfSquares(values)) / pixels;
  for (let line = 0; line < windowSide; line++) {
    addLine(sums.horizontal, values, line * windowSide, 1, weight / windowSide);
    addLine(sums.vertical, values, line, windowSide, weight / windowSide);
  }
};

/** Autocorrelation at 1, 2 and 3 pixels; 0 where there is nothing to correlate. */
export const correlationOf = ({ squares, horizontal, vertical }: LagSums): Correlation => {
  const share = (sum: number): number => (squares === 0 ? 0 : Math.max(-1, Math.min(1, sum / squares)));
  return { horizontal: horizontal.map(share), vertical: vertical.map(share) };
};
