import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { DdnError } from "../../client/error";
import type { Finding } from "../finding";
import { lineGraph } from "../graph";
import { writeNoisyImage } from "../images";
import { closedLoop, failuresOf, type Loaded } from "../load";
import type { Platform } from "../platform";
import { openDescriptors, residentBytes } from "../processes";
import type { Bench, Row } from "../row";
import { missingTriton } from "../simulator";
import { mean, spreadOf } from "../statistics";
import { withSimulatedGpu } from "./simulated";

const megapixelsPerSecond = 15;
const samples = 360;
/** What may be open for a moment more than before: connections come and go. */
const descriptorTolerance = 8;

interface Sample {
  readonly minutes: number;
  readonly mebibytes: number;
  readonly descriptors: number;
}

const putImages = async (bench: Bench, platform: Platform): Promise<void> => {
  const put = async (name: string, side: number, pages = 1): Promise<void> =>
    platform.upload(name, await writeNoisyImage(bench.folder, name, [side, side], pages));
  await put("small.tif", 512);
  await put("plate.png", 700);
  await put("large.tif", 2048);
  await put("stack.tif", 512, 5);
  await writeFile(join(bench.folder, "broken.tif"), Buffer.alloc(5000, 1));
  await platform.upload("broken.tif", join(bench.folder, "broken.tif"));
};

/** Holds the platform to a refusal: being refused for that very reason is its right answer. */
const refusedWith = async (code: string, work: Promise<unknown>): Promise<void> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof DdnError) || error.code !== code) throw new Error(`Expected ${code} but received ${error}`);
};

/** What users do, in turns that never fall together: sync and queued, one page and many, well and broken, kept and cancelled. */
const mixedLoad = (platform: Platform, goOn: () => boolean): Promise<Loaded<unknown>>[] => {
  const { client, infer, queue } = platform;
  const cancelled = async (index: number): Promise<void> => {
    const { id } = await client.createJob({ file: "large.tif", output: `cancelled-${index % 5}.tif` });
    await client.cancel(id).catch((error: unknown) => {
      if (!(error instanceof DdnError) || error.code !== "job_ended") throw error;
    });
  };
  const sync = (index: number) => infer(index % 3 === 0 ? "plate.png" : "small.tif");
  const queued = (index: number) => {
    if (index % 7 === 6) return refusedWith("image_unsupported", queue("broken.tif"));
    if (index % 5 === 4) return cancelled(index);
    return index % 3 === 2 ? queue("stack.tif") : queue("large.tif", `large-${index % 5}.tif`);
  };
  return [
    closedLoop({ atATime: 2, goOn, ask: sync }),
    closedLoop<unknown>({ atATime: 3, goOn, ask: queued }),
    closedLoop({
      atATime: 1,
      goOn,
      ask: async () => {
        const answer = await client.download({ file: "small.tif" });
        await answer.arrayBuffer();
        await pause(500);
      },
    }),
  ];
};

const third = (all: readonly Sample[], which: 0 | 1 | 2): readonly Sample[] =>
  all.slice(Math.floor((which * all.length) / 3), Math.floor(((which + 1) * all.length) / 3));

const findingsOf = (all: readonly Sample[], loads: readonly Loaded<unknown>[], restarts: number): Finding[] => {
  const memory = (which: 1 | 2): number => mean(third(all, which).map(({ mebibytes }) => mebibytes));
  const descriptors = (which: 1 | 2): number => Math.max(...third(all, which).map((sample) => sample.descriptors));
  const [answers, failures] = (["answers", "failures"] as const).map((kind) =>
    loads.reduce((sum, loaded) => sum + loaded[kind].length, 0),
  );
  const only = (value: number) => ({ measured: spreadOf([value]), runs: 1 });
  return [
    {
      what: "mean RSS of the last third ÷ the second third",
      unit: "",
      ...only(memory(2) / memory(1)),
      goal: { is: "at most", limit: 1.05 },
      where: "[graph](RESULTS-soak.svg)",
    },
    {
      what: "RSS of the server",
      unit: "MiB",
      measured: spreadOf(all.map(({ mebibytes }) => mebibytes)),
      runs: all.length,
    },
    {
      what: "most descriptors open in the last third − in the second",
      unit: "",
      ...only(descriptors(2) - descriptors(1)),
      goal: { is: "at most", limit: descriptorTolerance },
    },
    {
      what: `requests of ${answers + failures} that were not answered as they should be`,
      unit: "",
      ...only(failures),
      goal: { is: "at most", limit: 0 },
      where: loads.map(failuresOf).filter(Boolean).join("; "),
    },
    { what: "restarts of the server", unit: "", ...only(restarts), goal: { is: "at most", limit: 0 } },
  ];
};

const run: Row["run"] = (bench) =>
  withSimulatedGpu(bench, megapixelsPerSecond, async (platform) => {
    await putImages(bench, platform);
    await platform.infer("small.tif");
    const start = performance.now();
    const minutesPast = (): number => (performance.now() - start) / 60_000;
    const goOn = (): boolean => minutesPast() < bench.soakMinutes;
    const loads = mixedLoad(platform, goOn);
    const all: Sample[] = [];
    let restarts = 0;
    let last = platform.serverPid();
    while (goOn()) {
      await pause((60_000 * bench.soakMinutes) / samples);
      const { server } = platform.twin.pids();
      if (server === undefined) continue;
      if (server !== last) restarts += 1;
      last = server;
      const mebibytes = residentBytes(server) / 2 ** 20;
      all.push({ minutes: minutesPast(), mebibytes, descriptors: openDescriptors(server) });
    }
    const done = await Promise.all(loads);
    const points = all.map(({ minutes, mebibytes }) => [minutes, mebibytes] as const);
    const name = `The server's resident memory over ${bench.soakMinutes} minutes of mixed load`;
    await writeFile(join(bench.results, "RESULTS-soak.svg"), lineGraph({ name, unit: "MiB", points }, "minutes"));
    return findingsOf(all, done, restarts);
  });

export const soak: Row = {
  name: "soak",
  title: `Soak (simulated GPU, ${megapixelsPerSecond} Mpixel/s)`,
  missing: missingTriton,
  run,
};
