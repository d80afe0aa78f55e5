import { type Blocks, bandCounts, sampleBlocks } from "./blocks";
import { type FlatNoise, findFlatNoise, isCorrelated } from "./flatNoise";
import { median, select } from "./median";
import type { Plane } from "./tiles";
import { surveyValues, type Values } from "./values";

/** How a page's noise grows with its values: the variance of a sample v is a·v + b, both in units of full scale. */
export interface Noise {
  /** Below 0 where bright is less noisy, as on an inverted radiograph. */
  readonly a: number;
  /** Below 0 where the page's values stand on a pedestal; the line itself is never negative between them. */
  readonly b: number;
}

export interface NoiseEstimate {
  readonly noise: Noise;
  /** The page's median value, in units of full scale. */
  readonly median: number;
  /** The noise in the page's flat parts, of whatever spectrum; undefined where none are found. */
  readonly flat: FlatNoise | undefined;
  readonly clippedShare: number;
}

/** Standard deviation of the noise at `value`; both in units of full scale. */
export const sigmaAt = ({ a, b }: Noise, value: number): number => Math.sqrt(Math.max(0, a * value + b));

const fullScale = 65535;

/** The noise's variance at a value, both in 16-bit steps. */
export const varianceLsb =
  ({ a, b }: Noise) =>
  (value: number): number =>
    Math.max(0, a * value * fullScale + b * fullScale ** 2);

/** Stretches of brightness that the blocks are sorted into; none of them with fewer than `minBlocks` blocks to choose from. */
const maxStretches = 24;
const minBlocks = 200;
/** Fewer flat blocks say nothing about a stretch. */
const minFlat = 8;
/** Share of a stretch's blocks that is taken for flat before anything is known of the noise. */
const flatShare = 0.1;
/** A block is flat when its low frequencies hold no more than this many times the noise's own energy. */
const flatLimit = 1.6;
const rounds = 8;
/** A page of fewer values is line art, or its noise is below its own steps. */
const minLevels = 8;
/** White noise that counts, of `smallestNoise`, leaves at most a third of all neighbours alike. */
const mostAlike = 0.5;
/** Share of a page without one flat part of its own from which what varies between the plateaus are their edges. */
const mostPainted = 0.6;
/** Times the noise's variance: where even the calmest windows vary more, it is drowned in texture or no noise at all. */
const drownedFrom = 100;
/** Variance, in that of rounding, below which noise and a slope that was rounded look alike. */
const smallestNoise = 9;

/** Median of a chi-square variable over its mean (Wilson and Hilferty 1931). */
const medianOverMean = (degrees: number): number => (1 - 2 / (9 * degrees)) ** 3;

/** How much the points must say about the slope, as a share of what they say altogether. */
const levelling = 2e-4;
const levellingOfFalling = 5e-3;

/** The noise's variance in a stretch of brightness; `value` runs from 0, the darkest block, to 1, the brightest. */
interface Point {
  readonly value: number;
  readonly variance: number;
  readonly weight: number;
}

/** A line, by its heights over the darkest and the brightest block. */
interface Line {
  readonly dark: number;
  readonly bright: number;
}

const heightAt = ({ dark, bright }: Line, value: number): number => dark + (bright - dark) * value;

/**
 * Weighted least squares of the relative error for a line that is nowhere negative. Points above it count less, since
 * texture only adds; where the points say little about the slope, the line stays level.
 */
const fitLine = (points: readonly Point[]): Line => {
  const weights = points.reduce((sum, { weight }) => sum + weight, 0);
  const typical = points.reduce((sum, { weight, variance }) => sum + weight * variance, 0) / weights;
  let line: Line = { dark: typical, bright: typical };
  if (typical === 0) return line;
  for (let round = 0; round < 6; round++) {
    let counted = 0;
    let dd = 0;
    let db = 0;
    let bb = 0;
    let dv = 0;
    let bv = 0;
    for (const { value, variance, weight } of points) {
      const predicted = Math.max(heightAt(line, value), typical / 50);
      const excess = Math.max(0, variance / predicted - 1.15) / 0.3;
      const counts = weight / (1 + excess ** 2);
      const share = counts / predicted ** 2;
      counted += counts;
      dd += share * (1 - value) ** 2;
      db += share * (1 - value) * value;
      bb += share * value ** 2;
      dv += share * (1 - value) * variance;
      bv += share * value * variance;
    }
    // What the points would say if they all lay where there is most noise: faint noise in the dark says nothing of the slope.
    const [first, last] = [points[0].value, points[points.length - 1].value];
    const most = Math.max(heightAt(line, first), heightAt(line, last), typical / 50);
    const known = counted / most ** 2;
    const solve = (levelling: number): Line => {
      const extra = levelling * known;
      const [d, c, b] = [dd + extra, db - extra, bb + extra];
      const dark = (b * dv - c * bv) / (d * b - c * c);
      const bright = (d * bv - c * dv) / (d * b - c * c);
      if (dark < 0) return { dark: 0, bright: bv / b };
      return bright < 0 ? { dark: dv / d, bright: 0 } : { dark, bright };
    };
    const rising = solve(levelling);
    // Clipping makes lines fall that do not: a falling one takes more evidence.
    line = rising.dark <= rising.bright ? rising : solve(levellingOfFalling);
  }
  return line;
};

/**
 * The noise over brightness, from the flat blocks; which blocks are flat is judged by the noise of the round before.
 * White noise is the same in all bands, and texture only adds: the lowest band tells.
 */
const fitNoise = ({ mean, low, bands }: Blocks): Line => {
  const count = mean.length;
  const [darkest, brightest] = [mean[0], mean[count - 1]];
  const brightness = mean.map((each) => (brightest > darkest ? (each - darkest) / (brightest - darkest) : 0));
  const stretches = Math.max(1, Math.min(maxStretches, Math.floor(count / minBlocks)));
  const energies = bands.map(() => new Float64Array(count));
  let line: Line | undefined;
  for (let round = 0; round < rounds; round++) {
    const points: Point[][] = bands.map(() => []);
    for (let stretch = 0; stretch < stretches; stretch++) {
      const start = Math.floor((stretch * count) / stretches);
      const end = Math.floor(((stretch + 1) * count) / stretches);
      const calmest = Math.max(Math.floor((end - start) * flatShare), Math.min(minFlat, end - start) - 1);
      const first = line === undefined ? select(low.slice(start, end), calmest) : 0;
      let flat = 0;
      let sum = 0;
      for (let block = start; block < end; block++) {
        const limit = line === undefined ? first : flatLimit * heightAt(line, brightness[block]);
        if (low[block] > limit) continue;
        for (let band = 0; band < bands.length; band++) energies[band][flat] = bands[band][block];
        sum += brightness[block];
        flat++;
      }
      if (flat < minFlat) continue;
      for (const [band, found] of energies.entries()) {
        const variance = median(found.subarray(0, flat)) / medianOverMean(bandCounts[band]);
        points[band].push({ value: sum / flat, variance, weight: flat });
      }
    }
    if (points[0].length === 0) break;
    const before = line;
    line = points.map(fitLine).reduce((one, other) => (heightAt(other, 0.5) < heightAt(one, 0.5) ? other : one));
    if (line.dark === before?.dark && line.bright === before.bright) break;
  }
  return line ?? { dark: 0, bright: 0 };
};

/**
 * White noise of a variance that grows in line with the values. Textured, clipped and blank parts do not count, nor does
 * what rounding to the page's own steps adds. A page without noise, or narrower or lower than 8 pixels, has none.
 */
const whiteNoise = (plane: Plane, values: Values): Noise => {
  const none = { a: 0, b: 0 };
  if (values.levels < minLevels || values.alikeShare > mostAlike) return none;
  const blocks = sampleBlocks(plane, values);
  if (blocks.mean.length === 0) return none;
  const line = fitNoise(blocks);
  const rounding = values.step ** 2 / 12;
  if (heightAt(line, 0.5) < smallestNoise * rounding) return none;
  const [dark, bright] = [Math.max(0, line.dark - rounding), Math.max(0, line.bright - rounding)];
  // Between blocks' means, not single pixels, which lie beyond the signal by the noise itself.
  const [darkest, brightest] = [blocks.mean[0], blocks.mean[blocks.mean.length - 1]];
  const slope = brightest > darkest ? (bright - dark) / (brightest - darkest) : 0;
  return { a: slope / fullScale, b: (dark - slope * darkest) / fullScale ** 2 };
};

/** The white noise as the flat windows bear it out. */
const supported = ({ a, b }: Noise, flat: FlatNoise | undefined): Noise => {
  if (flat === undefined) return { a, b };
  if (isCorrelated(flat)) return { a: a * Math.max(1, flat.excess), b: b * Math.max(1, flat.excess) };
  return flat.excess > drownedFrom ? { a: 0, b: 0 } : { a, b };
};

/**
 * Estimates a page's noise. Where neighbouring pixels share it, high frequencies hold too little of it: then the white
 * noise is raised to the variance that the flat parts show. Examines about a million pixels at most, always the same ones.
 */
export const estimateNoise = (plane: Plane): NoiseEstimate => {
  const values = surveyValues(plane);
  const white = whiteNoise(plane, values);
  const flat = findFlatNoise(plane, values, varianceLsb(white));
  const noise = flat === undefined && values.paintedShare > mostPainted ? { a: 0, b: 0 } : supported(white, flat);
  return { noise, flat, median: values.median / fullScale, clippedShare: values.clippedShare };
};
