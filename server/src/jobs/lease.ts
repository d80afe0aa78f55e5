import { type Job, jobTimes } from "../../../contract/job";
import type { JobQueue } from "../store/queue";
import type { JobRecords } from "./records";
import type { Times } from "./times";

/** Why a run stops before its end; thrown through the run by its signal. */
export class RunStopped extends Error {
  constructor(readonly why: "fenced" | "cancelled" | "drained" | "overdue") {
    super(`The run was stopped: ${why}.`);
    this.name = "RunStopped";
  }
}

/**
 * A worker's hold on one running record: progress, heartbeat and fence in one.
 * Each write names the ETag of the one before, so that a worker whose record was taken learns it at its next write.
 */
export interface Lease {
  readonly id: string;
  /** The record as last known. */
  job(): Job;
  /** Aborted with RunStopped as soon as the run must stop. */
  readonly signal: AbortSignal;
  /** Aborts the signal; the first reason stays. */
  stop(why: RunStopped["why"]): void;
  /** Changes the record; written within a second or so. */
  update(change: (job: Job) => Job): void;
  /** Writes the record now; after it nobody else had taken the job. @throws RunStopped when fenced or cancelled, UpstreamError */
  confirm(): Promise<void>;
  /** Writes the record a last time, whatever stopped the run. @returns whether the record was still ours */
  end(change: (job: Job) => Job): Promise<boolean>;
  /** Lets go without a last write: the record is another worker's. */
  release(): void;
  /** The message that came for this job: its visibility is renewed with each write. */
  attach(receipt: string): void;
  receipt(): string | undefined;
}

export interface LeaseDeps {
  readonly records: JobRecords;
  readonly queue: JobQueue;
  readonly times: Times;
  /** Told of a write that failed and will be tried again. */
  readonly onTrouble: (error: unknown) => void;
}

/** @param held the record as this worker just wrote it, with its ETag */
export const holdLease = (
  held: { readonly job: Job; readonly etag: string },
  deps: LeaseDeps,
  receipt?: string,
): Lease => {
  const { records, queue, times, onTrouble } = deps;
  const stopping = new AbortController();
  let { job, etag } = held;
  let message = receipt;
  /** By a clock that nobody sets. */
  let lastWrite = performance.now();
  let timer: NodeJS.Timeout | undefined;
  /** Whether an update waits to be written. */
  let pending = false;
  let beating = false;
  let ended = false;
  /** Writes come one after another: each needs the ETag of the one before. */
  let tail: Promise<unknown> = Promise.resolve();

  const stop = (why: RunStopped["why"]): void => {
    if (!stopping.signal.aborted) stopping.abort(new RunStopped(why));
  };

  /** Writes the record, taking in a cancel that came between. @returns whether the record was still ours */
  const write = async (change?: (job: Job) => Job): Promise<boolean> => {
    for (;;) {
      const next = change === undefined ? job : change(job);
      const written = await records.replace(next, etag);
      if (written !== undefined) {
        if (change !== undefined) job = next;
        etag = written;
        lastWrite = performance.now();
        return true;
      }
      const stored = await records.read(job.id);
      const ours =
        stored?.job.status === "running" && stored.job.worker === job.worker && stored.job.attempts === job.attempts;
      if (!ours) {
        stop("fenced");
        return false;
      }
      etag = stored.etag;
      if (stored.job.cancelRequestedAt !== undefined) {
        job = { ...job, cancelRequestedAt: stored.job.cancelRequestedAt };
        stop("cancelled");
      }
    }
  };

  const renewVisibility = async (): Promise<void> => {
    if (message !== undefined) await queue.setVisibility(message, jobTimes.visibilitySeconds).catch(onTrouble);
  };

  const inTurn = <T>(action: () => Promise<T>): Promise<T> => {
    const turn = tail.then(action);
    tail = turn.catch(() => {});
    return turn;
  };

  const beat = async (): Promise<void> => {
    if (ended || stopping.signal.aborted) return;
    if (await write()) await renewVisibility();
  };

  const schedule = (delay: number): void => {
    clearTimeout(timer);
    if (ended) return;
    timer = setTimeout(() => {
      pending = false;
      beating = true;
      inTurn(beat)
        .catch((error: unknown) => {
          pending = true;
          onTrouble(error);
        })
        .finally(() => {
          beating = false;
          schedule(pending ? times.recordEvery : times.heartbeat);
        });
    }, delay);
  };

  const letGo = (): void => {
    ended = true;
    clearTimeout(timer);
  };

  schedule(times.heartbeat);

  return {
    id: job.id,
    job: () => job,
    signal: stopping.signal,
    stop,
    update: (change) => {
      job = change(job);
      if (pending) return;
      pending = true;
      if (!beating) schedule(Math.max(0, lastWrite + times.recordEvery - performance.now()));
    },
    confirm: async () => {
      stopping.signal.throwIfAborted();
      await inTurn(() => write());
      stopping.signal.throwIfAborted();
    },
    end: (change) => {
      letGo();
      return inTurn(() => write(change));
    },
    release: letGo,
    attach: (receipt) => {
      message = receipt;
    },
    receipt: () => message,
  };
};
