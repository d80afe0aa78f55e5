// Does not prove that the model makes good use of the parameters.
import { describe, expect, it } from "vitest";
import { estimateNoise } from "./noise";
import { pageParams, valueRange } from "./params";
import { phantom, withNoise } from "./testPages";

const plane = (samples: Uint16Array, width: number) => ({
  samples,
  width,
  height: samples.length / width,
  channels: 1,
  channel: 0,
});

describe("valueRange", () => {
  it("sets a single dead and a single hot pixel aside, and the ends of a ramp with them", () => {
    const page = Uint16Array.from({ length: 64 }, (_, index) => 1000 + index);
    page[27] = 65535;
    page[63] = 0;
    expect(valueRange(plane(page, 8))).toEqual({ low: 1001, high: 1061 });
  });

  it("keeps an inclusion of two pixels, side by side or corner to corner", () => {
    const page = new Uint16Array(64).fill(1000);
    page[27] = 50000;
    page[36] = 52000;
    page[8] = 10;
    page[9] = 20;
    expect(valueRange(plane(page, 8))).toEqual({ low: 20, high: 50000 });
  });

  it("is the one value of a constant page and of a single pixel", () => {
    expect(valueRange(plane(new Uint16Array(9).fill(7), 3))).toEqual({ low: 7, high: 7 });
    expect(valueRange(plane(Uint16Array.of(7), 1))).toEqual({ low: 7, high: 7 });
  });

  it("takes both of two pixels", () => {
    expect(valueRange(plane(Uint16Array.of(9, 4), 2))).toEqual({ low: 4, high: 9 });
  });

  it("reads one channel of interleaved samples", () => {
    const samples = Uint16Array.of(1, 50, 3, 1, 60, 3, 1, 60, 3, 1, 50, 3);
    expect(valueRange({ samples, width: 2, height: 2, channels: 3, channel: 1 })).toEqual({ low: 50, high: 60 });
  });
});

describe("pageParams", () => {
  it("maps the range to 0–1 and the noise with it", () => {
    // x = 2·(u − 0.25): the variance 0.01·u + 0.001 becomes 4·(0.01·(x/2 + 0.25) + 0.001).
    const [low, high] = [65535 / 4, (65535 * 3) / 4];
    const params = pageParams({ low, high }, { a: 0.01, b: 0.001 });
    expect(params.offset).toBe(low);
    expect(params.scale).toBeCloseTo(2 / 65535, 15);
    expect(params.a).toBeCloseTo(0.02, 15);
    expect(params.b).toBeCloseTo(0.014, 15);
  });

  it("keeps a line that crosses 0 within the range as it is", () => {
    expect(pageParams({ low: 0, high: 65535 }, { a: 1, b: -0.25 })).toMatchObject({ a: 1, b: -0.25 });
  });

  it("leaves a constant page unstretched", () => {
    expect(pageParams({ low: 7, high: 7 }, { a: 0, b: 0 })).toEqual({ offset: 7, scale: 1 / 65535, a: 0, b: 0 });
  });

  it("gives the same picture, scaled and shifted, the same parameters in the model's unit", () => {
    const page = withNoise(phantom(200, 200), 0.001, 1e-5, 1).map((value) => value >> 2);
    const paramsOf = (samples: Uint16Array) =>
      pageParams(valueRange(plane(samples, 200)), estimateNoise(plane(samples, 200)).noise);
    const reference = paramsOf(page);
    for (const [factor, shift] of [
      [1, 9000],
      [3, 0],
      [2, 20001],
    ]) {
      const params = paramsOf(page.map((value) => factor * value + shift));
      expect(params.offset).toBe(factor * reference.offset + shift);
      expect(params.scale).toBeCloseTo(reference.scale / factor, 15);
      expect(params.a / reference.a).toBeCloseTo(1, 3);
      expect(params.b / reference.b).toBeCloseTo(1, 3);
    }
  });
});
