import type * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";

const onlyTls = (action: string, resource: pulumi.Input<string>): aws.iam.PolicyStatement => ({
  Sid: "OnlyTls",
  Effect: "Deny",
  Principal: "*",
  Action: action,
  Resource: resource,
  Condition: { Bool: { "aws:SecureTransport": "false" } },
});

/** Who may use a queue beyond what roles say: S3 on behalf of one bucket, where there is a `sender`; nobody without TLS. */
export const queuePolicy = (
  queueArn: pulumi.Input<string>,
  sender?: { readonly bucketArn: pulumi.Input<string>; readonly accountId: pulumi.Input<string> },
): aws.iam.PolicyDocument => ({
  Version: "2012-10-17",
  Statement: [
    onlyTls("sqs:*", queueArn),
    ...(sender === undefined
      ? []
      : [
          {
            Sid: "Uploads",
            Effect: "Allow" as const,
            Principal: { Service: "s3.amazonaws.com" },
            Action: "sqs:SendMessage",
            Resource: queueArn,
            Condition: {
              ArnEquals: { "aws:SourceArn": sender.bucketArn },
              StringEquals: { "aws:SourceAccount": sender.accountId },
            },
          },
        ]),
  ],
});

/** In place of SNS's default: who may publish and subscribe is said by roles alone. */
export const topicPolicy = (topicArn: pulumi.Input<string>): aws.iam.PolicyDocument => ({
  Version: "2012-10-17",
  Statement: [onlyTls("sns:Publish", topicArn)],
});

/**
 * A prefix as S3's notification filters want it: special characters encoded, a space as `+`.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
 */
export const notificationPrefix = (prefix: string): string =>
  prefix
    .split("/")
    .map((segment) => encodeURIComponent(segment).replaceAll("%20", "+"))
    .join("/");
