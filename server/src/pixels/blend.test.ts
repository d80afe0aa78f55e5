// Does not prove that the graph itself rounds this way.
import { describe, expect, it } from "vitest";
import { blend } from "./blend";

describe("blend", () => {
  it("goes part of the way, rounding halves to the even neighbour", () => {
    const image = Uint16Array.of(0, 1, 2, 3, 10, 65535);
    const denoised = Uint16Array.of(1, 2, 3, 4, 20, 0);
    expect([...blend(image, denoised, 0.5)]).toEqual([0, 2, 2, 4, 15, 32768]);
    expect([...blend(image, denoised, 0.25)]).toEqual([0, 1, 2, 3, 12, 49151]);
  });

  it("is the input at 0 and the denoised samples at 1", () => {
    const [image, denoised] = [Uint16Array.of(0, 65535), Uint16Array.of(65535, 0)];
    expect(blend(image, denoised, 0)).toEqual(image);
    expect(blend(image, denoised, 1)).toEqual(denoised);
  });
});
