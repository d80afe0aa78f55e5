import type { S3ClientConfig } from "@aws-sdk/client-s3";
import type { SQSClientConfig } from "@aws-sdk/client-sqs";
import { expected } from "../contract/problem";

/** Laid over the settings of the AWS clients; the local twin gives endpoints and keys here, the cloud gives nothing. */
export interface ClientSettings {
  readonly s3?: S3ClientConfig;
  readonly sqs?: SQSClientConfig;
}

export interface PresignSettings {
  readonly inBucket: string;
  readonly outBucket: string;
  /** The largest image file, bytes. */
  readonly maxBytes: number;
  /** Whether every upload must state its size. */
  readonly requireSize: boolean;
  readonly clients?: ClientSettings;
}

export interface JobsSettings {
  readonly inBucket: string;
  readonly outBucket: string;
  readonly queueUrl: string;
  /** The largest image file, bytes. */
  readonly maxBytes: number;
  /** Seconds until a sleeping stack has woken; absent on a stack that never sleeps. */
  readonly wakeSeconds?: number;
  /** The stack in metrics; absent where nobody counts. */
  readonly stack?: string;
  readonly clients?: ClientSettings;
}

export interface PingSettings {
  readonly outBucket: string;
  readonly queueUrl: string;
  readonly clients?: ClientSettings;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The most that one PUT to S3 can carry. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html */
const defaultMaxBytes = 5 * 1024 ** 3;

const text = (env: Environment, name: string): string => {
  const value = env[name];
  if (value === undefined || value === "") throw new Error(expected("a value", name, value));
  return value;
};

const wholeNumber = (env: Environment, name: string): number | undefined => {
  const value = env[name];
  if (value === undefined) return undefined;
  if (!/^[1-9]\d{0,14}$/.test(value)) throw new Error(expected("a whole number from 1", name, value));
  return Number(value);
};

const flag = (env: Environment, name: string): boolean => {
  const value = env[name] ?? "false";
  if (value !== "true" && value !== "false") throw new Error(expected("true or false", name, value));
  return value === "true";
};

/** From `DDN_IN_BUCKET`, `DDN_OUT_BUCKET`, `DDN_MAX_BYTES` (5 GiB) and `DDN_REQUIRE_SIZE` (false). */
export const presignSettings = (env: Environment): PresignSettings => ({
  inBucket: text(env, "DDN_IN_BUCKET"),
  outBucket: text(env, "DDN_OUT_BUCKET"),
  maxBytes: wholeNumber(env, "DDN_MAX_BYTES") ?? defaultMaxBytes,
  requireSize: flag(env, "DDN_REQUIRE_SIZE"),
});

/**
 * From `DDN_IN_BUCKET`, `DDN_OUT_BUCKET`, `DDN_QUEUE_URL`, `DDN_MAX_BYTES` (5 GiB), `DDN_WAKE_SECONDS` (never sleeps) and
 * `DDN_STACK` (counts nothing).
 */
export const jobsSettings = (env: Environment): JobsSettings => {
  const wakeSeconds = wholeNumber(env, "DDN_WAKE_SECONDS");
  const stack = env.DDN_STACK;
  return {
    inBucket: text(env, "DDN_IN_BUCKET"),
    outBucket: text(env, "DDN_OUT_BUCKET"),
    queueUrl: text(env, "DDN_QUEUE_URL"),
    maxBytes: wholeNumber(env, "DDN_MAX_BYTES") ?? defaultMaxBytes,
    ...(wakeSeconds === undefined ? {} : { wakeSeconds }),
    ...(stack === undefined ? {} : { stack }),
  };
};

/** From `DDN_OUT_BUCKET` and `DDN_QUEUE_URL`. */
export const pingSettings = (env: Environment): PingSettings => ({
  outBucket: text(env, "DDN_OUT_BUCKET"),
  queueUrl: text(env, "DDN_QUEUE_URL"),
});
