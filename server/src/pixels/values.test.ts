// Does not prove what counts as noise: noise.ts makes that of these numbers.
import { describe, expect, it } from "vitest";
import { surveyValues } from "./values";

const survey = (values: readonly number[], width: number) =>
  surveyValues({ samples: Uint16Array.from(values), width, height: values.length / width, channels: 1, channel: 0 });

const page = (valueAt: (x: number, y: number) => number) =>
  survey(
    Array.from({ length: 40 * 40 }, (_, index) => valueAt(index % 40, Math.floor(index / 40))),
    40,
  );

describe("surveyValues", () => {
  it("tells median, step and levels", () => {
    expect(survey([16, 48, 80, 112, 144, 176], 3)).toMatchObject({ median: 80, step: 32, levels: 6 });
  });

  it("counts as clipped what is 0 or 65535, or lies on a plateau at either end", () => {
    const many = (x: number, y: number) => 1000 + 40 * y + x;
    expect(page(many).clippedShare).toBe(0);
    expect(page((x, y) => (y === 0 ? 0 : many(x, y))).clippedShare).toBe(1 / 40);
    expect(page((x, y) => (y < 4 ? 65535 : many(x, y))).clippedShare).toBe(1 / 10);
    expect(page((x, y) => Math.max(1400, many(x, y))).clippedShare).toBe(401 / 1600);
    // In the midst of the values it is a mask.
    const masked = page((x, y) => (y === 20 ? 1500 : many(x, y)));
    expect(masked.clippedShare).toBe(0);
    expect(masked.paintedShare).toBe(41 / 1600);
    expect(masked.blank[1500]).toBe(1);
  });

  it("tells what share of neighbours is alike, along rows or columns, whichever is more", () => {
    expect(page((x, y) => 1000 + 40 * y + x).alikeShare).toBe(0);
    expect(page((x) => 1000 + x).alikeShare).toBe(1);
    expect(page((_, y) => 1000 + Math.floor(y / 2)).alikeShare).toBe(1);
  });

  it("sets a mask at the ends of the values aside when it looks for neighbours that are alike", () => {
    expect(page((x, y) => (x < 30 ? 7 : 1000 + 40 * y + x)).alikeShare).toBe(0);
  });
});
