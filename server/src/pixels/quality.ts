import type { PlaneQuality } from "../../../contract/job";
import { type FlatNoise, sigmaIn } from "./flatNoise";
import { seamRatio } from "./seams";
import type { Plane, TilePlan } from "./tiles";
import { addWindow, cornersOf, correlationOf, lagSums, readWindow, windowSide } from "./windows";

export interface QualityArgs {
  readonly before: Plane;
  readonly after: Plane;
  /** Where the page is flat, and the noise there before. */
  readonly flat: FlatNoise | undefined;
  /** The noise's variance at a value, as announced to the model; 16-bit steps. */
  readonly varianceAt: (value: number) => number;
  readonly clippedShare: number;
  readonly plan: TilePlan;
}

/** What was removed, over up to 512 windows of 16×16 pixels. */
const measureResidual = ({ before, after, varianceAt, flat }: QualityArgs) => {
  const side = windowSide;
  const pixels = side ** 2;
  const removed = new Float64Array(pixels);
  const kept = new Float64Array(pixels);
  const sums = lagSums();
  let shift = 0;
  let m = 0;
  let g = 0;
  let mm = 0;
  let gg = 0;
  let mg = 0;
  const corners = cornersOf(before);
  for (const corner of corners) {
    readWindow(before, corner, removed);
    readWindow(after, corner, kept);
    let mean = 0;
    let level = 0;
    for (let index = 0; index < pixels; index++) {
      removed[index] -= kept[index];
      mean += removed[index] / pixels;
      level += kept[index] / pixels;
    }
    shift -= mean / corners.length;
    // In units of the noise, so that bright parts, where it may be stronger, weigh no more than dark ones.
    const variance = Math.max(1 / 12, varianceAt(level));
    const units = 1 / Math.sqrt(variance);
    for (let index = 0; index < pixels; index++) removed[index] -= mean;
    addWindow(sums, removed, 1 / variance);
    for (let y = 1; y < side - 1; y++) {
      for (let x = 1; x < side - 1; x++) {
        const index = y * side + x;
        const magnitude = Math.abs(removed[index]) * units;
        const across = kept[index + 1] - kept[index - 1];
        const down = kept[index + side] - kept[index - side];
        const gradient = Math.sqrt(across * across + down * down) * units;
        m += magnitude;
        g += gradient;
        mm += magnitude * magnitude;
        gg += gradient * gradient;
        mg += magnitude * gradient;
      }
    }
  }
  const count = corners.length * (side - 2) ** 2;
  const spread = Math.sqrt(Math.max(0, count * mm - m ** 2) * Math.max(0, count * gg - g ** 2));
  const correlation = correlationOf(sums);
  const own = flat?.correlation;
  const beyond = (of: readonly number[], noise: readonly number[] | undefined): number[] =>
    of.map((value, lag) => value - Math.max(0, noise?.[lag] ?? 0));
  return {
    shift,
    residual: {
      correlation,
      gradientCorrelation: spread === 0 ? 0 : (count * mg - m * g) / spread,
      structure: Math.max(
        0,
        ...beyond(correlation.horizontal, own?.horizontal),
        ...beyond(correlation.vertical, own?.vertical),
      ),
    },
  };
};

/**
 * Measures one channel of a page before and after, each number as `PlaneQuality` defines it. Reads 131072 pixels
 * at most and those beside the tiles' borders; holds one window.
 */
export const measureQuality = (args: QualityArgs): Omit<PlaneQuality, "page" | "channel"> => {
  const { after, flat, clippedShare, plan } = args;
  const { shift, residual } = measureResidual(args);
  const seam = seamRatio(after, plan);
  const percent = (lsb: number): number => (100 * lsb) / 65535;
  const sigmaAfterLsb = flat === undefined ? 0 : sigmaIn(after, flat.corners);
  return {
    ...(flat === undefined
      ? {}
      : {
          flat: {
            sigmaBeforeLsb: flat.sigmaLsb,
            sigmaBeforePercent: percent(flat.sigmaLsb),
            sigmaAfterLsb,
            sigmaAfterPercent: percent(sigmaAfterLsb),
            snrGainDb: 20 * Math.log10(flat.sigmaLsb / sigmaAfterLsb),
            correlation: flat.correlation,
            share: flat.share,
          },
        }),
    meanShiftLsb: shift,
    clippedShare,
    residual,
    ...(seam === undefined ? {} : { seamRatio: seam }),
  };
};
