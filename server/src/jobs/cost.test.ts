// Does not prove how the engine's time is split between jobs (engines/busyTime.test.ts), nor any price.
import type { FastifyBaseLogger } from "fastify";
import pino from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { type Engine, EngineError } from "../engines/engine";
import { startServer } from "../server";
import { loadSettings } from "../settings";
import { createWorld, longPolling, testEngine, testImaging } from "../testing/world";

const draining: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const drain of draining.splice(0)) await drain();
});

/** Within which what is bound to happen has happened, on a busy machine too. */
const soon = { timeout: 20_000 };
const tile = { height: 64, width: 64, image: new Uint16Array(4096) };
const params = { offset: 0, scale: 1, a: 0, b: 1 };

/** A server that sends each page as one tile to an engine, which `denoise` plays. */
const start = async (engine: Partial<Engine>, environment: Record<string, string>) => {
  const world = createWorld();
  const { store, queue, temporaryFolder } = world.worker("outside");
  const server = await startServer({
    settings: loadSettings({
      AWS_REGION: "x",
      DDN_IN_BUCKET: "in",
      DDN_OUT_BUCKET: "out",
      DDN_QUEUE_URL: "http://127.0.0.1/q",
      DDN_DEAD_LETTER_QUEUE_URL: "http://127.0.0.1/d",
      DDN_DRAIN_SECONDS: "0",
      HOST: "127.0.0.1",
      PORT: "0",
      ...environment,
    }),
    store,
    queue: longPolling(queue),
    notify: async () => {},
    engine: { ...testEngine, ...engine },
    selfTest: async () => {},
    imaging: testImaging(() => {}, {
      denoisePage: async ({ samples, engine: used, signal }) => {
        await used.denoise(tile, params, signal);
        return { samples, noise: [], quality: [] };
      },
    }),
    temporaryFolder,
    log: pino({ enabled: false }) as FastifyBaseLogger,
  });
  draining.push(server.drain);
  return { world, server };
};

/** Busy for as long as a turn of the event loop takes. */
const busy: Engine["denoise"] = async (one) => {
  await new Promise(setImmediate);
  return one.image;
};

describe("a job's cost", () => {
  it("stands in the record: seconds of the GPU, and what they cost", async () => {
    const { world, server } = await start(
      { name: "triton", denoise: busy },
      { DDN_ENGINE: "triton", DDN_GPU_USD_PER_HOUR: "3600" },
    );
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    await expect.poll(() => world.job(id).status, soon).toBe("succeeded");
    const { cost, engine } = world.job(id);
    expect(engine).toBe("triton");
    expect(cost?.gpuSeconds).toBeGreaterThan(0);
    expect(cost?.usd).toBeCloseTo(cost?.gpuSeconds ?? Number.NaN, 6);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const seconds = Number(/^ddn_engine_busy_seconds_total (\S+)$/m.exec(metrics)?.[1]);
    expect(seconds).toBeCloseTo(cost?.gpuSeconds ?? Number.NaN, 5);
  });

  it("holds what a run that failed has used, too", async () => {
    const { world } = await start(
      {
        name: "triton",
        denoise: async () => {
          await new Promise(setImmediate);
          throw new EngineError("overloaded", "Triton's queue is full.");
        },
      },
      { DDN_ENGINE: "triton", DDN_GPU_USD_PER_HOUR: "3600" },
    );
    world.putInput("a.tif", "pixels");
    const earlier = { gpuSeconds: 100, usd: 50 };
    const id = world.submitToQueue("a.tif", { cost: earlier });
    await expect.poll(() => world.job(id), soon).toMatchObject({ status: "queued", attempts: 1 });
    const { gpuSeconds, usd } = world.job(id).cost ?? { gpuSeconds: 0, usd: 0 };
    expect(gpuSeconds).toBeGreaterThan(100);
    expect(usd - 50).toBeCloseTo(gpuSeconds - 100, 6);
  });

  it.each([
    ["on the CPU engine", { name: "onnx" }, { DDN_GPU_USD_PER_HOUR: "3600" }],
    ["where nobody knows the price", { name: "triton" }, { DDN_ENGINE: "triton" }],
  ])("is absent %s", async (_, engine, environment) => {
    const { world } = await start({ ...engine, denoise: busy }, environment as Record<string, string>);
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    await expect.poll(() => world.job(id).status, soon).toBe("succeeded");
    expect("cost" in world.job(id)).toBe(false);
  });
});

describe("the engine's metrics", () => {
  it("say what waits and what was sent, where the engine tells", async () => {
    const load = () => ({ waitingTiles: 3, sentTiles: 40, sentBatches: 10 });
    const { server } = await start({ load }, {});
    const read = async () => {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      return text.match(/^ddn_engine_\S+ \S+$/gm)?.sort();
    };
    const expected = [
      "ddn_engine_batches_total 10",
      "ddn_engine_busy_seconds_total 0",
      "ddn_engine_tiles_total 40",
      "ddn_engine_tiles_waiting 3",
    ];
    expect(await read()).toEqual(expected);
    expect(await read()).toEqual(expected);
  });
});
