// Does not prove what is decoded, denoised or written (images/, pixels/).
import { describe, expect, it } from "vitest";
import type { ImageHeader, PageHeader } from "../images/image";
import { testEngine } from "../testing/world";
import { memoryOfPages, type PageSteps, pagesDenoiser } from "./denoisePages";
import type { PagesArgs } from "./imaging";

const settled = async () => {
  for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
};

const header = (width: number, height: number, pages: number): ImageHeader => {
  const page: PageHeader = { width, height, channels: 1, bits: 16, photometric: 1, compressed: false, lost: [] };
  return { container: "tiff", littleEndian: true, pages: Array.from({ length: pages }, () => page) };
};

/** Pages that are denoised and written when the test says so; `log` has what began and ended. */
const start = (image: ImageHeader, change: Partial<PageSteps> = {}) => {
  const log: string[] = [];
  const waiting = new Map<string, { resolve(): void; reject(error: Error): void }>();
  const step = async (name: string, signal?: AbortSignal): Promise<void> => {
    log.push(`${name} begins`);
    await new Promise<void>((resolve, reject) => {
      waiting.set(name, { resolve, reject });
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    log.push(`${name} ends`);
  };
  const stop = new AbortController();
  const denoisePages = pagesDenoiser({
    decodePage: async (_path, _header, page) => Uint16Array.of(page),
    denoisePage: async ({ samples, signal }) => {
      await step(`page ${samples[0]}`, signal);
      return { samples, noise: [], quality: [] };
    },
    createImageWriter: () => ({
      writePage: ([page]) => step(`write ${page}`),
      finish: async () => ({ bytes: 1, sha256: "" }),
      abort: async () => void log.push("removed"),
    }),
    ...change,
  });
  const args: PagesArgs = {
    inputPath: "",
    outputPath: "",
    header: image,
    options: { strength: 1 },
    software: "",
    engine: testEngine,
    urgent: false,
    signal: stop.signal,
    onTile: () => {},
  };
  const end = async (name: string): Promise<void> => {
    waiting.get(name)?.resolve();
    await settled();
  };
  return { log, stop, waiting, end, done: denoisePages(args) };
};

describe("pages", () => {
  it("are denoised while earlier ones are written and in the order of the file", async () => {
    const { log, end, done } = start(header(8, 8, 4));
    await settled();
    expect(log.splice(0)).toEqual(["page 0 begins", "page 1 begins", "page 2 begins"]);
    await end("page 1");
    expect(log.splice(0)).toEqual(["page 1 ends"]);
    await end("page 0");
    expect(log.splice(0)).toEqual(["page 0 ends", "write 0 begins"]);
    await end("write 0");
    expect(log.splice(0)).toEqual(["write 0 ends", "write 1 begins", "page 3 begins"]);
    for (const name of ["write 1", "page 2", "write 2", "page 3", "write 3"]) await end(name);
    await done;
  });

  it("that are large are denoised one by one", async () => {
    const { log, stop, done } = start(header(16_384, 16_384, 2));
    await settled();
    expect(log).toEqual(["page 0 begins"]);
    stop.abort(new Error("enough"));
    await expect(done).rejects.toThrow("enough");
  });

  it("stop one another when one fails, and leave no file", async () => {
    const { log, waiting, done } = start(header(8, 8, 3));
    await settled();
    waiting.get("page 2")?.reject(new Error("broken by the test"));
    await expect(done).rejects.toThrow("broken by the test");
    expect(log).toEqual(["page 0 begins", "page 1 begins", "page 2 begins", "removed"]);
  });

  it.each([
    [512, 1, 3],
    [512, 2, 5],
    [512, 100, 7],
    [8192, 100, 5],
    [16_384, 1, 3],
    [16_384, 9, 3],
  ])("of %i², %i of them, take the memory of %i", (side, pages, count) => {
    expect(memoryOfPages(header(side, side, pages))).toBe(count * side * side * 2);
  });
});
