// Does not prove that anybody can read the picture.
import { XMLValidator } from "fast-xml-parser";
import { describe, expect, it } from "vitest";
import { lineGraph, marks } from "./graph";

describe("marks", () => {
  it("go from zero past the most in at most five round steps", () => {
    expect([marks(1), marks(30), marks(0.9), marks(412), marks(0)]).toEqual([
      [0, 0.2, 0.4, 0.6, 0.8, 1],
      [0, 10, 20, 30],
      [0, 0.2, 0.4, 0.6, 0.8, 1],
      [0, 100, 200, 300, 400, 500],
      [0, expect.any(Number)],
    ]);
  });
});

describe("lineGraph", () => {
  it("draws each point where it belongs between the axes", () => {
    const series = {
      name: "memory",
      unit: "MiB",
      points: [
        [0, 0],
        [15, 50],
        [30, 100],
      ],
    } as const;
    const svg = lineGraph(series, "minutes");
    expect(svg).toContain('d="M64.0 204.0L384.0 116.0L704.0 28.0"');
    expect(XMLValidator.validate(svg)).toBe(true);
  });

  it("takes names that XML would not, and no line without two points", () => {
    const points = [
      [0, 1],
      [1, 1],
    ] as const;
    expect(XMLValidator.validate(lineGraph({ name: 'a < b & "c"', unit: "%", points }, "s"))).toBe(true);
    expect(() => lineGraph({ name: "memory", unit: "MiB", points: [[0, 1]] }, "s")).toThrow(
      "Expected at least two points of memory but received 1.",
    );
  });
});
