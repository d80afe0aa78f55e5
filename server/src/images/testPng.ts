import { crc32, deflateSync } from "node:zlib";

/** For tests: builds PNGs chunk by chunk, knowing nothing of the code that is tested. */

export interface TestPng {
  readonly width: number;
  readonly height: number;
  /** Interleaved. */
  readonly samples: ArrayLike<number>;
  readonly bits?: number;
  readonly colour?: number;
  /** Chunks before the pixels. */
  readonly before?: readonly Buffer[];
  readonly after?: readonly Buffer[];
}

export const pngChunk = (type: string, data: Buffer | string = ""): Buffer => {
  const body = Buffer.concat([Buffer.from(type), Buffer.from(data)]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length - 4);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
};

export const pngStart = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");

export const pngHead = (width: number, height: number, bits: number, colour: number): Buffer => {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([bits, colour], 8);
  return pngChunk("IHDR", data);
};

export const buildPng = ({
  width,
  height,
  samples,
  bits = 16,
  colour = 0,
  before = [],
  after = [],
}: TestPng): Buffer => {
  const channels = colour === 2 ? 3 : 1;
  const rows: number[] = [];
  for (let y = 0; y < height; y += 1) {
    rows.push(0);
    for (let index = 0; index < width * channels; index += 1) {
      const sample = samples[y * width * channels + index] ?? 0;
      rows.push(...(bits === 16 ? [sample >> 8, sample & 255] : [sample]));
    }
  }
  const pixels = pngChunk("IDAT", deflateSync(Buffer.from(rows)));
  return Buffer.concat([pngStart, pngHead(width, height, bits, colour), ...before, pixels, ...after, pngChunk("IEND")]);
};
