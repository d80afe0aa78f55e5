import type { Finding, Goal } from "../finding";
import { writeNoisyImage } from "../images";
import { type Legacy, missingLegacy, startLegacy } from "../legacy";
import { closedLoop, failuresOf } from "../load";
import { type Platform, stagesOf } from "../platform";
import { cpuSeconds } from "../processes";
import type { Bench, Row } from "../row";
import { missingTriton, pixelsSent } from "../simulator";
import { median, ratios, spreadOf } from "../statistics";
import { written } from "../table";
import { withSimulatedGpu } from "./simulated";

const sides = [512, 2048] as const;
const concurrencies = [1, 4, 16] as const;
/** Images of each size: as many as are asked for at a time, since no two users write one result. */
const images = Math.max(...concurrencies);

const fileOf = (side: number, index: number): string => `${side}-${index % images}.tif`;

/** What is asked of ours beside the legacy server, by size and requests at a time. */
const wantedTimes = (rate: number, side: number, atATime: number): number => {
  if (rate !== 15) return 1;
  if (atATime === 1) return 1.2;
  return side === 512 ? 2.5 : 2;
};

const shareOfBound = 0.85;

interface Cell {
  readonly rate: number;
  readonly side: number;
  readonly atATime: number;
}

/** One alternative under load: images a second, and what an image took of each process. */
interface Measured {
  readonly imagesPerSecond: number[];
  readonly cpuMs: Record<string, number[]>;
  readonly where: string[];
}

const nothingYet = (): Measured => ({ imagesPerSecond: [], cpuMs: {}, where: [] });

const measure = async <T>(
  into: Measured,
  { atATime }: Cell,
  bench: Bench,
  processes: Readonly<Record<string, number>>,
  ask: (index: number) => Promise<T>,
  stages: (answers: readonly T[]) => string,
): Promise<void> => {
  // What was idle has to fill up first; and a slow answer is worth as much as many quick ones.
  await closedLoop({ atATime, goOn: (begun) => begun < atATime, ask });
  const pids = Object.entries(processes);
  const before = pids.map(([, pid]) => cpuSeconds(pid));
  const loaded = await closedLoop({
    atATime,
    goOn: (begun, seconds) => seconds < bench.seconds || begun < (bench.quick ? 1 : 2) * atATime,
    ask,
  });
  const count = loaded.answers.length;
  const failed = failuresOf(loaded);
  if (failed !== "") bench.progress(`    ${failed}`);
  into.imagesPerSecond.push(count / loaded.seconds);
  pids.forEach(([name, pid], index) => {
    into.cpuMs[name] ??= [];
    into.cpuMs[name].push((1000 * (cpuSeconds(pid) - before[index])) / Math.max(1, count));
  });
  // Who fails is not excused from the figure, which counts the answers alone.
  into.where.push([failed, stages(loaded.answers)].filter((part) => part !== "").join("; "));
};

const legacyStages = (answers: readonly Awaited<ReturnType<Legacy["infer"]>>[]): string => {
  const told = answers.flatMap(({ stages }) => (stages === undefined ? [] : [stages]));
  if (told.length === 0) return "";
  const names = Object.keys(told[0]);
  return `ms at the median: ${names.map((name) => `${name} ${written(median(told.map((each) => each[name])))}`).join(", ")}`;
};

const whereOf = ({ cpuMs, where }: Measured): string => {
  const processes = Object.entries(cpuMs).map(([name, each]) => `${name} ${written(median(each))}`);
  return `${where.at(-1)}; processor ms an image: ${processes.join(", ")}`;
};

const goalOf = ({ rate, side, atATime }: Cell, bound: number, legacy: readonly number[]): Goal | undefined => {
  if (legacy.length === 0) return undefined;
  const times = wantedTimes(rate, side, atATime);
  const byLegacy = times * median(legacy);
  if (rate !== 15 || atATime === 1 || byLegacy <= shareOfBound * bound) {
    return { is: "at least", limit: byLegacy, of: `${times} × legacy` };
  }
  return { is: "at least", limit: shareOfBound * bound, of: `${shareOfBound} × the simulator's bound` };
};

const findingsOf = async (cell: Cell, ours: Measured, legacy: Measured): Promise<Finding[]> => {
  const { rate, side, atATime } = cell;
  const bound = (1e6 * rate) / (await pixelsSent(side, side));
  const what = `${rate} Mpixel/s, ${side}², ${atATime} at a time`;
  const runs = ours.imagesPerSecond.length;
  const busy = ours.imagesPerSecond.map((images) => (100 * images) / bound);
  const goal = goalOf(cell, bound, legacy.imagesPerSecond);
  const findings: Finding[] = [
    {
      what: `${what}: ours`,
      unit: "images/s",
      measured: spreadOf(ours.imagesPerSecond),
      runs,
      ...(goal === undefined ? {} : { goal }),
      where: whereOf(ours),
    },
    {
      what: `${what}: GPU busy`,
      unit: "%",
      measured: spreadOf(busy),
      runs,
      ...(rate === 15 && atATime > 1 ? { goal: { is: "at least", limit: 100 * shareOfBound } } : {}),
    },
  ];
  if (legacy.imagesPerSecond.length === 0) return findings;
  return [
    ...findings,
    {
      what: `${what}: legacy`,
      unit: "images/s",
      measured: spreadOf(legacy.imagesPerSecond),
      runs,
      where: whereOf(legacy),
    },
    {
      what: `${what}: ours ÷ legacy`,
      unit: "×",
      measured: spreadOf(ratios(ours.imagesPerSecond, legacy.imagesPerSecond)),
      runs,
    },
  ];
};

const alternate = async (
  cell: Cell,
  bench: Bench,
  platform: Platform,
  legacy: Legacy | undefined,
  tritonPid: number,
): Promise<Finding[]> => {
  const [ours, theirs] = [nothingYet(), nothingYet()];
  const { s3 } = platform.twin.pids();
  const beside = { Triton: tritonPid, ...(s3 === undefined ? {} : { S3: s3 }) };
  for (let round = 0; round < bench.rounds; round++) {
    bench.progress(`  ${cell.side}², ${cell.atATime} at a time, round ${round + 1} of ${bench.rounds}`);
    const processes = { server: platform.serverPid(), ...beside };
    await measure(ours, cell, bench, processes, (index) => platform.infer(fileOf(cell.side, index)), stagesOf);
    if (legacy === undefined) continue;
    const others = { server: legacy.pid, ...beside };
    await measure(theirs, cell, bench, others, (index) => legacy.infer(fileOf(cell.side, index)), legacyStages);
  }
  return findingsOf(cell, ours, theirs);
};

/** Both serve for a while before anything is measured: what an engine of JavaScript compiles while it runs is compiled then. */
const warmUp = async (bench: Bench, platform: Platform, legacy: Legacy | undefined): Promise<void> => {
  const atATime = Math.max(...concurrencies);
  const goOn = (_begun: number, seconds: number): boolean => seconds < (bench.quick ? 0 : 2 * bench.seconds);
  await closedLoop({ atATime, goOn, ask: (index) => platform.infer(fileOf(sides[0], index)) });
  if (legacy !== undefined) await closedLoop({ atATime, goOn, ask: (index) => legacy.infer(fileOf(sides[0], index)) });
};

const putImages = async (bench: Bench, platform: Platform, side: number): Promise<void> => {
  for (let index = 0; index < images; index++) {
    const file = fileOf(side, index);
    await platform.upload(file, await writeNoisyImage(bench.folder, file, [side, side], 1, index + 1));
  }
};

const run = (rate: number, bench: Bench): Promise<Finding[]> =>
  withSimulatedGpu(bench, rate, async (platform, triton) => {
    for (const side of sides) await putImages(bench, platform, side);
    const missing = missingLegacy();
    if (missing !== undefined) bench.progress(`  ${missing}`);
    const legacy = missing === undefined ? await startLegacy(platform.twin, triton) : undefined;
    const findings: Finding[] = [];
    try {
      await warmUp(bench, platform, legacy);
      for (const side of sides) {
        for (const atATime of concurrencies) {
          const cell = { rate, side, atATime };
          findings.push(...(await alternate(cell, bench, platform, legacy, triton.process.pid ?? 0)));
        }
      }
    } finally {
      await legacy?.stop();
    }
    return findings;
  });

/** Images a second of ours and of the legacy server at a simulated GPU, and how busy it is kept. */
export const simulatedGpu = (rate: number): Row => ({
  name: `gpu-${rate}`,
  title: `Simulated GPU of ${rate} Mpixel/s`,
  missing: missingTriton,
  run: (bench) => run(rate, bench),
});
