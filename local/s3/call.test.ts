// Does not prove the real table: here roles read without listing and write without reading, as none of the platform's does.
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { expect, it, vi } from "vitest";
import { refusal, startTestS3 } from "./testS3";

vi.mock("../../contract/permissions", () => ({
  permissions: {
    worker: [{ actions: ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], resources: ["in/*"] }],
    jobs: [{ actions: ["s3:PutObject"], resources: ["in/*"] }],
  },
}));

it("a key that is not there is denied, not missing, to those who may read but not list", async () => {
  const s3 = await startTestS3();
  const worker = s3.client("worker");
  const target = { Bucket: "test-in", Key: "a.tif" };
  const ask = (client: typeof worker) => [
    client.send(new GetObjectCommand(target)),
    client.send(new GetObjectCommand({ ...target, VersionId: "0".repeat(32) })),
    client.send(new PutObjectCommand({ ...target, Body: "x", IfMatch: '"e"' })),
    client.send(new HeadObjectCommand(target)),
  ];
  expect(await Promise.all(ask(worker).map(refusal))).toEqual([
    "403 AccessDenied",
    "403 AccessDenied",
    "403 AccessDenied",
    expect.stringMatching(/^403 /),
  ]);
  expect(await Promise.all(ask(s3.client()).map(refusal))).toEqual([
    "404 NoSuchKey",
    "404 NoSuchVersion",
    "404 NoSuchKey",
    "404 NotFound",
  ]);
  await s3.close();
});

it("If-Match, which tells what is there, is denied to those who may write but not read", async () => {
  const s3 = await startTestS3();
  const put = (more: { IfMatch?: string; IfNoneMatch?: string }) =>
    refusal(s3.client("jobs").send(new PutObjectCommand({ Bucket: "test-in", Key: "a.tif", Body: "x", ...more })));
  expect(await put({ IfNoneMatch: "*" })).toBe("no refusal");
  expect(await put({ IfNoneMatch: "*" })).toBe("412 PreconditionFailed");
  expect(await put({ IfMatch: '"9dd4e461268c8034f5c8564e155c67a6"' })).toBe("403 AccessDenied");
  await s3.close();
});
