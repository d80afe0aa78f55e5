// Does not prove that what is measured means anything.
import { describe, expect, it } from "vitest";
import { mean, median, percentile, ratios, spreadOf } from "./statistics";

describe("statistics", () => {
  it("takes the nearest rank as a percentile", () => {
    const values = Array.from({ length: 200 }, (_, index) => 200 - index);
    expect([0, 0.5, 0.99, 0.991, 1].map((share) => percentile(values, share))).toEqual([1, 100, 198, 199, 200]);
    expect(percentile([7], 0.99)).toBe(7);
  });

  it("takes the middle, or the mean of the two in the middle, as the median", () => {
    expect([median([10, 9, 1]), median([10, 1, 9, 2])]).toEqual([9, 5.5]);
  });

  it("keeps the least and the most beside the median", () => {
    expect(spreadOf([3, 1, 2, 11])).toEqual({ median: 2.5, min: 1, max: 11 });
  });

  it("divides each run by the one beside it", () => {
    expect(ratios([10, 20], [5, 2])).toEqual([2, 10]);
    expect(() => ratios([1], [1, 2])).toThrow("Expected as many runs of either but received 1 and 2.");
  });

  it("has nothing to say of no values", () => {
    for (const of of [mean, median, spreadOf]) expect(() => of([])).toThrow("Expected at least one value");
    expect(mean([1, 2, 6])).toBe(3);
  });
});
