import { setTimeout as pause } from "node:timers/promises";
import { errorOfJob } from "../../client/error";
import { hasEnded, type Job } from "../../contract/job";
import { writeNoisyImage } from "../images";
import { closedLoop, type Loaded, withoutFailures } from "../load";
import { type Platform, stagesOf } from "../platform";
import type { Bench, Row } from "../row";
import { missingTriton } from "../simulator";
import { percentile, ratios, spreadOf } from "../statistics";
import { withSimulatedGpu } from "./simulated";

const megapixelsPerSecond = 15;
const bigJobs = 16;
/** So many that the 99th percentile is not the slowest one. */
const requests = 200;

/** One sync request after another. */
const ask = async (platform: Platform, count: number): Promise<Loaded<Job>> =>
  withoutFailures(
    await closedLoop({ atATime: 1, goOn: (begun) => begun < count, ask: () => platform.infer("small.tif") }),
  );

const isBusy = async ({ twin }: Platform): Promise<boolean> => {
  const metrics = await (await fetch(`${twin.server}/metrics`)).text();
  return Number(/^ddn_jobs_in_flight (\d+)$/m.exec(metrics)?.[1] ?? 0) > 0;
};

/** The same while so many big jobs are queued or run, each followed by another. */
const askUnderLoad = async (platform: Platform, count: number): Promise<Loaded<Job>> => {
  const { client } = platform;
  let measuring = true;
  /** One big job until it ended, or until nobody measures any more. */
  const runBig = async (index: number): Promise<void> => {
    let job = await client.createJob({ file: "big.tif", output: `big-${index}.tif` });
    while (measuring && !hasEnded(job)) {
      await pause(500);
      job = await client.job(job.id);
    }
    if (job.status === "failed") throw errorOfJob(job);
    if (!hasEnded(job)) await client.cancel(job.id).catch(() => {});
  };
  const load = closedLoop({ atATime: bigJobs, goOn: () => measuring, ask: runBig });
  const lastLook = performance.now() + 60_000;
  try {
    while (!(await isBusy(platform))) {
      if (performance.now() > lastLook) throw new Error("Expected a big job to run within a minute but none does.");
      await pause(50);
    }
    return await ask(platform, count);
  } finally {
    measuring = false;
    withoutFailures(await load);
  }
};

const measure = async (bench: Bench, platform: Platform) => {
  const count = bench.quick ? 5 : requests;
  const side = bench.quick ? 2048 : 4096;
  await platform.upload("small.tif", await writeNoisyImage(bench.folder, "small.tif", [512, 512]));
  await platform.upload("big.tif", await writeNoisyImage(bench.folder, "big.tif", [side, side]));
  await ask(platform, 3);
  const [idle, loaded]: Loaded<Job>[][] = [[], []];
  for (let round = 0; round < bench.rounds; round++) {
    bench.progress(`  round ${round + 1} of ${bench.rounds}`);
    idle.push(await ask(platform, count));
    loaded.push(await askUnderLoad(platform, count));
  }
  return { side, idle, loaded };
};

const run: Row["run"] = (bench) =>
  withSimulatedGpu(bench, megapixelsPerSecond, async (platform) => {
    const { side, idle, loaded } = await measure(bench, platform);
    const p99 = (each: Loaded<Job>[]): number[] => each.map(({ latencies }) => percentile(latencies, 0.99));
    const p50 = (each: Loaded<Job>[]): number[] => each.map(({ latencies }) => percentile(latencies, 0.5));
    const jobs = (each: Loaded<Job>[]): Job[] => each.flatMap(({ answers }) => answers);
    const runs = bench.rounds;
    const what = `512² sync while ${bigJobs} jobs of ${side}² run`;
    return [
      {
        what: `p99 of ${what} ÷ idle`,
        unit: "×",
        measured: spreadOf(ratios(p99(loaded), p99(idle))),
        runs,
        goal: { is: "at most", limit: 3 },
      },
      { what: `p99 of ${what}`, unit: "ms", measured: spreadOf(p99(loaded)), runs, where: stagesOf(jobs(loaded)) },
      { what: "p99 of 512² sync, idle", unit: "ms", measured: spreadOf(p99(idle)), runs, where: stagesOf(jobs(idle)) },
      { what: `median of ${what} ÷ idle`, unit: "×", measured: spreadOf(ratios(p50(loaded), p50(idle))), runs },
    ];
  });

export const latency: Row = {
  name: "latency",
  title: `A small request among big jobs (simulated GPU, ${megapixelsPerSecond} Mpixel/s)`,
  missing: missingTriton,
  run,
};
