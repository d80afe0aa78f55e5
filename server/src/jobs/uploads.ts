import { parseFileKey } from "../../../contract/fileKey";
import { type JobRequest, queuedJob } from "../../../contract/job";
import { jobIdForUpload } from "../../../contract/jobId";
import { quote } from "../../../contract/problem";
import type { ObjectStore } from "../store/objects";
import type { JobQueue } from "../store/queue";
import type { JobRecords } from "./records";
import type { Log } from "./runs";

/** One object that was put into the input bucket, as S3 tells the queue. */
export interface Upload {
  /** As it stands in the bucket. */
  readonly key: string;
  readonly etag: string;
  /** Orders the events of one key. */
  readonly sequencer: string;
}

export interface UploadDeps {
  readonly store: ObjectStore;
  readonly records: JobRecords;
  readonly queue: JobQueue;
  readonly inBucket: string;
  readonly log: Log;
}

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});

/** S3 writes keys into events as forms do: `+` is a space. What cannot be decoded stays, and no file key has a `%`. */
const decoded = (key: string): string => {
  try {
    return decodeURIComponent(key.replaceAll("+", " "));
  } catch {
    return key;
  }
};

const uploadOf = (record: unknown, bucket: string): Upload | undefined => {
  const { eventSource, eventName, s3 } = fieldsOf(record);
  const { bucket: of, object } = fieldsOf(s3);
  const { key, eTag: etag, sequencer = "" } = fieldsOf(object);
  if (eventSource !== "aws:s3" || typeof eventName !== "string" || !eventName.startsWith("ObjectCreated:"))
    return undefined;
  if (fieldsOf(of).name !== bucket || typeof key !== "string") return undefined;
  if (typeof etag !== "string" || typeof sequencer !== "string") return undefined;
  return { key: decoded(key), etag, sequencer };
};

/**
 * The uploads that a message tells of: none for the one that S3 sends when notifications are set up, undefined for a
 * message that is no notification of this bucket.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */
export const uploadsOf = (message: unknown, bucket: string): readonly Upload[] | undefined => {
  const { Records: told, Event: event, Bucket: tested } = fieldsOf(message);
  if (event === "s3:TestEvent" && tested === bucket) return [];
  if (!Array.isArray(told) || told.length === 0) return undefined;
  const uploads = told.map((record) => uploadOf(record, bucket));
  return uploads.includes(undefined) ? undefined : (uploads as Upload[]);
};

/**
 * Makes a job of an upload: record, then message, as `POST /jobs` does. The id follows from the upload, so that a
 * notification that comes twice makes one job.
 * @throws UpstreamError; the notification then comes again by itself
 */
export const submitUpload = async (upload: Upload, deps: UploadDeps): Promise<void> => {
  const { store, records, queue, inBucket, log } = deps;
  const file = parseFileKey(upload.key, "file");
  if (!file.ok || file.value !== upload.key) {
    const why = file.ok ? "Expected a name in NFC." : file.problem.detail;
    log.warn({ file: quote(upload.key), why }, "an upload that no job can name: passed over");
    return;
  }
  const input = await store.head(inBucket, upload.key);
  if (input === undefined) {
    log.warn({ file: quote(upload.key) }, "an upload is gone: passed over");
    return;
  }
  const request: JobRequest = { file: upload.key, output: upload.key, options: { strength: 1 } };
  const id = jobIdForUpload(upload.key, upload.etag, upload.sequencer);
  await records.create(queuedJob(id, request, input, new Date()));
  // Also for a job that was there already: its first try may have broken off before the message.
  await queue.send(id, 0);
  log.info({ job: id }, "an upload became a job");
};
