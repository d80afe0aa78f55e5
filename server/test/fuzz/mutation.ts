import { crc32 } from "node:zlib";

/** A stream of numbers in [0, 1) that depends on its seed alone (mulberry32). */
export type Random = () => number;

export const randomOf = (seed: number): Random => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** Where parsers go wrong: nothing, one, just below and above each width, signs. */
const edges = [0, 1, 2, 3, 7, 8, 16, 255, 256, 4095, 4096, 32767, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

const below = (random: Random, limit: number): number => Math.floor(random() * limit);

const pick = <T>(random: Random, values: readonly T[]): T => values[below(random, values.length)];

type Mutation = (bytes: Buffer, random: Random, others: readonly Buffer[]) => Buffer;

const overwrite = (bytes: Buffer, at: number, piece: Buffer): Buffer => {
  const changed = Buffer.from(bytes);
  piece.copy(changed, at);
  return changed;
};

const mutations: readonly Mutation[] = [
  (bytes, random) => {
    const at = below(random, bytes.length);
    return overwrite(bytes, at, Buffer.of(bytes[at] ^ (1 << below(random, 8))));
  },
  (bytes, random) => overwrite(bytes, below(random, bytes.length), Buffer.of(below(random, 256))),
  (bytes, random) => {
    const value = pick(random, edges);
    const piece = Buffer.alloc(pick(random, [1, 2, 4, 8]));
    const isLittle = random() < 0.5;
    for (let index = 0; index < piece.length; index += 1) {
      piece[isLittle ? index : piece.length - 1 - index] = Math.floor(value / 256 ** index) % 256;
    }
    return overwrite(bytes, below(random, bytes.length), piece);
  },
  (bytes, random) => bytes.subarray(0, below(random, bytes.length + 1)),
  (bytes, random) => {
    const from = below(random, bytes.length);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + 1 + below(random, 32))]);
  },
  (bytes, random) => {
    const from = below(random, bytes.length);
    const piece = bytes.subarray(from, from + 1 + below(random, 32));
    const at = below(random, bytes.length);
    return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
  },
  (bytes, random, others) => {
    const other = pick(random, others);
    const from = below(random, other.length);
    return overwrite(bytes, below(random, bytes.length), other.subarray(from, from + 1 + below(random, 64)));
  },
];

const pngSignature = "\x89PNG\r\n\x1a\n";

/** With the checksums of its chunks put right, a PNG gets past the first look. */
const withChecksums = (bytes: Buffer): Buffer => {
  if (bytes.toString("latin1", 0, 8) !== pngSignature) return bytes;
  const mended = Buffer.from(bytes);
  for (let at = 8; at + 12 <= mended.length; ) {
    const end = at + 8 + mended.readUInt32BE(at);
    if (end + 4 > mended.length) break;
    mended.writeUInt32BE(crc32(mended.subarray(at + 4, end)), end);
    at = end + 4;
  }
  return mended;
};

/** One of the seeds with one to eight changes. */
export const mutated = (seeds: readonly Buffer[], random: Random): Buffer => {
  let bytes = pick(random, seeds);
  for (let left = 1 + below(random, 8); left > 0 && bytes.length > 0; left -= 1) {
    bytes = pick(random, mutations)(bytes, random, seeds);
  }
  return random() < 0.7 ? withChecksums(bytes) : bytes;
};
