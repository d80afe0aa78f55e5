/** Who may do what: the one table that builds the IAM policies and that the twin enforces, one key pair per role. */

export type Role = "presign" | "jobs" | "ping" | "worker";

/** `in` and `out` are the buckets themselves, `in/*` and so on the objects in them. */
export type Resource =
  | "in"
  | "in/*"
  | "out"
  | "out/*"
  | "out/.ddn/jobs/*"
  | "out/.ddn/service/*"
  | "queue"
  | "deadLetterQueue"
  | "jobTopic";

export interface Grant {
  readonly actions: readonly string[];
  readonly resources: readonly Resource[];
}

/**
 * ListBucket stands wherever a missing key must read as 404: without it S3 answers 403.
 * GetObject stands wherever If-Match or If-None-Match writes.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html (Permissions), .../userguide/conditional-writes.html
 */
export const permissions: Readonly<Record<Role, readonly Grant[]>> = {
  presign: [
    { actions: ["s3:PutObject", "s3:GetObject"], resources: ["in/*"] },
    { actions: ["s3:GetObject", "s3:GetObjectVersion"], resources: ["out/*"] },
    { actions: ["s3:ListBucket"], resources: ["in", "out"] },
  ],
  jobs: [
    { actions: ["s3:GetObject"], resources: ["in/*"] },
    { actions: ["s3:GetObject", "s3:PutObject"], resources: ["out/.ddn/jobs/*"] },
    { actions: ["s3:GetObject"], resources: ["out/.ddn/service/*"] },
    { actions: ["s3:ListBucket"], resources: ["in", "out"] },
    { actions: ["sqs:SendMessage"], resources: ["queue"] },
  ],
  ping: [
    { actions: ["s3:GetObject"], resources: ["out/.ddn/service/*"] },
    { actions: ["s3:ListBucket"], resources: ["out"] },
    { actions: ["sqs:GetQueueAttributes"], resources: ["queue"] },
  ],
  worker: [
    { actions: ["s3:GetObject"], resources: ["in/*"] },
    { actions: ["s3:GetObject", "s3:PutObject"], resources: ["out/*"] },
    { actions: ["s3:ListBucket"], resources: ["in", "out"] },
    {
      actions: [
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
        "sqs:SendMessage",
        "sqs:GetQueueAttributes",
      ],
      resources: ["queue"],
    },
    { actions: ["sqs:SendMessage"], resources: ["deadLetterQueue"] },
    { actions: ["sns:Publish"], resources: ["jobTopic"] },
  ],
};
