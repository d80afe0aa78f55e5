import { type Job, jobKey } from "../../../contract/job";
import type { Condition, ObjectStore } from "../store/objects";
import { UpstreamError } from "../store/upstream";

export interface StoredJob {
  readonly job: Job;
  readonly etag: string;
  /** Since the last write, by S3's own clock. */
  readonly ageSeconds: number;
}

/** Job records, written only by conditional puts: of two writers one learns that it lost. */
export interface JobRecords {
  read(id: string): Promise<StoredJob | undefined>;
  /** @returns the ETag, or undefined when the record is there already */
  create(job: Job): Promise<string | undefined>;
  /** @returns the new ETag, or undefined when another wrote since `etag` */
  replace(job: Job, etag: string): Promise<string | undefined>;
}

const parse = (text: string): Job => {
  try {
    return JSON.parse(text) as Job;
  } catch (error) {
    throw new UpstreamError("Expected a job record to be JSON.", { cause: error });
  }
};

export const createJobRecords = (store: ObjectStore, bucket: string): JobRecords => {
  const write = async (job: Job, condition: Condition): Promise<string | undefined> => {
    const text = JSON.stringify(job);
    const written = await store.writeText(bucket, jobKey(job.id), text, condition);
    if (written !== "conflict") return written.etag;
    // A put whose answer was lost is sent again by the SDK and then fails on itself.
    const stored = await store.readText(bucket, jobKey(job.id));
    return stored?.text === text ? stored.etag : undefined;
  };

  return {
    read: async (id) => {
      const stored = await store.readText(bucket, jobKey(id));
      return stored === undefined
        ? undefined
        : { job: parse(stored.text), etag: stored.etag, ageSeconds: stored.ageSeconds };
    },
    create: (job) => write(job, { absent: true }),
    replace: (job, etag) => write(job, { etag }),
  };
};
