import type { BoundedFile } from "./boundedFile";
import { ImageError, type TiffTable } from "./image";

/** What tells the four flavours of TIFF apart: byte order, and 32- or 64-bit offsets. */
export interface TiffFlavour {
  readonly littleEndian: boolean;
  readonly big: boolean;
}

export interface TiffDirectory {
  readonly entries: ReadonlyMap<number, TiffTable>;
  /** Byte offset of the next directory, 0 after the last. */
  readonly next: number;
}

const maxEntries = 4096;

/** Bytes of one value by TIFF type; the types beyond 13 are BigTIFF's. */
const typeBytes: Readonly<Record<number, number>> = {
  1: 1,
  2: 1,
  3: 2,
  4: 4,
  5: 8,
  6: 1,
  7: 1,
  8: 2,
  9: 4,
  10: 8,
  11: 4,
  12: 8,
  13: 4,
  16: 8,
  17: 8,
  18: 8,
};

const uint16 = (bytes: Buffer, at: number, littleEndian: boolean): number =>
  littleEndian ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);

const uint32 = (bytes: Buffer, at: number, littleEndian: boolean): number =>
  littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);

/** Beyond 2^53 the number is rounded, which is past the end of any file all the same. */
const uint64 = (bytes: Buffer, at: number, littleEndian: boolean): number =>
  Number(littleEndian ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));

const offsetAt = (bytes: Buffer, at: number, { littleEndian, big }: TiffFlavour): number =>
  (big ? uint64 : uint32)(bytes, at, littleEndian);

/** The flavour and the first directory's offset, from the first bytes of the file; undefined when they are no TIFF's. */
export const readTiffStart = (start: Buffer): { flavour: TiffFlavour; first: number } | undefined => {
  const order = start.toString("latin1", 0, 2);
  if (start.length < 8 || (order !== "II" && order !== "MM")) return undefined;
  const littleEndian = order === "II";
  const magic = uint16(start, 2, littleEndian);
  if (magic === 42) {
    const flavour = { littleEndian, big: false };
    return { flavour, first: offsetAt(start, 4, flavour) };
  }
  const isBig = magic === 43 && start.length >= 16 && uint16(start, 4, littleEndian) === 8;
  if (!isBig || uint16(start, 6, littleEndian) !== 0) return undefined;
  const flavour = { littleEndian, big: true };
  return { flavour, first: offsetAt(start, 8, flavour) };
};

/** @param what names the directory in errors, as in "directory 2" */
export const readDirectory = async (
  file: BoundedFile,
  flavour: TiffFlavour,
  offset: number,
  what: string,
): Promise<TiffDirectory> => {
  const { littleEndian, big } = flavour;
  const countBytes = big ? 8 : 2;
  const entryBytes = big ? 20 : 12;
  const inlineBytes = big ? 8 : 4;
  const countField = await file.read(offset, countBytes, what);
  const count = big ? uint64(countField, 0, littleEndian) : uint16(countField, 0, littleEndian);
  if (count < 1 || count > maxEntries) {
    throw new ImageError(
      "image_corrupt",
      `Expected 1 to ${maxEntries} tags in ${what} but it announces ${count}. The file is damaged: upload it again.`,
    );
  }
  const start = offset + countBytes;
  const bytes = await file.read(start, count * entryBytes + inlineBytes, what);
  const entries = new Map<number, TiffTable>();
  for (let index = 0; index < count; index += 1) {
    const at = index * entryBytes;
    const tag = uint16(bytes, at, littleEndian);
    const type = uint16(bytes, at + 2, littleEndian);
    const values = offsetAt(bytes, at + 4, flavour);
    const valueAt = at + entryBytes - inlineBytes;
    const isInline = values * (typeBytes[type] ?? 1) <= inlineBytes;
    if (entries.has(tag)) continue;
    entries.set(tag, { type, count: values, at: isInline ? start + valueAt : offsetAt(bytes, valueAt, flavour) });
  }
  return { entries, next: offsetAt(bytes, count * entryBytes, flavour) };
};

/** Bytes of the table's values in the file. */
const tableBytes = (table: TiffTable): number => table.count * (typeBytes[table.type] ?? 1);

/** The values of a tag as they stand in the file. */
export const readBytes = (file: BoundedFile, table: TiffTable, what: string): Promise<Buffer> =>
  file.read(table.at, tableBytes(table), what);

const integerTypes = new Set([1, 3, 4, 13, 16, 18]);

export const isIntegers = (table: TiffTable): boolean => integerTypes.has(table.type);

/** Values `from` to `to` (exclusive) of a tag of unsigned integers. */
export const readIntegers = async (
  file: BoundedFile,
  { littleEndian }: TiffFlavour,
  table: TiffTable,
  from: number,
  to: number,
  what: string,
): Promise<number[]> => {
  const size = typeBytes[table.type] ?? 1;
  const bytes = await file.read(table.at + from * size, (to - from) * size, what);
  return Array.from({ length: to - from }, (_, index) => {
    const at = index * size;
    if (size === 1) return bytes.readUInt8(at);
    if (size === 2) return uint16(bytes, at, littleEndian);
    return size === 4 ? uint32(bytes, at, littleEndian) : uint64(bytes, at, littleEndian);
  });
};

/** A RATIONAL's numerator and denominator. */
export const readFraction = async (
  file: BoundedFile,
  { littleEndian }: TiffFlavour,
  table: TiffTable,
  what: string,
): Promise<readonly [number, number]> => {
  const bytes = await file.read(table.at, 8, what);
  return [uint32(bytes, 0, littleEndian), uint32(bytes, 4, littleEndian)];
};
