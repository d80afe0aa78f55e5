import { randomUUID } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";
import type { AccessKey, TwinRole } from "../../../local/access";
import { startS3 } from "../../../local/s3/server";
import { startSqs } from "../../../local/sqs/server";

const region = "ap-northeast-2";

const key = (role: TwinRole): AccessKey => ({
  accessKeyId: `AKIA${role.toUpperCase()}`,
  secretAccessKey: randomUUID(),
  role,
});

/** The twin's S3 and SQS in this process, on free ports and in a folder of their own. */
export const startTwin = async () => {
  const directory = mkdtempSync(join(tmpdir(), "ddn-twin-"));
  const worker = key("worker");
  const operator = key("operator");
  const keys = [worker, operator];
  const buckets = { in: "twin-in", out: "twin-out" };
  const s3 = await startS3({ port: 0, directory: join(directory, "s3"), region, buckets, keys, corsOrigins: ["*"] });
  const sqs = await startSqs({
    port: 0,
    directory: join(directory, "sqs"),
    region,
    accountId: "000000000000",
    queues: { queue: "jobs", deadLetterQueue: "jobs-dead" },
    keys,
  });
  const clients = (credentials: AccessKey) => ({
    s3: new S3Client({ region, endpoint: s3.url, credentials }),
    sqs: new SQSClient({ region, endpoint: sqs.url, credentials }),
  });
  return {
    buckets,
    queueUrl: sqs.queueUrl,
    deadLetterQueueUrl: sqs.deadLetterQueueUrl,
    /** With the rights that the server has in the cloud. */
    worker: clients(worker),
    operator: clients(operator),
    /** What a server process needs to find the twin. */
    environment: {
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: worker.accessKeyId,
      AWS_SECRET_ACCESS_KEY: worker.secretAccessKey,
      AWS_ENDPOINT_URL_S3: s3.url,
      AWS_ENDPOINT_URL_SQS: sqs.url,
      DDN_IN_BUCKET: buckets.in,
      DDN_OUT_BUCKET: buckets.out,
      DDN_QUEUE_URL: sqs.queueUrl,
      DDN_DEAD_LETTER_QUEUE_URL: sqs.deadLetterQueueUrl,
    },
    close: async () => {
      await Promise.all([s3.close(), sqs.close()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
};
