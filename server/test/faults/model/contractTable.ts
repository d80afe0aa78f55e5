import { hasEnded, type Job, jobTimes } from "../../../../contract/job";

/** One write of a job's record, as it happened in the bucket. */
export interface RecordWrite {
  readonly before: Job | undefined;
  readonly after: Job;
  /** `api`, or the server's name. */
  readonly by: string;
  /** Of `before`, by S3's clock. */
  readonly ageSeconds: number;
  /** Whether the writer is handing its work back. */
  readonly isDraining: boolean;
  /** Whether a message of the job lies in the dead-letter queue. */
  readonly isBuried: boolean;
}

type Rule = (write: RecordWrite & { readonly before: Job }) => boolean;

const byApi: Rule = ({ by }) => by === "api";

const isHolder: Rule = ({ before, by }) => before.status === "running" && before.worker === by;

const isSameAttempt: Rule = ({ before, after }) => after.worker === before.worker && after.attempts === before.attempts;

/** Nobody holds it: it waits, or its worker fell silent, or the writer itself lost sight of it. */
const isFree: Rule = ({ before, by, ageSeconds }) =>
  before.status === "queued" ||
  (before.status === "running" && (before.worker === by || ageSeconds > jobTimes.staleAfterSeconds));

const beginsIt: Rule = ({ before, after, by }) =>
  after.status === "running" &&
  after.worker === by &&
  after.attempts === before.attempts + 1 &&
  after.attempts <= jobTimes.maxAttempts &&
  before.cancelRequestedAt === undefined;

const endsBy =
  (status: Job["status"], code?: string): Rule =>
  ({ after }) =>
    after.status === status && after.error?.code === code && after.finishedAt !== undefined;

const all =
  (...rules: readonly Rule[]): Rule =>
  (write) =>
    rules.every((rule) => rule(write));

/** The contract's table of a job's life: every write that may ever happen to a record that is there. */
const moves: Readonly<Record<string, Rule>> = {
  taken: all(({ before }) => before.status === "queued", beginsIt),
  "taken over": all(({ before }) => before.status === "running", isFree, beginsIt),
  "kept alive": all(isHolder, isSameAttempt, ({ after }) => after.status === "running"),
  succeeded: all(isHolder, isSameAttempt, endsBy("succeeded"), ({ after }) => after.result !== undefined),
  "failed on its image": all(isHolder, isSameAttempt, endsBy("failed", "image_corrupt")),
  "failed on a changed input": all(isHolder, isSameAttempt, endsBy("failed", "input_changed")),
  "failed on its time": all(isHolder, isSameAttempt, endsBy("failed", "engine_timeout")),
  "stopped by a cancel": all(isHolder, isSameAttempt, endsBy("cancelled")),
  "handed back": all(
    isHolder,
    ({ isDraining }) => isDraining,
    ({ before, after }) => after.status === "queued" && after.attempts === before.attempts - 1,
  ),
  "returned after a failure": all(
    isHolder,
    ({ before, after }) => after.status === "queued" && after.attempts === before.attempts,
  ),
  "returned unannounced": all(
    isHolder,
    ({ before, after }) => before.attempts === 1 && after.status === "queued" && after.attempts === 0,
  ),
  "cancelled while it waits": all(byApi, ({ before }) => before.status === "queued", endsBy("cancelled")),
  "asked to stop": all(byApi, ({ before, after }) => before.status === "running" && after.status === "running"),
  "cancelled unrun": all(isFree, endsBy("cancelled")),
  "given up": all(
    isFree,
    endsBy("failed", "attempts_exhausted"),
    ({ isBuried }) => isBuried,
    ({ before, after }) => before.attempts === jobTimes.maxAttempts && after.attempts === jobTimes.maxAttempts,
  ),
};

const created = "created";
const createdRunning = "created running";

/** The names of all moves, so that a test can tell which it never met. */
export const moveNames: readonly string[] = [created, createdRunning, ...Object.keys(moves)];

const fixed = ["id", "file", "output", "createdAt", "requestHash"] as const;

/**
 * The move that a write is.
 * @throws Error when the contract knows none such
 */
export const moveOf = (write: RecordWrite): string => {
  const { before, after, by } = write;
  const illegal = (why: string): Error => {
    const show = (job: Job | undefined) =>
      job === undefined ? "nothing" : `${job.status} ${job.attempts} ${job.worker ?? ""} ${job.error?.code ?? ""}`;
    return new Error(
      `Job ${after.id}: ${why}: ${show(before)} -> ${show(after)}, by ${by} after ${write.ageSeconds} s.`,
    );
  };
  if (before === undefined) {
    if (by === "api" && after.status === "queued" && after.attempts === 0) return created;
    if (after.status === "running" && after.worker === by && after.attempts === 1) return createdRunning;
    throw illegal("created in another way than the contract has");
  }
  if (hasEnded(before)) throw illegal("written after its end");
  if (fixed.some((field) => before[field] !== after[field]) || before.input.etag !== after.input.etag) {
    throw illegal("became another job");
  }
  if (before.cancelRequestedAt !== undefined && before.cancelRequestedAt !== after.cancelRequestedAt) {
    throw illegal("forgot that it was to be cancelled");
  }
  if (after.status === "cancelled" && after.cancelRequestedAt === undefined) throw illegal("cancelled by nobody");
  const move = Object.entries(moves).find(([, rule]) => rule({ ...write, before }))?.[0];
  if (move === undefined) throw illegal("changed in another way than the contract has");
  return move;
};
