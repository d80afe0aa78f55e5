import type {
  Correlation,
  JobReport,
  JobWarning,
  NoiseReport,
  PlaneQuality,
  QualityReport,
} from "../../../contract/job";
import { isCorrelated } from "./flatNoise";
import { median } from "./median";

/** A record stays small, however many pages a file has. */
const maxPlanes = 64;
/** Named in a warning. */
const maxNamed = 5;
/** Autocorrelation of the residual beyond the noise's own, and correlation with edges, that say detail was removed. */
const structureAbove = 0.1;
const gradientAbove = 0.15;

const untouched =
  "Acceptance values such as SNRn of ISO 17636-2 belong to the unprocessed image; the gain says nothing of them.";

/** Below a step of 16 bits what varies is rounding, and follows the picture. */
const sharesNoise = ({ flat }: PlaneQuality): boolean =>
  flat !== undefined && flat.sigmaBeforeLsb >= 1 && isCorrelated(flat);

const losesDetail = ({ residual }: PlaneQuality): boolean =>
  residual.structure > structureAbove || residual.gradientCorrelation > gradientAbove;

const written = (value: number, digits = 3): string => String(Number(value.toPrecision(digits)));
const lagsOf = ({ horizontal, vertical }: Correlation): string => {
  const row = (values: readonly number[]) => values.map((value) => value.toFixed(2)).join(", ");
  return `${row(horizontal)} horizontally and ${row(vertical)} vertically at 1, 2, 3 pixels`;
};

const named = (planes: readonly PlaneQuality[]): string => {
  const names = planes.slice(0, maxNamed).map(({ page, channel }) => `page ${page + 1}, channel ${channel + 1}`);
  const more = planes.length - names.length;
  return `${names.join("; ")}${more > 0 ? `; ${more} more` : ""}`;
};

const worstOf = (planes: readonly PlaneQuality[]): PlaneQuality =>
  planes.reduce((one, other) => (other.residual.structure > one.residual.structure ? other : one));

/** `noise_correlated` and `detail_removed`, once each over all planes, with the numbers of the worst. */
export const qualityWarnings = (planes: readonly PlaneQuality[]): JobWarning[] => {
  const warnings: JobWarning[] = [];
  const correlated = planes.filter(sharesNoise);
  if (correlated.length > 0) {
    const lags = lagsOf(correlated[0].flat?.correlation ?? { horizontal: [], vertical: [] });
    warnings.push({
      code: "noise_correlated",
      detail: `The noise is not white (${named(correlated)}): its autocorrelation is ${lags}. The estimate is not to be trusted and some noise may remain; give \`sigma\` where it is known.`,
    });
  }
  const blurred = planes.filter(losesDetail);
  if (blurred.length > 0) {
    const { residual } = worstOf(blurred);
    warnings.push({
      code: "detail_removed",
      detail: `What was removed holds structure (${named(blurred)}): its autocorrelation exceeds the noise's own by up to ${written(residual.structure)}, its magnitude follows edges by ${written(residual.gradientCorrelation)}. Lower \`strength\`, or give \`sigma\`.`,
    });
  }
  return warnings;
};

const medianOf = <Item>(items: readonly Item[], numberOf: (item: Item) => number): number =>
  median(Float64Array.from(items, numberOf));

const typicalOf = (planes: readonly PlaneQuality[]): QualityReport["typical"] => {
  const flats = planes.flatMap(({ flat }) => (flat === undefined ? [] : [flat]));
  return {
    ...(flats.length === 0
      ? {}
      : {
          sigmaBeforeLsb: medianOf(flats, ({ sigmaBeforeLsb }) => sigmaBeforeLsb),
          sigmaAfterLsb: medianOf(flats, ({ sigmaAfterLsb }) => sigmaAfterLsb),
          snrGainDb: medianOf(flats, ({ snrGainDb }) => snrGainDb),
        }),
    meanShiftLsb: medianOf(planes, ({ meanShiftLsb }) => meanShiftLsb),
    clippedShare: medianOf(planes, ({ clippedShare }) => clippedShare),
  };
};

const wordsOf = (planes: readonly PlaneQuality[], typical: QualityReport["typical"]): string[] => {
  const { sigmaBeforeLsb, sigmaAfterLsb, snrGainDb, meanShiftLsb, clippedShare } = typical;
  const percent = (share: number): string => `${written(100 * share)} %`;
  const seams = planes.flatMap(({ seamRatio }) => (seamRatio === undefined ? [] : [seamRatio]));
  const detail = planes.filter(losesDetail);
  const noise =
    sigmaBeforeLsb === undefined || sigmaAfterLsb === undefined || snrGainDb === undefined
      ? "No part of the image is flat enough to measure noise in."
      : `Noise in flat parts went from ${written(sigmaBeforeLsb)} to ${written(sigmaAfterLsb)} LSB (${percent(sigmaBeforeLsb / 65535)} to ${percent(sigmaAfterLsb / 65535)} of full scale), an SNR gain of ${written(snrGainDb)} dB.`;
  return [
    noise,
    untouched,
    `The mean moved by ${written(meanShiftLsb)} LSB; ${percent(clippedShare)} of the input is clipped.`,
    detail.length === 0
      ? "What was removed looks like noise: no structure was found in it."
      : `What was removed holds structure: detail was removed with the noise (${named(detail)}).`,
    ...(planes.some(sharesNoise) ? ["Neighbouring pixels share noise: part of it may remain."] : []),
    ...(seams.length === 0
      ? []
      : [`Steps across tile borders are at most ${written(Math.max(...seams))} times those beside them.`]),
  ];
};

/** What a job's record says of its pixels: bounded in size, whatever the number of planes. */
export const jobReport = (noise: readonly NoiseReport[], planes: readonly PlaneQuality[]): JobReport => {
  const capped = noise.slice(0, maxPlanes);
  if (planes.length === 0) return { noise: capped };
  const typical = typicalOf(planes);
  const quality = {
    planes: planes.length,
    typical,
    worst: worstOf(planes),
    each: planes.slice(0, maxPlanes),
    words: wordsOf(planes, typical),
  };
  return { noise: capped, quality };
};
