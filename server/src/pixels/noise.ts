import type { Plane } from "./tiles";

/** How a page's noise grows with its values: the variance of a sample v is a·v + b, both in units of full scale. */
export interface Noise {
  /** Below 0 where bright is less noisy, as on an inverted radiograph. */
  readonly a: number;
  /** Below 0 on a page whose values start high above 0; the line is never negative between the page's own values. */
  readonly b: number;
}

export interface NoiseEstimate {
  readonly noise: Noise;
  /** The page's median value, in units of full scale. */
  readonly median: number;
}

/** Standard deviation of the noise at `value`; both in units of full scale. */
export const sigmaAt = ({ a, b }: Noise, value: number): number => Math.sqrt(Math.max(0, a * value + b));

const side = 8;
const fullScale = 65535;
/** Blocks that are examined at most; they may overlap on small pages and lie apart on large ones. */
const maxBlocks = 1 << 15;
/** Coefficients of an 8×8 cosine transform by the sum of their two frequencies: picture below, noise above. */
const lowFrequencies = { from: 1, to: 4 };
const highFrequencies = { from: 9, to: 14 };

const coefficients = ({ from, to }: { from: number; to: number }): number => {
  let count = 0;
  for (let u = 0; u < side; u++) for (let v = 0; v < side; v++) if (u + v >= from && u + v <= to) count++;
  return count;
};
const lowCount = coefficients(lowFrequencies);
const highCount = coefficients(highFrequencies);

/** Orthonormal DCT-II: row u holds the wave of frequency u. */
const waves = Float64Array.from({ length: side * side }, (_, index) => {
  const u = Math.floor(index / side);
  const amplitude = Math.sqrt((u === 0 ? 1 : 2) / side);
  return amplitude * Math.cos(((2 * (index % side) + 1) * u * Math.PI) / (2 * side));
});

/** Median of a chi-square variable over its mean (Wilson and Hilferty 1931). */
const medianOverMean = (degrees: number): number => (1 - 2 / (9 * degrees)) ** 3;

/** One number a block: its mean, and the mean square of its low and of its high frequencies, in 16-bit steps. */
interface Blocks {
  readonly count: number;
  readonly mean: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** Values that many pixels share at an end of the page's range: a clipped signal, whose noise is cut off. */
const plateau = (histogram: Uint32Array, end: number, step: number, total: number): boolean => {
  let beside = 0;
  for (let level = 1; level <= 4; level++) beside = Math.max(beside, histogram[end + level * step] ?? 0);
  return histogram[end] > Math.max(8, total / 5000, 2 * beside);
};

const greatestCommonDivisor = (one: number, other: number): number =>
  other === 0 ? one : greatestCommonDivisor(other, one % other);

/** What the values themselves say, from at most about a million pixels evenly spread. */
const surveyValues = ({ samples, width, height, channels, channel }: Plane) => {
  const stride = Math.max(1, Math.floor(Math.sqrt((width * height) / 2 ** 20)));
  const histogram = new Uint32Array(fullScale + 1);
  let total = 0;
  for (let y = 0; y < height; y += stride) {
    for (let x = 0; x < width; x += stride) {
      histogram[samples[(y * width + x) * channels + channel]]++;
      total++;
    }
  }
  let lowest = -1;
  let highest = -1;
  let median = -1;
  let step = 0;
  let below = 0;
  for (let value = 0; value <= fullScale; value++) {
    if (histogram[value] === 0) continue;
    if (lowest < 0) lowest = value;
    highest = value;
    step = greatestCommonDivisor(value - lowest, step);
    below += histogram[value];
    if (median < 0 && 2 * below >= total) median = value;
  }
  return {
    lowest,
    highest,
    median,
    /** 1 on true 16-bit data, 16 on 12 bits in the upper part, 257 on 8 bits; 0 on a constant page. */
    step,
    floor: plateau(histogram, lowest, step, total) ? lowest : 0,
    ceiling: plateau(histogram, highest, -step, total) ? highest : fullScale,
  };
};

const transformBlocks = (
  { samples, width, height, channels, channel }: Plane,
  floor: number,
  ceiling: number,
): Blocks => {
  const stride = Math.max(1, Math.ceil(Math.sqrt(((width - side + 1) * (height - side + 1)) / maxBlocks)));
  const mean = new Float64Array(maxBlocks);
  const low = new Float64Array(maxBlocks);
  const high = new Float64Array(maxBlocks);
  const block = new Float64Array(side * side);
  const rows = new Float64Array(side * side);
  let count = 0;
  for (let top = 0; top + side <= height; top += stride) {
    for (let left = 0; left + side <= width; left += stride) {
      let sum = 0;
      let clipped = false;
      for (let y = 0; y < side; y++) {
        let index = ((top + y) * width + left) * channels + channel;
        for (let x = 0; x < side; x++, index += channels) {
          const value = samples[index];
          if (value <= floor || value >= ceiling) clipped = true;
          block[y * side + x] = value;
          sum += value;
        }
      }
      if (clipped) continue;
      const average = sum / (side * side);
      for (let y = 0; y < side; y++) {
        for (let u = 0; u < side; u++) {
          let projection = 0;
          for (let x = 0; x < side; x++) projection += waves[u * side + x] * block[y * side + x];
          rows[u * side + y] = projection;
        }
      }
      let lowSum = 0;
      let highSum = 0;
      for (let u = 0; u < side; u++) {
        for (let v = 0; v < side; v++) {
          const frequency = u + v;
          const isLow = frequency >= lowFrequencies.from && frequency <= lowFrequencies.to;
          if (!isLow && frequency < highFrequencies.from) continue;
          let coefficient = 0;
          for (let y = 0; y < side; y++) coefficient += waves[v * side + y] * rows[u * side + y];
          if (isLow) lowSum += coefficient * coefficient;
          else highSum += coefficient * coefficient;
        }
      }
      mean[count] = average;
      low[count] = lowSum / lowCount;
      high[count] = highSum / highCount;
      count++;
    }
  }
  return { count, mean, low, high };
};

const median = (values: Float64Array): number => {
  const sorted = values.slice().sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** A stretch of brightness: the variance of the noise there, and how far it is to be trusted. */
interface Point {
  readonly value: number;
  readonly variance: number;
  readonly weight: number;
}

/**
 * The line through the points that is nowhere below 0 between `from` and `to`, by weighted least squares
 * of the relative error; a slope that the points do not ask for is not given.
 */
const fitLine = (points: readonly Point[], from: number, to: number): { start: number; end: number } => {
  let start = 0;
  let end = 0;
  const typical =
    points.reduce((sum, { weight, variance }) => sum + weight * variance, 0) /
    points.reduce((sum, { weight }) => sum + weight, 0);
  if (!(typical > 0)) return { start, end };
  start = typical;
  end = typical;
  for (let round = 0; round < 6; round++) {
    let ss = 0;
    let se = 0;
    let ee = 0;
    let sv = 0;
    let ev = 0;
    for (const { value, variance, weight } of points) {
      const q = Math.min(1, Math.max(0, (value - from) / (to - from)));
      const p = 1 - q;
      const predicted = Math.max(p * start + q * end, typical * 0.02);
      const excess = Math.max(0, variance / predicted - 1.15);
      const w = weight / predicted ** 2 / (1 + (excess / 0.3) ** 2);
      ss += w * p * p;
      se += w * p * q;
      ee += w * q * q;
      sv += w * p * variance;
      ev += w * q * variance;
    }
    const ridge = 0.0002 * (ss + 2 * se + ee);
    const determinant = (ss + ridge) * (ee + ridge) - (se - ridge) ** 2;
    start = ((ee + ridge) * sv - (se - ridge) * ev) / determinant;
    end = ((ss + ridge) * ev - (se - ridge) * sv) / determinant;
    if (start < 0) {
      start = 0;
      end = ev / (ee + ridge);
    } else if (end < 0) {
      end = 0;
      start = sv / (ss + ridge);
    }
  }
  return { start, end };
};

export const estimateNoise = (plane: Plane): NoiseEstimate => {
  const { lowest, highest, median: middle, step, floor, ceiling } = surveyValues(plane);
  const none = { noise: { a: 0, b: 0 }, median: middle / fullScale };
  if (plane.width < side || plane.height < side || lowest === highest) return none;
  const blocks = transformBlocks(plane, floor, ceiling);
  if (blocks.count === 0) return none;

  const order = new Uint32Array(blocks.count)
    .map((_, index) => index)
    .sort((one, other) => blocks.mean[one] - blocks.mean[other]);
  const groups = Math.max(1, Math.min(24, Math.floor(blocks.count / 200)));
  const flatOf = (members: Uint32Array, limit: (index: number) => number): Uint32Array =>
    members.filter((index) => blocks.low[index] <= limit(index));
  const highOf = (members: Uint32Array): number =>
    median(Float64Array.from(members, (index) => blocks.high[index])) / medianOverMean(highCount);
  // Between the means of blocks, not between single pixels: those lie beyond the signal by the noise itself.
  const from = blocks.mean[order[0]];
  const to = blocks.mean[order[order.length - 1]];
  let line = { start: 0, end: 0 };
  const predicted = (value: number) => {
    const q = (value - from) / (to - from);
    return (1 - q) * line.start + q * line.end;
  };
  for (let round = 0; round < 8; round++) {
    const points: Point[] = [];
    for (let group = 0; group < groups; group++) {
      let members: Uint32Array = order.subarray(
        Math.floor((group * order.length) / groups),
        Math.floor(((group + 1) * order.length) / groups),
      );
      if (round === 0) {
        const lows = Float64Array.from(members, (index) => blocks.low[index]).sort();
        const limit = lows[Math.floor(lows.length * 0.1)];
        members = flatOf(members, () => limit);
      } else members = flatOf(members, (index) => 1.6 * predicted(blocks.mean[index]));
      if (members.length < 8) continue;
      const value = members.reduce((sum, index) => sum + blocks.mean[index], 0) / members.length;
      points.push({ value, variance: highOf(members), weight: members.length });
    }
    if (points.length === 0) break;
    line = fitLine(points, from, to);
  }
  const quantisation = step ** 2 / 12;
  const start = Math.max(0, line.start - quantisation);
  const end = Math.max(0, line.end - quantisation);
  const slope = (end - start) / (to - from);
  return { noise: { a: slope / fullScale, b: (start - slope * from) / fullScale ** 2 }, median: middle / fullScale };
};
