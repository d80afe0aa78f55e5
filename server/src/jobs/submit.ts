import { setTimeout as pause } from "node:timers/promises";
import { handedBack, hasEnded, type Job, type JobRequest, jobTimes, queuedJob, taken } from "../../../contract/job";
import { hashOfRequests, jobIdForKey, randomJobId } from "../../../contract/jobId";
import { type Checked, checked, refused } from "../../../contract/problem";
import { idempotencyConflict, inputNotFound } from "../../../contract/request";
import type { ObjectStore } from "../store/objects";
import type { JobQueue } from "../store/queue";
import { UpstreamError } from "../store/upstream";
import type { JobRecords } from "./records";
import type { Run, Runs } from "./runs";
import type { Slots } from "./slots";
import type { Times } from "./times";

export interface Submission {
  readonly request: JobRequest;
  readonly idempotencyKey?: string;
  readonly waitSeconds: number;
}

export interface SubmitDeps {
  readonly store: ObjectStore;
  readonly records: JobRecords;
  readonly queue: JobQueue;
  readonly runs: Runs;
  /** Jobs that requests may have in flight. */
  readonly slots: Slots;
  readonly times: Times;
  readonly instance: string;
  readonly inBucket: string;
  /** Requests that wait for an answer, replays among them, or whose jobs are not over yet; more are refused. */
  readonly maxRequests: number;
  /** While the server drains nothing new begins and nobody waits for jobs that run elsewhere. */
  readonly isDraining: () => boolean;
}

/** Starts a job at once and waits for it: the record as it is when the job ends or the wait is over. */
export type Submit = (submission: Submission) => Promise<Checked<Job>>;

/** @throws from the submission UpstreamError when S3 or SQS fails it; then nothing was started */
export const createSubmit = (deps: SubmitDeps): Submit => {
  const { store, records, queue, runs, slots, times, instance, inBucket, maxRequests, isDraining } = deps;
  let requests = 0;

  /** The job's record when it ends, here or elsewhere, or when the time is over. */
  const awaitEnd = async (id: string, until: number): Promise<Job> => {
    let delay = times.pollFirst;
    for (;;) {
      const run = runs.find(id);
      if (run !== undefined) {
        const timeIsUp = new AbortController();
        const rest = Math.max(0, until - performance.now());
        await Promise.race([run.done, pause(rest, undefined, { signal: timeIsUp.signal }).catch(() => {})]);
        timeIsUp.abort();
        const job = run.lease.job();
        if (hasEnded(job) || performance.now() >= until) return job;
      }
      const stored = await records.read(id);
      if (stored === undefined) throw new UpstreamError("Expected the record of a job but received nothing.");
      const rest = until - performance.now();
      if (hasEnded(stored.job) || rest <= 0 || isDraining()) return stored.job;
      await pause(Math.min(delay, rest));
      delay = Math.min(times.pollMost, delay * 1.5);
    }
  };

  const replay = async (stored: Job, requestHash: string, until: number): Promise<Checked<Job>> => {
    if (stored.requestHash !== requestHash) {
      return { ok: false, problem: idempotencyConflict() };
    }
    // The first request may have broken off between the record and the message; a second message does no harm.
    if (stored.status === "queued") await queue.send(stored.id, 0);
    else if (stored.status === "running" && runs.find(stored.id) === undefined) {
      await queue.send(stored.id, jobTimes.insuranceDelaySeconds);
    }
    return checked(await awaitEnd(stored.id, until));
  };

  /** A record in this worker's name with its insurance; undefined when a record of this id is there already. */
  const create = async (
    id: string,
    request: JobRequest,
    input: { readonly bytes: number; readonly etag: string },
    requestHash: string | undefined,
  ): Promise<{ readonly job: Job; readonly etag: string } | undefined> => {
    const now = new Date();
    const job = taken(queuedJob(id, request, input, now, requestHash), instance, now);
    // A message whose record was not written is deleted when it comes.
    const [created, insured] = await Promise.allSettled([
      records.create(job),
      queue.send(id, jobTimes.insuranceDelaySeconds),
    ]);
    if (created.status === "rejected") throw created.reason;
    const etag = created.value;
    if (etag === undefined) return undefined;
    if (insured.status === "rejected") {
      // A replay with the same Idempotency-Key finds it queued and sends the message again.
      await records.replace(handedBack(job), etag).catch(() => {});
      throw insured.reason;
    }
    return { job, etag };
  };

  /** @param begun told of the run that the request began, if so */
  const serve = async (
    { request, idempotencyKey, waitSeconds }: Submission,
    begun: (run: Run) => void,
  ): Promise<Checked<Job>> => {
    const until = performance.now() + waitSeconds * 1000;
    const requestHash = idempotencyKey === undefined ? undefined : hashOfRequests([request]);
    const id = idempotencyKey === undefined ? randomJobId() : jobIdForKey(idempotencyKey, 0);
    if (requestHash !== undefined) {
      const stored = await records.read(id);
      if (stored !== undefined) return replay(stored.job, requestHash, until);
    }

    const input = await store.head(inBucket, request.file);
    if (input === undefined) return { ok: false, problem: inputNotFound(request.file) };
    if (isDraining()) {
      return refused("draining", "Expected a serving server but this one is shutting down. Try again.");
    }
    const held = await create(id, request, input, requestHash);
    if (held !== undefined) begun(runs.start(held, { enter: (signal) => slots.enter({ signal }), urgent: true }));
    else if (requestHash !== undefined) {
      // Another request with the same key was faster.
      const stored = await records.read(id);
      if (stored !== undefined) return replay(stored.job, requestHash, until);
    }
    return checked(await awaitEnd(id, until));
  };

  return async (submission) => {
    if (requests >= maxRequests) {
      return refused(
        "overloaded",
        `Expected fewer than ${maxRequests} requests at a time. Try again later, or queue the job with POST /jobs.`,
      );
    }
    requests += 1;
    let over: Promise<void> = Promise.resolve();
    try {
      return await serve(submission, (run) => {
        over = run.done;
      });
    } finally {
      void over.then(() => {
        requests -= 1;
      });
    }
  };
};
