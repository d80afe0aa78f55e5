// Does not prove anything of a GPU: the model runs in the Python backend of a Triton on this machine's processor.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Job } from "../../../contract/job";
import { buildPng } from "../../src/images/testPng";
import { startTwin } from "../../src/testing/twin";
import { startTriton, type TestTriton, tritonIsInstalled } from "./server";

const temporary = mkdtempSync(join(tmpdir(), "ddn-triton-serving-"));

/** The address of the server, once it listens. */
const listening = async (child: ChildProcess): Promise<string> => {
  if (child.stdout === null) throw new Error("The server has no output.");
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, url } = JSON.parse(line) as { msg: string; url?: string };
    if (msg !== "listening" || url === undefined) continue;
    child.stdout.resume();
    return url;
  }
  throw new Error("The server ended before it listened.");
};

// triton.test.ts says so when it is not.
describe.runIf(tritonIsInstalled)("the server with a real Triton", () => {
  let triton: TestTriton;
  let twin: Awaited<ReturnType<typeof startTwin>>;
  let server: ChildProcess;
  let url: string;
  beforeAll(async () => {
    [twin, triton] = await Promise.all([startTwin(), startTriton(["ddn"])]);
    server = spawn(process.execPath, ["--import", "tsx", resolve(__dirname, "../../src/main.ts")], {
      env: {
        PATH: process.env.PATH,
        ...twin.environment,
        TMPDIR: temporary,
        HOST: "127.0.0.1",
        PORT: "0",
        DDN_ENGINE: "triton",
        TRITON_URL: triton.url("http"),
        DDN_GPU_USD_PER_HOUR: "0.647",
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    url = await listening(server);
  }, 300_000);
  afterAll(async () => {
    server?.kill("SIGKILL");
    await triton?.stop();
    await twin?.close();
    rmSync(temporary, { recursive: true, force: true });
  });

  const health = async (): Promise<number> => (await fetch(`${url}/healthz`)).status;
  const denoise = async (): Promise<Job> => {
    const answer = await fetch(`${url}/inference`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ file: "plate.png" }),
    });
    return (await answer.json()) as Job;
  };

  it("denoises an image on it, says so, and says what it cost", async () => {
    const samples = Array.from({ length: 300 * 200 }, (_, index) => 20_000 + ((index * 7919) % 4001));
    const body = buildPng({ width: 300, height: 200, samples });
    await twin.operator.s3.send(new PutObjectCommand({ Bucket: twin.buckets.in, Key: "plate.png", Body: body }));
    await expect.poll(health, { timeout: 30_000 }).toBe(200);
    const { status, engine, model, cost } = await denoise();
    expect({ status, engine, model: model?.name }).toEqual({
      status: "succeeded",
      engine: "triton",
      model: expect.any(String),
    });
    expect(cost?.gpuSeconds).toBeGreaterThan(0);
    expect(cost?.usd).toBeCloseTo(((cost?.gpuSeconds ?? Number.NaN) * 0.647) / 3600, 8);
    const result = await twin.operator.s3.send(new GetObjectCommand({ Bucket: twin.buckets.out, Key: "plate.png" }));
    expect((await result.Body?.transformToByteArray())?.length).toBeGreaterThan(1000);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    // The golden image and the plate's one tile.
    expect(metrics).toMatch(/^ddn_engine_tiles_total 2$/m);
    expect(metrics).toMatch(/^ddn_engine_tiles_waiting 0$/m);
  }, 60_000);

  it("is unhealthy while Triton is gone, refuses work meanwhile, and serves again when it is back", async () => {
    await triton.stop();
    expect(await health()).toBe(503);
    const answer = await fetch(`${url}/inference`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"file":"plate.png"}',
    });
    expect(answer.headers.get("retry-after")).toBe("10");
    expect(await answer.json()).toMatchObject({ code: "engine_unavailable" });
    triton = await startTriton(["ddn"], { ports: triton.ports });
    await expect.poll(health, { timeout: 30_000 }).toBe(200);
    expect((await denoise()).status).toBe("succeeded");
  }, 90_000);
});
