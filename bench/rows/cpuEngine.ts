import { join } from "node:path";
import type { Job } from "../../contract/job";
import { writeNoisyImage } from "../images";
import { closedLoop, withoutFailures } from "../load";
import { type Platform, stagesOf, startPlatform } from "../platform";
import { runProgram } from "../program";
import type { Bench, Row } from "../row";
import { ratios, spreadOf } from "../statistics";

const atATime = 4;

/** Seconds from the first job's creation to the last one's end, by the records: no client's polling is in it. */
const spanOf = (jobs: readonly Job[]): number => {
  const ends = jobs.map(({ finishedAt = "" }) => Date.parse(finishedAt));
  return (Math.max(...ends) - Math.min(...jobs.map(({ createdAt }) => Date.parse(createdAt)))) / 1000;
};

const measure = async (bench: Bench, platform: Platform) => {
  const side = bench.quick ? 512 : 2048;
  const images = bench.quick ? atATime : 3 * atATime;
  const path = await writeNoisyImage(bench.folder, "cpu.tif", [side, side]);
  await platform.upload("cpu.tif", path);
  await platform.queue("cpu.tif");
  const bare: number[] = [];
  const ours: number[] = [];
  const jobs: Job[] = [];
  for (let round = 0; round < bench.rounds; round++) {
    bench.progress(`  ${side}², round ${round + 1} of ${bench.rounds}`);
    bare.push(images / Number(await runProgram(join(__dirname, "../bareOnnxruntime.ts"), side, images)));
    const ask = (index: number) => platform.queue("cpu.tif", `cpu-${index}.tif`);
    const { answers } = withoutFailures(await closedLoop({ atATime, goOn: (begun) => begun < images, ask }));
    ours.push(images / spanOf(answers));
    jobs.push(...answers);
  }
  return { side, bare, ours, jobs };
};

const run: Row["run"] = async (bench) => {
  const platform = await startPlatform(bench);
  try {
    const { side, bare, ours, jobs } = await measure(bench, platform);
    const runs = bench.rounds;
    return [
      {
        what: `${side}², ${atATime} at a time through S3 and the queue ÷ ONNX Runtime alone`,
        unit: "",
        measured: spreadOf(ratios(ours, bare)),
        runs,
        goal: { is: "at least", limit: 0.9 },
        where: stagesOf(jobs),
      },
      { what: "the platform", unit: "images/s", measured: spreadOf(ours), runs },
      { what: "ONNX Runtime alone", unit: "images/s", measured: spreadOf(bare), runs },
    ];
  } finally {
    await platform.close();
  }
};

export const cpuEngine: Row = { name: "cpu", title: "The pipeline beside bare ONNX Runtime", run };
