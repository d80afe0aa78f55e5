// Does not prove that a seam of less than the noise is seen.
import { describe, expect, it } from "vitest";
import { seamRatio } from "./seams";
import { planTiles } from "./tiles";

const [width, height] = [100, 60];
const plan = planTiles(width, height, { tileSizes: [64], halo: 8 });
const seam = plan.columns[1].coreStart;

const plane = (valueAt: (x: number, y: number) => number, channels = 1) => ({
  samples: Uint16Array.from({ length: width * height * channels }, (_, index) => {
    const pixel = Math.floor(index / channels);
    return valueAt(pixel % width, Math.floor(pixel / width));
  }),
  width,
  height,
  channels,
  channel: channels - 1,
});

describe("seamRatio", () => {
  it("is 1 on a ramp", () => {
    expect(
      seamRatio(
        plane((x) => 100 + 2 * x),
        plan,
      ),
    ).toBe(1);
  });

  it("is the step across the border over the steps beside it, each counted from half a step", () => {
    const stepped = (x: number) => 100 + 2 * x + (x >= seam ? 9 : 0);
    expect(seamRatio(plane(stepped), plan)).toBeCloseTo(11.5 / 2.5, 12);
    expect(seamRatio(plane(stepped, 3), plan)).toBeCloseTo(11.5 / 2.5, 12);
  });

  it("sees steps between rows of tiles", () => {
    const tall = planTiles(60, 100, { tileSizes: [64], halo: 8 });
    const stepped = plane((x, y) => (Math.floor((y * width + x) / 60) >= tall.rows[1].coreStart ? 4 : 0));
    expect(seamRatio({ ...stepped, width: 60, height: 100 }, tall)).toBeCloseTo(4.5 / 0.5, 12);
  });

  it("does not answer for one tile", () => {
    expect(
      seamRatio(
        plane(() => 1),
        planTiles(width, height, { tileSizes: [128], halo: 8 }),
      ),
    ).toBeUndefined();
  });
});
