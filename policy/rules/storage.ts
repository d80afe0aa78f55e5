import { type Statement, statements } from "../document";
import { companionRule, type Resource, type Rule, resourceRule } from "../rule";

const bucket = "aws:s3/bucket:Bucket";

/** Signatures that live longer than the longest presigned URL (an hour) are refused, in milliseconds. */
const longestSignatureAge = 3_600_000;

const denied = (statement: Statement, test: RegExp, variable: string): unknown =>
  statement.effect === "Deny" && statement.principals.includes("*")
    ? Object.entries(statement.conditions).find(([key]) => test.test(key))?.[1][variable]
    : undefined;

/** Whether a statement covers the bucket itself and everything in it. */
const coversAll = (statement: Statement): boolean =>
  statement.actions.includes("s3:*") &&
  statement.resources.some((resource) => !resource.includes("/")) &&
  statement.resources.some((resource) => resource.endsWith("/*"));

/** Where other buckets write their access logs. */
const holdsAccessLogs = (owner: Resource, all: readonly Resource[]): boolean =>
  all.some(
    ({ type, propertyDependencies }) =>
      type === "aws:s3/bucketLogging:BucketLogging" && propertyDependencies.targetBucket?.includes(owner.urn) === true,
  );

export const storageRules: readonly Rule[] = [
  companionRule(
    bucket,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "bucket",
    {
      name: "bucket-blocks-public-access",
      description: "Every bucket blocks public access in all four ways (FSBP S3.8).",
      lacks: "a public access block with all four settings",
    },
    (block) =>
      block.blockPublicAcls === true &&
      block.blockPublicPolicy === true &&
      block.ignorePublicAcls === true &&
      block.restrictPublicBuckets === true,
  ),
  companionRule(
    bucket,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "bucket",
    {
      name: "bucket-owner-enforced",
      description: "Every bucket ignores access control lists (FSBP S3.12).",
      lacks: "the ownership BucketOwnerEnforced",
    },
    ({ rule }) => rule?.objectOwnership === "BucketOwnerEnforced",
  ),
  companionRule(
    bucket,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "bucket",
    {
      name: "bucket-encrypted",
      description: "Every bucket says how it is encrypted (FSBP S3.17).",
      lacks: "an encryption of its own",
    },
    ({ rules }) => rules?.some((rule) => rule.applyServerSideEncryptionByDefault !== undefined) === true,
  ),
  companionRule(
    bucket,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "bucket",
    {
      name: "bucket-uses-own-key",
      description: "Every bucket but the one for access logs is encrypted with the stack's own key (FSBP S3.17).",
      production: true,
      lacks: "encryption by the stack's own key with a bucket key",
      // Server access logs cannot be written under a key of one's own by every service.
      except: holdsAccessLogs,
    },
    ({ rules }) =>
      rules?.some(
        ({ bucketKeyEnabled, applyServerSideEncryptionByDefault: by }) =>
          bucketKeyEnabled === true && by?.sseAlgorithm === "aws:kms" && by.kmsMasterKeyId !== undefined,
      ) === true,
  ),
  companionRule(
    bucket,
    "aws:s3/bucketVersioning:BucketVersioning",
    "bucket",
    {
      name: "bucket-versioned",
      description: "Every bucket but the one for access logs keeps versions (FSBP S3.14).",
      lacks: "versioning",
      except: holdsAccessLogs,
    },
    ({ versioningConfiguration }) => versioningConfiguration?.status === "Enabled",
  ),
  companionRule(
    bucket,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "bucket",
    {
      name: "bucket-expires",
      description: "Every bucket lets go of what is old and of uploads that were never finished (FSBP S3.13).",
      lacks: "a lifecycle with an expiry and an end of unfinished uploads",
    },
    ({ rules }) => {
      const enabled = rules?.filter(({ status }) => status === "Enabled") ?? [];
      return (
        enabled.some(({ expiration }) => (expiration?.days ?? 0) > 0) &&
        enabled.some(({ abortIncompleteMultipartUpload: abort }) => (abort?.daysAfterInitiation ?? 0) > 0)
      );
    },
  ),
  companionRule(
    bucket,
    "aws:s3/bucketPolicy:BucketPolicy",
    "bucket",
    {
      name: "bucket-refuses-plain-http",
      description: "Every bucket and all in it denies requests without TLS (FSBP S3.5).",
      lacks: "a denial of requests without TLS",
    },
    ({ policy }) =>
      statements(policy).some(
        (statement) => coversAll(statement) && String(denied(statement, /^Bool$/, "aws:SecureTransport")) === "false",
      ),
  ),
  companionRule(
    bucket,
    "aws:s3/bucketPolicy:BucketPolicy",
    "bucket",
    {
      name: "bucket-refuses-old-signatures",
      description: "Every bucket but the one for access logs denies signatures older than an hour.",
      lacks: `a denial of signatures older than ${longestSignatureAge} ms`,
      except: holdsAccessLogs,
    },
    ({ policy }) =>
      statements(policy).some((statement) => {
        const age = Number(denied(statement, /^NumericGreaterThan$/, "s3:signatureAge"));
        return coversAll(statement) && age > 0 && age <= longestSignatureAge;
      }),
  ),
  resourceRule(
    "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration",
    {
      name: "bucket-upload-origins-named",
      description: "No bucket lets every web page upload.",
    },
    ({ corsRules = [] }) => [
      corsRules.some(
        ({ allowedMethods, allowedOrigins }) =>
          allowedMethods.some((method) => method !== "GET" && method !== "HEAD") &&
          allowedOrigins.some((origin) => origin.includes("*")),
      ) && "lets any origin write",
    ],
  ),
  resourceRule(
    bucket,
    {
      name: "bucket-kept",
      description: "No bucket is destroyed with what is in it.",
      production: true,
    },
    ({ forceDestroy }) => [forceDestroy === true && "would be destroyed with what is in it"],
  ),
  companionRule(
    bucket,
    "aws:s3/bucketLogging:BucketLogging",
    "bucket",
    {
      name: "bucket-access-logged",
      description: "Every bucket but the one for access logs has its accesses recorded (FSBP S3.9).",
      production: true,
      lacks: "access logs",
      except: holdsAccessLogs,
    },
    () => true,
  ),
];
