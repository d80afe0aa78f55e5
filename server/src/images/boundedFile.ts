import { type FileHandle, open } from "node:fs/promises";
import { ImageError } from "./image";

/** Headers of real images are a few KiB; this bounds what a hostile one can make us read. */
const maxHeaderBytes = 64 * 1024 * 1024;
/** Of one tag or table, since it is held as a whole and as text once more. */
const maxPieceBytes = 16 * 1024 * 1024;
const windowBytes = 16 * 1024;
/** Small strips lie one behind the other, so that one read serves many. */
const dataWindowBytes = 64 * 1024;

/** A file of which only small pieces are read, each checked to lie inside it. */
export interface BoundedFile {
  /** Bytes. */
  readonly size: number;
  /**
   * @param what names the piece in the error, as in "the directory of page 2"
   * @throws ImageError `image_corrupt` when the piece lies outside the file, `image_unsupported` when the piece passes 16 MiB or all together pass 64
   */
  read(offset: number, length: number, what: string): Promise<Buffer>;
  /** Bytes already known to lie in the file; not counted, and the caller's own to change. */
  data(offset: number, length: number): Promise<Buffer>;
}

const readFully = async (handle: FileHandle, offset: number, length: number): Promise<Buffer> => {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) throw new Error("The file became shorter while it was read.");
    filled += bytesRead;
  }
  return bytes;
};

/** Opens `path` for bounded reading while `use` runs. */
export const withBoundedFile = async <T>(path: string, use: (file: BoundedFile) => Promise<T>): Promise<T> => {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    let total = 0;
    let start = 0;
    let window: Buffer = Buffer.alloc(0);
    const read = async (offset: number, length: number, what: string): Promise<Buffer> => {
      if (offset + length > size) {
        throw new ImageError(
          "image_corrupt",
          `Expected ${what} at byte ${offset} but the file ends after ${size} bytes. It was cut short or damaged: upload it again.`,
        );
      }
      if (length > maxPieceBytes) {
        throw new ImageError(
          "image_unsupported",
          `Expected at most ${maxPieceBytes} bytes for ${what} but received ${length}. Save the image without its extra metadata.`,
        );
      }
      total += length;
      if (total > maxHeaderBytes) {
        throw new ImageError(
          "image_unsupported",
          `Expected at most ${maxHeaderBytes} bytes of tags and tables but received more. Save the image without its extra metadata.`,
        );
      }
      if (offset < start || offset + length > start + window.length) {
        window = await readFully(handle, offset, Math.min(Math.max(length, windowBytes), size - offset));
        start = offset;
      }
      return window.subarray(offset - start, offset - start + length);
    };
    let dataStart = 0;
    let dataLength = 0;
    let dataWindow: Promise<Buffer> | undefined;
    const data = async (offset: number, length: number): Promise<Buffer> => {
      if (length > dataWindowBytes / 2) return readFully(handle, offset, length);
      if (dataWindow === undefined || offset < dataStart || offset + length > dataStart + dataLength) {
        dataStart = offset;
        dataLength = Math.max(length, Math.min(dataWindowBytes, size - offset));
        dataWindow = readFully(handle, dataStart, dataLength);
      }
      const start = offset - dataStart;
      return Buffer.from((await dataWindow).subarray(start, start + length));
    };
    return await use({ size, read, data });
  } finally {
    await handle.close();
  }
};
