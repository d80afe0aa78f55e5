// Does not prove anything about the pixels (engines/onnx.test.ts).
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Engine, Tile } from "./engines/engine";
import { goldenSelfTest } from "./engines/golden";
import { createEngineThread } from "./engineThread";

const modelPath = resolve(__dirname, "../triton/models/ddn/1/model.onnx");
const params = { offset: 0, scale: 1 / 65535, a: 0, b: 1e-5 };
const tile = (size: number): Tile => ({
  height: size,
  width: size,
  image: Uint16Array.from({ length: size * size }, (_, index) => 20000 + ((index * 7919) % 900)),
});

let engine: Engine;
beforeAll(async () => {
  engine = await createEngineThread({ modelPath, threads: 1 });
});
afterAll(() => engine.close());

describe("the engine in its thread", () => {
  it("says what it loaded, answers, and passes the golden image", async () => {
    expect(engine).toMatchObject({ name: "onnx", concurrency: 1 });
    expect(engine.model.sha256).toMatch(/^[0-9a-f]{64}$/);
    await engine.ready();
    await goldenSelfTest(engine);
  });

  it("leaves this thread free while it computes", async () => {
    let turns = 0;
    const turning = setInterval(() => {
      turns += 1;
    }, 1);
    await engine.denoise(tile(512), params);
    clearInterval(turning);
    expect(turns).toBeGreaterThan(5);
  });

  it("lets go of an aborted tile at once, never runs one that waits, and serves the next", async () => {
    const stop = new AbortController();
    const running = engine.denoise(tile(256), params, stop.signal);
    const waiting = engine.denoise(tile(256), params, stop.signal);
    stop.abort(new Error("enough"));
    await expect(running).rejects.toThrow("enough");
    await expect(waiting).rejects.toThrow("enough");
    await expect(engine.denoise(tile(64), params, stop.signal)).rejects.toThrow("enough");
    expect(await engine.denoise(tile(64), params)).toHaveLength(64 * 64);
  });

  it("hands on what the engine refuses, in its words", async () => {
    await expect(engine.denoise(tile(65), params)).rejects.toMatchObject({
      name: "EngineError",
      code: "engine_unavailable",
      message: expect.stringContaining("for `height` but received 65."),
    });
  });

  it("is not available any more once it is closed", async () => {
    const other = await createEngineThread({ modelPath, threads: 1 });
    await other.close();
    await expect(other.ready()).rejects.toMatchObject({ code: "engine_unavailable" });
    await expect(other.denoise(tile(64), params)).rejects.toMatchObject({ code: "engine_unavailable" });
  });

  it("says why a model could not be loaded", async () => {
    await expect(createEngineThread({ modelPath: `${modelPath}.missing`, threads: 1 })).rejects.toMatchObject({
      code: "engine_unavailable",
    });
  });
});
