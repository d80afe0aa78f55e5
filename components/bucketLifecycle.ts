import type * as aws from "@pulumi/aws";
import { platformPrefix } from "../contract/fileKey";
import { serviceKeyPrefix } from "../contract/job";

export type LifecycleRule = aws.types.input.s3.BucketLifecycleConfigurationRule;

/**
 * The end of every object of a bucket. A second rule takes away the delete markers that expiry leaves behind, as one rule
 * cannot do both.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleExpiration.html (ExpiredObjectDeleteMarker)
 */
const everything = (days: number): LifecycleRule[] => [
  {
    id: "everything",
    status: "Enabled",
    filter: {},
    expiration: { days },
    noncurrentVersionExpiration: { noncurrentDays: 7 },
    abortIncompleteMultipartUpload: { daysAfterInitiation: 1 },
  },
  { id: "delete-markers", status: "Enabled", filter: {}, expiration: { expiredObjectDeleteMarker: true } },
];

/** Uploaded images. */
export const inLifecycle = everything;

/**
 * Results and, as long as them, the records of their jobs. A running record is rewritten every second and only its last
 * version is ever read; a server's own record is worthless once it is gone. Where rules overlap, the shorter one holds.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-conflicts.html
 */
export const outLifecycle = (days: number): LifecycleRule[] => [
  ...everything(days),
  {
    id: "records",
    status: "Enabled",
    filter: { prefix: platformPrefix },
    noncurrentVersionExpiration: { noncurrentDays: 1 },
  },
  { id: "servers", status: "Enabled", filter: { prefix: serviceKeyPrefix }, expiration: { days: 1 } },
];

/** Access logs. */
export const logLifecycle = everything;
