import { setImmediate } from "node:timers/promises";

const clearCode = 256;
const endCode = 257;
const maxCodes = 4096;
/** Output after which other work gets its turn. */
const turnBytes = 2 * 1024 * 1024;

/**
 * Undoes TIFF's LZW: codes of 9 to 12 bits, highest bit first, one bit longer already when 511, 1023 and 2047 are next.
 * Every string of the table is the one before it plus one byte, hence always a piece of the output, so that the table
 * only notes where it stands.
 * @returns the first `size` bytes
 * @throws RangeError when the codes make no sense or end too early
 */
export const decodeLzw = async (source: Uint8Array, size: number): Promise<Buffer> => {
  const output = Buffer.allocUnsafe(size);
  const starts = new Uint32Array(maxCodes);
  const lengths = new Uint16Array(maxCodes);
  let width = 9;
  let next = 0; // The first code must clear the table, which tells this LZW from the older one.
  let pending = 0;
  let pendingBits = 0;
  let read = 0;
  let written = 0;
  let previousStart = 0;
  let previousLength = 0;
  let turnAt = turnBytes;
  while (written < size) {
    while (pendingBits < width) {
      if (read >= source.length) throw new RangeError("LZW data ends too early");
      pending = ((pending << 8) | (source[read] ?? 0)) & 0xffffff;
      read += 1;
      pendingBits += 8;
    }
    pendingBits -= width;
    const code = (pending >>> pendingBits) & ((1 << width) - 1);
    if (code === clearCode) {
      width = 9;
      next = endCode + 1;
      previousLength = 0;
      continue;
    }
    if (next === 0) throw new RangeError("LZW data starts without a clear code");
    if (code === endCode) throw new RangeError("LZW data ends too early");
    if (previousLength > 0 && next < maxCodes) {
      starts[next] = previousStart;
      lengths[next] = previousLength + 1;
      next += 1;
      if (next === 511 || next === 1023 || next === 2047) width += 1;
    }
    previousStart = written;
    if (code < clearCode) {
      output[written] = code;
      previousLength = 1;
    } else {
      if (code >= next) throw new RangeError("LZW code out of the table");
      const start = starts[code] ?? 0;
      previousLength = Math.min(lengths[code] ?? 0, size - written);
      // Byte by byte, since a string may reach into itself.
      for (let index = 0; index < previousLength; index += 1) output[written + index] = output[start + index] ?? 0;
    }
    written += previousLength;
    if (written >= turnAt) {
      turnAt = written + turnBytes;
      await setImmediate();
    }
  }
  return output;
};
