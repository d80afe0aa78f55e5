import { rm } from "node:fs/promises";
import type { Job } from "../../contract/job";
import type { Finding } from "../finding";
import { writeNoisyImage } from "../images";
import { type Platform, stagesOf } from "../platform";
import type { Bench, Row } from "../row";
import { missingTriton, pixelsSent } from "../simulator";
import { spreadOf } from "../statistics";
import { written } from "../table";
import { withSimulatedGpu } from "./simulated";

const megapixelsPerSecond = 15;
const sides = [1024, 2048, 4096, 8192, 16_384] as const;

/** Small jobs before anything is measured: what an engine of JavaScript compiles while it runs is compiled then. */
const warmUps = 20;

const millisecondsPerMegapixel = (jobs: readonly Job[], side: number): number[] =>
  jobs.map(({ timings }) => (timings?.totalMs ?? Number.NaN) / ((side * side) / 2 ** 20));

const upload = async (bench: Bench, platform: Platform, side: number): Promise<void> => {
  const path = await writeNoisyImage(bench.folder, `${side}.tif`, [side, side]);
  await platform.upload(`${side}.tif`, path);
  await rm(path);
};

/** All sizes in each round, so that a slow minute of the machine falls on none of them alone. */
const measure = async (bench: Bench, platform: Platform, chosen: readonly number[]): Promise<Map<number, Job[]>> => {
  const jobs = new Map<number, Job[]>(chosen.map((side) => [side, []]));
  for (const side of chosen) await upload(bench, platform, side);
  for (let job = 0; job < (bench.quick ? 1 : warmUps); job++) await platform.queue(`${chosen[0]}.tif`);
  for (let round = 0; round < bench.rounds; round++) {
    bench.progress(`  round ${round + 1} of ${bench.rounds}`);
    for (const [side, each] of jobs) each.push(await platform.queue(`${side}.tif`));
  }
  return jobs;
};

const run: Row["run"] = (bench) =>
  withSimulatedGpu(bench, megapixelsPerSecond, async (platform) => {
    const chosen = bench.quick ? sides.slice(0, 2) : sides;
    const jobs = await measure(bench, platform, chosen);
    const findings: Finding[] = [];
    const medians: number[] = [];
    for (const [side, each] of jobs) {
      const measured = spreadOf(millisecondsPerMegapixel(each, side));
      medians.push(measured.median);
      const overlap = (await pixelsSent(side, side)) / (side * side);
      findings.push({
        what: `time per Mpixel (2²⁰) of ${side}²`,
        unit: "ms",
        measured,
        runs: each.length,
        where: `${written(overlap)} pixels computed for each of the page; ${stagesOf(each)}`,
      });
    }
    return [
      {
        what: "the largest time per Mpixel ÷ the smallest, at the median",
        unit: "",
        measured: spreadOf([Math.max(...medians) / Math.min(...medians)]),
        runs: 1,
        goal: { is: "at most", limit: 1.15 },
      },
      ...findings,
    ];
  });

export const growth: Row = {
  name: "growth",
  title: `Growth with size (simulated GPU, ${megapixelsPerSecond} Mpixel/s)`,
  missing: missingTriton,
  run,
};
