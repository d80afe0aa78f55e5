import { hasEnded, type Job } from "../../../../contract/job";
import { moveOf, type RecordWrite } from "./contractTable";

/** What a caller was told of a job. */
interface Answer {
  readonly to: string;
  readonly job: Job;
}

/** The reference model: every job as the contract's table has it, and every promise that was made of one. */
export interface Ledger {
  /** @throws Error when the write is none that the contract has */
  wrote(write: RecordWrite): void;
  /** @throws Error when an object is written for a job that has its result already */
  wroteResult(jobId: string, etag: string): void;
  /** @throws Error when it says something else than was said before */
  answered(answer: Answer): void;
  /** @throws Error when a promised job has neither an end nor a message that leads to one */
  requireMessages(ids: ReadonlySet<string>): void;
  /** @throws Error when a promised job has not ended */
  requireEnds(): void;
  jobs(): readonly Job[];
  /** How often each move was met. */
  readonly moves: ReadonlyMap<string, number>;
}

export const createLedger = (moves: Map<string, number>): Ledger => {
  const jobs = new Map<string, Job>();
  const results = new Map<string, string>();
  const promised = new Set<string>();

  return {
    moves,
    wrote: (write) => {
      const { after } = write;
      const move = moveOf(write);
      moves.set(move, (moves.get(move) ?? 0) + 1);
      if (after.result !== undefined && results.get(after.result.etag) !== after.id) {
        throw new Error(`Job ${after.id} names a result that it did not write.`);
      }
      jobs.set(after.id, after);
    },
    wroteResult: (jobId, etag) => {
      if (jobs.get(jobId)?.status === "succeeded") throw new Error(`Job ${jobId} wrote a result after its end.`);
      results.set(etag, jobId);
    },
    answered: ({ to, job }) => {
      promised.add(job.id);
      const known = jobs.get(job.id);
      if (known === undefined) throw new Error(`${to} was told of job ${job.id}, which has no record.`);
      if (!hasEnded(job)) return;
      if (known.status !== job.status || known.result?.etag !== job.result?.etag) {
        throw new Error(`${to} was told that job ${job.id} is ${job.status}, but it is ${known.status}.`);
      }
    },
    requireMessages: (ids) => {
      for (const id of promised) {
        const job = jobs.get(id);
        if (job === undefined || (!hasEnded(job) && !ids.has(id))) {
          throw new Error(`Job ${id} was promised and is ${job?.status ?? "gone"}, but no message leads to it.`);
        }
      }
    },
    requireEnds: () => {
      for (const id of promised) {
        const job = jobs.get(id);
        if (job === undefined || !hasEnded(job)) throw new Error(`Job ${id} was promised but never ended.`);
      }
    },
    jobs: () => [...jobs.values()],
  };
};
