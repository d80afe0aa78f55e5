// Does not prove the policies that AWS gets; it proves that the twin refuses what their table does not grant.
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TwinRole } from "../access";
import { refusal, startTestS3 } from "./testS3";

const buckets = { in: "test-in", out: "test-out" };
const keys = ["in/a.tif", "out/a.tif", "out/.ddn/jobs/0.json", "out/.ddn/service/i.json"];
let s3: Awaited<ReturnType<typeof startTestS3>>;
const versions = new Map<string, string | undefined>();

const at = (resource: string) => {
  const slash = resource.indexOf("/");
  return { Bucket: buckets[resource.slice(0, slash) as "in" | "out"], Key: resource.slice(slash + 1) };
};

beforeAll(async () => {
  s3 = await startTestS3();
  for (const resource of keys) {
    const { VersionId } = await s3.client().send(new PutObjectCommand({ ...at(resource), Body: "x" }));
    versions.set(resource, VersionId);
  }
});
afterAll(() => s3.close());

type Doing =
  | "put"
  | "put if it matches"
  | "get"
  | "get a version"
  | "head"
  | "delete"
  | "create an upload"
  | "abort an upload";

const attempt = (role: TwinRole, doing: Doing, resource: string): Promise<string> => {
  const client = s3.client(role);
  const target = at(resource);
  switch (doing) {
    case "put":
      return refusal(client.send(new PutObjectCommand({ ...target, Body: "y" })));
    case "put if it matches":
      return refusal(client.send(new PutObjectCommand({ ...target, Body: "y", IfMatch: '"no"' })));
    case "get":
      return refusal(client.send(new GetObjectCommand(target)));
    case "get a version":
      return refusal(client.send(new GetObjectCommand({ ...target, VersionId: versions.get(resource) })));
    case "head":
      return refusal(client.send(new HeadObjectCommand(target)));
    case "delete":
      return refusal(client.send(new DeleteObjectCommand(target)));
    case "create an upload":
      return refusal(client.send(new CreateMultipartUploadCommand(target)));
    case "abort an upload":
      return refusal(client.send(new AbortMultipartUploadCommand({ ...target, UploadId: "0".repeat(32) })));
  }
};

const denied = "403 AccessDenied";

describe("each role", () => {
  it.each<[TwinRole, Doing, string, string]>([
    ["presign", "put", "in/a.tif", "no refusal"],
    ["presign", "put if it matches", "in/a.tif", "412 PreconditionFailed"],
    ["presign", "put", "out/a.tif", denied],
    ["presign", "get", "in/a.tif", "no refusal"],
    ["presign", "get", "out/a.tif", "no refusal"],
    ["presign", "get a version", "out/a.tif", "no refusal"],
    ["presign", "get a version", "in/a.tif", denied],
    ["presign", "head", "out/a.tif", "no refusal"],
    ["presign", "delete", "in/a.tif", denied],
    ["presign", "create an upload", "in/a.tif", "no refusal"],
    ["presign", "abort an upload", "in/a.tif", denied],
    ["jobs", "head", "in/a.tif", "no refusal"],
    ["jobs", "put", "in/a.tif", denied],
    ["jobs", "put", "out/.ddn/jobs/0.json", "no refusal"],
    ["jobs", "put if it matches", "out/.ddn/jobs/0.json", "412 PreconditionFailed"],
    ["jobs", "put", "out/a.tif", denied],
    ["jobs", "get", "out/a.tif", denied],
    ["jobs", "get", "out/.ddn/service/i.json", "no refusal"],
    ["jobs", "put", "out/.ddn/service/i.json", denied],
    ["jobs", "create an upload", "out/a.tif", denied],
    ["ping", "get", "out/.ddn/service/i.json", "no refusal"],
    ["ping", "get", "out/.ddn/jobs/0.json", denied],
    ["ping", "get", "in/a.tif", denied],
    ["ping", "put", "out/.ddn/service/i.json", denied],
    ["worker", "get", "in/a.tif", "no refusal"],
    ["worker", "put", "in/a.tif", denied],
    ["worker", "put", "out/a.tif", "no refusal"],
    ["worker", "put", "out/.ddn/service/i.json", "no refusal"],
    ["worker", "get a version", "out/a.tif", denied],
    ["worker", "delete", "out/a.tif", denied],
    ["operator", "delete", "out/a.tif", "no refusal"],
  ])("%s asking to %s %s: %s", async (role, doing, resource, answer) => {
    expect(await attempt(role, doing, resource)).toBe(answer);
  });

  it.each<[TwinRole, string, string]>([
    ["presign", "test-in", "no refusal"],
    ["presign", "test-out", "no refusal"],
    ["ping", "test-out", "no refusal"],
    ["ping", "test-in", "403"],
  ])("%s lists and heads %s: %s", async (role, Bucket, answer) => {
    const client = s3.client(role);
    expect(await refusal(client.send(new ListObjectsV2Command({ Bucket })))).toMatch(new RegExp(`^${answer}`));
    expect(await refusal(client.send(new HeadBucketCommand({ Bucket })))).toMatch(new RegExp(`^${answer}`));
    expect(await refusal(client.send(new GetBucketLocationCommand({ Bucket })))).toBe(denied);
  });
});

describe("a key that is not there", () => {
  it("is told as missing to those who may list", async () => {
    expect(await attempt("presign", "get", "in/missing.tif")).toBe("404 NoSuchKey");
    expect(await attempt("jobs", "put if it matches", "out/.ddn/jobs/missing.json")).toBe("404 NoSuchKey");
  });

  it("is merely denied where the caller may not list or read there", async () => {
    expect(await attempt("ping", "get", "in/missing.tif")).toBe(denied);
    expect(await attempt("jobs", "get", "out/missing.tif")).toBe(denied);
    expect(await attempt("jobs", "put if it matches", "in/missing.tif")).toBe(denied);
  });
});
