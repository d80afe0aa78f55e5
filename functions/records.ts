import { GetObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { type Job, jobKey } from "../contract/job";
import { type Answer, asked } from "./upstream";

/** A job's record with the ETag that the next conditional write must name. */
export interface StoredJob {
  readonly job: Job;
  readonly etag: string | undefined;
}

/** Refused with 404 where there is no such job. */
export const readJob = (s3: S3Client, bucket: string, id: string, timeoutMs?: number): Promise<Answer<StoredJob>> =>
  asked(async (abortSignal) => {
    const object = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: jobKey(id) }), { abortSignal });
    return { job: JSON.parse((await object.Body?.transformToString()) ?? "") as Job, etag: object.ETag };
  }, timeoutMs);

const writeJob = (
  s3: S3Client,
  bucket: string,
  job: Job,
  condition: { readonly IfNoneMatch: "*" } | { readonly IfMatch: string | undefined },
): Promise<Answer<Job>> =>
  asked(async (abortSignal) => {
    const record = { Bucket: bucket, Key: jobKey(job.id), Body: JSON.stringify(job), ContentType: "application/json" };
    await s3.send(new PutObjectCommand({ ...record, ...condition }), { abortSignal });
    return job;
  });

/** Refused with 412 where the record exists, with 409 where another write is under way. */
export const createJob = (s3: S3Client, bucket: string, job: Job): Promise<Answer<Job>> =>
  writeJob(s3, bucket, job, { IfNoneMatch: "*" });

/** Refused with 412 where the record is no longer the one that was read, with 409 where another write is under way. */
export const replaceJob = (s3: S3Client, bucket: string, stored: StoredJob, job: Job): Promise<Answer<Job>> =>
  writeJob(s3, bucket, job, { IfMatch: stored.etag });

/** Whether a conditional write was refused because somebody else wrote. */
export const lostRace = (status: number): boolean => status === 412 || status === 409;
