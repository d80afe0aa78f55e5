import { createHash } from "node:crypto";
import { invalidParameter, missingParameter, outOfRange, QueueError, queueDoesNotExist, serviceError } from "./problem";
import type { Message, QueueSettings, Received } from "./queue";
import type { Queues } from "./queues";

export type Parameters = Readonly<Record<string, unknown>>;

/** What an action needs besides its parameters. */
export interface ActionContext {
  readonly queues: Queues;
  readonly region: string;
  readonly accountId: string;
  /** Where the queues are reached: the origin of their URLs. */
  readonly endpoint: string;
  /** Aborted when the caller went away. */
  readonly signal: AbortSignal;
}

export interface Action {
  /** The IAM permission that the action needs; the batch forms need that of the single ones. */
  readonly permission: string;
  readonly run: (queue: QueueSettings, parameters: Parameters, context: ActionContext) => Promise<unknown>;
}

/** Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
export const limits = {
  bodyBytes: 1024 * 1024,
  delaySeconds: 900,
  visibilitySeconds: 43_200,
  waitSeconds: 20,
  batch: 10,
} as const;

/** Tab, line feed, carriage return and whatever else XML 1.0 allows. */
const foreignCharacter = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

const md5 = (text: string): string => createHash("md5").update(text).digest("hex");

const optionalInteger = (parameters: Parameters, name: string, min: number, max: number): number | undefined => {
  const value = parameters[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw outOfRange(name, value, `Must be between ${min} and ${max}, if provided.`);
};

const integer = (parameters: Parameters, name: string, min: number, max: number): number => {
  const value = optionalInteger(parameters, name, min, max);
  if (value === undefined) throw missingParameter(name);
  return value;
};

const text = (parameters: Parameters, name: string): string => {
  const value = parameters[name];
  if (value === undefined || value === null || value === "") throw missingParameter(name);
  if (typeof value !== "string") throw invalidParameter(`Expected a string for \`${name}\`.`);
  return value;
};

const names = (parameters: Parameters, name: string): string[] => {
  const value = parameters[name] ?? [];
  if (!Array.isArray(value) || value.some((each) => typeof each !== "string")) {
    throw invalidParameter(`Expected an array of strings for \`${name}\`.`);
  }
  return value;
};

const messageToSend = (parameters: Parameters): { readonly body: string; readonly delaySeconds: number } => {
  const body = text(parameters, "MessageBody");
  if (Buffer.byteLength(body) > limits.bodyBytes) {
    throw invalidParameter(
      `One or more parameters are invalid. Reason: Message must be shorter than ${limits.bodyBytes} bytes.`,
    );
  }
  if (foreignCharacter.test(body)) {
    throw new QueueError("InvalidMessageContents", "The message contains characters outside the allowed set.");
  }
  for (const name of ["MessageAttributes", "MessageSystemAttributes", "MessageGroupId", "MessageDeduplicationId"]) {
    const value = parameters[name];
    if (value !== undefined && value !== null && JSON.stringify(value) !== "{}") {
      throw serviceError("UnsupportedOperation", `Expected no \`${name}\`: this queue carries bodies only.`);
    }
  }
  return { body, delaySeconds: optionalInteger(parameters, "DelaySeconds", 0, limits.delaySeconds) ?? 0 };
};

const messageAttributeNames = [
  "SenderId",
  "SentTimestamp",
  "ApproximateReceiveCount",
  "ApproximateFirstReceiveTimestamp",
  // SQS knows these too, but no message here has them.
  "SequenceNumber",
  "MessageDeduplicationId",
  "MessageGroupId",
  "AWSTraceHeader",
  "DeadLetterQueueSourceArn",
];

const messageAttributes = (message: Received, accountId: string): Record<string, string> => ({
  SenderId: accountId,
  SentTimestamp: String(message.sentAt),
  ApproximateReceiveCount: String(message.receiveCount),
  ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
});

/** The attribute names asked for; checked before a message is taken. */
const attributeNames = (parameters: Parameters, lists: readonly string[], known: readonly string[]): string[] => {
  const wanted = lists.flatMap((list) => names(parameters, list));
  const stranger = wanted.find((name) => name !== "All" && !known.includes(name));
  if (stranger !== undefined) throw new QueueError("InvalidAttributeName", `Unknown Attribute ${stranger}.`);
  return wanted;
};

const selected = (
  attributes: Readonly<Record<string, string>>,
  wanted: readonly string[],
): Record<string, string> | undefined => {
  const entries = Object.entries(attributes).filter(([name]) => wanted.includes("All") || wanted.includes(name));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
};

const queueAttributes = (queue: QueueSettings, context: ActionContext): Record<string, string> => {
  const arn = (name: string): string => `arn:aws:sqs:${context.region}:${context.accountId}:${name}`;
  const counts = context.queues.counts(queue.name);
  return {
    ApproximateNumberOfMessages: String(counts.visible),
    ApproximateNumberOfMessagesNotVisible: String(counts.notVisible),
    ApproximateNumberOfMessagesDelayed: String(counts.delayed),
    QueueArn: arn(queue.name),
    VisibilityTimeout: String(queue.visibilitySeconds),
    MessageRetentionPeriod: String(queue.retentionSeconds),
    MaximumMessageSize: String(limits.bodyBytes),
    DelaySeconds: "0",
    ReceiveMessageWaitTimeSeconds: "0",
    SqsManagedSseEnabled: "false",
    ...(queue.redrive === undefined
      ? {}
      : {
          RedrivePolicy: JSON.stringify({
            deadLetterTargetArn: arn(queue.redrive.deadLetterQueue),
            maxReceiveCount: queue.redrive.maxReceiveCount,
          }),
        }),
  };
};

type Entry = Parameters & { readonly Id: string };

const batchEntries = (parameters: Parameters): Entry[] => {
  const entries = parameters.Entries;
  if (!Array.isArray(entries) || entries.length === 0) {
    throw serviceError("EmptyBatchRequest", "There should be at least one entry in the request.");
  }
  if (entries.length > limits.batch) {
    throw serviceError(
      "TooManyEntriesInBatchRequest",
      `Maximum number of entries per request are ${limits.batch}. You have sent ${entries.length}.`,
    );
  }
  for (const entry of entries) {
    const id: unknown = entry?.Id;
    if (typeof id !== "string" || !/^[\w-]{1,80}$/.test(id)) {
      throw serviceError(
        "InvalidBatchEntryId",
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
      );
    }
  }
  if (new Set(entries.map(({ Id: id }) => id)).size < entries.length) {
    throw serviceError("BatchEntryIdsNotDistinct", "Two or more batch entries have the same id.");
  }
  return entries;
};

interface BatchAnswer {
  readonly Successful: unknown[];
  readonly Failed: unknown[];
}

/** Runs a single action for each entry; one that fails does not keep the others from succeeding. */
const eachEntry = async (
  parameters: Parameters,
  run: (entry: Entry) => Promise<Record<string, unknown>>,
): Promise<BatchAnswer> => {
  const answer: BatchAnswer = { Successful: [], Failed: [] };
  const settled = await Promise.all(
    batchEntries(parameters).map(async (entry) => {
      try {
        return { ok: true, value: { Id: entry.Id, ...(await run(entry)) } };
      } catch (error) {
        if (!(error instanceof QueueError)) throw error;
        return {
          ok: false,
          value: { Id: entry.Id, Code: error.queryCode, Message: error.message, SenderFault: error.status < 500 },
        };
      }
    }),
  );
  for (const { ok, value } of settled) (ok ? answer.Successful : answer.Failed).push(value);
  return answer;
};

const sendOne = async (
  queue: QueueSettings,
  parameters: Parameters,
  { queues }: ActionContext,
): Promise<{ readonly MessageId: string; readonly MD5OfMessageBody: string }> => {
  const [sent] = (await queues.send(queue.name, [messageToSend(parameters)])) as [Message];
  return { MessageId: sent.id, MD5OfMessageBody: md5(sent.body) };
};

const deleteOne = async (queue: QueueSettings, parameters: Parameters, { queues }: ActionContext) => {
  await queues.remove(queue.name, text(parameters, "ReceiptHandle"));
  return {};
};

const changeOne = async (queue: QueueSettings, parameters: Parameters, { queues }: ActionContext) => {
  const handle = text(parameters, "ReceiptHandle");
  await queues.changeVisibility(
    queue.name,
    handle,
    integer(parameters, "VisibilityTimeout", 0, limits.visibilitySeconds),
  );
  return {};
};

const queueUrl = (queue: QueueSettings, { endpoint, accountId }: ActionContext): string =>
  `${endpoint}/${accountId}/${queue.name}`;

/** The actions of SQS that the platform and its tools use, by the name in `X-Amz-Target`. */
export const actions: Readonly<Record<string, Action>> = {
  SendMessage: { permission: "sqs:SendMessage", run: sendOne },

  SendMessageBatch: {
    permission: "sqs:SendMessage",
    run: async (queue, parameters, context) => {
      const bytes = batchEntries(parameters).reduce(
        (sum, { MessageBody: body }) => sum + (typeof body === "string" ? Buffer.byteLength(body) : 0),
        0,
      );
      if (bytes > limits.bodyBytes) {
        throw serviceError(
          "BatchRequestTooLong",
          `Batch requests cannot be longer than ${limits.bodyBytes} bytes. You have sent ${bytes} bytes.`,
        );
      }
      return eachEntry(parameters, (entry) => sendOne(queue, entry, context));
    },
  },

  ReceiveMessage: {
    permission: "sqs:ReceiveMessage",
    run: async (queue, parameters, { queues, accountId, signal }) => {
      const wanted = attributeNames(
        parameters,
        ["AttributeNames", "MessageSystemAttributeNames"],
        messageAttributeNames,
      );
      const received = await queues.receive(queue.name, {
        limit: optionalInteger(parameters, "MaxNumberOfMessages", 1, limits.batch) ?? 1,
        visibilitySeconds:
          optionalInteger(parameters, "VisibilityTimeout", 0, limits.visibilitySeconds) ?? queue.visibilitySeconds,
        waitSeconds: optionalInteger(parameters, "WaitTimeSeconds", 0, limits.waitSeconds) ?? 0,
        signal,
      });
      if (received.length === 0) return {};
      return {
        Messages: received.map((message) => ({
          MessageId: message.id,
          ReceiptHandle: message.receiptHandle,
          MD5OfBody: md5(message.body),
          Body: message.body,
          Attributes: selected(messageAttributes(message, accountId), wanted),
        })),
      };
    },
  },

  DeleteMessage: { permission: "sqs:DeleteMessage", run: deleteOne },

  DeleteMessageBatch: {
    permission: "sqs:DeleteMessage",
    run: (queue, parameters, context) => eachEntry(parameters, (entry) => deleteOne(queue, entry, context)),
  },

  ChangeMessageVisibility: { permission: "sqs:ChangeMessageVisibility", run: changeOne },

  ChangeMessageVisibilityBatch: {
    permission: "sqs:ChangeMessageVisibility",
    run: (queue, parameters, context) => eachEntry(parameters, (entry) => changeOne(queue, entry, context)),
  },

  GetQueueAttributes: {
    permission: "sqs:GetQueueAttributes",
    run: async (queue, parameters, context) => {
      const attributes = queueAttributes(queue, context);
      const known = [...Object.keys(attributes), "RedrivePolicy"];
      return { Attributes: selected(attributes, attributeNames(parameters, ["AttributeNames"], known)) };
    },
  },

  GetQueueUrl: {
    permission: "sqs:GetQueueUrl",
    run: async (queue, _parameters, context) => ({ QueueUrl: queueUrl(queue, context) }),
  },

  PurgeQueue: {
    permission: "sqs:PurgeQueue",
    run: async (queue, _parameters, { queues }) => {
      await queues.purge(queue.name);
      return {};
    },
  },
};

/** The queue that a request is about: the last part of `QueueUrl`, or `QueueName`. */
export const queueOf = (parameters: Parameters, { queues, accountId }: ActionContext): QueueSettings => {
  if (typeof parameters.QueueName === "string") return queues.find(parameters.QueueName);
  const match = /^(?:https?:\/\/[^/]+)?\/([^/]+)\/([^/]+)$/.exec(text(parameters, "QueueUrl"));
  if (match?.[1] !== accountId || match[2] === undefined) throw queueDoesNotExist();
  return queues.find(match[2]);
};
