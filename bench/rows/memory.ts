import { rm } from "node:fs/promises";
import type { Finding } from "../finding";
import { writeNoisyImage } from "../images";
import { stagesOf } from "../platform";
import type { Bench, Row } from "../row";
import { missingTriton } from "../simulator";
import { spreadOf } from "../statistics";
import { withSimulatedGpu } from "./simulated";

const megapixelsPerSecond = 50;

interface Case {
  readonly side: number;
  readonly pages: number;
  readonly limitMiB: number;
}

const cases = (quick: boolean): readonly Case[] => [
  { side: quick ? 2048 : 16_384, pages: 1, limitMiB: 1536 },
  { side: quick ? 512 : 2048, pages: quick ? 4 : 100, limitMiB: 700 },
];

/** In a server of its own: what a process ever held does not go down again. */
const peak = (bench: Bench, { side, pages, limitMiB }: Case): Promise<Finding> =>
  withSimulatedGpu(bench, megapixelsPerSecond, async (platform) => {
    bench.progress(`  ${pages} of ${side}²`);
    const path = await writeNoisyImage(bench.folder, "large.tif", [side, side], pages);
    await platform.upload("large.tif", path);
    await rm(path);
    const idle = (await platform.twin.usage()).server;
    const job = await platform.queue("large.tif");
    const bytes = (await platform.twin.usage()).server;
    const mebibytes = (of: number): number => Math.round(of / 2 ** 20);
    return {
      what: `peak RSS of the server: ${pages === 1 ? "a page" : `${pages} pages`} of ${side}², 16 bit`,
      unit: "MiB",
      measured: spreadOf([bytes / 2 ** 20]),
      runs: 1,
      goal: { is: "at most", limit: limitMiB },
      where: `${mebibytes(idle)} MiB before; ${stagesOf([job])}`,
    };
  });

const run: Row["run"] = async (bench) => {
  const findings: Finding[] = [];
  for (const each of cases(bench.quick)) findings.push(await peak(bench, each));
  return findings;
};

export const memory: Row = {
  name: "memory",
  title: `Memory (simulated GPU, ${megapixelsPerSecond} Mpixel/s)`,
  missing: missingTriton,
  run,
};
