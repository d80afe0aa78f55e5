import { pipeline } from "node:stream/promises";
import { crc32, createDeflate } from "node:zlib";
import type { PageHeader, Resolution, Samples } from "./image";
import { pngSignature } from "./pngHeader";
import type { ResultFile } from "./resultFile";
import type { ImageEncoder, Provenance } from "./writer";

const stripBytes = 1024 * 1024;
const chunkBytes = 256 * 1024;
const deflateLevel = 3;

const chunk = (type: string, data: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const bytes = Buffer.alloc(body.length + 8);
  bytes.writeUInt32BE(data.length, 0);
  body.copy(bytes, 4);
  bytes.writeUInt32BE(crc32(body), body.length + 4);
  return bytes;
};

const imageHeader = (page: PageHeader): Buffer => {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(page.width, 0);
  data.writeUInt32BE(page.height, 4);
  data.writeUInt8(page.bits, 8);
  data.writeUInt8(page.channels === 1 ? 0 : 2, 9);
  return chunk("IHDR", data);
};

/** PNG counts in whole pixels a metre. */
const physicalSize = ({ x, y, unit }: Resolution): Buffer => {
  const perMetre = { 1: 1, 2: 100 / 2.54, 3: 100 }[unit];
  const data = Buffer.alloc(9);
  data.writeUInt32BE(Math.round(x * perMetre), 0);
  data.writeUInt32BE(Math.round(y * perMetre), 4);
  data.writeUInt8(unit === 1 ? 0 : 1, 8);
  return chunk("pHYs", data);
};

/** A tEXt chunk, or an iTXt chunk where Latin-1 does not hold the text. */
const text = (keyword: string, value: string): Buffer =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of Latin-1 without the terminator
  /^[\x01-\xff]*$/.test(value)
    ? chunk("tEXt", Buffer.from(`${keyword}\0${value}`, "latin1"))
    : chunk("iTXt", Buffer.from(`${keyword}\0\0\0\0\0${value}`, "utf8"));

/** The page's rows as PNG stores them: highest byte first, each behind the filter that leaves it the smallest values. */
function* filteredStrips(samples: Samples, page: PageHeader): Generator<Buffer> {
  const sampleBytes = page.bits / 8;
  const pixelBytes = page.channels * sampleBytes;
  const rowSamples = page.width * page.channels;
  const rowBytes = rowSamples * sampleBytes;
  const rowsPerStrip = Math.max(1, Math.floor(stripBytes / rowBytes));
  const plain = (row: number, bytes: Uint8Array): void => {
    const start = row * rowSamples;
    for (let index = 0; index < rowSamples; index += 1) {
      const sample = samples[start + index] ?? 0;
      if (sampleBytes === 1) {
        bytes[index] = Math.round(sample / 257);
      } else {
        bytes[2 * index] = sample >> 8;
        bytes[2 * index + 1] = sample & 255;
      }
    }
  };
  /** The sum of the values' distances from zero, taken as signed: the usual guess at what compresses well. */
  const cost = (bytes: Uint8Array): number => {
    let sum = 0;
    for (let index = 0; index < rowBytes; index += 1) {
      const value = bytes[index] ?? 0;
      sum += value < 128 ? value : 256 - value;
    }
    return sum;
  };
  let row = new Uint8Array(rowBytes);
  let above = new Uint8Array(rowBytes);
  const left = new Uint8Array(rowBytes);
  const up = new Uint8Array(rowBytes);
  for (let from = 0; from < page.height; from += rowsPerStrip) {
    const rows = Math.min(rowsPerStrip, page.height - from);
    const strip = Buffer.allocUnsafe(rows * (rowBytes + 1));
    for (let index = 0; index < rows; index += 1) {
      plain(from + index, row);
      for (let at = 0; at < rowBytes; at += 1) {
        const value = row[at] ?? 0;
        left[at] = value - (at < pixelBytes ? 0 : (row[at - pixelBytes] ?? 0));
        up[at] = value - (above[at] ?? 0);
      }
      const candidates = [row, left, up];
      const costs = candidates.map(cost);
      const filter = costs.indexOf(Math.min(...costs));
      strip[index * (rowBytes + 1)] = filter;
      strip.set(candidates[filter] ?? row, index * (rowBytes + 1) + 1);
      [row, above] = [above, row];
    }
    yield strip;
  }
}

/** Writes a PNG with its Software and Description texts and its pHYs, streaming the pixels. */
export const pngEncoder = (file: ResultFile, provenance: Provenance): ImageEncoder => ({
  writePage: async (samples, page) => {
    await file.append(Buffer.concat([pngSignature, imageHeader(page)]));
    if (page.resolution !== undefined) await file.append(physicalSize(page.resolution));
    await file.append(text("Software", provenance.software));
    if (page.description !== undefined) await file.append(text("Description", page.description));
    await pipeline(
      filteredStrips(samples, page),
      createDeflate({ level: deflateLevel, chunkSize: chunkBytes }),
      async (compressed) => {
        for await (const bytes of compressed) await file.append(chunk("IDAT", bytes));
      },
    );
  },
  finish: () => file.append(chunk("IEND", Buffer.alloc(0))),
});
