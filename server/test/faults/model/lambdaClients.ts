import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
} from "@aws-sdk/client-s3";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import type { Condition, ObjectStore } from "../../../src/store/objects";
import type { JobQueue } from "../../../src/store/queue";

const refusal = (status: number): Error =>
  Object.assign(new Error(`refused with ${status}`), { $metadata: { httpStatusCode: status } });

const conditionOf = ({ IfMatch, IfNoneMatch }: PutObjectCommandInput): Condition | undefined => {
  if (IfNoneMatch !== undefined) return { absent: true };
  return IfMatch === undefined ? undefined : { etag: IfMatch };
};

/** The commands that the functions send to S3 and SQS, carried out on the store and the queue of a world. */
export const sendTo =
  (store: ObjectStore, queue: JobQueue) =>
  async (command: unknown): Promise<unknown> => {
    if (command instanceof HeadObjectCommand) {
      const { Bucket = "", Key = "" } = command.input;
      const head = await store.head(Bucket, Key);
      if (head === undefined) throw refusal(404);
      return { ContentLength: head.bytes, ETag: head.etag };
    }
    if (command instanceof GetObjectCommand) {
      const { Bucket = "", Key = "" } = command.input;
      const found = await store.readText(Bucket, Key);
      if (found === undefined) throw refusal(404);
      return { ETag: found.etag, Body: { transformToString: async () => found.text } };
    }
    if (command instanceof PutObjectCommand) {
      const { Bucket = "", Key = "", Body } = command.input;
      const written = await store.writeText(Bucket, Key, String(Body), conditionOf(command.input));
      if (written === "conflict") throw refusal(412);
      return { ETag: written.etag };
    }
    if (command instanceof SendMessageCommand) {
      const { job } = JSON.parse(command.input.MessageBody ?? "") as { job: string };
      await queue.send(job, command.input.DelaySeconds ?? 0);
      return {};
    }
    if (command instanceof ListObjectsV2Command) return { Contents: [] };
    throw new Error("Expected a command that this world knows.");
  };
