import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Resource } from "../../contract/permissions";
import { expected } from "../../contract/problem";
import { type AccessKey, allows } from "../access";
import { closeServer } from "../closeServer";
import { AuthenticationError, authenticate } from "../sigv4";
import { type ActionContext, actions, limits, type Parameters, queueOf } from "./actions";
import { QueueError, serviceError } from "./problem";
import type { QueueSettings } from "./queue";
import { openQueues } from "./queues";

export interface SqsConfig {
  /** 0 takes any free port. */
  readonly port: number;
  /** Where the journal lies; made when it is not there. */
  readonly directory: string;
  readonly region: string;
  readonly accountId: string;
  readonly queues: { readonly queue: string; readonly deadLetterQueue: string };
  readonly keys: readonly AccessKey[];
  /** Seconds that a received message stays hidden unless the receiver says otherwise. @default 60 */
  readonly visibilitySeconds?: number;
  /** A message received so often goes to the dead-letter queue. @default 100 */
  readonly maxReceiveCount?: number;
}

export interface Sqs {
  readonly url: string;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  close(): Promise<void>;
}

/** 14 days, the longest that SQS keeps a message. */
const retentionSeconds = 1_209_600;

/** A batch of the largest messages with every character escaped. */
const maxRequestBytes = 7 * limits.bodyBytes;

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Read to the end even so: a caller that is cut off while it sends never sees the answer.
    if (bytes <= maxRequestBytes) chunks.push(chunk);
  }
  if (bytes > maxRequestBytes) {
    throw serviceError("BatchRequestTooLong", `Expected at most ${maxRequestBytes} bytes but received ${bytes}.`);
  }
  return Buffer.concat(chunks);
};

const parseParameters = (body: Buffer): Parameters => {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    value = undefined;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Parameters;
  throw new QueueError("SerializationException", expected("a JSON object", "body", body.toString()));
};

const namespaceOf = (type: string): string =>
  type.endsWith("Exception") ? "com.amazon.coral.service" : "com.amazonaws.sqs";

const answer = (
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void => {
  response.writeHead(status, {
    "content-type": "application/x-amz-json-1.0",
    "x-amzn-requestid": randomUUID(),
    ...headers,
  });
  response.end(JSON.stringify(value));
};

const asQueueError = (error: unknown): QueueError => {
  if (error instanceof QueueError) return error;
  if (error instanceof AuthenticationError) {
    return new QueueError(`${error.code}Exception`, error.message, error.status, error.code);
  }
  return new QueueError("InternalFailure", "The request failed; the reason is in the queue service's own log.", 500);
};

const refuse = (response: ServerResponse, problem: QueueError, headers: Record<string, string> = {}): void =>
  answer(
    response,
    problem.status,
    { __type: `${namespaceOf(problem.type)}#${problem.type}`, message: problem.message },
    { "x-amzn-query-error": `${problem.queryCode};${problem.status < 500 ? "Sender" : "Receiver"}`, ...headers },
  );

/** Node would answer 417 without a body; SQS's errors are JSON, whatever their status. */
const expectationFailed = new QueueError("ExpectationFailed", "The expectation given in Expect could not be met.", 417);

const queueSettings = ({ queues, visibilitySeconds = 60, maxReceiveCount = 100 }: SqsConfig): QueueSettings[] => [
  {
    name: queues.queue,
    visibilitySeconds,
    retentionSeconds,
    redrive: { deadLetterQueue: queues.deadLetterQueue, maxReceiveCount },
  },
  { name: queues.deadLetterQueue, visibilitySeconds, retentionSeconds },
];

/**
 * Starts the twin's SQS on 127.0.0.1: AWS JSON 1.0, signatures verified, permissions by the one table. What it
 * answered 200 to is on disk.
 * Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
 * @param options.now the clock, milliseconds since the epoch
 * @param options.onFailure told why an answer was 500; after a JournalError only a restart helps
 */
export const startSqs = async (
  config: SqsConfig,
  options: { readonly now?: () => number; readonly onFailure?: (error: unknown) => void } = {},
): Promise<Sqs> => {
  const { now = Date.now, onFailure = () => {} } = options;
  await mkdir(config.directory, { recursive: true });
  const queues = await openQueues(join(config.directory, "queues.jsonl"), queueSettings(config), now);
  const resources: Readonly<Record<string, Resource>> = {
    [config.queues.queue]: "queue",
    [config.queues.deadLetterQueue]: "deadLetterQueue",
  };
  const inFlight = new Set<AbortController>();
  let endpoint = "";

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const gone = new AbortController();
    inFlight.add(gone);
    response.once("close", () => {
      inFlight.delete(gone);
      gone.abort();
    });
    const body = await readBody(request);
    const { role } = await authenticate(request, { service: "sqs", region: config.region, keys: config.keys, body });
    const target = String(request.headers["x-amz-target"]);
    const name = /^AmazonSQS\.(\w+)$/.exec(target)?.[1];
    if (request.method !== "POST" || name === undefined || !Object.hasOwn(actions, name)) {
      throw serviceError("UnsupportedOperation", expected("an action of SQS", "X-Amz-Target", target));
    }
    const action = actions[name];
    const parameters = parseParameters(body);
    const context: ActionContext = {
      queues,
      region: config.region,
      accountId: config.accountId,
      endpoint,
      signal: gone.signal,
    };
    const queue = queueOf(parameters, context);
    if (!allows(role, action.permission, resources[queue.name])) {
      throw new QueueError(
        "AccessDeniedException",
        `User: ${role} is not authorized to perform: ${action.permission.toLowerCase()} on resource: ${queue.name}`,
        403,
        "AccessDenied",
      );
    }
    answer(response, 200, await action.run(queue, parameters, context));
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      const problem = asQueueError(error);
      refuse(response, problem);
      if (problem.status >= 500) onFailure(error);
    });
  });
  server.on("checkExpectation", (_request, response) => refuse(response, expectationFailed, { connection: "close" }));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(config.port, "127.0.0.1", resolve);
  });
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const urlOf = (queue: string): string => `${endpoint}/${config.accountId}/${queue}`;

  return {
    url: endpoint,
    queueUrl: urlOf(config.queues.queue),
    deadLetterQueueUrl: urlOf(config.queues.deadLetterQueue),
    close: async () => {
      for (const gone of inFlight) gone.abort();
      await closeServer(server);
      await queues.close();
    },
  };
};
