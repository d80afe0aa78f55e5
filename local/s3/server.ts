import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { readToEnd } from "../../server/src/readToEnd";
import { closeServer } from "../closeServer";
import { AuthenticationError, authenticate } from "../sigv4";
import { defaultMaxSignatureAgeMs, type S3Config } from "./config";
import { answerPreflight, corsHeaders } from "./cors";
import { accessDenied, S3Error } from "./error";
import { openUploads } from "./multipart";
import { route, type Stores } from "./router";
import { openBucket } from "./store";
import { errorDocument } from "./xml";

/** 5 GiB at 5 MB/s, with room; a silent connection is cut much sooner. */
const requestTimeoutMs = 30 * 60 * 1000;
const headersTimeoutMs = 20_000;
const silenceMs = 60_000;
const keepAliveMs = 20_000;
const closeGraceMs = 2_000;
const pruneEveryMs = 3_600_000;
/** How much of a refused body is still read, so that clients that send it all first get to see the refusal. */
const drain = { bytes: 256 * 1024 ** 2, milliseconds: 10_000 };

export interface RunningS3 {
  /** Such as `http://127.0.0.1:9000`. */
  readonly url: string;
  /** Stops accepting, lets what is under way end for a moment, then cuts it off. */
  close(): Promise<void>;
}

const openStores = async (directory: string): Promise<Stores> => {
  const temporaryFolder = join(directory, "temporary");
  await rm(temporaryFolder, { recursive: true, force: true });
  await mkdir(temporaryFolder, { recursive: true });
  return {
    temporaryFolder,
    buckets: {
      in: await openBucket(join(directory, "in"), temporaryFolder),
      out: await openBucket(join(directory, "out"), temporaryFolder),
    },
    uploads: await openUploads(join(directory, "uploads"), temporaryFolder),
  };
};

const refusalOf = (error: unknown): S3Error => {
  if (error instanceof S3Error) return error;
  if (error instanceof AuthenticationError) return new S3Error(error.status, error.code, error.message);
  console.error(error);
  return new S3Error(500, "InternalError", "We encountered an internal error. Please try again.");
};

const refuse = async (request: IncomingMessage, response: ServerResponse, error: unknown): Promise<void> => {
  if (response.headersSent || request.socket.destroyed) {
    response.destroy();
    return;
  }
  const { status, code, message, headers } = refusalOf(error);
  // A client that waits for "100 Continue" has sent nothing yet, and now never will.
  if (!request.complete && request.headers.expect === undefined) await readToEnd(request, drain);
  if (!request.complete) response.setHeader("connection", "close");
  const requestId = String(response.getHeader("x-amz-request-id"));
  for (const name of response.getHeaderNames()) {
    if (!/^(access-control-|vary$|connection$|x-amz-request-id$)/.test(name)) response.removeHeader(name);
  }
  const body = request.method === "HEAD" ? "" : errorDocument(code, message, requestId);
  response
    .writeHead(status, { "content-type": "application/xml", "content-length": Buffer.byteLength(body), ...headers })
    .end(body);
};

const answer = async (
  request: IncomingMessage,
  response: ServerResponse,
  stores: Stores,
  config: S3Config,
): Promise<void> => {
  if (request.method === "OPTIONS") return answerPreflight(request, response, config.corsOrigins);
  const cors = corsHeaders(request.headers.origin, request.method, config.corsOrigins);
  for (const [name, value] of Object.entries(cors)) response.setHeader(name, value);
  const identity = await authenticate(request, { service: "s3", region: config.region, keys: config.keys });
  const ageMs = Date.now() - identity.signedAt.getTime();
  if (ageMs > (config.maxSignatureAgeMs ?? defaultMaxSignatureAgeMs)) {
    throw accessDenied("The signature is older than the bucket's policy allows.");
  }
  await route(request, response, identity, stores, config);
};

/** Node would answer 417 without a body; S3's errors are XML, whatever their status. */
const unmet = async (): Promise<never> => {
  throw new S3Error(417, "ExpectationFailed", "The expectation given in the Expect header could not be met.");
};

/** Serves the two buckets on 127.0.0.1, as strict as AWS where the platform depends on it. */
export const startS3 = async (config: S3Config): Promise<RunningS3> => {
  const stores = await openStores(config.directory);
  const handleWith =
    (act: (request: IncomingMessage, response: ServerResponse) => Promise<void>) =>
    (request: IncomingMessage, response: ServerResponse): void => {
      response.setHeader("x-amz-request-id", randomBytes(8).toString("hex").toUpperCase());
      act(request, response)
        .catch((error) => refuse(request, response, error))
        .catch(() => response.destroy());
    };
  const handle = handleWith((request, response) => answer(request, response, stores, config));
  const server = createServer(
    { requestTimeout: requestTimeoutMs, headersTimeout: headersTimeoutMs, keepAliveTimeout: keepAliveMs },
    handle,
  );
  // The operation itself says "100 Continue", once it knows that it wants the body.
  server.on("checkContinue", handle);
  server.on("checkExpectation", handleWith(unmet));
  server.setTimeout(silenceMs);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(config.port, "127.0.0.1", resolve);
  });
  const pruning = setInterval(() => {
    const now = new Date();
    Promise.all([stores.buckets.in.prune(now), stores.buckets.out.prune(now), stores.uploads.prune(now)]).catch(
      console.error,
    );
  }, pruneEveryMs);
  pruning.unref();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      clearInterval(pruning);
      return closeServer(server, closeGraceMs);
    },
  };
};
