import { setTimeout as pause } from "node:timers/promises";
import type { FastifyBaseLogger } from "fastify";
import { cancelled, failed, handedBack, hasEnded, type Job, jobTimes } from "../../../contract/job";
import { problem } from "../../../contract/problem";
import { EngineError } from "../engines/engine";
import { ImageError } from "../images/image";
import type { Metrics } from "../metrics";
import type { JobQueue } from "../store/queue";
import type { OpenAccount } from "./account";
import { holdLease, type Lease, RunStopped } from "./lease";
import { JobFailure, type PerformDeps, performJob } from "./performJob";
import type { JobRecords } from "./records";
import type { Times } from "./times";

export type Log = Pick<FastifyBaseLogger, "info" | "warn" | "error">;

export interface Run {
  readonly lease: Lease;
  /** Resolves when the run is over and its end is written, never rejects. */
  readonly done: Promise<void>;
}

/** How a run begins. */
export interface Begin {
  /** Waits for its turn; called at once. */
  readonly enter: (signal: AbortSignal) => Promise<() => void>;
  /** Whether somebody waits for the answer. */
  readonly urgent: boolean;
  /** The message that brought it. */
  readonly receipt?: string;
}

export interface RunsDeps extends PerformDeps {
  readonly records: JobRecords;
  readonly queue: JobQueue;
  readonly times: Times;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Tells others of an ended job. */
  readonly notify: (job: Job) => Promise<void>;
  /** Told of a failure of the engine, before the run ends. */
  readonly onEngineTrouble: () => void;
  /** Told how many runs there are, whenever that changes. */
  readonly onRuns: (count: number) => void;
  /** Counts what each run uses of the engine; without it the engine is used uncounted. */
  readonly openAccount?: OpenAccount;
}

/** The runs of this process, each from a held record to a written end. */
export interface Runs {
  /** @param held the record as this worker just wrote it, with its ETag */
  start(held: { readonly job: Job; readonly etag: string }, begin: Begin): Run;
  find(id: string): Run | undefined;
  /** Whether a run of this process lately wrote the job's end, which is for good. */
  hasEnded(id: string): boolean;
  all(): readonly Run[];
}

/** What a run comes to: the record's last change, and what becomes of the message. */
interface Ending {
  /** Gives the same each time, so that an end whose write was not answered is known again. */
  readonly change: (job: Job) => Job;
  /** Seconds after which the message comes again; undefined deletes it. */
  readonly returnAfterSeconds?: number;
}

/** More than one server ends while the insurance of their messages is under way. */
const mostRemembered = 10_000;

const backOffSeconds = (attempts: number): number => Math.min(jobTimes.visibilitySeconds, 2 ** attempts);

/** Back in the queue with the attempt counted: the platform failed it. */
const returned = (job: Job): Job => ({ ...handedBack(job), attempts: job.attempts });

const overdue = problem(
  "engine_timeout",
  `Expected the job to end within ${jobTimes.runLimitSeconds} s of its start. Split the file into fewer pages and submit it again.`,
);

export const createRuns = (deps: RunsDeps): Runs => {
  const { records, queue, times, metrics, log, notify, onEngineTrouble, onRuns, openAccount } = deps;
  const runs = new Map<string, Run>();
  /** The oldest first. */
  const ended = new Set<string>();

  /** What a failed run comes to; undefined when it is another worker's by now. */
  const endingOf = (error: unknown, lease: Lease): Ending | undefined => {
    const reason = lease.signal.aborted ? lease.signal.reason : error;
    const now = new Date();
    if (reason instanceof RunStopped) {
      switch (reason.why) {
        case "fenced":
          return undefined;
        case "cancelled":
          return { change: (job) => cancelled(job, now) };
        case "drained":
          return { change: handedBack, returnAfterSeconds: 0 };
        case "overdue":
          return { change: (job) => failed(job, overdue, now) };
      }
    }
    if (reason instanceof ImageError || reason instanceof JobFailure) {
      return { change: (job) => failed(job, problem(reason.code, reason.message), now) };
    }
    log.error({ job: lease.id, err: reason }, "run failed, the job goes back to the queue");
    if (reason instanceof EngineError) onEngineTrouble();
    return { change: returned, returnAfterSeconds: backOffSeconds(lease.job().attempts) };
  };

  const work = async (lease: Lease, { enter, urgent }: Begin): Promise<Ending | undefined> => {
    let release: (() => void) | undefined;
    let limit: NodeJS.Timeout | undefined;
    const account = openAccount?.({ job: lease.id, urgent });
    const costBefore = lease.job().cost;
    /** However the run ended, what it cost stands in the record. */
    const charged = (ending: Ending): Ending => {
      const cost = account?.cost(costBefore);
      return cost === undefined ? ending : { ...ending, change: (job) => ({ ...ending.change(job), cost }) };
    };
    try {
      release = await enter(lease.signal);
      limit = setTimeout(() => lease.stop("overdue"), times.runLimit);
      const performed = await performJob(lease, urgent, { ...deps, ...(account && { engine: account.engine }) });
      const finishedAt = new Date().toISOString();
      return charged({ change: (job) => ({ ...job, ...performed, status: "succeeded", finishedAt }) });
    } catch (error) {
      const ending = endingOf(error, lease);
      return ending && charged(ending);
    } finally {
      clearTimeout(limit);
      release?.();
    }
  };

  /** Writes the end; as long as nobody may take the record over, trouble with S3 is sat out. */
  const endRecord = async (lease: Lease, change: (job: Job) => Job): Promise<boolean> => {
    const until = performance.now() + times.staleAfter;
    for (;;) {
      try {
        return await lease.end(change);
      } catch (error) {
        log.warn({ job: lease.id, err: error }, "the job's end could not be written");
        if (performance.now() >= until) return false;
        await pause(times.recordEvery);
      }
    }
  };

  /** The record is written: what follows may fail without harm, since a message of an ended job is deleted unseen. */
  const tellOthers = async (lease: Lease, returnAfterSeconds: number | undefined): Promise<void> => {
    const receipt = lease.receipt();
    if (returnAfterSeconds !== undefined) {
      if (receipt === undefined) await queue.send(lease.id, returnAfterSeconds);
      else await queue.setVisibility(receipt, returnAfterSeconds);
      return;
    }
    if (receipt !== undefined) await queue.remove(receipt);
    await notify(lease.job());
  };

  const settle = async (lease: Lease, ending: Ending): Promise<void> => {
    if (!(await endRecord(lease, ending.change))) return;
    const job = lease.job();
    if (hasEnded(job)) {
      metrics.ended(job);
      ended.add(job.id);
      const [oldest] = ended;
      if (ended.size > mostRemembered) ended.delete(oldest);
    }
    log.info(
      { job: job.id, status: job.status, attempts: job.attempts, code: job.error?.code, timings: job.timings },
      "run ended",
    );
    await tellOthers(lease, ending.returnAfterSeconds).catch((error: unknown) =>
      log.warn({ job: job.id, err: error }, "the queue or the topic was not told"),
    );
  };

  return {
    start: (held, begin) => {
      const { id } = held.job;
      const onTrouble = (error: unknown): void => log.warn({ job: id, err: error }, "a heartbeat failed");
      const lease = holdLease(held, { records, queue, times, onTrouble }, begin.receipt);
      log.info({ job: id, attempts: held.job.attempts }, "run started");
      const done = work(lease, begin)
        .then(async (ending) => {
          if (ending !== undefined) return settle(lease, ending);
          lease.release();
          log.warn({ job: id }, "run stopped, another worker has the job");
        })
        .finally(() => {
          if (runs.get(id) === run) runs.delete(id);
          onRuns(runs.size);
        });
      const run = { lease, done };
      runs.set(id, run);
      onRuns(runs.size);
      return run;
    },
    find: (id) => runs.get(id),
    hasEnded: (id) => ended.has(id),
    all: () => [...runs.values()],
  };
};
