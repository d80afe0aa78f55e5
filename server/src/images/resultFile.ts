import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";

/** A file that grows at its end, and of which bytes that were reserved are written last. */
export interface ResultFile {
  /** Bytes appended so far. */
  readonly size: () => number;
  append(bytes: Uint8Array): Promise<void>;
  /** Appends bytes that `fill` will replace: the hash then waits for the whole file, which is read once more. */
  reserve(bytes: Uint8Array): Promise<void>;
  fill(bytes: Uint8Array, at: number): Promise<void>;
  /** Closes the file and says what is in it. */
  finish(): Promise<{ bytes: number; sha256: string }>;
  /** Closes and removes the file; does nothing the second time. */
  abort(): Promise<void>;
}

const writeFully = async (handle: FileHandle, bytes: Uint8Array, at: number): Promise<void> => {
  let written = 0;
  while (written < bytes.length) {
    written += (await handle.write(bytes, written, bytes.length - written, at + written)).bytesWritten;
  }
};

const hashOf = async (path: string, size: number): Promise<string> => {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  if (bytes !== size) throw new Error(`Expected ${size} bytes in the written file but found ${bytes}.`);
  return hash.digest("hex");
};

/** Opens `path` anew at the first byte. */
export const resultFile = (path: string): ResultFile => {
  let opened: Promise<FileHandle> | undefined;
  let size = 0;
  /** Of what was appended; undefined once bytes are reserved. */
  let hash: Hash | undefined = createHash("sha256");
  const handle = (): Promise<FileHandle> => {
    opened ??= open(path, "w");
    return opened;
  };
  const close = async (): Promise<void> => {
    const closing = opened;
    opened = undefined;
    await (await closing)?.close();
  };
  const append = async (bytes: Uint8Array): Promise<void> => {
    await writeFully(await handle(), bytes, size);
    hash?.update(bytes);
    size += bytes.length;
  };
  return {
    size: () => size,
    append,
    reserve: (bytes) => {
      hash = undefined;
      return append(bytes);
    },
    fill: async (bytes, at) => writeFully(await handle(), bytes, at),
    finish: async () => {
      await close();
      return { bytes: size, sha256: hash?.digest("hex") ?? (await hashOf(path, size)) };
    },
    abort: async () => {
      await close().catch(() => {}); // What could not be opened needs no closing.
      await rm(path, { force: true });
    },
  };
};
