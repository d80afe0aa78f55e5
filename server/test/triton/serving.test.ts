// Does not prove anything of a GPU: the model runs in the Python backend of a Triton on this machine's processor.
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Job } from "../../../contract/job";
import { buildPng } from "../../src/images/testPng";
import { startServerProcess } from "../../src/testing/serverProcess";
import { startTwin } from "../../src/testing/twin";
import { startTriton, type TestTriton, tritonIsInstalled } from "./server";

const temporary = mkdtempSync(join(tmpdir(), "ddn-triton-serving-"));

// triton.test.ts says so when it is not.
describe.runIf(tritonIsInstalled)("the server with a real Triton", () => {
  let triton: TestTriton;
  let twin: Awaited<ReturnType<typeof startTwin>>;
  let server: ChildProcess;
  let url: string;
  beforeAll(async () => {
    [twin, triton] = await Promise.all([startTwin(), startTriton(["ddn"])]);
    const environment = {
      ...twin.environment,
      TMPDIR: temporary,
      DDN_ENGINE: "triton",
      TRITON_URL: triton.url("http"),
      DDN_GPU_USD_PER_HOUR: "0.647",
    };
    ({ url } = await startServerProcess(environment, (child) => {
      server = child;
    }));
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
