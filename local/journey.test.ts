// Does not prove that AWS behaves as the twin does.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { HeadObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Client, createClient } from "../client/client";
import type { Job } from "../contract/job";
import { decodePage } from "../server/src/images/decode";
import { readImageHeader } from "../server/src/images/header";
import { psnr } from "../server/src/pixels/psnr";
import { type DemoImage, writeDemoImage } from "./demo/images";
import { casting, type Phantom } from "./demo/phantoms";
import { startTwin, type Twin } from "./twin";

const directory = mkdtempSync(join(tmpdir(), "ddn-journey-"));
let twin: Twin;
let client: Client;

const image = (name: string, pages: readonly Phantom[]): DemoImage => ({ name, what: "a casting", pages });

const write = async (demo: DemoImage): Promise<Uint8Array<ArrayBuffer>> => {
  const path = join(directory, "input");
  await writeDemoImage(path, demo, "noisy");
  return new Uint8Array(readFileSync(path));
};

const fetchResult = async (job: Job): Promise<{ readonly path: string; readonly bytes: Buffer }> => {
  const path = join(directory, "output");
  const bytes = Buffer.from(await (await client.download({ job: job.id })).arrayBuffer());
  writeFileSync(path, bytes);
  return { path, bytes };
};

const messages = async (): Promise<Record<string, string>> => {
  const sqs = new SQSClient({ endpoint: twin.sqs.endpoint, region: twin.s3.region, credentials: twin.s3 });
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: twin.sqs.queueUrl, AttributeNames: ["All"] }),
  );
  return Attributes;
};

beforeAll(async () => {
  twin = await startTwin({ directory });
  client = createClient({ baseUrl: twin.url });
});

afterAll(async () => {
  await twin.close();
  rmSync(directory, { recursive: true, force: true });
});

describe("an image on its way through the platform", () => {
  it("comes back denoised, as large and as deep as it went in, with its provenance", async () => {
    const demo = image("주물 시편/512.tif", [casting(512, 512, 1, 0)]);
    const file = await client.upload(demo.name, await write(demo));
    const queued = await client.createJob({ file });
    expect(queued.status).toBe("queued");
    const job = await client.waitForJob(queued.id);
    expect(job).toMatchObject({
      status: "succeeded",
      attempts: 1,
      engine: "onnx",
      input: { width: 512, height: 512, pages: 1, channels: 1, bits: 16 },
    });

    const { path, bytes } = await fetchResult(job);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(job.result?.sha256);
    const header = await readImageHeader(path, { maxPixels: 2 ** 20, maxPages: 1 });
    expect(header.pages[0]).toMatchObject({
      width: 512,
      height: 512,
      channels: 1,
      bits: 16,
      description: "a casting (noisy)",
      resolution: { x: 254, y: 254, unit: 2 },
    });
    const software = `ddn 0.1.0; model ${job.model?.name}@${job.model?.sha256.slice(0, 12)}; job ${job.id}`;
    expect(bytes.includes(software)).toBe(true);
    const [{ clean, noisy }] = demo.pages;
    expect(psnr(clean, await decodePage(path, header, 0))).toBeGreaterThan(psnr(clean, noisy) + 15);
  });

  it("is denoised exactly once when the server is killed in the middle", { timeout: 180_000 }, async () => {
    const pages = Array.from({ length: 5 }, (_, index) => casting(640, 640, index, 0));
    const file = await client.upload("killed.tif", await write(image("killed.tif", pages)));
    const { id } = await client.createJob({ file });
    const server = twin.pids().server;
    if (server === undefined) throw new Error("Expected a running server.");
    while ((await client.job(id)).progress.done === 0) await pause(50);
    process.kill(server, "SIGKILL");
    const killedAt = Date.now();

    const job = await client.waitForJob(id);
    expect(job).toMatchObject({ status: "succeeded", attempts: 2, input: { pages: 5 } });
    expect(Date.now() - killedAt).toBeLessThan(120_000);
    expect(twin.pids().server).not.toBe(server);

    const { path, bytes } = await fetchResult(job);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(job.result?.sha256);
    expect((await readImageHeader(path, { maxPixels: 2 ** 20, maxPages: 5 })).pages).toHaveLength(5);
    const s3 = new S3Client({ endpoint: twin.s3.endpoint, region: twin.s3.region, credentials: twin.s3 });
    const stored = await s3.send(new HeadObjectCommand({ Bucket: twin.s3.outBucket, Key: "killed.tif" }));
    expect({ job: stored.Metadata?.["ddn-job"], version: stored.VersionId }).toEqual({
      job: id,
      version: job.result?.versionId,
    });
    await expect
      .poll(messages, { timeout: 10_000 })
      .toMatchObject({ ApproximateNumberOfMessages: "0", ApproximateNumberOfMessagesNotVisible: "0" });
  });
});
