// Does not prove a kill -9 in real time (stateTable.test.ts plays every crash point), nor what a load balancer does.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Job, jobKey, queuedJob, type ServiceRecord, serviceKey } from "../../contract/job";
import { randomJobId } from "../../contract/jobId";
import { engineAnswers, startServerProcess } from "./testing/serverProcess";
import { startTwin } from "./testing/twin";

let twin: Awaited<ReturnType<typeof startTwin>>;
const children: ChildProcess[] = [];
const temporary = mkdtempSync(join(tmpdir(), "ddn-server-test-"));
beforeAll(async () => {
  twin = await startTwin();
});
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(temporary, { recursive: true, force: true });
  await twin.close();
});

const getText = async (key: string): Promise<string> => {
  const answer = await twin.operator.s3.send(new GetObjectCommand({ Bucket: twin.buckets.out, Key: key }));
  return (await answer.Body?.transformToString()) ?? "";
};

const getJob = async (id: string): Promise<Job> => JSON.parse(await getText(jobKey(id)));

/** A 16-bit grey TIFF: a ramp. */
const putImage = async (key: string, width: number, height: number) => {
  const samples = Uint16Array.from({ length: width * height }, (_, index) => 20000 + (index % width) * 20);
  const body = await sharp(samples, { raw: { width, height, channels: 1 } })
    .toColourspace("grey16")
    .tiff({ compression: "deflate", predictor: "horizontal" })
    .toBuffer();
  const answer = await twin.operator.s3.send(new PutObjectCommand({ Bucket: twin.buckets.in, Key: key, Body: body }));
  return { bytes: body.length, etag: answer.ETag ?? "" };
};

const startProcess = () =>
  startServerProcess({ ...twin.environment, TMPDIR: temporary, DDN_STACK: "test" }, (child) => children.push(child));

describe("the server as a process, with the real model", () => {
  it("serves a request, takes a job from the queue, and drains on SIGTERM", async () => {
    const server = await startProcess();
    await server.line(engineAnswers);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);

    await putImage("부품.tif", 70, 33);
    const answer = await fetch(`${server.url}/inference`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ file: "부품.tif", output: "out/부품.tif" }),
    });
    const job = (await answer.json()) as Job;
    expect(answer.status).toBe(200);
    expect(job).toMatchObject({
      status: "succeeded",
      engine: "onnx",
      input: { width: 70, height: 33, pages: 1, channels: 1, bits: 16 },
    });
    expect(await server.line(({ _aws, job: id }) => _aws !== undefined && id === job.id)).toMatchObject({
      Stack: "test",
      JobsSucceeded: 1,
      Pixels: 70 * 33,
    });
    const result = await twin.operator.s3.send(new GetObjectCommand({ Bucket: twin.buckets.out, Key: "out/부품.tif" }));
    expect(result).toMatchObject({
      ETag: job.result?.etag,
      ContentType: "image/tiff",
      Metadata: { "ddn-job": job.id },
    });
    const body = Buffer.from((await result.Body?.transformToByteArray()) ?? []);
    expect(await sharp(body).metadata()).toMatchObject({ width: 70, height: 33, depth: "ushort", channels: 1 });

    const input = await putImage("queued.tif", 40, 40);
    const request = { file: "queued.tif", output: "queued.tif", options: { strength: 1 } };
    const queued = queuedJob(randomJobId(), request, input, new Date());
    await twin.operator.s3.send(
      new PutObjectCommand({ Bucket: twin.buckets.out, Key: jobKey(queued.id), Body: JSON.stringify(queued) }),
    );
    await twin.operator.sqs.send(
      new SendMessageCommand({ QueueUrl: twin.queueUrl, MessageBody: JSON.stringify({ job: queued.id }) }),
    );
    await server.line(({ msg, job: id }) => msg === "run ended" && id === queued.id);
    expect(await getJob(queued.id)).toMatchObject({ status: "succeeded", worker: server.instance });

    server.child.kill("SIGTERM");
    const [code] = await once(server.child, "exit");
    expect(code).toBe(0);
    const record: ServiceRecord = JSON.parse(await getText(serviceKey(server.instance)));
    expect(record).toMatchObject({ ready: false, reason: "The server is shutting down." });
    expect(existsSync(join(temporary, `DDN_${server.child.pid}`))).toBe(false);
  });

  it("ends with the reason when its environment is not complete", async () => {
    const child = spawn(process.execPath, ["--import", "tsx", resolve(__dirname, "main.ts")], {
      env: { PATH: process.env.PATH, AWS_REGION: "ap-northeast-2" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let text = "";
    child.stderr?.on("data", (chunk) => {
      text += chunk;
    });
    const [code] = await once(child, "close");
    expect(code).toBe(1);
    expect(text).toBe(
      "Expected the name of the input bucket for `DDN_IN_BUCKET` but received nothing. The stack's outputs name it; `npm start` sets it for the twin.\n",
    );
  });
});
