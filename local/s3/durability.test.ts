// Does not prove what a power cut does, nor memory anywhere but on Linux.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, existsSync } from "node:fs";
import { open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { GetObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { clientOf, temporaryDirectory, testConfig } from "./testS3";

const Bucket = "test-in";
const main = join(__dirname, "main.ts");
let directory: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await rm(directory, { recursive: true, force: true });
});

/** The store as a process of its own; answers with all it printed when it was ready. */
const start = async () => {
  const config = join(directory, "s3.json");
  await writeFile(config, JSON.stringify(testConfig(join(directory, "data"))));
  const child = spawn(process.execPath, ["--import", "tsx", main, config], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  let printed = "";
  child.stdout.on("data", (piece) => {
    printed += piece;
  });
  await vi.waitFor(() => expect(printed).toMatch(/\n/), { timeout: 30_000 });
  const url = /^ready (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(printed)?.[1] ?? "";
  return { child, url, client: clientOf(url, "operator", { requestChecksumCalculation: "WHEN_REQUIRED" }) };
};

const read = async (client: S3Client, Key: string): Promise<string | undefined> =>
  (await client.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString();

const uploading = async (client: S3Client, Key: string, bytes: number) => {
  const url = await getSignedUrl(client, new PutObjectCommand({ Bucket, Key }));
  const upload = request(url, { method: "PUT", headers: { "content-length": bytes }, agent: false });
  upload.on("error", () => {});
  return upload;
};

const temporaryBytes = async (): Promise<number> => {
  const folder = join(directory, "data", "temporary");
  const sizes = await Promise.all((await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
};

describe("the process", () => {
  it("killed in the middle of an overwrite has the old object when it is back, and takes the new one then", async () => {
    const first = await start();
    await first.client.send(new PutObjectCommand({ Bucket, Key: "a.tif", Body: "old" }));
    const upload = await uploading(first.client, "a.tif", 4_000_000);
    upload.write(Buffer.alloc(2_000_000));
    await vi.waitFor(async () => expect(await temporaryBytes()).toBeGreaterThan(1_000_000), { timeout: 30_000 });
    first.child.kill("SIGKILL");
    await once(first.child, "exit");
    upload.destroy();

    const second = await start();
    expect(await read(second.client, "a.tif")).toBe("old");
    expect(await readdir(join(directory, "data", "temporary"))).toEqual([]);
    await second.client.send(new PutObjectCommand({ Bucket, Key: "a.tif", Body: "new" }));
    expect(await read(second.client, "a.tif")).toBe("new");
  });

  it("leaves nothing of an upload that its client gave up", async () => {
    const { client } = await start();
    const upload = await uploading(client, "b.tif", 4_000_000);
    upload.write(Buffer.alloc(2_000_000));
    await vi.waitFor(async () => expect(await temporaryBytes()).toBeGreaterThan(1_000_000), { timeout: 30_000 });
    upload.destroy();
    await vi.waitFor(async () => expect(await temporaryBytes()).toBe(0), { timeout: 30_000 });
    await expect(read(client, "b.tif")).rejects.toMatchObject({ name: "NoSuchKey" });
  });

  it("ends by SIGTERM with status 0, even while an upload is under way", async () => {
    const { child, client } = await start();
    const upload = await uploading(client, "c.tif", 4_000_000);
    upload.write(Buffer.alloc(1_000));
    await vi.waitFor(async () => expect(await temporaryBytes()).toBe(1_000), { timeout: 30_000 });
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  it.skipIf(!existsSync("/proc/self/status"))("takes 100 MB with at most 150 MB of memory", async () => {
    const { child, client } = await start();
    const file = join(directory, "large");
    const bytes = 100_000_000;
    const handle = await open(file, "w");
    await handle.truncate(bytes);
    await handle.close();
    const upload = await uploading(client, "large.tif", bytes);
    createReadStream(file).pipe(upload);
    const [answer] = await once(upload, "response");
    answer.resume();
    expect(answer.statusCode).toBe(200);
    const peakKiB = Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${child.pid}/status`, "utf8"))?.[1]);
    console.log(`peak memory of the S3 process: ${Math.round((peakKiB * 1024) / 1e6)} MB`);
    expect(peakKiB * 1024).toBeLessThan(150_000_000);
  });
});

describe("a configuration that is not one", () => {
  it("is refused with a sentence and status 1", async () => {
    const config = join(directory, "bad.json");
    await writeFile(config, JSON.stringify({ ...testConfig(directory), port: "eighty" }));
    const child = spawn(process.execPath, ["--import", "tsx", main, config], { stdio: ["ignore", "ignore", "pipe"] });
    children.push(child);
    let said = "";
    child.stderr.on("data", (piece) => {
      said += piece;
    });
    expect(await once(child, "close")).toEqual([1, null]);
    expect(said).toContain(`Expected a port number for \`port\` but received "eighty". Correct it in ${config}.`);
  });
});
