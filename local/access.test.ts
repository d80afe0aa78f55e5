// Does not prove that IAM reads the table the same way, only that the twin does.
import { describe, expect, it } from "vitest";
import { allows, type TwinRole } from "./access";

const allowed: readonly (readonly [TwinRole, string, string])[] = [
  ["presign", "s3:PutObject", "in/scans/a b.tif"],
  ["presign", "s3:GetObjectVersion", "out/a.tif"],
  ["presign", "s3:ListBucket", "in"],
  ["jobs", "s3:PutObject", "out/.ddn/jobs/0.json"],
  ["jobs", "sqs:SendMessage", "queue"],
  ["ping", "s3:GetObject", "out/.ddn/service/i-1.json"],
  ["worker", "s3:PutObject", "out/deep/a.tif"],
  ["worker", "sns:Publish", "jobTopic"],
  ["operator", "s3:DeleteObject", "in/a.tif"],
];

const refused: readonly (readonly [TwinRole, string, string])[] = [
  ["presign", "s3:PutObject", "out/a.tif"],
  ["presign", "s3:DeleteObject", "in/a.tif"],
  ["presign", "s3:GetObject", "in"],
  ["presign", "sqs:SendMessage", "queue"],
  ["jobs", "s3:PutObject", "in/a.tif"],
  ["jobs", "s3:PutObject", "out/a.tif"],
  ["jobs", "s3:PutObject", "out/.ddn/jobs"],
  ["jobs", "s3:PutObject", "out/.ddn/service/x.json"],
  ["ping", "s3:ListBucket", "in"],
  ["ping", "s3:GetObject", "out/.ddn/jobs/0.json"],
  ["worker", "s3:PutObject", "in/a.tif"],
  ["worker", "sqs:ReceiveMessage", "deadLetterQueue"],
];

describe("allows", () => {
  it.each(allowed)("lets %s do %s on %s", (role, action, resource) => {
    expect(allows(role, action, resource)).toBe(true);
  });

  it.each(refused)("does not let %s do %s on %s", (role, action, resource) => {
    expect(allows(role, action, resource)).toBe(false);
  });
});
