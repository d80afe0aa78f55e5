// Does not prove how fast it is.
import { describe, expect, it } from "vitest";
import { median, select } from "./median";
import { gaussian } from "./testPages";

describe("select", () => {
  it("finds each rank among values in any order, alike or not", () => {
    const normal = gaussian(1);
    const random = Array.from({ length: 301 }, () => 500 + Math.round(20 * normal()));
    const sorted = [...random].sort((one, other) => one - other);
    for (const values of [random, sorted, [...sorted].reverse(), random.map(() => 7)]) {
      const expected = Float64Array.from(values).sort();
      for (let rank = 0; rank < values.length; rank++)
        expect(select(Float64Array.from(values), rank)).toBe(expected[rank]);
    }
  });
});

describe("median", () => {
  it("is the middle value, or the mean of the middle two", () => {
    expect(median(Float64Array.of(9))).toBe(9);
    expect(median(Float64Array.of(5, 1, 2))).toBe(2);
    expect(median(Float64Array.of(8, 1, 4, 2))).toBe(3);
    expect(median(Float64Array.of(3, 3, 1, 3, 9, 8))).toBe(3);
  });
});
