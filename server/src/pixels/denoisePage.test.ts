// Does not prove how good the model is: engines here are plain filters, and the real one is held against itself.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import type { Engine, Model, Params, Tile } from "../engines/engine";
import { readModel } from "../engines/metadata";
import { denoisePage } from "./denoisePage";
import { psnr } from "./psnr";
import { phantom, withNoise } from "./testPages";
import { countTiles } from "./tiles";

const model = { name: "fake", version: "1", sha256: "", tileSizes: [64, 128], halo: 16 };

const engineOf = (denoise: (tile: Tile, params: Params) => Uint16Array, over: Partial<Engine> = {}): Engine => ({
  name: "fake",
  model,
  concurrency: 2,
  denoise: async (tile, params) => denoise(tile, params),
  ready: async () => {},
  close: async () => {},
  ...over,
});

/** Mean of 33×33 pixels, zero beyond the tile: it sees exactly 16 pixels far, and each edge differs from the inside. */
const box = ({ image, width, height }: Tile): Uint16Array => {
  const radius = 16;
  const pass = (from: Float64Array, along: number, across: number, step: number, jump: number) => {
    const to = new Float64Array(from.length);
    for (let line = 0; line < across; line++) {
      for (let at = 0; at < along; at++) {
        let sum = 0;
        for (let near = Math.max(0, at - radius); near <= Math.min(along - 1, at + radius); near++) {
          sum += from[line * jump + near * step];
        }
        to[line * jump + at * step] = sum;
      }
    }
    return to;
  };
  const rows = pass(Float64Array.from(image), width, height, 1, width);
  return Uint16Array.from(pass(rows, height, width, width, 1), (sum) => Math.floor(sum / (2 * radius + 1) ** 2));
};

const grey = (width: number, height: number) => ({ width, height, channels: 1 as const });
const noisy = (width: number, height: number, seed = 1) => withNoise(phantom(width, height), 0, 1e-3, seed);
const full = { strength: 1 };
const equal = (one: Uint16Array, other: Uint16Array) =>
  one.length === other.length && Buffer.compare(Buffer.from(one.buffer), Buffer.from(other.buffer)) === 0;

describe("denoisePage", () => {
  it.each([
    [232, 304],
    [233, 130],
    [129, 200],
  ])("gives the same bits in tiles as in one piece, %i by %i", async (width, height) => {
    const samples = noisy(width, height);
    const [padded, tall] = [8 * Math.ceil(width / 8), 8 * Math.ceil(height / 8)];
    const whole = { ...model, tileSizes: [padded, tall].sort((one, other) => one - other) };
    let pieces = 0;
    const page = grey(width, height);
    const inOne = await denoisePage({
      samples,
      page,
      engine: engineOf((tile) => box(tile), { model: whole }),
      options: full,
      onTile: () => pieces++,
    });
    const inTiles = await denoisePage({ samples, page, engine: engineOf((tile) => box(tile)), options: full });
    expect(pieces).toBe(1);
    expect(countTiles(page, model)).toBeGreaterThan(3);
    expect(equal(inTiles.samples, inOne.samples)).toBe(true);
    expect(equal(inTiles.samples, samples)).toBe(false);
  });

  it("shows seams when a model understates its halo", async () => {
    const samples = noisy(232, 304);
    const run = (over: Partial<Model>) =>
      denoisePage({
        samples,
        page: grey(232, 304),
        engine: engineOf((tile) => box(tile), { model: { ...model, ...over } }),
        options: full,
      });
    const inTiles = await run({ halo: 8 });
    expect(equal(inTiles.samples, (await run({ tileSizes: [232, 304] })).samples)).toBe(false);
  });

  it("works on one pixel, one row, one column and odd sizes", async () => {
    for (const [width, height] of [
      [1, 1],
      [301, 1],
      [1, 301],
      [7, 5],
      [65, 131],
    ]) {
      const samples = noisy(width, height);
      const result = await denoisePage({
        samples,
        page: grey(width, height),
        engine: engineOf(({ image }) => image.map((value) => value ^ 1)),
        options: { strength: 1, sigma: 0.1 },
      });
      expect(
        equal(
          result.samples,
          samples.map((value) => value ^ 1),
        ),
      ).toBe(true);
    }
  });

  it("gives each channel its own noise and parameters, and each tile of a channel the same", async () => {
    const [width, height] = [150, 140];
    const channels = [withNoise(phantom(width, height), 0, 1e-4, 1), withNoise(phantom(width, height), 0, 4e-4, 2)];
    const samples = Uint16Array.from({ length: 3 * width * height }, (_, index) =>
      index % 3 === 2 ? 500 : channels[index % 3][Math.floor(index / 3)],
    );
    const seen = new Set<Params>();
    const engine = engineOf(({ image }, params) => {
      seen.add(params);
      return image.map((value) => 65535 - value);
    });
    let tiles = 0;
    const page = { width, height, channels: 3 as const };
    const result = await denoisePage({ samples, page, engine, options: full, onTile: () => tiles++ });
    expect(tiles).toBe(countTiles(page, model));
    expect(seen.size).toBe(2);
    expect(result.noise.map(({ channel }) => channel)).toEqual([0, 1, 2]);
    expect(result.noise[0].sigmaLsb / 655.35).toBeCloseTo(1, 1);
    expect(result.noise[1].sigmaLsb / 1310.7).toBeCloseTo(1, 1);
    expect(result.noise[2]).toEqual({ channel: 2, a: 0, b: 0, sigmaLsb: 0 });
    expect(
      equal(
        result.samples,
        samples.map((value, index) => (index % 3 === 2 ? value : 65535 - value)),
      ),
    ).toBe(true);
  });

  it("takes the given sigma for the noise, the same everywhere", async () => {
    const seen: Params[] = [];
    const engine = engineOf(({ image }, params) => {
      seen.push(params);
      return image;
    });
    const samples = Uint16Array.of(0, 0, 65535, 65535);
    const options = { strength: 1, sigma: 0.02 };
    const { noise } = await denoisePage({ samples, page: grey(2, 2), engine, options });
    expect(seen).toEqual([{ offset: 0, scale: 1 / 65535, a: 0, b: 0.0004 }]);
    expect(noise).toEqual([{ channel: 0, a: 0, b: 0.0004, sigmaLsb: expect.closeTo(1310.7, 6) }]);
  });

  it("blends by strength", async () => {
    const samples = noisy(150, 80);
    const engine = engineOf(({ image }) => image.map((value) => value - 100));
    const { samples: half } = await denoisePage({
      samples,
      page: grey(150, 80),
      engine,
      options: { strength: 0.5, sigma: 0.01 },
    });
    expect(
      equal(
        half,
        samples.map((value) => value - 50),
      ),
    ).toBe(true);
  });

  it("returns the input without asking the engine at strength 0, at sigma 0 and where there is no noise", async () => {
    const engine = engineOf(() => {
      throw new Error("not to be asked");
    });
    const samples = noisy(150, 80);
    let tiles = 0;
    const onTile = () => tiles++;
    const page = grey(150, 80);
    const untouched = await denoisePage({ samples, page, engine, options: { strength: 0 }, onTile });
    expect(untouched.samples).toBe(samples);
    expect(untouched.noise[0].sigmaLsb).toBeGreaterThan(1000);
    expect(tiles).toBe(countTiles(page, model));
    const silent = await denoisePage({ samples, page, engine, options: { strength: 1, sigma: 0 } });
    expect(silent.samples).toBe(samples);
    const flat = new Uint16Array(150 * 80).fill(777);
    expect((await denoisePage({ samples: flat, page, engine, options: full })).samples).toBe(flat);
  });

  it("leaves the input as it was", async () => {
    const samples = noisy(150, 80);
    const before = samples.slice();
    await denoisePage({ samples, page: grey(150, 80), engine: engineOf((tile) => tile.image.fill(0)), options: full });
    expect(equal(samples, before)).toBe(true);
  });

  it.each([
    ["as many tiles as the engine runs at once, where tiles are all that counts", { concurrency: 2 }, 3],
    ["as many tiles as the engine runs at once, where these are few", { concurrency: 2, pixelsInFlight: 2 ** 20 }, 3],
    ["the pixels that keep the engine busy, and one tile that waits", { concurrency: 16, pixelsInFlight: 20_000 }, 4],
    ["one large tile that keeps the engine busy, and one that waits", { concurrency: 16, pixelsInFlight: 128 }, 3],
  ])("holds one tile more than %s", async (_, needs, expected) => {
    let running = 0;
    let most = 0;
    const denoise = async ({ image }: Tile) => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
      return image;
    };
    await denoisePage({
      samples: noisy(500, 300),
      page: grey(500, 300),
      engine: engineOf(box, { denoise, ...needs }),
      options: full,
    });
    expect(most).toBe(expected);
  });

  it("stops between tiles when aborted, with the signal's reason, and asks for no more", async () => {
    const controller = new AbortController();
    let asked = 0;
    const denoise = async ({ image }: Tile, _: Params, signal?: AbortSignal) => {
      if (++asked === 4) controller.abort(new Error("cancelled by its owner"));
      await new Promise(setImmediate);
      signal?.throwIfAborted();
      return image;
    };
    const { signal } = controller;
    const engine = engineOf(box, { denoise });
    const run = denoisePage({ samples: noisy(500, 300), page: grey(500, 300), engine, options: full, signal });
    await expect(run).rejects.toThrow("cancelled by its owner");
    expect(asked).toBe(4);
    await expect(
      denoisePage({ samples: noisy(9, 9), page: grey(9, 9), engine, options: full, signal }),
    ).rejects.toThrow("cancelled by its owner");
  });

  it("fails with the engine's error once nothing is under way any more", async () => {
    let running = 0;
    let asked = 0;
    const denoise = async ({ image }: Tile) => {
      running++;
      const mine = ++asked;
      await new Promise(setImmediate);
      if (mine !== 2) await new Promise(setImmediate);
      running--;
      if (mine === 2) throw new Error("engine fell over");
      return image;
    };
    const engine = engineOf(box, { denoise });
    const run = denoisePage({ samples: noisy(500, 300), page: grey(500, 300), engine, options: full });
    await expect(run).rejects.toThrow("engine fell over");
    expect(running).toBe(0);
    expect(asked).toBe(3);
  });
});

const modelPath = join(__dirname, "../../triton/models/ddn/1/model.onnx");

describe.skipIf(!existsSync(modelPath))("denoisePage with the shipped model", () => {
  it("differs by at most one 16-bit step from one run of the whole page", async () => {
    const [width, height] = [700, 500];
    const session = await InferenceSession.create(modelPath, { intraOpNumThreads: 1 });
    const shipped = await readModel(modelPath);
    const run = async (tileSizes: readonly number[]) => {
      let tiles = 0;
      const denoise = async ({ image, width, height }: Tile, { offset, scale, a, b }: Params) => {
        const results = await session.run({
          image: new Tensor("uint16", image, [1, 1, height, width]),
          params: new Tensor("float32", Float32Array.of(offset, scale, a, b), [1, 4]),
        });
        return results.denoised.data as Uint16Array;
      };
      const engine = engineOf(box, { denoise, concurrency: 1, model: { ...shipped, tileSizes } });
      const samples = withNoise(phantom(width, height), 0.001, 1e-4, 7);
      const onTile = () => tiles++;
      return { ...(await denoisePage({ samples, page: grey(width, height), engine, options: full, onTile })), tiles };
    };
    const inTiles = await run([256, 384]);
    const inOne = await run([504, 704]);
    expect([inTiles.tiles, inOne.tiles]).toEqual([6, 1]);
    const differences = inTiles.samples.map((value, index) => Math.abs(value - inOne.samples[index]));
    expect(differences.reduce((most, difference) => Math.max(most, difference), 0)).toBeLessThanOrEqual(1);
    const clean = withNoise(phantom(width, height), 0, 0, 0);
    expect(psnr(clean, inTiles.samples)).toBeGreaterThan(
      psnr(clean, withNoise(phantom(width, height), 0.001, 1e-4, 7)) + 10,
    );
    await session.release();
  }, 240_000);
});
