// Does not prove how well or how fast the model denoises real images, only that it is wired as the contract says.
import { resolve } from "node:path";
import { InferenceSession } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { psnr } from "../pixels/psnr";
import { type Engine, EngineError, type Params } from "./engine";
import { goldenImage } from "./golden";
import { createOnnxEngine } from "./onnx";

const modelPath = resolve(__dirname, "../../triton/models/ddn/1/model.onnx");
const size = 64;
const { tile, params, clean } = goldenImage(size);

let engine: Engine;
beforeAll(async () => {
  engine = await createOnnxEngine({ modelPath, threads: 1 });
});
afterAll(() => engine.close());

const flat = (value: number) => ({ height: size, width: size, image: new Uint16Array(size * size).fill(value) });
const largestDifference = (one: ArrayLike<number>, other: ArrayLike<number>): number =>
  Array.from(one).reduce((worst, value, index) => Math.max(worst, Math.abs(value - other[index])), 0);

describe("the onnx engine", () => {
  it("names itself and carries the model's own description", () => {
    expect(engine.name).toBe("onnx");
    expect(engine.concurrency).toBe(1);
    expect(engine.model.name).toBe("ddn-unet");
  });

  it("takes out noise of a known level", async () => {
    const denoised = await engine.denoise(tile, params);
    expect(psnr(clean, denoised)).toBeGreaterThan(psnr(clean, tile.image) + 8);
  });

  it("leaves the tile it was given as it was", async () => {
    await engine.denoise(tile, params);
    expect(tile.image).toEqual(goldenImage(size).tile.image);
  });

  it("gives the same pixels whatever runs beside or before", async () => {
    const alone = await engine.denoise(tile, params);
    const beside = await Promise.all([flat(7), tile, flat(60000), tile].map((one) => engine.denoise(one, params)));
    expect(beside[1]).toEqual(alone);
    expect(beside[3]).toEqual(alone);
  });

  it("keeps height and width apart", async () => {
    const wide = { height: 64, width: 256, image: new Uint16Array(64 * 256) };
    for (let y = 0; y < 64; y++) wide.image.set(tile.image.subarray(y * 64, y * 64 + 64), y * 256);
    const denoised = await engine.denoise(wide, params);
    expect(denoised.length).toBe(64 * 256);
    expect(denoised[20 * 256 + 20]).toBeGreaterThan(10000);
    expect(denoised[20 * 256 + 200]).toBeLessThan(100);
  });

  it.each([0, 1, 257, 32768, 65534, 65535])("returns %i everywhere unchanged when there is no noise", async (value) => {
    const denoised = await engine.denoise(flat(value), { offset: 0, scale: 1 / 65535, a: 0, b: 0 });
    expect(denoised).toEqual(flat(value).image);
  });

  it("returns any image unchanged when there is no noise", async () => {
    expect(await engine.denoise(tile, { ...params, b: 0 })).toEqual(tile.image);
  });

  it("gives the same picture for samples halved and shifted, since the parameters say so", async () => {
    const even = { ...tile, image: tile.image.map((sample) => sample & ~1) };
    const shifted = { ...tile, image: even.image.map((sample) => sample / 2 + 9000) };
    const full = await engine.denoise(even, params);
    const half = await engine.denoise(shifted, { ...params, offset: 9000, scale: 2 * params.scale });
    expect(
      largestDifference(
        full.map(Number),
        Float64Array.from(half, (sample) => 2 * (sample - 9000)),
      ),
    ).toBeLessThan(3);
  });

  it("takes out more where a says that bright parts are noisier", async () => {
    const denoised = await engine.denoise(tile, { ...params, a: 1e-2, b: 0 });
    expect(largestDifference(denoised, tile.image)).toBeGreaterThan(2000);
    expect(largestDifference(denoised, await engine.denoise(tile, params))).toBeGreaterThan(500);
  });

  const tileSizes = "one of 64, 256, 384, 512, 768, 1024, 1536, 2048";
  it.each<[string, { height: number; width: number; image: Uint16Array }]>([
    [
      `Expected ${tileSizes} for \`height\` but received 128.`,
      { height: 128, width: 64, image: new Uint16Array(8192) },
    ],
    [`Expected ${tileSizes} for \`width\` but received 65.`, { height: 64, width: 65, image: new Uint16Array(4160) }],
    ["Expected 4096 samples for `image` but received 4095.", { height: 64, width: 64, image: new Uint16Array(4095) }],
  ])("refuses a tile: %s", async (message, wrong) => {
    await expect(engine.denoise(wrong, params)).rejects.toEqual(new EngineError("engine_unavailable", message));
  });

  it.each<[Partial<Params>, string]>([
    [{ scale: 0 }, "Expected a finite number above 0 for `scale` but received 0."],
    [{ scale: -1 }, "Expected a finite number above 0 for `scale` but received -1."],
    [{ scale: Number.NaN }, "Expected a finite number above 0 for `scale` but received NaN."],
    [{ scale: 1e-60 }, "Expected a finite number above 0 for `scale` but received 1e-60."],
    [{ offset: Number.POSITIVE_INFINITY }, "Expected a finite number for `offset` but received Infinity."],
    [{ a: Number.NaN }, "Expected a finite number for `a` but received NaN."],
    [{ b: 1e300 }, "Expected a finite number for `b` but received 1e+300."],
  ])("refuses parameters with %j", async (change, message) => {
    await expect(engine.denoise(tile, { ...params, ...change })).rejects.toEqual(
      new EngineError("engine_unavailable", message),
    );
  });

  it("works on after a refusal", async () => {
    await expect(engine.denoise(tile, { ...params, scale: 0 })).rejects.toThrow(EngineError);
    expect((await engine.denoise(tile, params)).length).toBe(size * size);
  });

  it("rejects with the reason of a signal that is aborted already", async () => {
    const reason = new Error("cancelled by the test");
    await expect(engine.denoise(tile, params, AbortSignal.abort(reason))).rejects.toBe(reason);
    await expect(engine.ready(AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it("drops a queued tile that is aborted while another runs, and no other", async () => {
    const abort = new AbortController();
    const reason = new Error("cancelled by the test");
    const first = engine.denoise(tile, params);
    const second = engine.denoise(tile, params, abort.signal);
    const third = engine.denoise(tile, params);
    abort.abort(reason);
    await expect(second).rejects.toBe(reason);
    expect(await third).toEqual(await first);
  });

  it("starts no run for an aborted tile, and drops the result of a run that was under way", async () => {
    const create = vi.spyOn(InferenceSession, "create");
    const watched = await createOnnxEngine({ modelPath, threads: 1 });
    const session: InferenceSession = await create.mock.results[0].value;
    create.mockRestore();
    const started = session.run.bind(session);
    const run = vi.spyOn(session, "run");
    const reason = new Error("cancelled by the test");

    await expect(watched.denoise(tile, params, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(run).not.toHaveBeenCalled();

    const abort = new AbortController();
    run.mockImplementationOnce((feeds: InferenceSession.FeedsType) => {
      abort.abort(reason);
      return started(feeds);
    });
    await expect(watched.denoise(tile, params, abort.signal)).rejects.toBe(reason);
    await watched.close();
  });

  it("finishes what runs, then refuses, once closed", async () => {
    const other = await createOnnxEngine({ modelPath, threads: 1 });
    await other.ready();
    const running = other.denoise(tile, params);
    const after = new Promise(setImmediate).then(() => other.close());
    expect((await running).length).toBe(size * size);
    await after;
    await other.close();
    const closed = new EngineError("engine_unavailable", "The ONNX engine is closed.");
    await expect(other.ready()).rejects.toEqual(closed);
    await expect(other.denoise(tile, params)).rejects.toEqual(closed);
  });

  it("refuses a file that is no model, in the platform's words", async () => {
    await expect(createOnnxEngine({ modelPath: __filename })).rejects.toEqual(
      new EngineError(
        "engine_unavailable",
        'Expected an ONNX file for `model` but received "onnx.test.ts". Write one with model/export.py.',
      ),
    );
  });
});
