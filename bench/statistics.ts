/** What runs of the same thing came to. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

const sorted = (values: readonly number[]): number[] => {
  if (values.length === 0) throw new RangeError("Expected at least one value but received none.");
  return [...values].sort((one, other) => one - other);
};

/** The smallest value that at least `share` (0–1) of all values do not exceed: nearest rank, so always a value that occurred. */
export const percentile = (values: readonly number[], share: number): number => {
  const ordered = sorted(values);
  return ordered[Math.max(0, Math.ceil(share * ordered.length) - 1)];
};

/** Of an even number of values the mean of the two in the middle. */
export const median = (values: readonly number[]): number => {
  const ordered = sorted(values);
  const middle = ordered.length >> 1;
  return ordered.length % 2 === 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
};

export const mean = (values: readonly number[]): number =>
  sorted(values).reduce((sum, value) => sum + value, 0) / values.length;

export const spreadOf = (values: readonly number[]): Spread => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
});

/** One run divided by the run beside it: what slows the machine down for a while slows both. */
export const ratios = (ours: readonly number[], theirs: readonly number[]): number[] => {
  if (ours.length !== theirs.length) {
    throw new RangeError(`Expected as many runs of either but received ${ours.length} and ${theirs.length}.`);
  }
  return ours.map((value, index) => value / theirs[index]);
};
