import { crc32, inflateSync } from "node:zlib";
import { expected } from "../../../contract/problem";
import type { BoundedFile } from "./boundedFile";
import { ImageError, type ImageHeader, type ImageLimits, type Resolution } from "./image";
import { requirePixels } from "./limits";

export const pngSignature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

const maxChunks = 1024 * 1024;
const maxTextBytes = 1024 * 1024;
/** Deflate turns one byte into at most this many. */
const maxExpansion = 1032;

const colourTypes: Readonly<Record<number, string>> = {
  3: "3 (palette)",
  4: "4 (grey with alpha)",
  6: "6 (RGB with alpha)",
};

const unsupported = (what: string, name: string, value: string, remedy: string): ImageError =>
  new ImageError("image_unsupported", expected(what, name, value, remedy));

const corrupt = (sentence: string): ImageError =>
  new ImageError("image_corrupt", `${sentence} The file is damaged: upload it again.`);

interface Chunk {
  readonly type: string;
  readonly length: number;
  /** Where the data starts, bytes. */
  readonly at: number;
}

async function* chunks(file: BoundedFile): AsyncGenerator<Chunk> {
  let offset = pngSignature.length;
  for (let count = 0; count < maxChunks; count += 1) {
    const head = await file.read(offset, 8, `chunk ${count + 1}`);
    const type = head.toString("latin1", 4);
    const length = head.readUInt32BE(0);
    if (!/^[A-Za-z]{4}$/.test(type)) throw corrupt(`Expected a chunk at byte ${offset} but received other bytes.`);
    if (offset + 12 + length > file.size) {
      throw corrupt(`Expected ${length} bytes in chunk ${type} but the file ends after ${file.size} bytes.`);
    }
    yield { type, length, at: offset + 8 };
    if (type === "IEND") return;
    offset += 12 + length;
  }
  throw unsupported(
    `at most ${maxChunks} chunks`,
    "PNG",
    "more",
    "Save the image again with another program: this one cuts it into very small chunks.",
  );
}

const readChunk = async (file: BoundedFile, { type, length, at }: Chunk): Promise<Buffer> => {
  const bytes = Buffer.from(await file.read(at - 4, length + 8, `chunk ${type}`));
  if (crc32(bytes.subarray(0, length + 4)) !== bytes.readUInt32BE(length + 4)) {
    throw corrupt(`Expected chunk ${type} to match its checksum but it does not.`);
  }
  return bytes.subarray(4, length + 4);
};

const readShape = (data: Buffer) => {
  if (data.length !== 13) throw corrupt(`Expected 13 bytes in chunk IHDR but received ${data.length}.`);
  const width = data.readUInt32BE(0);
  const height = data.readUInt32BE(4);
  const bits = data.readUInt8(8);
  const colour = data.readUInt8(9);
  if (width < 1 || height < 1) throw corrupt(`Expected at least 1 × 1 pixels but received ${width} × ${height}.`);
  if (colour !== 0 && colour !== 2) {
    const value = colourTypes[colour] ?? String(colour);
    const remedy = "Save the image as plain grey or RGB, without alpha.";
    throw unsupported("0 (grey) or 2 (RGB)", "PNG colour type", value, remedy);
  }
  if (bits !== 8 && bits !== 16) {
    throw unsupported("8 or 16", "PNG bit depth", String(bits), "Convert the image to 16 bit.");
  }
  const channels: 1 | 3 = colour === 0 ? 1 : 3;
  const photometric: 1 | 2 = colour === 0 ? 1 : 2;
  return { width, height, bits, channels, photometric } as const;
};

const isUtf8 = (bytes: Buffer): boolean => Buffer.from(bytes.toString("utf8"), "utf8").equals(bytes);

const inflated = (bytes: Buffer): Buffer | undefined => {
  try {
    return inflateSync(bytes, { maxOutputLength: maxTextBytes });
  } catch {
    return undefined;
  }
};

/** Keyword and text of a tEXt, zTXt or iTXt chunk; no text where it cannot be read. */
const readText = (type: string, data: Buffer): { readonly keyword: string; readonly text?: string } => {
  const keywordEnd = data.indexOf(0);
  if (keywordEnd < 1) return { keyword: "" };
  const keyword = data.toString("latin1", 0, keywordEnd);
  const rest = data.subarray(keywordEnd + 1);
  if (type === "tEXt") return { keyword, text: rest.toString("latin1") };
  if (type === "zTXt") {
    const bytes = rest[0] === 0 ? inflated(rest.subarray(1)) : undefined;
    return bytes === undefined ? { keyword } : { keyword, text: bytes.toString("latin1") };
  }
  const languageEnd = rest.indexOf(0, 2);
  const translationEnd = languageEnd < 0 ? -1 : rest.indexOf(0, languageEnd + 1);
  if (translationEnd < 0) return { keyword };
  const body = rest.subarray(translationEnd + 1);
  const bytes = rest[0] === 1 ? inflated(body) : body;
  return bytes === undefined || !isUtf8(bytes) ? { keyword } : { keyword, text: bytes.toString("utf8") };
};

const readResolution = (data: Buffer): Resolution | undefined => {
  if (data.length !== 9 || data.readUInt8(8) > 1) return undefined;
  const isMetric = data.readUInt8(8) === 1;
  // PNG counts pixels a metre, TIFF pixels a centimetre.
  const perUnit = isMetric ? 100 : 1;
  return { x: data.readUInt32BE(0) / perUnit, y: data.readUInt32BE(4) / perUnit, unit: isMetric ? 3 : 1 };
};

/** Reads a PNG's chunks except the pixels: one page, with its pHYs and its Description text. */
export const readPngHeader = async (file: BoundedFile, limits: ImageLimits): Promise<ImageHeader> => {
  let shape: ReturnType<typeof readShape> | undefined;
  let resolution: Resolution | undefined;
  let description: string | undefined;
  let compressedBytes = 0;
  const lost: string[] = [];
  for await (const chunk of chunks(file)) {
    if (shape === undefined) {
      if (chunk.type !== "IHDR") throw corrupt(`Expected chunk IHDR first but received ${chunk.type}.`);
      shape = readShape(await readChunk(file, chunk));
      requirePixels(shape, limits, 1);
    } else if (chunk.type === "IDAT") {
      compressedBytes += chunk.length;
    } else if (chunk.type === "tRNS") {
      throw unsupported("no transparency", "PNG", "chunk tRNS", "Save the image without it.");
    } else if (chunk.type === "acTL") {
      throw unsupported("a still image", "PNG", "an animation (chunk acTL)", "Save each frame as a file of its own.");
    } else if (chunk.type === "pHYs") {
      resolution = readResolution(await readChunk(file, chunk));
      if (resolution === undefined) lost.push("pHYs");
    } else if (/^(tEXt|zTXt|iTXt)$/.test(chunk.type)) {
      const isShort = chunk.length <= maxTextBytes;
      const { keyword, text } = isShort ? readText(chunk.type, await readChunk(file, chunk)) : { keyword: "" };
      if (keyword === "Description" && text !== undefined && description === undefined) description = text;
      // The result says Software of its own.
      else if (keyword !== "Software") lost.push(`${chunk.type} ${keyword}`.trim());
    } else if (chunk.type !== "IEND" && chunk.type !== "PLTE") {
      lost.push(chunk.type);
    }
  }
  if (shape === undefined) throw corrupt("Expected chunk IHDR first but received IEND.");
  const { width, height, bits, channels } = shape;
  const bytes = height * (1 + width * channels * (bits / 8));
  if (compressedBytes * maxExpansion < bytes) {
    throw corrupt(`Expected image data for ${width} × ${height} pixels but received ${compressedBytes} bytes.`);
  }
  const page = {
    ...shape,
    compressed: true,
    lost: [...new Set(lost)],
    ...(resolution === undefined ? {} : { resolution }),
    ...(description === undefined ? {} : { description }),
  };
  return { container: "png", littleEndian: false, pages: [page] };
};
