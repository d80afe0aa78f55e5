import type * as pulumi from "@pulumi/pulumi";

/**
 * What other teams may rely on: the stack's outputs, also as SSM parameters `/ddn/<stack>/<name>`.
 * Changes only add. Read them with {@link readOutputs}.
 */
export interface PlatformOutputs {
  /** Rises only when something here changes its meaning. */
  readonly contractVersion: string;
  /** Address of the API, without a slash at the end. */
  readonly apiUrl: string;
  /** For IAM policies of callers: `execute-api:Invoke` on `<this>/*`. */
  readonly apiExecutionArn: string;
  readonly authMode: "jwt" | "iam" | "none";
  /** Bucket that images are uploaded to. */
  readonly inBucketName: string;
  readonly inBucketArn: string;
  /** Bucket that results and job records are written to. */
  readonly outBucketName: string;
  readonly outBucketArn: string;
  readonly queueUrl: string;
  readonly queueArn: string;
  readonly deadLetterQueueUrl: string;
  /** SNS topic that tells of every job that ended. */
  readonly jobTopicArn: string;
  readonly presignFunctionName: string;
  readonly apiRepositoryUrl: string;
  readonly tritonRepositoryUrl: string;
  readonly clusterName: string;
  readonly serviceName: string;
  readonly loadBalancerDnsName: string;
  readonly region: string;
  readonly dashboardUrl: string;
  /** Only where the stack has an own key. */
  readonly kmsKeyArn?: string;
  /** Where a CNAME record of the API's own domain name must point; only where it has one. */
  readonly domainTarget?: string;
}

/** A team's view of a stack: `const ddn = readOutputs(new pulumi.StackReference("org/ddn/prod")); ddn("inBucketName")`. */
export const readOutputs =
  (stack: pulumi.StackReference) =>
  <Name extends keyof PlatformOutputs>(name: Name): pulumi.Output<NonNullable<PlatformOutputs[Name]>> =>
    stack.requireOutput(name) as pulumi.Output<NonNullable<PlatformOutputs[Name]>>;
