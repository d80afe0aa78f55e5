import type { TiffFlavour } from "./tiffDirectory";

/** One tag to be written, its value already in the file's byte order. */
export interface TiffEntry {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  readonly value: Buffer;
}

/** Turns values into tags of one flavour of TIFF. */
export const entriesOf = ({ littleEndian, big }: TiffFlavour) => {
  const shorts = (values: readonly number[]): Buffer => {
    const bytes = Buffer.alloc(values.length * 2);
    for (const [index, value] of values.entries()) {
      if (littleEndian) bytes.writeUInt16LE(value, index * 2);
      else bytes.writeUInt16BE(value, index * 2);
    }
    return bytes;
  };
  const longs = (values: readonly number[]): Buffer => {
    const bytes = Buffer.alloc(values.length * 4);
    for (const [index, value] of values.entries()) {
      if (littleEndian) bytes.writeUInt32LE(value, index * 4);
      else bytes.writeUInt32BE(value, index * 4);
    }
    return bytes;
  };
  const longs8 = (values: readonly number[]): Buffer => {
    const bytes = Buffer.alloc(values.length * 8);
    for (const [index, value] of values.entries()) {
      if (littleEndian) bytes.writeBigUInt64LE(BigInt(value), index * 8);
      else bytes.writeBigUInt64BE(BigInt(value), index * 8);
    }
    return bytes;
  };
  /** Numbers as wide as the flavour's offsets. */
  const offsets = big ? longs8 : longs;
  return {
    short: (tag: number, ...values: number[]): TiffEntry => ({
      tag,
      type: 3,
      count: values.length,
      value: shorts(values),
    }),
    long: (tag: number, value: number): TiffEntry => ({ tag, type: 4, count: 1, value: longs([value]) }),
    offsets: (tag: number, values: readonly number[]): TiffEntry => ({
      tag,
      type: big ? 16 : 4,
      count: values.length,
      value: offsets(values),
    }),
    fraction: (tag: number, values: readonly [number, number]): TiffEntry => ({
      tag,
      type: 5,
      count: 1,
      value: longs(values),
    }),
    text: (tag: number, text: string, encoding: "utf8" | "latin1"): TiffEntry => {
      const value = Buffer.from(`${text}\0`, encoding);
      return { tag, type: 2, count: value.length, value };
    },
    /** The file's first bytes, pointing to the first directory. */
    start: (first: number): Buffer => {
      const order = Buffer.from(littleEndian ? "II" : "MM", "latin1");
      const magic = big ? shorts([43, 8, 0]) : shorts([42]);
      return Buffer.concat([order, magic, offsets([first])]);
    },
    /**
     * A directory that is to stand at the byte `at`, its longer values behind it.
     * @param isLast whether no other directory follows right behind
     */
    directory: (unsorted: readonly TiffEntry[], at: number, isLast: boolean): Buffer => {
      const entries = [...unsorted].sort((one, other) => one.tag - other.tag);
      const inlineBytes = big ? 8 : 4;
      const tableBytes = (big ? 8 : 2) + entries.length * (big ? 20 : 12) + inlineBytes;
      const table: Buffer[] = [big ? longs8([entries.length]) : shorts([entries.length])];
      const values: Buffer[] = [];
      let end = at + tableBytes;
      for (const { tag, type, count, value } of entries) {
        table.push(shorts([tag, type]), offsets([count]));
        if (value.length <= inlineBytes) {
          table.push(value, Buffer.alloc(inlineBytes - value.length));
        } else {
          // Values start on even bytes: TIFF 6.0, section 2.
          const padding = value.length % 2;
          table.push(offsets([end]));
          values.push(value, Buffer.alloc(padding));
          end += value.length + padding;
        }
      }
      table.push(offsets([isLast ? 0 : end]));
      return Buffer.concat([...table, ...values]);
    },
  };
};
