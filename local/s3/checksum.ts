import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

/** The request headers that carry a checksum of the body, and how it is made. */
export const checksumHeaders = [
  "x-amz-checksum-crc32",
  "x-amz-checksum-crc32c",
  "x-amz-checksum-sha1",
  "x-amz-checksum-sha256",
] as const;

export type ChecksumHeader = (typeof checksumHeaders)[number];

export const isChecksumHeader = (name: string): name is ChecksumHeader =>
  (checksumHeaders as readonly string[]).includes(name);

/** A digest that grows with the body. */
export interface Digest {
  update(bytes: Uint8Array): void;
  digest(): Buffer;
}

const castagnoli = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

const crc32c = (bytes: Uint8Array, before: number): number => {
  let value = ~before;
  for (const byte of bytes) value = castagnoli[(value ^ byte) & 0xff] ^ (value >>> 8);
  return ~value >>> 0;
};

const cyclic = (step: (bytes: Uint8Array, before: number) => number): Digest => {
  let value = 0;
  return {
    update: (bytes) => {
      value = step(bytes, value);
    },
    digest: () => {
      const four = Buffer.alloc(4);
      four.writeUInt32BE(value);
      return four;
    },
  };
};

export const digestOf = (header: ChecksumHeader): Digest => {
  switch (header) {
    case "x-amz-checksum-crc32":
      return cyclic(crc32);
    case "x-amz-checksum-crc32c":
      return cyclic(crc32c);
    case "x-amz-checksum-sha1":
      return createHash("sha1");
    case "x-amz-checksum-sha256":
      return createHash("sha256");
  }
};
