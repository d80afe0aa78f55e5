// Does not prove that Docker builds server/Dockerfile: it runs the same command on another base and starts what that wrote.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTwin, type TestTwin } from "../functions/testing/twin";
import { buildPng } from "./src/images/testPng";

const run = promisify(execFile);
const root = path.resolve(__dirname, "..");

let folder: string;
let app: string;
let twin: TestTwin;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "ddn-bundle-"));
  app = path.join(folder, "app");
  const [written] = await Promise.all([
    run(process.execPath, ["--import", "tsx", "server/bundle.ts", app], { cwd: root }),
    startTwin().then((started) => {
      twin = started;
    }),
  ]);
  expect(written).toEqual({ stdout: "", stderr: "" });
});
afterAll(async () => {
  await twin.close();
  await rm(folder, { recursive: true });
});

const environment = (more: Record<string, string>): Record<string, string> => ({
  ...twin.environmentOf("worker"),
  DDN_DEAD_LETTER_QUEUE_URL: `${twin.queueUrl}-dead`,
  HOST: "127.0.0.1",
  PORT: "0",
  TMPDIR: folder,
  ...more,
});

/** Runs the server as the image does, until it ends by itself. */
const end = (more: Record<string, string>): Promise<{ code: number; stderr: string }> =>
  run(process.execPath, ["--no-warnings", "--enable-source-maps", "main.js"], {
    cwd: app,
    env: environment(more),
  }).then(
    ({ stderr }) => ({ code: 0, stderr }),
    ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr }),
  );

/** Starts the server as the image does; returns when it listens. */
const start = async (more: Record<string, string>): Promise<{ server: ChildProcess; url: string }> => {
  const server = spawn(process.execPath, ["--no-warnings", "--enable-source-maps", "main.js"], {
    cwd: app,
    env: environment(more),
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: server.stdout })) {
    const { msg, url } = JSON.parse(line) as { msg: string; url?: string };
    if (msg !== "listening" || url === undefined) continue;
    server.stdout.resume();
    return { server, url };
  }
  throw new Error("The server ended before it listened.");
};

const stop = async (server: ChildProcess): Promise<void> => {
  const ended = new Promise((resolve) => server.once("exit", resolve));
  server.kill("SIGTERM");
  expect(await ended).toBe(0);
};

const files = async (): Promise<string[]> => (await readdir(app, { recursive: true })).sort();

describe("the bundled server", () => {
  it("is three programs and the packages that cannot be bundled, without onnxruntime", async () => {
    const top = (await readdir(app)).sort();
    expect(top.filter((name) => name.endsWith(".js"))).toEqual([
      "engineThreadMain.js",
      "imagingThreadMain.js",
      "main.js",
    ]);
    const packages = await readdir(path.join(app, "node_modules"));
    expect(packages.sort()).toEqual(["@img", "detect-libc", "sharp"]);
    const images = await readdir(path.join(app, "node_modules/@img"));
    expect(images.filter((name) => !/^(colour|sharp-(libvips-)?[a-z]+-[a-z0-9]+)$/.test(name))).toEqual([]);
  });

  it("holds the model that is in Triton's image, by whose metadata it knows how to cut tiles", async () => {
    const [ours, theirs] = await Promise.all(
      [path.join(app, "model.onnx"), path.join(root, "server/triton/models/ddn/1/model.onnx")].map((file) =>
        readFile(file),
      ),
    );
    expect(ours.equals(theirs)).toBe(true);
  });

  it("starts without onnxruntime where Triton computes, and says that Triton is not there yet", async () => {
    const { server, url } = await start({
      DDN_ENGINE: "triton",
      TRITON_URL: "http://127.0.0.1:1",
      DDN_MODEL: path.join(app, "model.onnx"),
    });
    const healthz = async () => (await fetch(`${url}/healthz`)).json();
    await expect
      .poll(healthz, { timeout: 30_000 })
      .toMatchObject({ code: "engine_unavailable", detail: "Triton cannot be reached." });
    await stop(server);
  });

  it("says what it lacks when asked for the engine that is left out", async () => {
    const { code, stderr } = await end({ DDN_ENGINE: "onnx" });
    expect(code).toBe(1);
    expect(stderr).toContain("The ONNX engine's thread has ended. Cannot find module 'onnxruntime-node'");
  });

  it("says what it expects when its settings are wrong", async () => {
    expect(await end({ DDN_IN_BUCKET: "" })).toEqual({
      code: 1,
      stderr:
        "Expected the name of the input bucket for `DDN_IN_BUCKET` but received nothing. The stack's outputs name it; `npm start` sets it for the twin.\n",
    });
  });

  describe("with onnxruntime laid beside it", () => {
    let server: ChildProcess;
    let url: string;
    let before: string[];
    beforeAll(async () => {
      await symlink(path.join(root, "node_modules/onnxruntime-node"), path.join(app, "node_modules/onnxruntime-node"));
      before = await files();
      ({ server, url } = await start({
        DDN_ENGINE: "onnx",
        DDN_THREADS: "1",
        DDN_MODEL: path.join(app, "model.onnx"),
      }));
    });
    afterAll(() => stop(server));

    it("starts from nothing but its own folder and answers", async () => {
      const alive = await fetch(`${url}/livez`);
      expect([alive.status, await alive.json()]).toEqual([200, { status: "ok" }]);
    });

    it("denoises an image from end to end", async () => {
      const samples = Array.from({ length: 64 * 64 }, (_, index) => 20_000 + ((index * 7919) % 4001));
      await twin.put("in", "plate.png", buildPng({ width: 64, height: 64, samples }));
      await expect.poll(async () => (await fetch(`${url}/healthz`)).status, { timeout: 30_000 }).toBe(200);
      const answer = await fetch(`${url}/inference`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ file: "plate.png" }),
      });
      expect(await answer.json()).toMatchObject({ status: "succeeded", input: { width: 64, height: 64, bits: 16 } });
      expect((await twin.read("out", "plate.png")).length).toBeGreaterThan(100);
    });

    it("writes nothing into its folder, so that it may be read-only", async () => {
      expect(await files()).toEqual(before);
    });
  });
});
