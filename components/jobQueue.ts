import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { jobTimes } from "../contract/job";
import { notificationPrefix, queuePolicy, topicPolicy } from "./jobQueuePolicy";

/** A bucket whose uploads start jobs by themselves. */
export interface Uploads {
  readonly bucketName: pulumi.Input<string>;
  readonly bucketArn: pulumi.Input<string>;
  /** What the names of such uploads start with, as people write it. */
  readonly prefix: string;
}

export interface JobQueueArgs {
  /**
   * Key that encrypts the queues and the topic; its policy must let S3 use it where there are `uploads`.
   * @default SQS's own encryption and the account's key for SNS
   */
  readonly keyArn?: pulumi.Input<string>;
  /** @default no upload starts a job by itself */
  readonly uploads?: Uploads;
}

const secondsPerDay = 24 * 60 * 60;
/** The longest that SQS keeps a message: nothing answered with 202 is lost over a long weekend. */
const retentionSeconds = 14 * secondsPerDay;
/** Only a backstop: workers count attempts in the record and end the job themselves. */
const maxReceiveCount = 100;

/** The queue of jobs, the dead-letter queue behind it, and the topic that tells of every job that ended. */
export class JobQueue extends pulumi.ComponentResource {
  public readonly queueUrl: pulumi.Output<string>;
  public readonly queueArn: pulumi.Output<string>;
  public readonly queueName: pulumi.Output<string>;
  public readonly deadLetterQueueUrl: pulumi.Output<string>;
  public readonly deadLetterQueueArn: pulumi.Output<string>;
  public readonly deadLetterQueueName: pulumi.Output<string>;
  public readonly jobTopicArn: pulumi.Output<string>;

  constructor(name: string, args: JobQueueArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    super("ddn:index:JobQueue", name, {}, opts);

    const { keyArn, uploads } = args;
    const deadLetters = deadLetterQueue(name, keyArn, this);
    const queue = workQueue(name, keyArn, deadLetters, this);
    takeOnlyFrom(queue, `${name}-dead-letter`, deadLetters, this);
    const policy = secured(name, queue, uploads, this);
    secured(`${name}-dead-letter`, deadLetters, undefined, this);
    if (uploads !== undefined) notify(name, queue, policy, uploads, this);
    const topic = jobTopic(name, keyArn, this);

    this.queueUrl = queue.url;
    this.queueArn = queue.arn;
    this.queueName = queue.name;
    this.deadLetterQueueUrl = deadLetters.url;
    this.deadLetterQueueArn = deadLetters.arn;
    this.deadLetterQueueName = deadLetters.name;
    this.jobTopicArn = topic.arn;
    this.registerOutputs({
      queueUrl: this.queueUrl,
      queueArn: this.queueArn,
      queueName: this.queueName,
      deadLetterQueueUrl: this.deadLetterQueueUrl,
      deadLetterQueueArn: this.deadLetterQueueArn,
      deadLetterQueueName: this.deadLetterQueueName,
      jobTopicArn: this.jobTopicArn,
    });
  }
}

type KeyArn = pulumi.Input<string> | undefined;

const deadLetterQueue = (name: string, keyArn: KeyArn, parent: pulumi.Resource): aws.sqs.Queue =>
  new aws.sqs.Queue(
    `${name}-dead-letter`,
    { messageRetentionSeconds: retentionSeconds, ...encryption(keyArn) },
    { parent },
  );

const workQueue = (name: string, keyArn: KeyArn, deadLetters: aws.sqs.Queue, parent: pulumi.Resource): aws.sqs.Queue =>
  new aws.sqs.Queue(
    name,
    {
      messageRetentionSeconds: retentionSeconds,
      visibilityTimeoutSeconds: jobTimes.visibilitySeconds,
      redrivePolicy: pulumi.jsonStringify({ deadLetterTargetArn: deadLetters.arn, maxReceiveCount }),
      ...encryption(keyArn),
    },
    { parent },
  );

const takeOnlyFrom = (
  source: aws.sqs.Queue,
  name: string,
  deadLetters: aws.sqs.Queue,
  parent: pulumi.Resource,
): aws.sqs.RedriveAllowPolicy =>
  new aws.sqs.RedriveAllowPolicy(
    name,
    {
      queueUrl: deadLetters.url,
      redriveAllowPolicy: pulumi.jsonStringify({ redrivePermission: "byQueue", sourceQueueArns: [source.arn] }),
    },
    { parent },
  );

const secured = (
  name: string,
  queue: aws.sqs.Queue,
  uploads: Uploads | undefined,
  parent: pulumi.Resource,
): aws.sqs.QueuePolicy => {
  const sender = uploads && {
    bucketArn: uploads.bucketArn,
    accountId: aws.getCallerIdentityOutput({}, { parent }).accountId,
  };
  return new aws.sqs.QueuePolicy(
    name,
    { queueUrl: queue.url, policy: pulumi.jsonStringify(queuePolicy(queue.arn, sender)) },
    { parent },
  );
};

const notify = (
  name: string,
  queue: aws.sqs.Queue,
  policy: aws.sqs.QueuePolicy,
  { bucketName, prefix }: Uploads,
  parent: pulumi.Resource,
): aws.s3.BucketNotification =>
  new aws.s3.BucketNotification(
    `${name}-uploads`,
    {
      bucket: bucketName,
      queues: [{ queueArn: queue.arn, events: ["s3:ObjectCreated:*"], filterPrefix: notificationPrefix(prefix) }],
    },
    // S3 tests at once whether the queue takes its messages.
    // Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ways-to-add-notification-config-to-bucket.html
    { parent, dependsOn: [policy] },
  );

const jobTopic = (
  name: string,
  keyArn: pulumi.Input<string> = "alias/aws/sns",
  parent: pulumi.Resource,
): aws.sns.Topic => {
  const topic = new aws.sns.Topic(`${name}-ended`, { kmsMasterKeyId: keyArn }, { parent });
  new aws.sns.TopicPolicy(
    `${name}-ended`,
    { arn: topic.arn, policy: pulumi.jsonStringify(topicPolicy(topic.arn)) },
    { parent },
  );
  return topic;
};

const encryption = (keyArn: KeyArn): Partial<aws.sqs.QueueArgs> =>
  keyArn === undefined ? { sqsManagedSseEnabled: true } : { kmsMasterKeyId: keyArn };
