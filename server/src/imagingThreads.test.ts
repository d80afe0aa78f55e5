// Does not prove that anything gets faster by the threads, nor what a page becomes (pixels/denoisePage.test.ts).
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createBatches, gpuLoad } from "./engines/batches";
import { type Engine, EngineError, type TileEngine } from "./engines/engine";
import { decodePage } from "./images/decode";
import { readImageHeader } from "./images/header";
import { ImageError } from "./images/image";
import { testFolder } from "./images/testFolder";
import { buildTiff } from "./images/testTiff";
import { createImageWriter } from "./images/writer";
import { createImagingThreads } from "./imagingThreads";
import { pagesDenoiser } from "./jobs/denoisePages";
import type { PagesArgs } from "./jobs/imaging";
import { denoisePage } from "./pixels/denoisePage";
import { phantom, withNoise } from "./pixels/testPages";
import { countTiles } from "./pixels/tiles";
import { gate } from "./testing/gate";
import { testEngine } from "./testing/world";

const { path, save } = testFolder();
const threads = createImagingThreads(2);
afterAll(() => threads.close());
const mortal = { program: join(__dirname, "testing/mortalImagingThread.ts") };

const size = 96;
const source = save(
  buildTiff({
    pages: [1, 2, 3, 4].map((seed) => ({
      width: size,
      height: size,
      bits: 16,
      samples: withNoise(phantom(size, size), 0, 1e-4, seed),
    })),
  }),
);

/** Halves what it is given, several tiles in one answer. */
const halving = (): TileEngine => {
  const { denoise } = createBatches({
    ...gpuLoad,
    maxTiles: () => 4,
    send: async ({ images, height, width }) => {
      const samples = new Uint16Array(images.length * height * width);
      for (const [index, image] of images.entries())
        samples.set(
          image.map((value) => value >> 1),
          index * image.length,
        );
      return samples;
    },
  });
  return { ...testEngine, concurrency: 8, denoise };
};

const argsOf = async (change: Partial<PagesArgs> = {}): Promise<PagesArgs> => ({
  inputPath: source,
  outputPath: path(),
  header: await readImageHeader(source, { maxPixels: 1e6, maxPages: 10 }),
  options: { strength: 0.5 },
  software: "ddn test",
  engine: halving(),
  urgent: false,
  signal: new AbortController().signal,
  onTile: () => {},
  ...change,
});

describe("imaging threads", () => {
  it("write the very file that this thread would, and tell of each tile", async () => {
    const here = await argsOf();
    const expected = await pagesDenoiser({ decodePage, denoisePage, createImageWriter })(here);
    let tiles = 0;
    const there = await argsOf({ onTile: () => (tiles += 1) });
    const { timings, ...denoised } = await threads.denoisePages(there);
    expect(readFileSync(there.outputPath).equals(readFileSync(here.outputPath))).toBe(true);
    expect(denoised).toEqual({
      bytes: expected.bytes,
      sha256: expected.sha256,
      noise: expected.noise,
      quality: expected.quality,
    });
    expect(Object.keys(timings)).toEqual(["decodeMs", "inferMs", "encodeMs"]);
    expect(tiles).toBe(4 * countTiles(here.header.pages[0], testEngine.model));
    expect(denoised.noise.map(({ page }) => page)).toEqual([0, 1, 2, 3]);
  });

  it("have several files under way at a time", async () => {
    const all = gate();
    const asking = new Set<number>();
    const files = Array.from({ length: 5 }, async (_, file) => {
      const denoise: Engine["denoise"] = async ({ image }) => {
        asking.add(file);
        if (asking.size === 5) all.open();
        await all.opened;
        return image;
      };
      return threads.denoisePages(await argsOf({ engine: { ...testEngine, denoise } }));
    });
    expect(await Promise.all(files)).toHaveLength(5);
  });

  it("serve who waits for the answer while all others are busy", async () => {
    const some = createImagingThreads(1, mortal);
    const busy = some.denoisePages(await argsOf({ software: "busy" }));
    const { bytes } = await some.denoisePages(await argsOf({ urgent: true }));
    expect(bytes).toBeGreaterThan(0);
    await Promise.all([some.close(), expect(busy).rejects.toThrow("has ended")]);
  });

  it("hand on what is wrong with the image", async () => {
    const file = readFileSync(source);
    const args = await argsOf({ inputPath: save(file.subarray(0, file.length >> 1)) });
    await expect(threads.denoisePages(args)).rejects.toSatisfy(
      (error) => error instanceof ImageError && error.code === "image_corrupt",
    );
    expect(existsSync(args.outputPath)).toBe(false);
  });

  it("hand on the engine's own failure, and ask it for no more", async () => {
    const failure = new EngineError("engine_timeout", "broken by the test");
    const signals: (AbortSignal | undefined)[] = [];
    const denoise: Engine["denoise"] = async (_tile, _params, signal) => {
      signals.push(signal);
      if (signals.length > 1) await new Promise((resolve) => signal?.addEventListener("abort", resolve));
      throw failure;
    };
    const args = await argsOf({ engine: { ...testEngine, denoise } });
    await expect(threads.denoisePages(args)).rejects.toBe(failure);
    expect(signals.every((signal) => signal?.aborted)).toBe(true);
    expect(existsSync(args.outputPath)).toBe(false);
  });

  it("stop when told to, with the reason that was given", async () => {
    const stop = new AbortController();
    const reason = new Error("stopped by the test");
    const denoise: Engine["denoise"] = (_tile, _params, signal) =>
      new Promise((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
        stop.abort(reason);
      });
    const args = await argsOf({ engine: { ...testEngine, denoise }, signal: stop.signal });
    await expect(threads.denoisePages(args)).rejects.toBe(reason);
    await expect(threads.denoisePages(args)).rejects.toBe(reason);
    expect(existsSync(args.outputPath)).toBe(false);
  });

  it("F23 that do not heed a stop are ended, and the run with them", async () => {
    const some = createImagingThreads(1, { ...mortal, stopMilliseconds: 10 });
    const stop = new AbortController();
    const busy = some.denoisePages(await argsOf({ software: "busy", signal: stop.signal }));
    const reason = new Error("stopped by the test");
    stop.abort(reason);
    await expect(busy).rejects.toBe(reason);
    expect((await some.denoisePages(await argsOf())).bytes).toBeGreaterThan(0);
    await some.close();
  });

  it("F23 fail what a lost one had under way, ask the engine for no more of it, and are as many as before", async () => {
    const asked = gate();
    const signals: (AbortSignal | undefined)[] = [];
    const denoise: Engine["denoise"] = (_tile, _params, signal) => {
      signals.push(signal);
      asked.open();
      return new Promise(() => {});
    };
    const some = createImagingThreads(1, mortal);
    const doomed = await argsOf({ software: "mortal" });
    const besides = await argsOf({ engine: { ...testEngine, denoise } });
    const lost = "The thread that worked on the image has ended.";
    const stuck = expect(some.denoisePages(besides)).rejects.toThrow(lost);
    await asked.opened;
    await expect(some.denoisePages(doomed)).rejects.toThrow(lost);
    await stuck;
    expect(signals.every((signal) => signal?.aborted)).toBe(true);
    expect((await some.denoisePages(await argsOf())).bytes).toBeGreaterThan(0);
    await some.close();
  });

  it("F23 that cannot even begin are begun anew for each file, not again and again", async () => {
    const begun = save("");
    const program = save(`require("node:fs").appendFileSync(${JSON.stringify(begun)}, "."); process.exit(1);`);
    const broken = createImagingThreads(1, { program });
    for (let file = 0; file < 5; file++) {
      await expect(broken.denoisePages(await argsOf())).rejects.toThrow("has ended");
    }
    expect(readFileSync(begun, "utf8").length).toBeLessThanOrEqual(2 + 5);
  });
});
