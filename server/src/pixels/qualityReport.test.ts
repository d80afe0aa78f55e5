// Does not prove the numbers: they are measured in quality.ts.
import { describe, expect, it } from "vitest";
import type { PlaneQuality } from "../../../contract/job";
import { jobReport, qualityWarnings } from "./qualityReport";

const zero = { horizontal: [0, 0, 0], vertical: [0, 0, 0] };
const planeOf = (page: number, structure = 0, correlation = zero): PlaneQuality => ({
  page,
  channel: 0,
  flat: {
    share: 0.5,
    sigmaBeforeLsb: 400 + page,
    sigmaBeforePercent: 0.6103608,
    sigmaAfterLsb: 40,
    sigmaAfterPercent: 0.06103608,
    snrGainDb: 20,
    correlation,
  },
  meanShiftLsb: page,
  clippedShare: 0.01,
  residual: { correlation: zero, gradientCorrelation: 0, structure },
  seamRatio: 1.02,
});
const noise = (page: number) => ({ page, channel: 0, a: 0, b: 1e-4, sigmaLsb: 655 });

describe("jobReport", () => {
  it("stays small for a thousand pages, and keeps the worst of them", () => {
    const planes = Array.from({ length: 1000 }, (_, page) => planeOf(page, page === 700 ? 0.4 : 0));
    const report = jobReport(
      planes.map(({ page }) => noise(page)),
      planes,
    );
    expect(report.noise).toHaveLength(64);
    expect(report.quality?.planes).toBe(1000);
    expect(report.quality?.each).toHaveLength(64);
    expect(report.quality?.worst.page).toBe(700);
    expect(report.quality?.typical).toEqual({
      sigmaBeforeLsb: 899.5,
      sigmaAfterLsb: 40,
      snrGainDb: 20,
      meanShiftLsb: 499.5,
      clippedShare: 0.01,
    });
    expect(JSON.stringify(report).length).toBeLessThan(60_000);
  });

  it("says it in sentences", () => {
    expect(jobReport([noise(0)], [planeOf(0)]).quality?.words).toEqual([
      "Noise in flat parts went from 400 to 40 LSB (0.61 % to 0.061 % of full scale), an SNR gain of 20 dB.",
      "Acceptance values such as SNRn of ISO 17636-2 belong to the unprocessed image; the gain says nothing of them.",
      "The mean moved by 0 LSB; 1 % of the input is clipped.",
      "What was removed looks like noise: no structure was found in it.",
      "Steps across tile borders are at most 1.02 times those beside them.",
    ]);
    const { flat: _, seamRatio: __, ...bare } = planeOf(0, 0.2);
    const words = jobReport([noise(0)], [bare]).quality?.words;
    expect(words?.[0]).toBe("No part of the image is flat enough to measure noise in.");
    expect(words?.[3]).toBe("What was removed holds structure: detail was removed with the noise (page 1, channel 1).");
    expect(words).toHaveLength(4);
  });
});

describe("qualityWarnings", () => {
  it("keeps silent about white noise that was removed and nothing else", () => {
    expect(qualityWarnings([planeOf(0), planeOf(1)])).toEqual([]);
  });

  it("tells of correlated noise, with its values", () => {
    const rows = { horizontal: [0.3, 0.3, 0.29], vertical: [0, 0, -0.01] };
    expect(qualityWarnings([planeOf(0), planeOf(1, 0, rows)])).toEqual([
      {
        code: "noise_correlated",
        detail:
          "The noise is not white (page 2, channel 1): its autocorrelation is 0.30, 0.30, 0.29 horizontally and 0.00, 0.00, -0.01 vertically at 1, 2, 3 pixels. The estimate is not to be trusted and some noise may remain; give `sigma` where it is known.",
      },
    ]);
  });

  it("names five of the pages whose detail was removed, and the numbers of the worst", () => {
    const planes = Array.from({ length: 7 }, (_, page) => planeOf(page, 0.2 + page / 100));
    expect(qualityWarnings(planes)).toEqual([
      {
        code: "detail_removed",
        detail:
          "What was removed holds structure (page 1, channel 1; page 2, channel 1; page 3, channel 1; page 4, channel 1; page 5, channel 1; 2 more): its autocorrelation exceeds the noise's own by up to 0.26, its magnitude follows edges by 0. Lower `strength`, or give `sigma`.",
      },
    ]);
    const edges = { ...planeOf(0), residual: { correlation: zero, gradientCorrelation: 0.2, structure: 0 } };
    expect(qualityWarnings([edges]).map(({ code }) => code)).toEqual(["detail_removed"]);
  });
});
