import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";

/** A file that grows at its end, and of which earlier bytes may still be set. */
export interface ResultFile {
  /** Bytes appended so far. */
  readonly size: () => number;
  append(bytes: Uint8Array): Promise<void>;
  overwrite(bytes: Uint8Array, at: number): Promise<void>;
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

/** Opens `path` anew at the first byte. */
export const resultFile = (path: string): ResultFile => {
  let opened: Promise<FileHandle> | undefined;
  let size = 0;
  const handle = (): Promise<FileHandle> => {
    opened ??= open(path, "w");
    return opened;
  };
  const close = async (): Promise<void> => {
    const closing = opened;
    opened = undefined;
    await (await closing)?.close();
  };
  return {
    size: () => size,
    append: async (bytes) => {
      await writeFully(await handle(), bytes, size);
      size += bytes.length;
    },
    overwrite: async (bytes, at) => writeFully(await handle(), bytes, at),
    finish: async () => {
      await close();
      // A TIFF's first bytes are known last, so that the hash has to wait for the whole file.
      const hash = createHash("sha256");
      let bytes = 0;
      for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
        hash.update(chunk);
        bytes += chunk.length;
      }
      if (bytes !== size) throw new Error(`Expected ${size} bytes in the written file but found ${bytes}.`);
      return { bytes, sha256: hash.digest("hex") };
    },
    abort: async () => {
      await close().catch(() => {}); // What could not be opened needs no closing.
      await rm(path, { force: true });
    },
  };
};
