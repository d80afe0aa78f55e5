import { join } from "node:path";
import { seededRandom } from "../local/demo/random";
import type { PageHeader } from "../server/src/images/image";
import { createImageWriter } from "../server/src/images/writer";

const noiseSamples = 2 ** 20;
const sigmaLsb = 1500;

/** Waves under noise that starts elsewhere in each row: it repeats, but no row repeats its neighbours. */
const noisyPage = (width: number, height: number, noise: Int16Array, random: () => number): Uint16Array => {
  const page = new Uint16Array(width * height);
  const across = Float64Array.from({ length: width }, (_, x) => 8000 * Math.sin(x / 37));
  for (let y = 0; y < height; y++) {
    const along = Math.cos(y / 53);
    const shift = Math.floor(random() * noiseSamples);
    for (let x = 0; x < width; x++) {
      page[y * width + x] = 20_000 + across[x] * along + noise[(shift + x) % noiseSamples];
    }
  }
  return page;
};

/**
 * Writes a grey 16-bit image under noise of 1500 steps, a TIFF without compression, as detectors do, or a PNG.
 * @returns its path
 */
export const writeNoisyImage = async (
  folder: string,
  name: string,
  [width, height]: readonly [width: number, height: number],
  pages = 1,
  seed = 1,
): Promise<string> => {
  const { normal, uniform } = seededRandom(seed);
  const noise = Int16Array.from({ length: noiseSamples }, () => sigmaLsb * normal());
  const page: PageHeader = { width, height, channels: 1, bits: 16, photometric: 1, compressed: false, lost: [] };
  const container = name.endsWith(".png") ? "png" : "tiff";
  const path = join(folder, name);
  const header = { container, littleEndian: true, pages: Array.from({ length: pages }, () => page) } as const;
  const writer = createImageWriter(path, header, { software: "ddn bench" });
  for (let index = 0; index < pages; index++) await writer.writePage(noisyPage(width, height, noise, uniform));
  await writer.finish();
  return path;
};
