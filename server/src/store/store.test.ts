// Does not prove that AWS itself answers as the twin does; the twin's own tests argue for that.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HeadObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { queuedJob } from "../../../contract/job";
import { randomJobId } from "../../../contract/jobId";
import { createJobRecords } from "../jobs/records";
import { startTwin } from "../testing/twin";
import { createObjectStore, type ObjectStore } from "./objects";
import { createJobQueue } from "./queue";
import { UpstreamError } from "./upstream";

let twin: Awaited<ReturnType<typeof startTwin>>;
let store: ObjectStore;
const folder = mkdtempSync(join(tmpdir(), "ddn-store-"));
const signal = new AbortController().signal;

beforeAll(async () => {
  twin = await startTwin();
  store = createObjectStore(twin.worker.s3);
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await twin.close();
});

const putInput = async (key: string, body: string): Promise<string> => {
  const answer = await twin.operator.s3.send(new PutObjectCommand({ Bucket: twin.buckets.in, Key: key, Body: body }));
  return answer.ETag ?? "";
};

describe("objects", () => {
  it("reads text with its ETag and its age by S3's own clock", async () => {
    const written = await store.writeText(twin.buckets.out, ".ddn/jobs/text.json", "한글");
    const read = await store.readText(twin.buckets.out, ".ddn/jobs/text.json");
    expect(written).toMatchObject({ etag: read?.etag });
    expect(read?.text).toBe("한글");
    expect(read?.ageSeconds).toBeGreaterThanOrEqual(0);
    expect(read?.ageSeconds).toBeLessThan(60);
  });

  it("tells nothing from a missing object", async () => {
    expect(await store.readText(twin.buckets.out, ".ddn/jobs/none.json")).toBeUndefined();
    expect(await store.head(twin.buckets.in, "none.tif")).toBeUndefined();
  });

  it("lets one of eight win who create the same object", async () => {
    const writes = Array.from({ length: 8 }, (_, index) =>
      store.writeText(twin.buckets.out, ".ddn/jobs/race.json", `${index}`, { absent: true }),
    );
    const written = await Promise.all(writes);
    expect(written.filter((one) => one !== "conflict")).toHaveLength(1);
  });

  it("replaces only what is still there", async () => {
    const key = ".ddn/jobs/replace.json";
    const first = await store.writeText(twin.buckets.out, key, "1", { absent: true });
    if (first === "conflict") throw new Error("conflict");
    expect(await store.writeText(twin.buckets.out, key, "2", { etag: first.etag })).not.toBe("conflict");
    expect(await store.writeText(twin.buckets.out, key, "3", { etag: first.etag })).toBe("conflict");
    expect((await store.readText(twin.buckets.out, key))?.text).toBe("2");
  });

  it("downloads the bytes of the noted ETag, with their hash", async () => {
    const etag = await putInput("나사.tif", "abc");
    const path = join(folder, "input");
    expect(await store.download(twin.buckets.in, "나사.tif", { etag, bytes: 3 }, path, signal)).toEqual({
      bytes: 3,
      sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    });
    expect(readFileSync(path, "utf8")).toBe("abc");
  });

  it("tells changed from missing", async () => {
    const etag = await putInput("changed.tif", "old");
    await putInput("changed.tif", "new");
    const path = join(folder, "changed");
    expect(await store.download(twin.buckets.in, "changed.tif", { etag, bytes: 3 }, path, signal)).toBe("changed");
    expect(await store.download(twin.buckets.in, "missing.tif", { etag, bytes: 3 }, path, signal)).toBe("missing");
  });

  it("uploads a file with type, metadata and checksum, and only over what was seen", async () => {
    const path = join(folder, "result");
    writeFileSync(path, "abc");
    const file = {
      path,
      bytes: 3,
      sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      contentType: "image/tiff",
      metadata: { "ddn-job": "j" },
    };
    const bucket = twin.buckets.out;
    const first = await store.upload(bucket, "r.tif", { ...file, condition: { absent: true } }, signal);
    expect(await store.upload(bucket, "r.tif", { ...file, condition: { absent: true } }, signal)).toBe("conflict");
    expect(await store.head(bucket, "r.tif")).toMatchObject({ ...(first as object), metadata: { "ddn-job": "j" } });
    const head = await twin.operator.s3.send(
      new HeadObjectCommand({ Bucket: bucket, Key: "r.tif", ChecksumMode: "ENABLED" }),
    );
    expect(head).toMatchObject({
      ContentType: "image/tiff",
      ChecksumSHA256: "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
    });
  });

  it("has S3 refuse a file that is not what was hashed", async () => {
    const path = join(folder, "torn");
    writeFileSync(path, "abd");
    const sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const file = {
      path,
      bytes: 3,
      sha256,
      contentType: "image/png",
      metadata: {},
      condition: { absent: true },
    } as const;
    await expect(store.upload(twin.buckets.out, "torn.png", file, signal)).rejects.toThrow(UpstreamError);
    expect(await store.head(twin.buckets.out, "torn.png")).toBeUndefined();
  });

  it("says of a refusal what was asked and what came, and no more", async () => {
    const error = await store.writeText(twin.buckets.in, "not-mine.json", "{}").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UpstreamError);
    expect((error as Error).message).toBe("Expected an answer to PutObject but received AccessDenied (403).");
  });
});

describe("a body that is cut short", () => {
  let server: Server;
  let requests = 0;
  beforeAll(async () => {
    server = createServer((_request, response) => {
      requests += 1;
      response.writeHead(200, { "content-length": 6, etag: '"e"' });
      if (requests > 1) return response.end("abcdef");
      return response.write("abc", () => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => server.close());

  it("is fetched again from the start", async () => {
    const credentials = { accessKeyId: "a", secretAccessKey: "b" };
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const cut = createObjectStore(new S3Client({ region: "us-east-1", endpoint, credentials }));
    const path = join(folder, "cut");
    expect(await cut.download("b", "k.tif", { etag: '"e"', bytes: 6 }, path, signal)).toMatchObject({ bytes: 6 });
    expect(readFileSync(path, "utf8")).toBe("abcdef");
    expect(requests).toBe(2);
  });
});

describe("records", () => {
  it("are created once and replaced by whoever knows the last ETag", async () => {
    const records = createJobRecords(store, twin.buckets.out);
    const request = { file: "a.tif", output: "a.tif", options: { strength: 1 } };
    const job = queuedJob(randomJobId(), request, { bytes: 1, etag: '"e"' }, new Date());
    const etag = (await records.create(job)) ?? "";
    expect(await records.read(job.id)).toMatchObject({ job, etag });
    expect(await records.create({ ...job, attempts: 1 })).toBeUndefined();
    const next = await records.replace({ ...job, attempts: 1 }, etag);
    expect(next).toBeDefined();
    expect(await records.replace({ ...job, attempts: 2 }, etag)).toBeUndefined();
    expect((await records.read(job.id))?.job.attempts).toBe(1);
  });

  it("know their own write again when it is sent twice", async () => {
    const records = createJobRecords(store, twin.buckets.out);
    const request = { file: "a.tif", output: "a.tif", options: { strength: 1 } };
    const job = queuedJob(randomJobId(), request, { bytes: 1, etag: '"e"' }, new Date());
    const etag = await records.create(job);
    expect(await records.create(job)).toBe(etag);
  });
});

describe("queue", () => {
  it("sends, receives, hides and removes", async () => {
    const queue = createJobQueue(twin.worker.sqs, twin.queueUrl, twin.deadLetterQueueUrl);
    const id = randomJobId();
    await queue.send(id, 0);
    const [message] = await queue.receive(1, signal);
    expect(JSON.parse(message.body)).toEqual({ job: id });
    await queue.setVisibility(message.receipt, 0);
    const [again] = await queue.receive(1, signal);
    expect(again.body).toBe(message.body);
    await queue.remove(again.receipt);
  });

  it("receives as many at a time as asked for, at most", async () => {
    const queue = createJobQueue(twin.worker.sqs, twin.queueUrl, twin.deadLetterQueueUrl);
    const ids = [randomJobId(), randomJobId(), randomJobId()];
    for (const id of ids) await queue.send(id, 0);
    const messages = [...(await queue.receive(2, signal)), ...(await queue.receive(2, signal))];
    expect(messages.map(({ body }) => JSON.parse(body).job).sort()).toEqual(ids.sort());
    for (const { receipt } of messages) await queue.remove(receipt);
  });

  it("buries a body in the dead-letter queue as it is", async () => {
    const queue = createJobQueue(twin.worker.sqs, twin.queueUrl, twin.deadLetterQueueUrl);
    await queue.bury("not json");
    const dead = await twin.operator.sqs.send(
      new ReceiveMessageCommand({ QueueUrl: twin.deadLetterQueueUrl, WaitTimeSeconds: 1 }),
    );
    expect(dead.Messages?.map(({ Body }) => Body)).toEqual(["not json"]);
  });

  it("stops waiting for a message when asked to", async () => {
    const queue = createJobQueue(twin.worker.sqs, twin.queueUrl, twin.deadLetterQueueUrl);
    const stop = new AbortController();
    const waiting = queue.receive(1, stop.signal);
    stop.abort();
    await expect(waiting).rejects.toThrow(UpstreamError);
  });
});
