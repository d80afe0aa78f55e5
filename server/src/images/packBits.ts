/**
 * Undoes PackBits: each piece is a run of one byte, or bytes as they are.
 * @returns the first `size` bytes
 * @throws RangeError when the data ends too early
 */
export const decodePackBits = (source: Buffer, size: number): Buffer => {
  const output = Buffer.allocUnsafe(size);
  let written = 0;
  for (let read = 0; written < size; ) {
    if (read >= source.length) throw new RangeError("PackBits data ends too early");
    const head = source.readInt8(read);
    read += 1;
    if (head === -128) continue;
    const length = head < 0 ? 1 - head : head + 1;
    const consumed = head < 0 ? 1 : length;
    if (read + consumed > source.length) throw new RangeError("PackBits data ends too early");
    if (head < 0) output.fill(source[read] ?? 0, written, Math.min(size, written + length));
    else source.copy(output, written, read, Math.min(read + length, read + size - written));
    read += consumed;
    written += length;
  }
  return output;
};
