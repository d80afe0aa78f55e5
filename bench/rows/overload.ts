import { setTimeout as pause } from "node:timers/promises";
import type { Problem } from "../../contract/problem";
import { requestsPerSlot } from "../../server/src/server";
import { jobsInFlight } from "../../server/src/settings";
import type { Finding } from "../finding";
import { writeNoisyImage } from "../images";
import type { Platform } from "../platform";
import { residentBytes } from "../processes";
import type { Row } from "../row";
import { missingTriton } from "../simulator";
import { percentile, ratios, spreadOf } from "../statistics";
import { withSimulatedGpu } from "./simulated";

const megapixelsPerSecond = 15;
/** Requests that the server lets in at a time by its own settings. */
const admitted = jobsInFlight.triton * requestsPerSlot;
/** So many clients for each request that is let in. */
const crowds = [1, 4, 16];

interface Outcome {
  /** Milliseconds until the answer: 200, and 503. */
  readonly served: number[];
  readonly refused: number[];
  /** Every other answer, in words. */
  readonly wrong: string[];
}

/** One request; how long the client has to wait before its next, in milliseconds. */
const ask = async ({ twin }: Platform, output: string, { served, refused, wrong }: Outcome): Promise<number> => {
  const start = performance.now();
  const answer = await fetch(`${twin.server}/inference`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ file: "small.tif", output }),
  });
  const { code } = (await answer.json()) as Partial<Problem>;
  const milliseconds = performance.now() - start;
  const retryAfter = Number(answer.headers.get("retry-after"));
  if (answer.status === 200) served.push(milliseconds);
  else if (answer.status === 503 && code === "overloaded" && retryAfter > 0) refused.push(milliseconds);
  else wrong.push(`${answer.status} ${code}`);
  return retryAfter * 1000;
};

/** What a crowd saw in a round. */
interface Crowd extends Outcome {
  /** The most that the server held resident. */
  readonly bytes: number;
}

/** So many clients at once, each of which comes again when it is told to, at the earliest. */
const crowd = async (platform: Platform, clients: number, seconds: number): Promise<Crowd> => {
  const outcome: Outcome = { served: [], refused: [], wrong: [] };
  const end = performance.now() + seconds * 1000;
  let bytes = 0;
  const client = async (index: number): Promise<void> => {
    for (let rest = end - performance.now(); rest > 0; rest = end - performance.now()) {
      const wait = await ask(platform, `small-${index}.tif`, outcome);
      // Not all at the same moment.
      if (wait > 0) await pause(Math.min(wait * (1 + Math.random()), Math.max(0, end - performance.now())));
    }
  };
  const watch = async (): Promise<void> => {
    while (performance.now() < end) {
      bytes = Math.max(bytes, residentBytes(platform.serverPid()));
      await pause(250);
    }
  };
  await Promise.all([watch(), ...Array.from({ length: clients }, (_, index) => client(index))]);
  return { ...outcome, bytes };
};

/** @param outcomes those of each crowd, round by round */
const findingsOf = (outcomes: readonly (readonly Crowd[])[], seconds: number): Finding[] => {
  const runs = outcomes[0].length;
  const p = (share: number, of: "served" | "refused", index: number): number[] =>
    outcomes[index].map((outcome) => percentile(outcome[of], share));
  const curve = crowds.flatMap((times, index): Finding[] => [
    {
      what: `${times * admitted} clients: p99 of what is let in`,
      unit: "ms",
      measured: spreadOf(p(0.99, "served", index)),
      runs,
      where: `median ${Math.round(spreadOf(p(0.5, "served", index)).median)} ms`,
    },
    {
      what: `${times * admitted} clients: served`,
      unit: "images/s",
      measured: spreadOf(outcomes[index].map(({ served }) => served.length / seconds)),
      runs,
    },
    ...(outcomes[index].some(({ refused }) => refused.length === 0)
      ? []
      : [
          {
            what: `${times * admitted} clients: p99 of 503 with Retry-After`,
            unit: "ms",
            measured: spreadOf(p(0.99, "refused", index)),
            runs,
            where: `${outcomes[index].reduce((sum, { refused }) => sum + refused.length, 0)} in all, median ${Math.round(spreadOf(p(0.5, "refused", index)).median)} ms`,
          },
        ]),
    {
      what: `${times * admitted} clients: most RSS of the server`,
      unit: "MiB",
      measured: spreadOf(outcomes[index].map(({ bytes }) => bytes / 2 ** 20)),
      runs,
    },
  ]);
  const last = crowds.length - 1;
  const wrong = outcomes.flat().flatMap((outcome) => outcome.wrong);
  return [
    {
      what: `p99 of what is let in, ${crowds[last]} times as many clients as fit ÷ as many`,
      unit: "×",
      measured: spreadOf(ratios(p(0.99, "served", last), p(0.99, "served", 0))),
      runs,
      goal: { is: "at most", limit: 1.25 },
    },
    {
      what: "answers other than 200 and 503",
      unit: "",
      measured: spreadOf([wrong.length]),
      runs: 1,
      goal: { is: "at most", limit: 0 },
      where: [...new Set(wrong)].join(", "),
    },
    ...curve,
  ];
};

const run: Row["run"] = (bench) =>
  withSimulatedGpu(bench, megapixelsPerSecond, async (platform) => {
    // Long enough that most of a crowd comes a second time.
    const seconds = bench.quick ? 1 : Math.max(15, bench.seconds);
    await platform.upload("small.tif", await writeNoisyImage(bench.folder, "small.tif", [512, 512]));
    await crowd(platform, admitted, seconds);
    const outcomes: Crowd[][] = crowds.map(() => []);
    for (let round = 0; round < bench.rounds; round++) {
      bench.progress(`  round ${round + 1} of ${bench.rounds}`);
      for (const [index, times] of crowds.entries()) {
        outcomes[index].push(await crowd(platform, times * admitted, seconds));
      }
    }
    return findingsOf(outcomes, seconds);
  });

export const overload: Row = {
  name: "overload",
  title: `Overload: 512² sync from more clients than fit (simulated GPU, ${megapixelsPerSecond} Mpixel/s)`,
  missing: missingTriton,
  run,
};
