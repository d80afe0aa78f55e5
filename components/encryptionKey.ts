import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

/** Where the key lives: what its policy names. */
export interface KeyOwner {
  readonly partition: string;
  readonly region: string;
  readonly accountId: string;
}

/**
 * Who may use the key: the account, through its IAM policies, and the services that write into what it encrypts.
 * EventBridge is not among them: its calls carry no source account, so a grant could not be bound to this one.
 * Source: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
 */
export const keyPolicy = ({ partition, region, accountId }: KeyOwner): aws.iam.PolicyDocument => {
  const writer = (sid: string, service: string): aws.iam.PolicyStatement => ({
    Sid: sid,
    Effect: "Allow",
    Principal: { Service: service },
    Action: ["kms:GenerateDataKey*", "kms:Decrypt"],
    Resource: "*",
    Condition: { StringEquals: { "aws:SourceAccount": accountId } },
  });
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "Account",
        Effect: "Allow",
        Principal: { AWS: `arn:${partition}:iam::${accountId}:root` },
        Action: "kms:*",
        Resource: "*",
      },
      writer("UploadsToQueue", "s3.amazonaws.com"),
      writer("TopicsToQueues", "sns.amazonaws.com"),
      writer("AlarmsToTopic", "cloudwatch.amazonaws.com"),
      {
        Sid: "Logs",
        Effect: "Allow",
        Principal: { Service: `logs.${region}.amazonaws.com` },
        Action: ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
        Resource: "*",
        // The encryption context names the account; CloudWatch Logs documents no other condition.
        // Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        Condition: {
          ArnLike: {
            "kms:EncryptionContext:aws:logs:arn": `arn:${partition}:logs:${region}:${accountId}:log-group:*`,
          },
        },
      },
    ],
  };
};

export interface EncryptionKeyArgs {
  /** Protects the key from being destroyed: what it encrypted would be lost with it. @default true */
  readonly keepData?: boolean;
}

/** The stack's own key, for its buckets, queues, topics, logs and repositories. */
export class EncryptionKey extends pulumi.ComponentResource {
  public readonly keyArn: pulumi.Output<string>;

  constructor(name: string, args: EncryptionKeyArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    super("ddn:index:EncryptionKey", name, {}, opts);

    const { keepData = true } = args;

    const key = new aws.kms.Key(
      name,
      {
        description: "Images, records, messages and logs of the Deep Denoising Platform",
        enableKeyRotation: true,
        // The longest wait before what it encrypted is lost for good.
        deletionWindowInDays: 30,
        policy: pulumi.jsonStringify(keyOwner(this).apply(keyPolicy)),
      },
      { parent: this, protect: keepData },
    );

    this.keyArn = key.arn;
    this.registerOutputs({ keyArn: this.keyArn });
  }
}

const keyOwner = (parent: pulumi.Resource): pulumi.Output<KeyOwner> =>
  pulumi.output({
    partition: aws.getPartitionOutput({}, { parent }).partition,
    region: aws.getRegionOutput({}, { parent }).region,
    accountId: aws.getCallerIdentityOutput({}, { parent }).accountId,
  });
