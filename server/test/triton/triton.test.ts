// Does not prove anything of a GPU, nor of Triton's ONNX Runtime backend: this Triton has its Python backend alone.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Engine, Params, Tile } from "../../src/engines/engine";
import { goldenImage, goldenSelfTest } from "../../src/engines/golden";
import { createOnnxEngine } from "../../src/engines/onnx";
import { createTritonEngine, type TritonOptions } from "../../src/engines/triton";
import { createReadiness } from "../../src/readiness";
import { howToInstallTriton, modelsFolder, startTriton, type TestTriton, tritonIsInstalled } from "./server";
import { startTcpProxy, type TcpProxy } from "./tcpProxy";

if (!tritonIsInstalled)
  console.warn(
    `The Triton engine, and the server with it, are not tested against a real Triton. ${howToInstallTriton}`,
  );

const modelPath = resolve(__dirname, "../../triton/models/ddn/1/model.onnx");
/** Within which what is bound to happen has happened, on a busy machine too. */
const soon = { timeout: 20_000 };
const params: Params = { offset: 0, scale: 1 / 65535, a: 0, b: 1e-5 };

const becomesUnready = (engine: Engine): Promise<void> =>
  expect
    .poll(
      () =>
        engine.ready().then(
          () => "ready",
          () => "not ready",
        ),
      soon,
    )
    .toBe("not ready");

const tileOf = (height: number, width: number, seed = 1): Tile => ({
  height,
  width,
  image: Uint16Array.from({ length: height * width }, (_, index) => (index * 40_503 + seed * 7919) & 0xffff),
});

/** Keeps `slow_ddn` busy for so many milliseconds. */
const slowTile = (milliseconds: number): Tile => {
  const tile = tileOf(64, 64);
  tile.image[0] = milliseconds;
  return tile;
};

/** Models that break the contract, each in its own way, by what is different from `identity_ddn`. */
const brokenModels: Readonly<Record<string, readonly [file: "config.pbtxt" | "1/model.py", from: string, to: string]>> =
  {
    wrong_type: ["config.pbtxt", `"image" data_type: TYPE_UINT16`, `"image" data_type: TYPE_FP32`],
    wrong_name: ["config.pbtxt", `"denoised"`, `"clean"`],
    wrong_rank: ["config.pbtxt", "dims: [ 4 ]", "dims: [ 1, 4 ]"],
    wrong_model: [
      "config.pbtxt",
      "max_batch_size",
      `parameters { key: "model_sha256" value: { string_value: "${"0".repeat(64)}" } }\nmax_batch_size`,
    ],
    smaller_answer: ["1/model.py", "as_numpy()", "as_numpy()[:, :, 1:, :].copy()"],
    unbatched: ["config.pbtxt", "max_batch_size: 4", "max_batch_size: 0"],
    failing: ["1/model.py", "        answers = []", `        raise RuntimeError("secret of the model")`],
  };

const writeModel = async (repository: string, name: string): Promise<void> => {
  const [changed, from, to] = brokenModels[name];
  await mkdir(join(repository, name, "1"), { recursive: true });
  for (const file of ["config.pbtxt", "1/model.py"]) {
    const text = await readFile(join(modelsFolder, "identity_ddn", file), "utf8");
    const own = text.replace('identity_ddn"', `${name}"`);
    await writeFile(join(repository, name, file), file === changed ? own.replaceAll(from, to) : own);
  }
  if (name !== "unbatched") return;
  const path = join(repository, name, "config.pbtxt");
  const text = await readFile(path, "utf8");
  await writeFile(
    path,
    text.replaceAll("dims: [ 1, -1, -1 ]", "dims: [ 1, 1, -1, -1 ]").replaceAll("dims: [ 4 ]", "dims: [ 1, 4 ]"),
  );
};

describe.runIf(tritonIsInstalled).each(["http", "grpc"] as const)("the triton engine over %s", (protocol) => {
  let triton: TestTriton;
  let repository: string;
  const closing: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    repository = await mkdtemp(join(tmpdir(), "ddn-triton-"));
    for (const name of Object.keys(brokenModels)) await writeModel(repository, name);
    triton = await startTriton(["ddn", "identity_ddn", "slow_ddn", ...Object.keys(brokenModels)], {
      repositories: [modelsFolder, repository],
    });
  }, 300_000);
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  afterAll(async () => {
    await triton.stop();
    await rm(repository, { recursive: true });
  });

  const engineOf = async (modelName: string, options: Partial<TritonOptions> = {}): Promise<Engine> => {
    const engine = await createTritonEngine({ url: triton.url(protocol), protocol, modelPath, modelName, ...options });
    closing.push(engine.close);
    return engine;
  };
  const proxied = async (): Promise<TcpProxy> => {
    const proxy = await startTcpProxy(triton.ports[protocol]);
    closing.push(proxy.close);
    return proxy;
  };
  const pending = (): Promise<number> =>
    triton.metric(`nv_inference_pending_request_count{model="slow_ddn",version="1"}`);

  it("brings back every sample, of tiles of all shapes at once, in batches", async () => {
    const engine = await engineOf("identity_ddn");
    await engine.ready();
    const sizes = [64, 256, 384, 1024];
    const tiles = Array.from({ length: 24 }, (_, index) => tileOf(sizes[index % 3], sizes[index % 2], index));
    tiles.push(tileOf(1024, 1024), tileOf(2048, 2048));
    const denoised = await Promise.all(tiles.map((tile) => engine.denoise(tile, params)));
    denoised.forEach((samples, index) => {
      expect(Buffer.compare(Buffer.from(samples), Buffer.from(tiles[index].image))).toBe(0);
    });
    const { sentTiles, sentBatches, waitingTiles } = engine.load?.() ?? {};
    expect([sentTiles, waitingTiles]).toEqual([26, 0]);
    expect(sentBatches).toBeLessThan(16);
  });

  it("brings back all 65536 values", async () => {
    const engine = await engineOf("identity_ddn");
    const tile = { height: 256, width: 256, image: Uint16Array.from({ length: 65_536 }, (_, value) => value) };
    expect(await engine.denoise(tile, params)).toEqual(tile.image);
  });

  it("gives the pixels of the onnx engine to within 1, passes the golden image, and sends each tile's own parameters", async () => {
    const engine = await engineOf("ddn");
    const onnx = await createOnnxEngine({ modelPath, threads: 1 });
    closing.push(onnx.close);
    await engine.ready();
    await goldenSelfTest(engine);
    const { tile } = goldenImage(64);
    const noises = [0, 1e-6, 1e-4, 1e-3].map((b) => ({ ...params, b, a: b / 2, offset: 100 }));
    const [theirs, ours] = await Promise.all(
      [engine, onnx].map((one) => Promise.all(noises.map((noise) => one.denoise(tile, noise)))),
    );
    expect(engine.load?.().sentBatches).toBe(2);
    theirs.forEach((samples, index) => {
      const largest = samples.reduce((most, sample, at) => Math.max(most, Math.abs(sample - ours[index][at])), 0);
      expect(largest).toBeLessThanOrEqual(1);
    });
    expect(ours[3]).not.toEqual(ours[2]);
  });

  it.each([
    [
      "wrong_type",
      'Expected image TYPE_UINT16 rank 4 and params TYPE_FP32 rank 2 for `Triton\'s inputs` but received "image TYPE_FP32 rank 4 and params TYPE_FP32 rank 2".',
    ],
    [
      "wrong_rank",
      'Expected image TYPE_UINT16 rank 4 and params TYPE_FP32 rank 2 for `Triton\'s inputs` but received "image TYPE_UINT16 rank 4 and params TYPE_FP32 rank 3".',
    ],
    [
      "wrong_name",
      'Expected denoised TYPE_UINT16 rank 4 for `Triton\'s outputs` but received "clean TYPE_UINT16 rank 4".',
    ],
  ])("is not ready for the model %s, and says why", async (name, message) => {
    const engine = await engineOf(name);
    await expect(engine.ready()).rejects.toMatchObject({ code: "engine_unavailable", message });
    await expect(engine.denoise(tileOf(64, 64), params)).rejects.toMatchObject({ code: "engine_unavailable" });
  });

  it("is not ready for another model than that of its own file, where Triton names it", async () => {
    const engine = await engineOf("wrong_model");
    await expect(engine.ready()).rejects.toMatchObject({
      code: "engine_unavailable",
      message: expect.stringMatching(
        /^Expected [0-9a-f]{12} for `Triton's model` but received "000000000000"\. Deploy the images of the server and of Triton from one build\.$/,
      ),
    });
  });

  it("is not ready for a model that is not there", async () => {
    const engine = await engineOf("absent");
    const failure = { code: "engine_unavailable" };
    await expect(engine.ready()).rejects.toMatchObject(failure);
    await expect(engine.denoise(tileOf(64, 64), params)).rejects.toMatchObject({
      ...failure,
      message: "Triton does not have the model.",
    });
  });

  it("refuses an answer of another shape than it asked for", async () => {
    const engine = await engineOf("smaller_answer");
    await engine.ready();
    await expect(engine.denoise(tileOf(64, 256), params)).rejects.toMatchObject({
      code: "engine_unavailable",
      message:
        'Expected denoised UINT16 [1, 1, 64, 256] for `Triton\'s answer` but received "denoised UINT16 [1, 1, 63, 256]".',
    });
  });

  it("says nothing of what a failing model says", async () => {
    const engine = await engineOf("failing");
    await engine.ready();
    const error = await engine.denoise(tileOf(64, 64), params).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "engine_unavailable" });
    expect((error as Error).message).not.toContain("secret");
    expect(((error as Error).cause as Error).message).toContain("secret of the model");
  });

  it("serves a model that does not take batches, tile by tile", async () => {
    const engine = await engineOf("unbatched");
    await engine.ready();
    const tiles = [1, 2, 3].map((seed) => tileOf(64, 64, seed));
    const denoised = await Promise.all(tiles.map((tile) => engine.denoise(tile, params)));
    expect(denoised.map((samples) => Array.from(samples))).toEqual(tiles.map(({ image }) => Array.from(image)));
    expect(engine.load?.().sentBatches).toBe(3);
  });

  it("gets all tiles through a queue that is full in between", async () => {
    const engine = await engineOf("slow_ddn");
    const tiles = Array.from({ length: 12 }, (_, index) => slowTile(20 + index));
    const denoised = await Promise.all(tiles.map((tile) => engine.denoise(tile, params)));
    expect(denoised.map(([first]) => first)).toEqual(tiles.map(({ image: [first] }) => first));
    // A refusal is an answer: the connection that brought it serves on.
    expect(engine.lostConnections?.()).toBe(0);
  });

  it("is overloaded when the queue stays full until the timeout", async () => {
    const patient = await engineOf("slow_ddn");
    const occupying = [patient.denoise(slowTile(3000), params)];
    await patient.ready();
    occupying.push(patient.denoise(slowTile(1), params));
    await expect.poll(pending, soon).toBe(1);
    const engine = await engineOf("slow_ddn", { timeoutMilliseconds: 600 });
    await expect(engine.denoise(slowTile(1), params)).rejects.toMatchObject({
      code: "overloaded",
      message: "Triton's queue is full.",
    });
    await Promise.all(occupying);
  });

  it("gives up at the timeout, and Triton drops what waited for it", async () => {
    const patient = await engineOf("slow_ddn");
    const occupying = patient.denoise(slowTile(1200), params);
    const engine = await engineOf("slow_ddn", { timeoutMilliseconds: 300 });
    const rejected = `nv_inference_request_failure{model="slow_ddn",reason="REJECTED",version="1"}`;
    const before = await triton.metric(rejected);
    await expect(engine.denoise(slowTile(1), params)).rejects.toMatchObject({ code: "engine_timeout" });
    await occupying;
    await expect.poll(() => triton.metric(rejected), soon).toBe(before + 1);
  });

  it("lets go of an aborted tile at once and serves the next", async () => {
    const engine = await engineOf("slow_ddn", { timeoutMilliseconds: 10_000 });
    const stop = new AbortController();
    // Over gRPC Triton hears of it and ends what it computes; over HTTP that has to end by itself.
    const running = engine.denoise(slowTile(protocol === "grpc" ? 60_000 : 800), params, stop.signal);
    await expect.poll(() => engine.load?.().sentTiles, soon).toBe(1);
    const reason = new Error("cancelled by the test");
    stop.abort(reason);
    await expect(running).rejects.toBe(reason);
    await expect(engine.denoise(slowTile(1), params, stop.signal)).rejects.toBe(reason);
    expect((await engine.denoise(slowTile(1), params)).length).toBe(4096);
  });

  it("never sends an aborted tile that was waiting", async () => {
    const engine = await engineOf("slow_ddn");
    const stop = new AbortController();
    const tiles = Array.from({ length: 20 }, () => engine.denoise(slowTile(400), params, stop.signal));
    const settled = Promise.allSettled(tiles);
    await expect.poll(() => engine.load?.().sentTiles, soon).toBe(8);
    stop.abort(new Error("enough"));
    expect((await settled).filter(({ status }) => status === "rejected").length).toBeGreaterThanOrEqual(12);
    await engine.denoise(slowTile(1), params);
    expect(engine.load?.()).toMatchObject({ waitingTiles: 0, sentTiles: 9 });
  });

  it("sends a tile once more whose connection was reset in the middle of the answer, and not a third time", async () => {
    const proxy = await proxied();
    const engine = await engineOf("identity_ddn", { url: proxy.url });
    await engine.ready();
    const tile = tileOf(256, 256);
    await engine.denoise(tile, params);
    const before = engine.lostConnections?.() ?? 0;
    proxy.fate = { resetAfterBytes: 70_000 };
    await expect(engine.denoise(tile, params)).rejects.toMatchObject({
      code: "engine_unavailable",
      message: "The connection to Triton was lost before it had answered.",
    });
    expect(engine.lostConnections?.()).toBe(before + 2);
    proxy.fate = { resetAfterBytes: 70_000, once: true };
    expect(await engine.denoise(tile, params)).toEqual(tile.image);
    expect(engine.lostConnections?.()).toBe(before + 3);
  });

  it("gets over a half-open connection: the timeout ends what hangs, and what follows takes another one", async () => {
    const proxy = await proxied();
    const engine = await engineOf("identity_ddn", { url: proxy.url, timeoutMilliseconds: 1500 });
    await engine.ready();
    const tile = tileOf(64, 64);
    await engine.denoise(tile, params);
    proxy.fate = "swallow";
    await expect(engine.denoise(tile, params)).rejects.toMatchObject({ code: "engine_timeout" });
    proxy.fate = "pass";
    expect(await engine.denoise(tile, params)).toEqual(tile.image);
    expect(engine.lostConnections?.()).toBe(1);
    proxy.fate = "swallow";
    await expect(engine.ready(AbortSignal.timeout(500))).rejects.toMatchObject({ name: "TimeoutError" });
    proxy.fate = "pass";
    await engine.ready();
    expect(await engine.denoise(tile, params)).toEqual(tile.image);
  });

  it("refuses when it is closed, what waits as well", async () => {
    const engine = await engineOf("slow_ddn");
    const tiles = Array.from({ length: 12 }, () => engine.denoise(slowTile(50), params));
    const settled = Promise.allSettled(tiles);
    await expect.poll(() => engine.load?.().sentTiles, soon).toBe(8);
    await engine.close();
    expect((await settled).filter(({ status }) => status === "rejected").length).toBeGreaterThanOrEqual(4);
    await expect(engine.denoise(slowTile(1), params)).rejects.toThrow("The Triton engine is closed.");
    await expect(engine.ready()).rejects.toThrow("The Triton engine is closed.");
  });

  it("asks for the model alone: another one that failed to load does not matter", async () => {
    const broken = await mkdtemp(join(tmpdir(), "ddn-triton-"));
    await mkdir(join(broken, "unloadable", "1"), { recursive: true });
    await writeFile(join(broken, "unloadable", "config.pbtxt"), 'backend: "python"');
    await writeFile(
      join(broken, "unloadable", "1/model.py"),
      "class TritonPythonModel:\n    pass\n\n\nraise ImportError\n",
    );
    const other = await startTriton(["identity_ddn", "unloadable"], {
      repositories: [modelsFolder, broken],
      flags: ["--exit-on-error=false"],
    });
    closing.push(
      () => other.stop(),
      () => rm(broken, { recursive: true }),
    );
    expect((await fetch(`${other.url("http")}/v2/health/ready`)).status).toBe(400);
    const url = other.url(protocol);
    await expect((await engineOf("identity_ddn", { url })).ready()).resolves.toBeUndefined();
    await expect((await engineOf("unloadable", { url })).ready()).rejects.toMatchObject({ code: "engine_unavailable" });
  });

  it("finishes what is under way when Triton is told to stop, is not ready from then on, and does not keep it", async () => {
    // It would wait for a connection that is kept for longer than this test may take.
    const other = await startTriton(["slow_ddn"], { flags: ["--exit-timeout-secs=300"] });
    closing.push(() => other.stop());
    const engine = await engineOf("slow_ddn", { url: other.url(protocol) });
    await engine.ready();
    await engine.denoise(slowTile(1), params);
    const running = engine.denoise(slowTile(1500), params);
    await expect.poll(() => engine.load?.().sentTiles, soon).toBe(2);
    const gone = other.stop("SIGTERM");
    await becomesUnready(engine);
    expect((await running).length).toBe(4096);
    await becomesUnready(engine);
    await gone;
    expect(other.process.exitCode).toBe(0);
    await expect(engine.denoise(slowTile(1), params)).rejects.toMatchObject({
      code: "engine_unavailable",
      message: "Triton cannot be reached.",
    });
  });

  it("waits for a Triton that is not there yet, loses it with a tile under way, and tests the one that comes in its place", async () => {
    const first = await startTriton(["ddn"]);
    const { ports } = first;
    await first.stop();
    const engine = await engineOf("ddn", { url: first.url(protocol) });
    let selfTests = 0;
    const readiness = createReadiness({
      engine,
      selfTest: async (one) => {
        selfTests += 1;
        await goldenSelfTest(one);
      },
      onChange: () => {},
      log: { info: () => {}, warn: () => {}, error: () => {} },
      everyMilliseconds: 50,
    });
    const stop = new AbortController();
    const watching = readiness.watch(stop.signal);
    closing.push(async () => {
      stop.abort();
      await watching;
    });
    await expect.poll(() => readiness.state().reason, soon).toBe("Triton cannot be reached.");

    const second = await startTriton(["ddn"], { ports });
    closing.push(() => second.stop());
    await readiness.whenReady(stop.signal);
    expect(selfTests).toBe(1);
    const running = engine.denoise(tileOf(2048, 2048), params);
    const outcome = expect(running).rejects.toMatchObject({ code: "engine_unavailable" });
    await expect.poll(() => engine.load?.().sentTiles, soon).toBe(2);
    await second.stop();
    await outcome;
    expect((await readiness.check()).ready).toBe(false);

    const third = await startTriton(["ddn"], { ports });
    closing.push(() => third.stop());
    await readiness.whenReady(stop.signal);
    expect(selfTests).toBe(2);
  });
});
