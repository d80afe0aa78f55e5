// Does not prove that a model denoises well: the golden image only tells a working engine from a broken one.
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { type Engine, EngineError, type Model, type Tile } from "./engine";
import { goldenImage, goldenSelfTest } from "./golden";
import { createOnnxEngine } from "./onnx";

const model: Model = { name: "fake", version: "1", sha256: "0".repeat(64), tileSizes: [64, 128, 256], halo: 8 };

const engineOf = (answer: (tile: Tile) => Uint16Array, promised: Partial<Model> = {}): Engine => ({
  name: "fake",
  model: { ...model, ...promised },
  concurrency: 1,
  denoise: async (tile) => answer(tile),
  ready: async () => {},
  close: async () => {},
});

const { clean } = goldenImage(128);
const hash = (samples: Uint16Array) => createHash("sha256").update(Buffer.from(samples.buffer)).digest("hex");

/** Mean over 5·5 samples, the edge repeated, times a gain. */
const blurred = ({ height, width, image }: Tile, gain: number): Uint16Array =>
  image.map((_, index) => {
    let sum = 0;
    for (let dy = -2; dy <= 2; dy++) {
      for (let dx = -2; dx <= 2; dx++) {
        const y = Math.min(height - 1, Math.max(0, Math.floor(index / width) + dy));
        const x = Math.min(width - 1, Math.max(0, (index % width) + dx));
        sum += image[y * width + x];
      }
    }
    return (gain * sum) / 25;
  });

describe("goldenImage", () => {
  it("is the same on every machine", () => {
    expect(hash(goldenImage(64).tile.image)).toBe("011619b5bf4f58fdcaf8750c0136536dbc10bb70ff19584a565c82d2e39c8fff");
    expect(hash(goldenImage(256).tile.image)).toBe("98d31be9ce4727615e6f18d487ba0693bc3453e43a12ff4ebbd76b35407bd499");
  });

  it("carries noise of the level that its parameters announce", () => {
    const { tile, params, clean: phantom } = goldenImage(256);
    const squares = tile.image.reduce((sum, sample, index) => sum + (sample - phantom[index]) ** 2, 0);
    const variance = (squares / tile.image.length) * params.scale ** 2;
    expect(variance / params.b).toBeGreaterThan(0.98);
    expect(variance / params.b).toBeLessThan(1.02);
  });
});

describe("goldenSelfTest", () => {
  it("passes the shipped model", async () => {
    const engine = await createOnnxEngine({
      modelPath: resolve(__dirname, "../../triton/models/ddn/1/model.onnx"),
      threads: 1,
    });
    await expect(goldenSelfTest(engine)).resolves.toBeUndefined();
    await engine.close();
  });

  it("passes an engine that finds the phantom, at the smallest tile size from 128 on", async () => {
    const sizes: number[] = [];
    const engine = engineOf((tile) => {
      sizes.push(tile.height, tile.width);
      return clean;
    });
    await expect(goldenSelfTest(engine)).resolves.toBeUndefined();
    expect(sizes).toEqual([128, 128]);
  });

  it("uses the largest tile size of a model that has only smaller ones", async () => {
    const engine = engineOf((tile) => goldenImage(tile.height).clean, { tileSizes: [64] });
    await expect(goldenSelfTest(engine)).resolves.toBeUndefined();
  });

  it("passes exact pixels where the model promises them", async () => {
    const engine = engineOf(() => clean, { goldenSha256: hash(clean) });
    await expect(goldenSelfTest(engine)).resolves.toBeUndefined();
  });

  const withNaN = Float32Array.from(clean);
  withNaN[5000] = Number.NaN;
  const oneOff = clean.slice();
  oneOff[5000] ^= 1;
  it.each<[string, Engine, string]>([
    [
      "returns its input",
      engineOf((tile) => tile.image),
      "at least 3 dB less noise of the golden image but received 0.00 dB.",
    ],
    [
      "blurs and shifts the mean",
      engineOf((tile) => blurred(tile, 1.02)),
      "the mean within 0.5 % of the golden image but received a shift of 2.00 %.",
    ],
    [
      "returns zeros",
      engineOf((tile) => new Uint16Array(tile.image.length)),
      "the mean within 0.5 % of the golden image but received a shift of -100.00 %.",
    ],
    [
      "returns too few samples",
      engineOf(() => clean.slice(1)),
      "16384 samples of the golden image but received 16383.",
    ],
    [
      "returns a sample that is not a number",
      engineOf(() => withNaN as unknown as Uint16Array),
      "finite samples of the golden image but received a sample that is not.",
    ],
    [
      "is one step off in one of the pixels that its model promises",
      engineOf(() => oneOff, { goldenSha256: hash(clean) }),
      `pixels with the SHA-256 ${hash(clean)} of the golden image but received ${hash(oneOff)}.`,
    ],
  ])("fails an engine that %s", async (_, engine, message) => {
    await expect(goldenSelfTest(engine)).rejects.toEqual(new EngineError("engine_unavailable", `Expected ${message}`));
  });

  it("passes on the failure of the engine itself", async () => {
    const failure = new EngineError("engine_timeout", "too slow");
    const engine = { ...engineOf(() => clean), denoise: () => Promise.reject(failure) };
    await expect(goldenSelfTest(engine)).rejects.toBe(failure);
  });

  it("hands the signal to the engine", async () => {
    const reason = new Error("stopped by the test");
    const engine = engineOf(() => clean);
    const listening: Engine = {
      ...engine,
      denoise: async (tile, params, signal) => {
        signal?.throwIfAborted();
        return engine.denoise(tile, params);
      },
    };
    await expect(goldenSelfTest(listening, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
