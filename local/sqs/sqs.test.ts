// Does not prove: how AWS orders, samples or delays messages across its hosts; this queue is one process.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  type ReceiveMessageCommandInput,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AccessKey, TwinRole } from "../access";
import { type Sqs, type SqsConfig, startSqs } from "./server";

const roles: TwinRole[] = ["operator", "worker", "jobs", "ping", "presign"];
const keys: AccessKey[] = roles.map((role) => ({
  role,
  accessKeyId: `AKIA${role.toUpperCase()}`,
  secretAccessKey: `secret-of-${role}`,
}));

let directory: string;
let sqs: Sqs;
let clock: number;
let clients: SQSClient[];

const config = (overrides: Partial<SqsConfig> = {}): SqsConfig => ({
  port: 0,
  directory,
  region: "ap-northeast-2",
  accountId: "000000000000",
  queues: { queue: "ddn-jobs", deadLetterQueue: "ddn-jobs-dead" },
  keys,
  ...overrides,
});

const clientOf = (role: TwinRole, secretAccessKey = `secret-of-${role}`): SQSClient => {
  const client = new SQSClient({
    endpoint: sqs.url,
    region: "ap-northeast-2",
    maxAttempts: 1,
    credentials: { accessKeyId: `AKIA${role.toUpperCase()}`, secretAccessKey },
  });
  clients.push(client);
  return client;
};

const restart = async (overrides: Partial<SqsConfig> = {}): Promise<void> => {
  await sqs.close();
  sqs = await startSqs(config(overrides), { now: () => clock });
};

const send = (body: string, delaySeconds?: number) =>
  clientOf("operator").send(
    new SendMessageCommand({ QueueUrl: sqs.queueUrl, MessageBody: body, DelaySeconds: delaySeconds }),
  );

const receive = async (
  input: Partial<ReceiveMessageCommandInput> = {},
  client = clientOf("operator"),
): Promise<Message[]> =>
  (await client.send(new ReceiveMessageCommand({ QueueUrl: sqs.queueUrl, ...input }))).Messages ?? [];

const bodies = (messages: Message[]): (string | undefined)[] => messages.map(({ Body }) => Body);

const counts = async (queueUrl = sqs.queueUrl) => {
  const { Attributes } = await clientOf("operator").send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ["All"] }),
  );
  return [
    Attributes?.ApproximateNumberOfMessages,
    Attributes?.ApproximateNumberOfMessagesNotVisible,
    Attributes?.ApproximateNumberOfMessagesDelayed,
  ].map(Number);
};

const remove = (receiptHandle: string | undefined, client = clientOf("operator")) =>
  client.send(new DeleteMessageCommand({ QueueUrl: sqs.queueUrl, ReceiptHandle: receiptHandle }));

const changeVisibility = (receiptHandle: string | undefined, seconds: number) =>
  clientOf("operator").send(
    new ChangeMessageVisibilityCommand({
      QueueUrl: sqs.queueUrl,
      ReceiptHandle: receiptHandle,
      VisibilityTimeout: seconds,
    }),
  );

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "ddn-sqs-"));
  clock = Date.parse("2026-01-01T00:00:00Z");
  clients = [];
  sqs = await startSqs(config(), { now: () => clock });
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  await sqs.close();
  rmSync(directory, { recursive: true });
});

describe("sending", () => {
  it("answers with the message's id and the MD5 of its body", async () => {
    const sent = await send("안녕 {}");
    expect(sent.MD5OfMessageBody).toBe(createHash("md5").update("안녕 {}").digest("hex"));
    expect(bodies(await receive())).toEqual(["안녕 {}"]);
  });

  it("keeps a delayed message hidden until its delay is over", async () => {
    await send("later", 60);
    expect(await receive()).toEqual([]);
    expect(await counts()).toEqual([0, 0, 1]);
    clock += 60_000;
    expect(bodies(await receive())).toEqual(["later"]);
  });

  it("takes a body of exactly 1 MiB and refuses one byte more", async () => {
    await send("x".repeat(1024 * 1024));
    await expect(send("x".repeat(1024 * 1024 + 1))).rejects.toMatchObject({
      name: "InvalidParameterValue",
      message: "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
    });
  });

  it("sends the good entries of a batch and names the bad ones", async () => {
    const answer = await clientOf("operator").send(
      new SendMessageBatchCommand({
        QueueUrl: sqs.queueUrl,
        Entries: [
          { Id: "a", MessageBody: "one" },
          { Id: "b", MessageBody: "two", DelaySeconds: 901 },
          { Id: "c", MessageBody: "three" },
        ],
      }),
    );
    expect(answer.Successful?.map(({ Id }) => Id)).toEqual(["a", "c"]);
    expect(answer.Failed).toEqual([
      {
        Id: "b",
        Code: "InvalidParameterValue",
        Message: "Value 901 for parameter DelaySeconds is invalid. Reason: Must be between 0 and 900, if provided.",
        SenderFault: true,
      },
    ]);
    expect(bodies(await receive({ MaxNumberOfMessages: 10 }))).toEqual(["one", "three"]);
  });

  it.each([
    ["no body", { MessageBody: "" }, "MissingParameter"],
    ["a control character", { MessageBody: "a\u0000b" }, "InvalidMessageContents"],
    ["a delay below zero", { MessageBody: "a", DelaySeconds: -1 }, "InvalidParameterValue"],
    ["a delay that is no integer", { MessageBody: "a", DelaySeconds: 1.5 }, "InvalidParameterValue"],
    [
      "message attributes, which it would lose",
      { MessageBody: "a", MessageAttributes: { k: { DataType: "String", StringValue: "v" } } },
      "AWS.SimpleQueueService.UnsupportedOperation",
    ],
  ])("refuses %s", async (_, input, code) => {
    await expect(
      clientOf("operator").send(new SendMessageCommand({ QueueUrl: sqs.queueUrl, ...input })),
    ).rejects.toMatchObject({ Error: { Code: code } });
    expect(await counts()).toEqual([0, 0, 0]);
  });

  it.each([
    ["no entries", [], "AWS.SimpleQueueService.EmptyBatchRequest"],
    ["an id twice", ["a", "a"], "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"],
    ["an entry without an id", [undefined], "AWS.SimpleQueueService.InvalidBatchEntryId"],
    ["a bad id", ["a b"], "AWS.SimpleQueueService.InvalidBatchEntryId"],
    ["11 entries", [..."abcdefghijk"], "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"],
  ])("refuses a batch with %s", async (_, ids, code) => {
    const entries = ids.map((id) => ({ Id: id, MessageBody: "x" }));
    await expect(
      clientOf("operator").send(new SendMessageBatchCommand({ QueueUrl: sqs.queueUrl, Entries: entries })),
    ).rejects.toMatchObject({ Error: { Code: code } });
  });

  it("refuses a batch of more than 1 MiB together", async () => {
    const entries = ["a", "b"].map((id) => ({ Id: id, MessageBody: "x".repeat(600_000) }));
    await expect(
      clientOf("operator").send(new SendMessageBatchCommand({ QueueUrl: sqs.queueUrl, Entries: entries })),
    ).rejects.toMatchObject({ Error: { Code: "AWS.SimpleQueueService.BatchRequestTooLong" } });
  });
});

describe("receiving", () => {
  it("hides a received message for 60 s, then gives it again and counts", async () => {
    await send("once");
    await receive();
    expect(await counts()).toEqual([0, 1, 0]);
    clock += 59_999;
    expect(await receive()).toEqual([]);
    clock += 1;
    const [again] = await receive({ MessageSystemAttributeNames: ["All"] });
    expect(again?.Attributes).toEqual({
      SenderId: "000000000000",
      SentTimestamp: String(clock - 60_000),
      ApproximateFirstReceiveTimestamp: String(clock - 60_000),
      ApproximateReceiveCount: "2",
    });
  });

  it("gives only the attributes asked for, by the old parameter name too", async () => {
    await send("once");
    const [message] = await receive({ AttributeNames: ["ApproximateReceiveCount" as "All"] });
    expect(message?.Attributes).toEqual({ ApproximateReceiveCount: "1" });
  });

  it("refuses an unknown attribute and takes no message", async () => {
    await send("once");
    await expect(receive({ MessageSystemAttributeNames: ["Colour" as "All"] })).rejects.toMatchObject({
      name: "InvalidAttributeName",
    });
    expect(await counts()).toEqual([1, 0, 0]);
  });

  it("gives as many messages as asked for, oldest first", async () => {
    for (const body of ["1", "2", "3"]) await send(body);
    expect(bodies(await receive({ MaxNumberOfMessages: 2 }))).toEqual(["1", "2"]);
    expect(bodies(await receive({ MaxNumberOfMessages: 2 }))).toEqual(["3"]);
  });

  it("wakes a long poll as soon as a message is sent", async () => {
    const polling = receive({ WaitTimeSeconds: 20 });
    await send("news");
    expect(bodies(await polling)).toEqual(["news"]);
  });

  it("wakes a long poll when a delay ends", async () => {
    await sqs.close();
    sqs = await startSqs(config());
    await send("delayed", 1);
    expect(bodies(await receive({ WaitTimeSeconds: 20 }))).toEqual(["delayed"]);
  });

  it("gives a message to one of two long polls only", async () => {
    const polls = [receive({ WaitTimeSeconds: 20 }), receive({ WaitTimeSeconds: 20 })];
    await send("first");
    await Promise.race(polls);
    expect(await counts()).toEqual([0, 1, 0]);
    await send("second");
    expect((await Promise.all(polls)).flatMap(bodies).sort()).toEqual(["first", "second"]);
  });

  it("gives no message to a caller that has gone away", async () => {
    const abort = new AbortController();
    const polling = clientOf("operator").send(
      new ReceiveMessageCommand({ QueueUrl: sqs.queueUrl, WaitTimeSeconds: 20 }),
      { abortSignal: abort.signal },
    );
    await counts();
    abort.abort();
    await expect(polling).rejects.toThrow();
    await send("for somebody else");
    expect(bodies(await receive({ WaitTimeSeconds: 20 }))).toEqual(["for somebody else"]);
  });

  it.each([
    ["MaxNumberOfMessages", 11],
    ["MaxNumberOfMessages", 0],
    ["WaitTimeSeconds", 21],
    ["VisibilityTimeout", 43_201],
  ])("refuses %s %i", async (name, value) => {
    await expect(receive({ [name]: value })).rejects.toMatchObject({ name: "InvalidParameterValue" });
  });

  it("drops a message after 14 days", async () => {
    await send("old");
    clock += 1_209_600_000;
    expect(await receive()).toEqual([]);
    expect(await counts()).toEqual([0, 0, 0]);
  });
});

describe("receipt handles", () => {
  it("delete the message", async () => {
    await send("done");
    const [message] = await receive();
    await remove(message?.ReceiptHandle);
    clock += 60_000;
    expect(await receive()).toEqual([]);
  });

  it("delete even after the visibility ran out, while nobody else received it", async () => {
    await send("late");
    const [message] = await receive();
    clock += 60_000;
    await remove(message?.ReceiptHandle);
    expect(await receive()).toEqual([]);
  });

  it("of an earlier receive succeed and delete nothing", async () => {
    await send("twice");
    const [first] = await receive();
    clock += 60_000;
    const [second] = await receive();
    await remove(first?.ReceiptHandle);
    expect(await counts()).toEqual([0, 1, 0]);
    await remove(second?.ReceiptHandle);
    expect(await counts()).toEqual([0, 0, 0]);
  });

  it("that were never given out are refused", async () => {
    await expect(remove("nonsense")).rejects.toMatchObject({
      name: "ReceiptHandleIsInvalid",
      message: 'The input receipt handle "nonsense" is not a valid receipt handle.',
    });
  });

  it("hold a message longer, hand it back at once, and say when it is not in flight", async () => {
    await send("held");
    const [message] = await receive();
    clock += 50_000;
    await changeVisibility(message?.ReceiptHandle, 60);
    clock += 50_000;
    expect(await receive()).toEqual([]);
    await changeVisibility(message?.ReceiptHandle, 0);
    expect(await counts()).toEqual([1, 0, 0]);
    await expect(changeVisibility(message?.ReceiptHandle, 60)).rejects.toMatchObject({ name: "MessageNotInflight" });
  });

  it("cannot hold a message for more than 12 hours after its receive", async () => {
    await send("forever");
    const [message] = await receive({ VisibilityTimeout: 43_200 });
    clock += 1000;
    await expect(changeVisibility(message?.ReceiptHandle, 43_200)).rejects.toMatchObject({
      name: "InvalidParameterValue",
      message:
        "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds].",
    });
  });

  it("work in batches", async () => {
    for (const body of ["1", "2"]) await send(body);
    const [one, two] = await receive({ MaxNumberOfMessages: 10 });
    const changed = await clientOf("operator").send(
      new ChangeMessageVisibilityBatchCommand({
        QueueUrl: sqs.queueUrl,
        Entries: [{ Id: "x", ReceiptHandle: one?.ReceiptHandle, VisibilityTimeout: 0 }],
      }),
    );
    expect(changed.Successful).toEqual([{ Id: "x" }]);
    const deleted = await clientOf("operator").send(
      new DeleteMessageBatchCommand({
        QueueUrl: sqs.queueUrl,
        Entries: [
          { Id: "y", ReceiptHandle: two?.ReceiptHandle },
          { Id: "z", ReceiptHandle: "nonsense" },
        ],
      }),
    );
    expect(deleted.Successful).toEqual([{ Id: "y" }]);
    expect(deleted.Failed?.map(({ Id, Code }) => [Id, Code])).toEqual([["z", "ReceiptHandleIsInvalid"]]);
    expect(await counts()).toEqual([1, 0, 0]);
  });
});

describe("the dead-letter queue", () => {
  it("gets a message that was received too often, with its age", async () => {
    await restart({ maxReceiveCount: 2 });
    const sentAt = clock;
    await send("poison");
    for (const _ of [1, 2]) {
      expect(bodies(await receive())).toEqual(["poison"]);
      clock += 60_000;
    }
    expect(await receive()).toEqual([]);
    const dead = await receive({ QueueUrl: sqs.deadLetterQueueUrl, MessageSystemAttributeNames: ["SentTimestamp"] });
    expect(bodies(dead)).toEqual(["poison"]);
    expect(dead[0]?.Attributes?.SentTimestamp).toBe(String(sentAt));
    expect(await counts()).toEqual([0, 0, 0]);
  });

  it("stands in the queue's attributes", async () => {
    const { Attributes } = await clientOf("operator").send(
      new GetQueueAttributesCommand({ QueueUrl: sqs.queueUrl, AttributeNames: ["RedrivePolicy", "QueueArn"] }),
    );
    expect(Attributes).toEqual({
      QueueArn: "arn:aws:sqs:ap-northeast-2:000000000000:ddn-jobs",
      RedrivePolicy:
        '{"deadLetterTargetArn":"arn:aws:sqs:ap-northeast-2:000000000000:ddn-jobs-dead","maxReceiveCount":100}',
    });
  });
});

describe("a restart", () => {
  it("keeps messages, delays, counts and receipt handles, and forgets the deleted", async () => {
    await send("in flight");
    const [held] = await receive();
    await send("deleted");
    const [deleted] = await receive();
    await remove(deleted?.ReceiptHandle);
    await send("delayed", 900);
    await send("waiting");
    await restart();
    expect(await counts()).toEqual([1, 1, 1]);
    await remove(held?.ReceiptHandle);
    clock += 900_000;
    expect(bodies(await receive({ MaxNumberOfMessages: 10 }))).toEqual(["delayed", "waiting"]);
  });

  it("forgets a line that was torn by kill -9", async () => {
    await send("whole");
    await sqs.close();
    appendFileSync(join(directory, "queues.jsonl"), '{"queue":"ddn-jobs","id":"torn","bo');
    sqs = await startSqs(config(), { now: () => clock });
    expect(bodies(await receive({ MaxNumberOfMessages: 10 }))).toEqual(["whole"]);
  });

  it("finds a message on disk as soon as it was answered for", async () => {
    await send("acknowledged");
    expect(readFileSync(join(directory, "queues.jsonl"), "utf8")).toContain('"body":"acknowledged"');
  });

  it("says which file is damaged when a line in the middle is", async () => {
    await sqs.close();
    appendFileSync(join(directory, "queues.jsonl"), "nonsense\n");
    const file = join(directory, "queues.jsonl");
    await expect(startSqs(config())).rejects.toThrow(
      `Expected JSON in line 1 of ${file}. Move the file away to start empty.`,
    );
    rmSync(file);
    sqs = await startSqs(config());
  });

  it("finds a short log after a long life, with what is still there", async () => {
    const client = clientOf("operator");
    await send("kept");
    for (let round = 0; round < 60; round += 1) {
      const entries = [..."0123456789"].map((id) => ({ Id: id, MessageBody: "x".repeat(100) }));
      await client.send(new SendMessageBatchCommand({ QueueUrl: sqs.queueUrl, Entries: entries }));
      const messages = await receive({ MaxNumberOfMessages: 10, VisibilityTimeout: 0 }, client);
      const others = messages.filter(({ Body }) => Body !== "kept");
      await client.send(
        new DeleteMessageBatchCommand({
          QueueUrl: sqs.queueUrl,
          Entries: others.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
        }),
      );
    }
    expect(statSync(join(directory, "queues.jsonl")).size).toBeLessThan(250_000);
    await restart();
    expect((await counts())[0]).toBe(61);
  });
});

describe("who may do what", () => {
  it("refuses a wrong secret", async () => {
    await expect(receive({}, clientOf("worker", "guessed"))).rejects.toMatchObject({
      name: "SignatureDoesNotMatch",
      $metadata: { httpStatusCode: 403 },
    });
  });

  it("refuses a request without a signature", async () => {
    const response = await fetch(sqs.queueUrl, {
      method: "POST",
      headers: { "x-amz-target": "AmazonSQS.PurgeQueue", "content-type": "application/x-amz-json-1.0" },
      body: JSON.stringify({ QueueUrl: sqs.queueUrl }),
    });
    expect(response.status).toBe(403);
    expect(response.headers.get("x-amzn-query-error")).toBe("AccessDenied;Sender");
  });

  it.each([
    ["jobs", "ReceiveMessage", new ReceiveMessageCommand({ QueueUrl: "queue" })],
    ["ping", "SendMessage", new SendMessageCommand({ QueueUrl: "queue", MessageBody: "x" })],
    ["presign", "GetQueueAttributes", new GetQueueAttributesCommand({ QueueUrl: "queue" })],
    ["worker", "PurgeQueue", new PurgeQueueCommand({ QueueUrl: "queue" })],
    ["worker", "ReceiveMessage", new ReceiveMessageCommand({ QueueUrl: "deadLetterQueue" })],
  ] as const)("%s may not %s", async (role, action, command) => {
    command.input.QueueUrl = command.input.QueueUrl === "queue" ? sqs.queueUrl : sqs.deadLetterQueueUrl;
    await expect(clientOf(role).send(command as SendMessageCommand)).rejects.toMatchObject({
      name: "AccessDenied",
      message: expect.stringContaining(`User: ${role} is not authorized to perform: sqs:${action.toLowerCase()}`),
      $metadata: { httpStatusCode: 403 },
    });
  });

  it("lets the worker send to the dead-letter queue and the operator purge it", async () => {
    await clientOf("worker").send(new SendMessageCommand({ QueueUrl: sqs.deadLetterQueueUrl, MessageBody: "dead" }));
    expect(await counts(sqs.deadLetterQueueUrl)).toEqual([1, 0, 0]);
    await clientOf("operator").send(new PurgeQueueCommand({ QueueUrl: sqs.deadLetterQueueUrl }));
    expect(await counts(sqs.deadLetterQueueUrl)).toEqual([0, 0, 0]);
  });
});

describe("queues and actions", () => {
  it("finds a queue by its name", async () => {
    const { QueueUrl } = await clientOf("operator").send(new GetQueueUrlCommand({ QueueName: "ddn-jobs" }));
    expect(QueueUrl).toBe(sqs.queueUrl);
  });

  it("meet no expectation but 100-continue, and say so in JSON", async () => {
    const socket = connect(Number(new URL(sqs.url).port), "127.0.0.1");
    socket.write("POST / HTTP/1.1\r\nhost: h\r\nexpect: wonders\r\ncontent-length: 2\r\n\r\n");
    const [answer] = await once(socket, "data");
    expect(`${answer}`).toMatch(
      /^HTTP\/1.1 417 .*x-amzn-query-error: ExpectationFailed;Sender.*connection: close.*\{"__type":"com.amazonaws.sqs#ExpectationFailed",/is,
    );
    socket.destroy();
  });

  it("says that another queue does not exist", async () => {
    await expect(receive({ QueueUrl: `${sqs.url}/000000000000/other` })).rejects.toMatchObject({
      name: "QueueDoesNotExist",
      message: "The specified queue does not exist.",
      $metadata: { httpStatusCode: 400 },
    });
  });
});
