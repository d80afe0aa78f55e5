import { Failure } from "./platform.mjs";
import { readPng } from "./png.mjs";

/**
 * @typedef {object} Page
 * @property {number} width
 * @property {number} height
 * @property {1 | 3} channels
 * @property {number} bits Bits per sample, 8 or 16.
 * @property {boolean} inverted The lowest value is white.
 * @property {Uint8Array | Uint16Array} samples Row by row, channels interleaved.
 */

/** By the browser's own decoder, for PNGs of rarer kinds: 8 bits. */
const readBitmap = async (blob) => {
  const bitmap = await createImageBitmap(blob);
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, width, height).data;
  const samples = new Uint8Array(width * height * 3);
  for (let at = 0; at < width * height; at += 1) samples.set(pixels.subarray(4 * at, 4 * at + 3), 3 * at);
  return { width, height, channels: 3, bits: 8, inverted: false, samples };
};

const readTiffPage = async (tiff, index) => {
  const image = await tiff.getImage(index);
  const channels = image.getSamplesPerPixel();
  const samples = await image.readRasters({ interleave: true });
  const bits = samples.BYTES_PER_ELEMENT * 8;
  if (!(channels === 1 || channels === 3) || !(samples instanceof Uint8Array || samples instanceof Uint16Array)) {
    throw new Error(`${channels} channels of ${samples.constructor.name}`);
  }
  const inverted = image.fileDirectory.getValue("PhotometricInterpretation") === 0;
  return { width: image.getWidth(), height: image.getHeight(), channels, bits, inverted, samples };
};

const unreadable = (cause) => new Failure("image_unreadable", cause instanceof Error ? cause.message : String(cause));

/**
 * Opens a TIFF or PNG; its pages are decoded one at a time, when asked for.
 * @returns {Promise<{ count: number, page: (index: number) => Promise<Page> }>}
 */
export const openImage = async (blob) => {
  try {
    const [first] = new Uint8Array(await blob.slice(0, 1).arrayBuffer());
    if (first === 137) {
      const page = (await readPng(await blob.arrayBuffer())) ?? (await readBitmap(blob));
      return { count: 1, page: async () => page };
    }
    const tiff = await globalThis.GeoTIFF.fromBlob(blob);
    const count = await tiff.getImageCount();
    let latest = { index: -1 };
    return {
      count,
      page: async (index) => {
        try {
          if (latest.index !== index) latest = { index, page: await readTiffPage(tiff, index) };
          return latest.page;
        } catch (cause) {
          throw unreadable(cause);
        }
      },
    };
  } catch (cause) {
    throw unreadable(cause);
  }
};

/** How often each value occurs. */
export const histogramOf = ({ bits, samples }) => {
  const counts = new Uint32Array(2 ** bits);
  for (const value of samples) counts[value] += 1;
  return counts;
};

/** The value below which this fraction of all samples lies. */
export const percentile = (counts, fraction) => {
  const wanted = fraction * counts.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  return Math.max(
    0,
    counts.findIndex((count) => {
      seen += count;
      return seen > wanted || (fraction >= 1 && seen >= wanted);
    }),
  );
};
