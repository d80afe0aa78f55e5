import { cancelled, failed, hasEnded, isJobId, type Job, jobTimes, taken } from "../../../contract/job";
import { problem } from "../../../contract/problem";
import type { QueueMessage } from "../store/queue";
import type { StoredJob } from "./records";
import type { Runs } from "./runs";
import type { Times } from "./times";
import { submitUpload, type UploadDeps, uploadsOf } from "./uploads";

export interface TakeDeps extends UploadDeps {
  readonly runs: Runs;
  readonly times: Times;
  /** This worker's name in records. */
  readonly instance: string;
  readonly notify: (job: Job) => Promise<void>;
}

const parsed = (body: string): unknown => {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
};

const jobOf = (message: unknown): string | undefined => {
  const id = typeof message === "object" && message !== null && "job" in message ? message.job : undefined;
  return isJobId(id) ? id : undefined;
};

const exhausted = problem(
  "attempts_exhausted",
  `Expected the job to end within ${jobTimes.maxAttempts} attempts but the platform failed each of them. Submit it again; when that fails too, the server's log says why.`,
);

/**
 * Decides what becomes of a message: a record to run, already written as this worker's, or nothing,
 * and then the message is dealt with. Of all workers that hold a message of one job, one conditional put lets one go on.
 * @throws UpstreamError; the message then comes again by itself
 */
export const takeMessage = async (
  message: QueueMessage,
  deps: TakeDeps,
): Promise<{ readonly job: Job; readonly etag: string } | undefined> => {
  const { records, queue, runs, times, instance, inBucket, log, notify } = deps;
  const { receipt } = message;

  const content = parsed(message.body);
  const uploads = uploadsOf(content, inBucket);
  if (uploads !== undefined) {
    for (const upload of uploads) await submitUpload(upload, deps);
    await queue.remove(receipt);
    return undefined;
  }

  const id = jobOf(content);
  if (id === undefined) {
    // Kept where an operator sees it, instead of coming back a hundred times.
    log.warn({ bytes: message.body.length }, "a message names no job and no upload: moved to the dead-letter queue");
    await queue.bury(message.body);
    await queue.remove(receipt);
    return undefined;
  }

  // The insurance of a request that was served here.
  if (runs.hasEnded(id)) {
    await queue.remove(receipt);
    return undefined;
  }

  /** Ends a job that nobody runs. @returns whether the record was still as read */
  const endUnrun = async (stored: StoredJob, ended: Job): Promise<boolean> => {
    if ((await records.replace(ended, stored.etag)) === undefined) return false;
    log.info({ job: id, status: ended.status, code: ended.error?.code }, "job ended without a run");
    await queue.remove(receipt);
    await notify(ended).catch((error: unknown) => log.warn({ job: id, err: error }, "the topic was not told"));
    return true;
  };

  let buried = false;
  for (;;) {
    const stored = await records.read(id);
    if (stored === undefined) {
      log.warn({ job: id }, "a message names a job without a record: deleted");
      await queue.remove(receipt);
      return undefined;
    }
    const { job } = stored;
    if (hasEnded(job)) {
      await queue.remove(receipt);
      return undefined;
    }
    if (job.status === "running") {
      const mine = job.worker === instance ? runs.find(id) : undefined;
      if (mine !== undefined) {
        mine.lease.attach(receipt);
        await queue.setVisibility(receipt, jobTimes.visibilitySeconds);
        return undefined;
      }
      const restMilliseconds = times.staleAfter - stored.ageSeconds * 1000;
      // A record in this worker's name that it does not run was left by an end that could not be written.
      if (job.worker !== instance && restMilliseconds >= 0) {
        // S3 tells whole seconds only, hence one more.
        await queue.setVisibility(receipt, Math.ceil(restMilliseconds / 1000) + 1);
        return undefined;
      }
      log.warn({ job: id, worker: job.worker }, "the worker of a job fell silent");
    }
    if (job.cancelRequestedAt !== undefined) {
      if (await endUnrun(stored, cancelled(job, new Date()))) return undefined;
      continue;
    }
    if (job.attempts >= jobTimes.maxAttempts) {
      // Before the end: a message of an ended job is deleted unseen, so a worker that dies between the two would leave none.
      if (!buried) await queue.bury(message.body);
      buried = true;
      if (await endUnrun(stored, failed(job, exhausted, new Date()))) return undefined;
      continue;
    }
    const held = taken(job, instance, new Date());
    const etag = await records.replace(held, stored.etag);
    if (etag !== undefined) return { job: held, etag };
  }
};
