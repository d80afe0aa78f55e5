import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { expected } from "../contract/problem";
import { inLifecycle, logLifecycle, outLifecycle } from "./bucketLifecycle";
import { PrivateBucket } from "./privateBucket";

export interface StorageArgs {
  /** Days that uploaded images are kept. @default 30 */
  readonly inRetentionDays?: number;
  /** Days that results and their job records are kept. @default 90 */
  readonly outRetentionDays?: number;
  /** Web pages that may use presigned URLs, such as `https://console.example.com`. @default none */
  readonly corsOrigins?: readonly string[];
  /** Protects the buckets from being destroyed; otherwise they go with all that is in them. @default true */
  readonly keepData?: boolean;
  /** Records every request to both buckets in a third one. @default false */
  readonly accessLogs?: boolean;
  /** Days that these records are kept. @default 365 */
  readonly logRetentionDays?: number;
  /** Key that encrypts images and records. @default S3's own encryption */
  readonly keyArn?: pulumi.Input<string>;
}

/** The bucket that images are uploaded to, and the one for results and job records. */
export class Storage extends pulumi.ComponentResource {
  public readonly inBucketName: pulumi.Output<string>;
  public readonly inBucketArn: pulumi.Output<string>;
  public readonly outBucketName: pulumi.Output<string>;
  public readonly outBucketArn: pulumi.Output<string>;

  constructor(name: string, args: StorageArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    super("ddn:index:Storage", name, {}, opts);

    const { inRetentionDays = 30, outRetentionDays = 90, logRetentionDays = 365 } = args;
    const { corsOrigins = [], keepData = true, accessLogs = false, keyArn } = args;
    this.wholeDays("inRetentionDays", inRetentionDays);
    this.wholeDays("outRetentionDays", outRetentionDays);
    this.wholeDays("logRetentionDays", logRetentionDays);
    this.namedOrigins(corsOrigins);

    const images = { keepData, keyArn, corsOrigins };
    const child = { parent: this };
    const inBucket = new PrivateBucket("ddn-in-bucket", { ...images, lifecycle: inLifecycle(inRetentionDays) }, child);
    const outBucket = new PrivateBucket(
      "ddn-out-bucket",
      { ...images, lifecycle: outLifecycle(outRetentionDays) },
      child,
    );
    if (accessLogs) {
      recordAccess({ "ddn-in-bucket": inBucket, "ddn-out-bucket": outBucket }, logRetentionDays, keepData, this);
    }

    this.inBucketName = inBucket.bucketName;
    this.inBucketArn = inBucket.bucketArn;
    this.outBucketName = outBucket.bucketName;
    this.outBucketArn = outBucket.bucketArn;
    this.registerOutputs({
      inBucketName: this.inBucketName,
      inBucketArn: this.inBucketArn,
      outBucketName: this.outBucketName,
      outBucketArn: this.outBucketArn,
    });
  }

  private wholeDays(name: string, days: number): void {
    if (Number.isInteger(days) && days >= 1) return;
    throw new pulumi.ResourceError(expected("a whole number of days from 1", name, days), this, true);
  }

  private namedOrigins(origins: readonly string[]): void {
    const wildcard = origins.find((origin) => origin.includes("*"));
    if (wildcard === undefined) return;
    const remedy = "With * any page could upload; name each origin.";
    const message = expected("origins without *", "corsOrigins", wildcard, remedy);
    throw new pulumi.ResourceError(message, this, true);
  }
}

/** Every request to the buckets, as objects in a bucket of their own. */
const recordAccess = (
  buckets: Readonly<Record<string, PrivateBucket>>,
  logRetentionDays: number,
  keepData: boolean,
  parent: pulumi.Resource,
): void => {
  const logs = new PrivateBucket(
    "ddn-log-bucket",
    {
      // Without `keyArn`: S3 cannot write its logs where one's own key encrypts.
      // Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
      keepData,
      lifecycle: logLifecycle(logRetentionDays),
      accessLogsOf: pulumi.output({
        bucketArns: Object.values(buckets).map(({ bucketArn }) => bucketArn),
        accountId: aws.getCallerIdentityOutput({}, { parent }).accountId,
      }),
    },
    { parent },
  );
  for (const [name, { bucketName }] of Object.entries(buckets)) {
    new aws.s3.BucketLogging(
      name,
      { bucket: bucketName, targetBucket: logs.bucketName, targetPrefix: `${name}/` },
      // S3 tests at once whether it may write.
      { parent, dependsOn: [logs.policy] },
    );
  }
};
