import type { Correlation } from "../../../contract/job";
import { select } from "./median";
import type { Plane } from "./tiles";
import type { Values } from "./values";
import {
  addWindow,
  type Corner,
  cornersOf,
  correlationOf,
  lagSums,
  readWindow,
  subtractPlane,
  sumOfSquares,
  windowSide,
} from "./windows";

/** The noise as it stands in the flat parts of a page, of whatever spectrum. */
export interface FlatNoise {
  readonly corners: readonly Corner[];
  /** Root mean square about a plane within 16×16 pixels, 16-bit steps. */
  readonly sigmaLsb: number;
  /** Variance over that of white noise at the estimated level: 1 for white noise. */
  readonly excess: number;
  readonly correlation: Correlation;
  /** Share of the windows that are flat. */
  readonly share: number;
}

/** Autocorrelation next door from which noise is no longer taken for white. */
const correlatedFrom = 0.18;
/** Fewer flat windows may be calm texture, which is correlated too; so may what is still alike 3 pixels away both ways. */
const shareFrom = 0.2;
const gone = 0.25;

/** Whether it is the noise that neighbouring pixels share, rather than texture. */
export const isCorrelated = ({
  share,
  correlation: { horizontal, vertical },
}: Pick<FlatNoise, "share" | "correlation">): boolean =>
  share >= shareFrom &&
  Math.max(horizontal[0], vertical[0]) > correlatedFrom &&
  Math.min(horizontal[2], vertical[2]) < gone;

/** Degrees of freedom that a window keeps once its plane is subtracted. */
const degrees = windowSide ** 2 - 3;
/** A window is flat when it varies hardly more than the calmest twentieth; white noise alone spreads by a third. */
const calmestShare = 0.05;
const flatLimit = 1.4;
const minWindows = 12;
/** Variance of rounding to whole steps. */
const rounding = 1 / 12;

const rootOf = (variances: readonly number[]): number =>
  Math.sqrt(Math.max(rounding, variances.reduce((sum, each) => sum + each, 0) / variances.length));

/**
 * Root mean square of the page about planes fitted to the given windows, 16-bit steps; at least that of rounding.
 * Noise coarser than 16 pixels is not in it.
 */
export const sigmaIn = (plane: Plane, corners: readonly Corner[]): number => {
  const values = new Float64Array(windowSide ** 2);
  const variances = corners.map((corner) => {
    readWindow(plane, corner, values);
    subtractPlane(values);
    return sumOfSquares(values) / degrees;
  });
  return rootOf(variances);
};

const holdsBlank = (values: Float64Array, blank: Uint8Array): boolean => {
  for (let index = 0; index < values.length; index++) if (blank[values[index]] === 1) return true;
  return false;
};

/**
 * Finds the windows that are flat but for noise, by their variance against `varianceAt` (both in squared 16-bit steps),
 * and measures the noise there. Windows with a blank pixel do not count. Undefined where too few are left.
 */
export const findFlatNoise = (
  plane: Plane,
  { blank }: Pick<Values, "blank">,
  varianceAt: (value: number) => number,
): FlatNoise | undefined => {
  const values = new Float64Array(windowSide ** 2);
  const found: { corner: Corner; expected: number; variance: number; excess: number }[] = [];
  for (const corner of cornersOf(plane)) {
    readWindow(plane, corner, values);
    if (holdsBlank(values, blank)) continue;
    const expected = Math.max(rounding, varianceAt(subtractPlane(values)));
    const variance = sumOfSquares(values) / degrees;
    found.push({ corner, expected, variance, excess: variance / expected });
  }
  if (found.length < minWindows) return undefined;
  const excesses = Float64Array.from(found, ({ excess }) => excess);
  const limit = flatLimit * select(excesses, Math.floor(calmestShare * found.length));
  const flat = found.filter(({ excess }) => excess <= limit);
  if (flat.length < minWindows) return undefined;
  const sums = lagSums();
  for (const { corner, expected } of flat) {
    readWindow(plane, corner, values);
    subtractPlane(values);
    addWindow(sums, values, 1 / expected);
  }
  return {
    corners: flat.map(({ corner }) => corner),
    sigmaLsb: rootOf(flat.map(({ variance }) => variance)),
    excess: flat.reduce((sum, { excess }) => sum + excess, 0) / flat.length,
    correlation: correlationOf(sums),
    share: flat.length / found.length,
  };
};
