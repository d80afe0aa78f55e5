import type * as aws from "@pulumi/aws";

/** Milliseconds that a presigned URL may be old, whatever it says itself: the longest that `GET /presign` gives. */
const maxSignatureAge = 3_600_000;

/** Buckets whose access logs S3 writes into another one. */
export interface AccessLogSources {
  readonly bucketArns: readonly string[];
  readonly accountId: string;
}

/**
 * What no permission overrules: requests go over TLS 1.2 or newer, and a presigned URL is at most an hour old. A bucket for
 * access logs takes them from S3, and from nobody else anything.
 * Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html,
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
 */
export const bucketPolicy = (bucketArn: string, logsOf?: AccessLogSources): aws.iam.PolicyDocument => {
  const deny = (sid: string, condition: aws.iam.PolicyStatement["Condition"]): aws.iam.PolicyStatement => ({
    Sid: sid,
    Effect: "Deny",
    Principal: "*",
    Action: "s3:*",
    Resource: [bucketArn, `${bucketArn}/*`],
    Condition: condition,
  });
  return {
    Version: "2012-10-17",
    Statement: [
      deny("OnlyTls", { Bool: { "aws:SecureTransport": "false" } }),
      deny("OnlyNewTls", { NumericLessThan: { "s3:TlsVersion": "1.2" } }),
      deny("OnlyFreshSignatures", { NumericGreaterThan: { "s3:signatureAge": `${maxSignatureAge}` } }),
      ...(logsOf === undefined ? [] : [accessLogs(bucketArn, logsOf)]),
    ],
  };
};

const accessLogs = (bucketArn: string, { bucketArns, accountId }: AccessLogSources): aws.iam.PolicyStatement => ({
  Sid: "AccessLogs",
  Effect: "Allow",
  Principal: { Service: "logging.s3.amazonaws.com" },
  Action: "s3:PutObject",
  Resource: `${bucketArn}/*`,
  Condition: {
    ArnEquals: { "aws:SourceArn": [...bucketArns] },
    StringEquals: { "aws:SourceAccount": accountId },
  },
});
