// Does not prove the real table: it grants reading without listing, which no role of the platform has today.
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { expect, it, vi } from "vitest";
import { refusal, startTestS3 } from "./testS3";

vi.mock("../../contract/permissions", () => ({
  permissions: { worker: [{ actions: ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], resources: ["in/*"] }] },
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
