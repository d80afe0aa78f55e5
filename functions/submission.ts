import { HeadObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import {
  hasEnded,
  type Job,
  type JobInput,
  type JobMessage,
  type JobRequest,
  jobTimes,
  queuedJob,
} from "../contract/job";
import { hashOfRequests, jobIdForKey, randomJobId } from "../contract/jobId";
import { type Checked, checked, type Problem, quote, refused } from "../contract/problem";
import { atIndex, idempotencyConflict, inputNotFound } from "../contract/request";
import { logJobsSubmitted } from "./metrics";
import { createJob, lostRace, readJob } from "./records";
import type { JobsSettings } from "./settings";
import { asked, unavailable } from "./upstream";

/** What jobs are made with. */
export interface Desk {
  readonly settings: JobsSettings;
  readonly s3: S3Client;
  readonly sqs: SQSClient;
}

export interface Submission {
  readonly requests: readonly JobRequest[];
  /** Whether a problem names the index of its entry. */
  readonly batch: boolean;
  readonly idempotencyKey: string | undefined;
}

/** A job before anything is written: new, or found again by its Idempotency-Key. */
interface Draft {
  readonly job: Job;
  readonly isNew: boolean;
}

const failedWith = (why: Problem): { readonly ok: false; readonly problem: Problem } => ({ ok: false, problem: why });

const checkInput = async (desk: Desk, file: string): Promise<Checked<Pick<JobInput, "bytes" | "etag">>> => {
  const { inBucket, maxBytes } = desk.settings;
  const head = await asked((abortSignal) =>
    desk.s3.send(new HeadObjectCommand({ Bucket: inBucket, Key: file }), { abortSignal }),
  );
  if (!head.ok) {
    return head.status === 404 ? failedWith(inputNotFound(file)) : failedWith(unavailable("S3", head));
  }
  const { ContentLength: bytes = 0, ETag: etag = "" } = head.value;
  if (bytes === 0) {
    return refused("image_empty", `Expected an image at ${quote(file)} but the file has 0 bytes. Upload it again.`);
  }
  if (bytes > maxBytes) {
    return refused(
      "image_too_large",
      `Expected at most ${maxBytes} bytes at ${quote(file)} but the file has ${bytes}.`,
    );
  }
  return checked({ bytes, etag });
};

const draft = async (
  desk: Desk,
  id: string,
  request: JobRequest,
  now: Date,
  requestHash: string | undefined,
): Promise<Checked<Draft>> => {
  if (requestHash !== undefined) {
    const earlier = await readJob(desk.s3, desk.settings.outBucket, id);
    if (earlier.ok) return sameRequest(earlier.value.job, requestHash);
    if (earlier.status !== 404) return failedWith(unavailable("S3", earlier));
  }
  const input = await checkInput(desk, request.file);
  return input.ok ? checked({ job: queuedJob(id, request, input.value, now, requestHash), isNew: true }) : input;
};

const sameRequest = (earlier: Job, requestHash: string | undefined): Checked<Draft> =>
  earlier.requestHash === requestHash ? checked({ job: earlier, isNew: false }) : failedWith(idempotencyConflict());

/** Writes the record of a new job. Where one stands by now, from a try whose answer was lost or from a rival, it counts. */
const recorded = async (desk: Desk, { job, isNew }: Draft): Promise<Checked<Draft>> => {
  if (!isNew) return checked({ job, isNew });
  const created = await createJob(desk.s3, desk.settings.outBucket, job);
  if (created.ok) return checked({ job, isNew });
  if (!lostRace(created.status)) return failedWith(unavailable("S3", created));
  const there = await readJob(desk.s3, desk.settings.outBucket, job.id);
  return there.ok ? sameRequest(there.value.job, job.requestHash) : failedWith(unavailable("S3", there));
};

/**
 * Puts a job on the queue, perhaps for the second time, which does no harm. One that runs may be a server's that died
 * between its record and its message: it is insured anew.
 */
const queued = async (desk: Desk, job: Job): Promise<Checked<Job>> => {
  if (hasEnded(job)) return checked(job);
  const message: JobMessage = { job: job.id };
  const command = new SendMessageCommand({
    QueueUrl: desk.settings.queueUrl,
    MessageBody: JSON.stringify(message),
    DelaySeconds: job.status === "running" ? jobTimes.insuranceDelaySeconds : 0,
  });
  const sent = await asked((abortSignal) => desk.sqs.send(command, { abortSignal }));
  return sent.ok ? checked(job) : failedWith(unavailable("SQS", sent));
};

/** How many entries of a batch are worked on at a time: a call's time limit then measures the call, not its queue. */
const lanes = 10;

const forEach = async <T, R>(
  items: readonly T[],
  act: (item: T, index: number) => Promise<R>,
): Promise<readonly R[]> => {
  const results: R[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next;
      next += 1;
      results[index] = await act(items[index], index);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return results;
};

const all = <T>(outcomes: readonly Checked<T>[]): Checked<readonly T[]> => {
  const values: T[] = [];
  for (const outcome of outcomes) {
    if (!outcome.ok) return outcome;
    values.push(outcome.value);
  }
  return checked(values);
};

/**
 * Makes jobs: every input is checked before the first record is written, and every record stands before its message is
 * sent. The same Idempotency-Key with the same requests gives the same jobs again, with another key or none new ones.
 */
export const submit = async (desk: Desk, submission: Submission): Promise<Checked<readonly Job[]>> => {
  const { requests, batch, idempotencyKey } = submission;
  const requestHash = idempotencyKey === undefined ? undefined : hashOfRequests(requests);
  const now = new Date();
  const drafts = all(
    await forEach(requests, async (request, index) => {
      const id = idempotencyKey === undefined ? randomJobId() : jobIdForKey(idempotencyKey, index);
      const one = await draft(desk, id, request, now, requestHash);
      return one.ok || !batch || one.problem.code === "idempotency_conflict"
        ? one
        : failedWith(atIndex(one.problem, index));
    }),
  );
  if (!drafts.ok) return drafts;
  const make = async (one: Draft): Promise<Checked<Job>> => {
    const record = await recorded(desk, one);
    return record.ok ? queued(desk, record.value.job) : record;
  };
  // The first record decides between two rivals with one key; only the winner goes on to the others.
  const [first, ...others] = drafts.value;
  if (first === undefined) return checked([]);
  const opening = await make(first);
  if (!opening.ok) return opening;
  const made = [opening, ...(await forEach(others, make))];
  const { stack } = desk.settings;
  // A replay counts too: the first try may have broken off before it woke anybody.
  const waiting = made.filter((one) => one.ok && one.value.status === "queued").length;
  if (stack !== undefined && waiting > 0) logJobsSubmitted(stack, waiting);
  return all(made);
};
