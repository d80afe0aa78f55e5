import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PageHeader } from "../../server/src/images/image";
import { createImageWriter } from "../../server/src/images/writer";

/** Noise of a fixed sequence (an LCG, Box–Muller), so that a test meets the same image at every run. */
const gaussian = (seed: number): (() => number) => {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
};

const noisyPage = (width: number, height: number, seed: number): Uint16Array => {
  const noise = gaussian(seed);
  return Uint16Array.from({ length: width * height }, (_, at) => {
    const isRight = at % width >= width / 2;
    return Math.round((isRight ? 30_000 : 20_000) + 1500 * noise());
  });
};

/** A grey 16-bit TIFF: a dark and a bright half under Gaussian noise of 1500, other noise on each page. */
export const noisyTiff = async (width: number, height: number, pages: number): Promise<Buffer> => {
  const folder = await mkdtemp(join(tmpdir(), "ddn-image-"));
  try {
    const path = join(folder, "noisy.tif");
    const page: PageHeader = { width, height, channels: 1, bits: 16, photometric: 1, compressed: false, lost: [] };
    const header = { container: "tiff", littleEndian: true, pages: Array.from({ length: pages }, () => page) } as const;
    const writer = createImageWriter(path, header, { software: "test" });
    for (let index = 0; index < pages; index += 1) await writer.writePage(noisyPage(width, height, index + 1));
    await writer.finish();
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
