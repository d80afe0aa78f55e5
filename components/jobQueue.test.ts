// Does not prove that AWS takes the policies, nor that S3 delivers; what a worker makes of a notification is the server's test.
import { describe, expect, it } from "vitest";
import { JobQueue, type JobQueueArgs } from "./jobQueue";
import { notificationPrefix, queuePolicy, topicPolicy } from "./jobQueuePolicy";
import { accountId } from "./testing/cloud";
import { type RecordedGraph, recordGraph } from "./testing/graph";

const keyArn = "arn:aws:kms:ap-northeast-2:123456789012:key/1234";
const uploads = { bucketName: "in-bucket", bucketArn: "arn:aws:s3:::in-bucket", prefix: "auto/" };

const record = (args?: JobQueueArgs): Promise<RecordedGraph> =>
  recordGraph(() => {
    const { queueUrl, queueArn, queueName, ...queue } = new JobQueue("ddn-jobs", args);
    const { deadLetterQueueUrl, deadLetterQueueArn, deadLetterQueueName, jobTopicArn } = queue;
    return {
      queueUrl,
      queueArn,
      queueName,
      deadLetterQueueUrl,
      deadLetterQueueArn,
      deadLetterQueueName,
      jobTopicArn,
    };
  });

const find = ({ resources }: RecordedGraph, type: string, name: string) => {
  const found = resources.filter((resource) => resource.type === type && resource.name === name);
  expect(found.length, `${type} ${name}`).toBe(1);
  return found[0];
};

const json = (text: unknown): unknown => JSON.parse(String(text));

const tlsOnly = (action: string, resource: unknown) => ({
  Sid: "OnlyTls",
  Effect: "Deny",
  Principal: "*",
  Action: action,
  Resource: resource,
  Condition: { Bool: { "aws:SecureTransport": "false" } },
});

describe("JobQueue", () => {
  it("makes a queue with the contract's timings and its dead-letter queue, named by Pulumi", async () => {
    const graph = await record();
    const { outputs } = graph;

    const queue = find(graph, "aws:sqs/queue:Queue", "ddn-jobs").props;
    expect(queue).toEqual({
      messageRetentionSeconds: 1_209_600,
      visibilityTimeoutSeconds: 60,
      sqsManagedSseEnabled: true,
      redrivePolicy: expect.any(String),
    });
    expect(json(queue.redrivePolicy)).toEqual({
      deadLetterTargetArn: outputs.deadLetterQueueArn,
      maxReceiveCount: 100,
    });
    expect(find(graph, "aws:sqs/queue:Queue", "ddn-jobs-dead-letter").props).toEqual({
      messageRetentionSeconds: 1_209_600,
      sqsManagedSseEnabled: true,
    });
    const allow = find(graph, "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "ddn-jobs-dead-letter").props;
    expect(allow.queueUrl).toBe(outputs.deadLetterQueueUrl);
    expect(json(allow.redriveAllowPolicy)).toEqual({
      redrivePermission: "byQueue",
      sourceQueueArns: [outputs.queueArn],
    });
  });

  it("lets nobody speak to queues or topic without TLS, and adds no other right", async () => {
    const graph = await record();
    const { outputs } = graph;

    const statements = (type: string, name: string) =>
      (json(find(graph, type, name).props.policy) as { Statement: unknown }).Statement;
    expect(statements("aws:sqs/queuePolicy:QueuePolicy", "ddn-jobs")).toEqual([tlsOnly("sqs:*", outputs.queueArn)]);
    expect(statements("aws:sqs/queuePolicy:QueuePolicy", "ddn-jobs-dead-letter")).toEqual([
      tlsOnly("sqs:*", outputs.deadLetterQueueArn),
    ]);
    expect(statements("aws:sns/topicPolicy:TopicPolicy", "ddn-jobs-ended")).toEqual([
      tlsOnly("sns:Publish", outputs.jobTopicArn),
    ]);
  });

  it("makes its parts its own children, and nothing that nobody asked for", async () => {
    const { resources } = await record();

    const own = resources.find(({ type }) => type === "ddn:index:JobQueue");
    const parts = resources.filter(({ type }) => type.startsWith("aws:"));
    expect(parts.map(({ type, name }) => `${type.split(":").at(-1)} ${name}`).sort()).toEqual([
      "Queue ddn-jobs",
      "Queue ddn-jobs-dead-letter",
      "QueuePolicy ddn-jobs",
      "QueuePolicy ddn-jobs-dead-letter",
      "RedriveAllowPolicy ddn-jobs-dead-letter",
      "Topic ddn-jobs-ended",
      "TopicPolicy ddn-jobs-ended",
    ]);
    expect(parts.every(({ parent }) => parent === own?.urn)).toBe(true);
  });

  it("tells where everything is", async () => {
    const { outputs } = await record();

    for (const [name, pattern] of [
      ["queueUrl", /^https:\/\/sqs\..*\/ddn-jobs-[0-9a-f]+$/],
      ["queueArn", /^arn:aws:sqs:.*:ddn-jobs-[0-9a-f]+$/],
      ["queueName", /^ddn-jobs-[0-9a-f]+$/],
      ["deadLetterQueueUrl", /^https:\/\/sqs\..*\/ddn-jobs-dead-letter-/],
      ["deadLetterQueueArn", /^arn:aws:sqs:.*:ddn-jobs-dead-letter-/],
      ["deadLetterQueueName", /^ddn-jobs-dead-letter-/],
      ["jobTopicArn", /^arn:aws:sns:.*:ddn-jobs-ended-/],
    ] as const) {
      expect(outputs[name], name).toMatch(pattern);
    }
  });

  it.each([
    ["the stack's own key", { keyArn }, { kmsMasterKeyId: keyArn }, keyArn],
    ["the services' keys", {}, { sqsManagedSseEnabled: true }, "alias/aws/sns"],
  ])("encrypts with %s", async (_, args, queue, topicKey) => {
    const graph = await record(args);

    for (const name of ["ddn-jobs", "ddn-jobs-dead-letter"]) {
      const { kmsMasterKeyId, sqsManagedSseEnabled } = find(graph, "aws:sqs/queue:Queue", name).props;
      expect(
        Object.entries({ kmsMasterKeyId, sqsManagedSseEnabled }).filter(([, value]) => value !== undefined),
      ).toEqual(Object.entries(queue));
    }
    expect(find(graph, "aws:sns/topic:Topic", "ddn-jobs-ended").props).toEqual({ kmsMasterKeyId: topicKey });
  });

  it("has S3 tell of the uploads under a prefix, once the queue takes what S3 sends", async () => {
    const graph = await record({ uploads });

    const notification = find(graph, "aws:s3/bucketNotification:BucketNotification", "ddn-jobs-uploads");
    expect(notification.props).toEqual({
      bucket: "in-bucket",
      queues: [{ queueArn: graph.outputs.queueArn, events: ["s3:ObjectCreated:*"], filterPrefix: "auto/" }],
    });
    const policy = find(graph, "aws:sqs/queuePolicy:QueuePolicy", "ddn-jobs");
    expect(notification.dependencies).toContain(policy.urn);
    expect(json(policy.props.policy)).toEqual({
      Version: "2012-10-17",
      Statement: [
        tlsOnly("sqs:*", graph.outputs.queueArn),
        {
          Sid: "Uploads",
          Effect: "Allow",
          Principal: { Service: "s3.amazonaws.com" },
          Action: "sqs:SendMessage",
          Resource: graph.outputs.queueArn,
          Condition: {
            ArnEquals: { "aws:SourceArn": "arn:aws:s3:::in-bucket" },
            StringEquals: { "aws:SourceAccount": accountId },
          },
        },
      ],
    });
    expect(JSON.stringify(find(graph, "aws:sqs/queuePolicy:QueuePolicy", "ddn-jobs-dead-letter").props)).not.toContain(
      "Allow",
    );
  });
});

describe("the policies", () => {
  it.each([
    ["a queue", queuePolicy("q")],
    ["a queue that S3 writes to", queuePolicy("q", { bucketArn: "b", accountId: "1" })],
    ["the topic", topicPolicy("t")],
  ])("of %s allow nobody without naming who and on whose behalf", (_, { Statement }) => {
    for (const statement of Statement as unknown as readonly Record<string, unknown>[]) {
      if (statement.Effect !== "Allow") continue;
      expect(statement.Principal).toEqual({ Service: "s3.amazonaws.com" });
      expect(Object.keys(statement.Condition as object).sort()).toEqual(["ArnEquals", "StringEquals"]);
      expect(statement.Action).toBe("sqs:SendMessage");
    }
  });
});

describe("a prefix in a notification's filter", () => {
  it.each([
    ["auto/", "auto/"],
    ["line 3/auto/", "line+3/auto/"],
    ["검사/", "%EA%B2%80%EC%82%AC/"],
    ["a+b=c&d,e@f/", "a%2Bb%3Dc%26d%2Ce%40f/"],
    ["scan_0-1.(x)!'", "scan_0-1.(x)!'"],
  ])("%s is written %s", (prefix, written) => {
    expect(notificationPrefix(prefix)).toBe(written);
  });
});
