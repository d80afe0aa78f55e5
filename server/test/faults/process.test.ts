// Does not prove that ECS waits 110 s; S3's clock is set forward by the proxy instead of waiting 60 s (local/journey.test.ts waits).
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Job, jobKey, queuedJob } from "../../../contract/job";
import { randomJobId } from "../../../contract/jobId";
import { gate } from "../../src/testing/gate";
import { engineAnswers, startServerProcess } from "../../src/testing/serverProcess";
import { startTwin } from "../../src/testing/twin";
import { type FaultProxy, type Passing, startFaultProxy } from "./faultProxy";
import { eventually } from "./serverUnderFaults";

let twin: Awaited<ReturnType<typeof startTwin>>;
let s3: FaultProxy;
const children: ChildProcess[] = [];
const temporary = mkdtempSync(join(tmpdir(), "ddn-process-"));

beforeAll(async () => {
  twin = await startTwin();
  s3 = await startFaultProxy(twin.environment.AWS_ENDPOINT_URL_S3);
});
afterEach(() => s3.heal());
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(temporary, { recursive: true, force: true });
  await s3.close();
  await twin.close();
});

const startProcess = async (environment: Record<string, string> = {}) => {
  const server = await startServerProcess(
    { ...twin.environment, AWS_ENDPOINT_URL_S3: s3.url, TMPDIR: temporary, ...environment },
    (child) => children.push(child),
  );
  await server.line(engineAnswers);
  const infer = (file: string, output = file): Promise<Response> =>
    fetch(`${server.url}/inference`, {
      method: "POST",
      // A connection that the client keeps would count as one that the server holds.
      headers: { "content-type": "application/json", connection: "close" },
      body: JSON.stringify({ file, output }),
    });
  return { ...server, infer };
};

const job = async (id: string): Promise<Job> => {
  const answer = await twin.operator.s3.send(new GetObjectCommand({ Bucket: twin.buckets.out, Key: jobKey(id) }));
  return JSON.parse((await answer.Body?.transformToString()) ?? "");
};

const putImage = async (file: string) => {
  const samples = Uint16Array.from({ length: 64 * 64 }, (_, index) => 20000 + (index % 64) * 20);
  const image = sharp(samples, { raw: { width: 64, height: 64, channels: 1 } });
  const body = await image.toColourspace("grey16").tiff({ compression: "none" }).toBuffer();
  const answer = await twin.operator.s3.send(new PutObjectCommand({ Bucket: twin.buckets.in, Key: file, Body: body }));
  return { bytes: body.length, etag: answer.ETag ?? "" };
};

const sendMessage = (id: string) =>
  twin.operator.sqs.send(new SendMessageCommand({ QueueUrl: twin.queueUrl, MessageBody: JSON.stringify({ job: id }) }));

const queueJob = async (file: string): Promise<string> => {
  const request = { file, output: file, options: { strength: 1 } };
  const record = queuedJob(randomJobId(), request, await putImage(file), new Date());
  const put = { Bucket: twin.buckets.out, Key: jobKey(record.id), Body: JSON.stringify(record) };
  await twin.operator.s3.send(new PutObjectCommand(put));
  await sendMessage(record.id);
  return record.id;
};

const isInput = ({ method, path }: Passing): boolean => method === "GET" && path.startsWith("/twin-in/");
const isResult = ({ method, path }: Passing): boolean => method === "PUT" && /^\/twin-out\/[^.]/.test(path);
const isRecordRead = ({ method, path }: Passing): boolean =>
  method === "GET" && path.startsWith("/twin-out/.ddn/jobs/");

describe("the server as a process", () => {
  it("F01 killed while it writes a result leaves the job to another, which writes it once", {
    timeout: 120_000,
  }, async () => {
    const doomed = await startProcess();
    const held = s3.inject(isResult, { kind: "silent" }, 1);
    const id = await queueJob("killed.tif");
    await held.met;
    doomed.child.kill("SIGKILL");
    await once(doomed.child, "exit");
    expect(await job(id)).toMatchObject({ status: "running", attempts: 1 });

    s3.inject(isRecordRead, { kind: "dated", seconds: 61 });
    const heir = await startProcess();
    await sendMessage(id);
    await expect.poll(async () => (await job(id)).status, { timeout: 50_000 }).toBe("succeeded");
    const { result, attempts } = await job(id);
    expect(attempts).toBe(2);
    const stored = await twin.operator.s3.send(new HeadObjectCommand({ Bucket: twin.buckets.out, Key: "killed.tif" }));
    expect({ job: stored.Metadata?.["ddn-job"], version: stored.VersionId }).toEqual({
      job: id,
      version: result?.versionId,
    });
    heir.child.kill("SIGTERM");
    expect(await once(heir.child, "exit")).toEqual([0, null]);
  });

  it("F02 that is told to stop under load answers all it took, refuses the next, and ends with 0", {
    timeout: 120_000,
  }, async () => {
    const server = await startProcess({ DDN_CONCURRENCY: "4" });
    await putImage("load.tif");
    const release = gate();
    const held = s3.inject(isInput, { kind: "held", until: release.opened });
    const inFlight = Array.from({ length: 8 }, (_, index) => server.infer("load.tif", `load-${index}.tif`));
    await eventually(held.count).toBe(4);
    server.child.kill("SIGTERM");
    await server.line(({ msg }) => msg === "draining");
    const refusal = await server.infer("load.tif");
    expect(refusal.status).toBe(503);
    expect(refusal.headers.get("retry-after")).toBe("1");
    expect(await refusal.json()).toMatchObject({ code: "draining" });
    release.open();
    const answers = await Promise.all(inFlight);
    const jobs = await Promise.all(answers.map(async (answer) => (await answer.json()) as Job));
    expect(answers.map(({ status }) => status)).toEqual(inFlight.map(() => 200));
    expect(jobs.map(({ status }) => status)).toEqual(inFlight.map(() => "succeeded"));
    expect(await once(server.child, "exit")).toEqual([0, null]);
  });

  it("F02 hands back what does not end in time, and another does it without an attempt lost", {
    timeout: 120_000,
  }, async () => {
    const server = await startProcess({ DDN_DRAIN_SECONDS: "1" });
    const never = gate();
    const held = s3.inject(isInput, { kind: "held", until: never.opened }, 1);
    const id = await queueJob("back.tif");
    await held.met;
    server.child.kill("SIGTERM");
    expect(await once(server.child, "exit")).toEqual([0, null]);
    expect(await job(id)).toMatchObject({ status: "queued", attempts: 0 });
    never.open();
    const heir = await startProcess();
    await expect.poll(async () => (await job(id)).status, { timeout: 50_000 }).toBe("succeeded");
    expect((await job(id)).attempts).toBe(1);
    heir.child.kill("SIGKILL");
  });

  it("F18 has no more descriptors and files after storms of ten times the load that fits than before", {
    timeout: 120_000,
  }, async () => {
    const server = await startProcess({ DDN_CONCURRENCY: "2" });
    await putImage("storm.tif");
    const openDescriptors = (): number => readdirSync(`/proc/${server.child.pid}/fd`).length;
    // What stays open for good is open after the first.
    expect((await server.infer("storm.tif")).status).toBe(200);
    const before = openDescriptors();
    for (let storm = 0; storm < 3; storm += 1) {
      const release = gate();
      const held = s3.inject(isInput, { kind: "held", until: release.opened });
      const storming = Array.from({ length: 60 }, (_, index) => server.infer("storm.tif", `storm-${index}.tif`));
      await eventually(held.count).toBe(2);
      release.open();
      const statuses = (await Promise.all(storming)).map(({ status }) => status);
      expect(new Set(statuses)).toEqual(new Set([200, 503]));
      held.remove();
    }
    await eventually(openDescriptors).toBeLessThanOrEqual(before);
    expect(readdirSync(join(temporary, `DDN_${server.child.pid}`))).toEqual([]);
    server.child.kill("SIGKILL");
  });
});
