import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";

const connectionTimeout = 3000;
/** Longer than SQS's long poll of 20 s. */
const socketTimeout = 30_000;

/** Milliseconds that a service may be silent. */
export const requestHandler = { connectionTimeout, socketTimeout };

const silent = (): void => {};
/** What the SDK warns of comes back as an error anyhow. */
const logger = { trace: silent, debug: silent, info: silent, warn: silent, error: silent };

/** The clients of S3 and SQS, by the environment's endpoints and credentials. */
export const createClients = (region: string): { readonly s3: S3Client; readonly sqs: SQSClient } => {
  const s3 = new S3Client({
    region,
    requestHandler,
    logger,
    // A body's SHA-256 is part of each request's signature, so that S3 refuses a torn one without a second checksum.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  const sqs = new SQSClient({ region, requestHandler, logger });
  // It prepares each request and answer for a log that nobody keeps, and they hold whole requests.
  for (const { middlewareStack } of [s3, sqs]) middlewareStack.remove("loggerMiddleware");
  return { s3, sqs };
};
