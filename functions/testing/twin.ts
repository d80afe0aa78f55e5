import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { type Job, jobKey } from "../../contract/job";
import { permissions, type Role } from "../../contract/permissions";
import { startS3 } from "../../local/s3/server";
import { startSqs } from "../../local/sqs/server";
import type { ClientSettings } from "../settings";

const region = "ap-northeast-2";
const inBucket = "ddn-in-bucket";
const outBucket = "ddn-out-bucket";

const secretOf = (role: string): string => `secret-of-${role}`;
const keyIdOf = (role: string): string => `AKIA${role.toUpperCase()}`;

/** An S3 and an SQS of the local twin with empty buckets, and an operator's hands in both. */
export interface TestTwin {
  readonly inBucket: string;
  readonly outBucket: string;
  readonly queueUrl: string;
  /** Settings of clients that have this role's permissions and no more. */
  clientsOf(role: Role): Required<ClientSettings>;
  /** The same as a Lambda function meets it: environment variables alone. */
  environmentOf(role: Role): Record<string, string>;
  /** @returns the ETag and the version */
  put(bucket: "in" | "out", key: string, body: Uint8Array | string): Promise<{ etag: string; versionId?: string }>;
  read(bucket: "in" | "out", key: string): Promise<Uint8Array>;
  keys(bucket: "in" | "out"): Promise<readonly string[]>;
  remove(bucket: "in" | "out", key: string): Promise<void>;
  job(id: string): Promise<Job>;
  putJob(job: Job): Promise<void>;
  /** The bodies of the messages that wait; they are taken off the queue. */
  messages(): Promise<readonly unknown[]>;
  close(): Promise<void>;
}

export const startTwin = async (): Promise<TestTwin> => {
  const directory = await mkdtemp(path.join(tmpdir(), "ddn-twin-"));
  const roles = [...(Object.keys(permissions) as Role[]), "operator" as const];
  const keys = roles.map((role) => ({ accessKeyId: keyIdOf(role), secretAccessKey: secretOf(role), role }));
  const s3Service = await startS3({
    port: 0,
    directory: path.join(directory, "s3"),
    region,
    buckets: { in: inBucket, out: outBucket },
    keys,
    corsOrigins: [],
  });
  const sqsService = await startSqs({
    port: 0,
    directory: path.join(directory, "sqs"),
    region,
    accountId: "000000000000",
    queues: { queue: "ddn-jobs", deadLetterQueue: "ddn-jobs-dead" },
    keys,
  });
  const { queueUrl } = sqsService;

  const clientsOf = (role: Role | "operator") => {
    const credentials = { accessKeyId: keyIdOf(role), secretAccessKey: secretOf(role) };
    return {
      s3: { endpoint: s3Service.url, region, credentials, forcePathStyle: true },
      sqs: { endpoint: sqsService.url, region, credentials },
    };
  };
  const s3 = new S3Client(clientsOf("operator").s3);
  const sqs = new SQSClient(clientsOf("operator").sqs);
  const names = { in: inBucket, out: outBucket };

  const put: TestTwin["put"] = async (bucket, key, body) => {
    const answer = await s3.send(new PutObjectCommand({ Bucket: names[bucket], Key: key, Body: Buffer.from(body) }));
    return { etag: answer.ETag ?? "", ...(answer.VersionId === undefined ? {} : { versionId: answer.VersionId }) };
  };
  const read: TestTwin["read"] = async (bucket, key) => {
    const object = await s3.send(new GetObjectCommand({ Bucket: names[bucket], Key: key }));
    return (await object.Body?.transformToByteArray()) ?? new Uint8Array();
  };

  return {
    inBucket,
    outBucket,
    queueUrl,
    clientsOf,
    environmentOf: (role) => ({
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: keyIdOf(role),
      AWS_SECRET_ACCESS_KEY: secretOf(role),
      AWS_ENDPOINT_URL_S3: s3Service.url,
      AWS_ENDPOINT_URL_SQS: sqsService.url,
      DDN_IN_BUCKET: inBucket,
      DDN_OUT_BUCKET: outBucket,
      DDN_QUEUE_URL: queueUrl,
    }),
    put,
    read,
    keys: async (bucket) => {
      const page = await s3.send(new ListObjectsV2Command({ Bucket: names[bucket] }));
      return (page.Contents ?? []).map(({ Key }) => Key ?? "");
    },
    remove: async (bucket, key) => {
      await s3.send(new DeleteObjectCommand({ Bucket: names[bucket], Key: key }));
    },
    job: async (id) => JSON.parse(new TextDecoder().decode(await read("out", jobKey(id)))),
    putJob: async (job) => {
      await put("out", jobKey(job.id), JSON.stringify(job));
    },
    messages: async () => {
      const bodies: unknown[] = [];
      for (;;) {
        const batch = await sqs.send(new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10 }));
        const messages = batch.Messages ?? [];
        if (messages.length === 0) return bodies;
        for (const { Body = "", ReceiptHandle } of messages) {
          bodies.push(JSON.parse(Body));
          await sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle }));
        }
      }
    },
    close: async () => {
      s3.destroy();
      sqs.destroy();
      await Promise.all([s3Service.close(), sqsService.close()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
};
