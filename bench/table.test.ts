// Does not prove that any figure is right.
import { describe, expect, it } from "vitest";
import { type Finding, missedBy } from "./finding";
import { tableOf, written } from "./table";

const finding: Finding = {
  what: "512², 4 at a time",
  unit: "images/s",
  measured: { median: 42.345, min: 40, max: 45.04 },
  runs: 3,
  goal: { limit: 48.64, is: "at least", of: "0.85 × bound" },
  where: "decode 1 ms | blend 2 ms",
};

const lines = (one: Finding): string => tableOf([one]).split("\n")[2];

describe("the table", () => {
  it("has the median with its spread beside the goal, and how far that was missed", () => {
    expect(tableOf([finding])).toBe(
      [
        "| what | measured: median (least–most) | runs | goal | reached | where the time goes |",
        "| --- | --- | --- | --- | --- | --- |",
        "| 512², 4 at a time | 42.3 images/s (40.0–45.0) | 3 | ≥ 48.6 images/s: 0.85 × bound | **no, by 12.9 %** | decode 1 ms \\| blend 2 ms |",
      ].join("\n"),
    );
  });

  it("says yes where the goal is reached, exactly or by far", () => {
    for (const limit of [42.345, 1]) {
      expect(lines({ ...finding, goal: { limit, is: "at least" } })).toContain("| yes |");
    }
    expect(missedBy({ ...finding, goal: { limit: 50, is: "at most" } })).toBeUndefined();
    expect(missedBy({ ...finding, goal: { limit: 21.1725, is: "at most" } })).toBe(1);
  });

  it("knows no share of nothing", () => {
    const broken = { ...finding, goal: { limit: 0, is: "at most" } } as const;
    expect(lines(broken)).toContain("| ≤ 0 images/s | **no** |");
    expect(lines({ ...broken, measured: { median: 0, min: 0, max: 0 } })).toContain("| yes |");
  });

  it("leaves goal and verdict empty where there is no goal, and the spread where there was one run", () => {
    const { goal, where, ...plain } = finding;
    expect(lines({ ...plain, runs: 1, unit: "" })).toBe("| 512², 4 at a time | 42.3 | 1 |  |  |  |");
  });

  it("writes three digits of any size", () => {
    expect([0, 0.012345, 1.005, 12.34, 1234.5, Number.NaN].map(written)).toEqual([
      "0",
      "0.0123",
      "1.00",
      "12.3",
      "1235",
      "NaN",
    ]);
  });
});
