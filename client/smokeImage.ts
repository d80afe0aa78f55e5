import { randomBytes } from "node:crypto";

const directoryEntries = 9;
const pixelsAt = 8 + 2 + directoryEntries * 12 + 4;

/** A noisy grey 16-bit TIFF of `size`·`size` pixels in one plain strip. */
export const greyTiff = (size: number): Uint8Array<ArrayBuffer> => {
  const bytes = Buffer.alloc(pixelsAt + size * size * 2);
  bytes.write("II*\0\x08\0\0\0", "latin1");
  bytes.writeUInt16LE(directoryEntries, 8);
  const entries = [
    [256, size],
    [257, size],
    [258, 16],
    [259, 1],
    [262, 1],
    [273, pixelsAt],
    [277, 1],
    [278, size],
    [279, size * size * 2],
  ];
  entries.forEach(([tag = 0, value = 0], index) => {
    const at = 10 + index * 12;
    bytes.writeUInt16LE(tag, at);
    bytes.writeUInt16LE(4, at + 2);
    bytes.writeUInt32LE(1, at + 4);
    bytes.writeUInt32LE(value, at + 8);
  });
  const noise = randomBytes(size * size * 2);
  for (let index = 0; index < size * size; index++) {
    const step = index % size < size / 2 ? 20_000 : 40_000;
    bytes.writeUInt16LE(step + (noise.readUInt16LE(2 * index) >> 4), pixelsAt + 2 * index);
  }
  return new Uint8Array(bytes);
};
