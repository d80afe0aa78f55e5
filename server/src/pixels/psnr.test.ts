// Does not prove that PSNR is what an inspector sees.
import { describe, expect, it } from "vitest";
import { psnr } from "./psnr";

describe("psnr", () => {
  it("is 20·log10 of full scale over the root mean square difference", () => {
    expect(psnr(Uint16Array.of(0, 0, 0, 0), Uint16Array.of(2, 0, 0, 0))).toBeCloseTo(20 * Math.log10(65535), 10);
  });

  it("is infinite for equal samples", () => {
    expect(psnr(Uint16Array.of(1, 2), Uint16Array.of(1, 2))).toBe(Number.POSITIVE_INFINITY);
  });

  it("refuses arrays of different lengths", () => {
    expect(() => psnr(new Uint16Array(2), new Uint16Array(3))).toThrow(
      new RangeError("Expected 2 samples for `samples` but received 3."),
    );
  });
});
