import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { bucketCors } from "../contract/routes";
import type { LifecycleRule } from "./bucketLifecycle";
import { type AccessLogSources, bucketPolicy } from "./bucketPolicy";

export interface PrivateBucketArgs {
  readonly lifecycle: readonly LifecycleRule[];
  /** Protects the bucket from being destroyed; otherwise it goes with all that is in it. */
  readonly keepData: boolean;
  /** Key that encrypts what is in it. @default S3's own encryption */
  readonly keyArn?: pulumi.Input<string>;
  /** Web pages that may use presigned URLs. @default none */
  readonly corsOrigins?: readonly string[];
  /** Buckets whose access logs S3 writes here. @default none */
  readonly accessLogsOf?: pulumi.Input<AccessLogSources>;
}

/** A bucket that is nobody's but this account's: no ACLs, nothing public, encrypted, versioned, TLS only. */
export class PrivateBucket extends pulumi.ComponentResource {
  public readonly bucketName: pulumi.Output<string>;
  public readonly bucketArn: pulumi.Output<string>;
  /** For what needs the policy's leave. */
  public readonly policy: aws.s3.BucketPolicy;

  constructor(name: string, args: PrivateBucketArgs, opts?: pulumi.ComponentResourceOptions) {
    super("ddn:index:PrivateBucket", name, {}, opts);

    const { lifecycle, keepData, keyArn, corsOrigins = [], accessLogsOf } = args;
    const bucket = new aws.s3.Bucket(name, { forceDestroy: !keepData }, { parent: this, protect: keepData });
    const child = { parent: this };
    const publicAccess = new aws.s3.BucketPublicAccessBlock(
      name,
      {
        bucket: bucket.bucket,
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      },
      child,
    );
    new aws.s3.BucketOwnershipControls(
      name,
      { bucket: bucket.bucket, rule: { objectOwnership: "BucketOwnerEnforced" } },
      child,
    );
    new aws.s3.BucketServerSideEncryptionConfiguration(
      name,
      { bucket: bucket.bucket, rules: [encryption(keyArn)] },
      child,
    );
    const versioning = new aws.s3.BucketVersioning(
      name,
      { bucket: bucket.bucket, versioningConfiguration: { status: "Enabled" } },
      child,
    );
    new aws.s3.BucketLifecycleConfiguration(
      name,
      { bucket: bucket.bucket, rules: [...lifecycle] },
      // S3 refuses rules about noncurrent versions where there are no versions.
      { ...child, dependsOn: [versioning] },
    );
    if (corsOrigins.length > 0) {
      new aws.s3.BucketCorsConfiguration(name, { bucket: bucket.bucket, corsRules: [corsRule(corsOrigins)] }, child);
    }
    this.policy = new aws.s3.BucketPolicy(
      name,
      {
        bucket: bucket.bucket,
        policy: pulumi.jsonStringify(
          pulumi.all([bucket.arn, accessLogsOf]).apply(([arn, sources]) => bucketPolicy(arn, sources)),
        ),
      },
      // S3 answers 409 when both change at once. Source: https://github.com/hashicorp/terraform-provider-aws/issues/7628
      { ...child, dependsOn: [publicAccess] },
    );

    this.bucketName = bucket.bucket;
    this.bucketArn = bucket.arn;
    this.registerOutputs({ bucketName: this.bucketName, bucketArn: this.bucketArn });
  }
}

const encryption = (
  keyArn: pulumi.Input<string> | undefined,
): aws.types.input.s3.BucketServerSideEncryptionConfigurationRule =>
  keyArn === undefined
    ? { applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }
    : {
        applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: keyArn },
        // One call to KMS for many objects.
        bucketKeyEnabled: true,
      };

const corsRule = (origins: readonly string[]): aws.types.input.s3.BucketCorsConfigurationCorsRule => ({
  allowedOrigins: [...origins],
  allowedMethods: [...bucketCors.methods],
  allowedHeaders: [...bucketCors.allowHeaders],
  exposeHeaders: [...bucketCors.exposeHeaders],
  maxAgeSeconds: bucketCors.maxAgeSeconds,
});
