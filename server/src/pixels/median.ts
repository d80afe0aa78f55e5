/** The value that would stand at `rank`, from 0, were they sorted; reorders them in place (quickselect, Hoare 1961). */
export const select = (values: Float64Array, rank: number): number => {
  let from = 0;
  let to = values.length - 1;
  while (from < to) {
    const pivot = values[(from + to) >> 1];
    let left = from;
    let right = to;
    while (left <= right) {
      while (values[left] < pivot) left++;
      while (values[right] > pivot) right--;
      if (left > right) break;
      const value = values[left];
      values[left++] = values[right];
      values[right--] = value;
    }
    if (rank <= right) to = right;
    else if (rank >= left) from = left;
    else break;
  }
  return values[rank];
};

/** The median of at least one value, of an even number the mean of the middle two; reorders them in place. */
export const median = (values: Float64Array): number => {
  const middle = values.length >> 1;
  const upper = select(values, middle);
  if (values.length % 2 === 1) return upper;
  let lower = values[0];
  for (let index = 1; index < middle; index++) lower = Math.max(lower, values[index]);
  return (lower + upper) / 2;
};
