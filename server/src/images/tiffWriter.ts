import { endianness } from "node:os";
import { promisify } from "node:util";
import { deflate } from "node:zlib";
import type { Fraction, ImageHeader, PageHeader, Resolution, Samples } from "./image";
import { inOrder } from "./inOrder";
import type { ResultFile } from "./resultFile";
import { entriesOf, type TiffEntry } from "./tiffEntries";
import { tags } from "./tiffTags";
import type { ImageEncoder, Provenance } from "./writer";

const deflateBytes = promisify(deflate);

const stripBytes = 1024 * 1024;
const stripsAtOnce = 4;
/** Measured on denoised 16-bit pages: level 6 takes a third to two thirds longer for a file at most 3 % smaller. */
const deflateLevel = 3;
const classicMaxBytes = 0xffff_ffff;
const isHostLittleEndian = endianness() === "LE";

/** What the file may at most come to: Deflate adds a little to what it cannot compress, each strip has its table entries. */
const mostBytes = (header: ImageHeader): number =>
  header.pages.reduce((sum, page) => {
    const bytes = page.width * page.height * page.channels * (page.bits / 8);
    const texts = [page.description, page.dateTime, page.make, page.model].join("").length * 3;
    return sum + bytes * 1.001 + (page.height + 8) * 64 + texts + 4096;
  }, 0);

/** Bytes that all samples take where none are compressed; else undefined. */
const plainBytes = ({ pages }: ImageHeader): number | undefined =>
  pages.some(({ compressed }) => compressed)
    ? undefined
    : pages.reduce((sum, { width, height, channels, bits }) => sum + width * height * channels * (bits / 8), 0);

/** Directories start on even bytes: TIFF 6.0, section 2. */
const toEven = (offset: number): number => offset + (offset % 2);

/** Rows `from` to `to` as bytes of the file: 8 bit narrowed, differenced where it helps, in the file's byte order. */
const encodeRows = (samples: Samples, page: PageHeader, from: number, to: number, littleEndian: boolean): Buffer => {
  const { channels } = page;
  const rowSamples = page.width * channels;
  const rows = to - from;
  const encoded = page.bits === 8 ? new Uint8Array(rows * rowSamples) : new Uint16Array(rows * rowSamples);
  const source = samples.subarray(from * rowSamples, to * rowSamples);
  if (page.bits === 16) encoded.set(source);
  else for (let index = 0; index < source.length; index += 1) encoded[index] = Math.round((source[index] ?? 0) / 257);
  if (page.compressed) {
    for (let row = 0; row < rows; row += 1) {
      const first = row * rowSamples;
      for (let index = first + rowSamples - 1; index >= first + channels; index -= 1) {
        encoded[index] = (encoded[index] ?? 0) - (encoded[index - channels] ?? 0);
      }
    }
  }
  const bytes = Buffer.from(encoded.buffer);
  return page.bits === 16 && littleEndian !== isHostLittleEndian ? bytes.swap16() : bytes;
};

/** A number as a fraction of two 32-bit numbers, exact to 9 digits where it was none before. */
const toFraction = (value: number): Fraction => {
  const denominator = Number.isInteger(value) ? 1 : 10 ** Math.max(0, 9 - Math.ceil(Math.log10(value + 1)));
  return [Math.round(value * denominator), denominator];
};

const fractionsOf = ({ x, y, fractions }: Resolution): { readonly x: Fraction; readonly y: Fraction } =>
  fractions ?? { x: toFraction(x), y: toFraction(y) };

interface WrittenPage {
  readonly page: PageHeader;
  readonly rowsPerStrip: number;
  readonly offsets: readonly number[];
  readonly byteCounts: readonly number[];
}

/**
 * Writes strips as they come and all directories at the end. So the plain pages of a stack lie one behind the other, as
 * ImageJ reads them whatever the directories say. Byte order is the source's; planes become interleaved samples;
 * YCbCr becomes RGB; a classic TIFF turns into a BigTIFF only where it might pass 4 GiB.
 */
export const tiffEncoder = (file: ResultFile, header: ImageHeader, provenance: Provenance): ImageEncoder => {
  const { littleEndian } = header;
  const big = header.container === "bigtiff" || mostBytes(header) > classicMaxBytes;
  const make = entriesOf({ littleEndian, big });
  const written: WrittenPage[] = [];
  const startBytes = make.start(0).length;
  const plain = plainBytes(header);

  const directoryEntries = ({ page, rowsPerStrip, offsets, byteCounts }: WrittenPage): TiffEntry[] => {
    const encoding = page.textEncoding ?? "utf8";
    const text = (tag: number, value: string | undefined) =>
      value === undefined ? [] : [make.text(tag, value, encoding)];
    const resolution = (known: Resolution) => [
      make.fraction(tags.xResolution, fractionsOf(known).x),
      make.fraction(tags.yResolution, fractionsOf(known).y),
      make.short(tags.resolutionUnit, known.unit),
    ];
    return [
      make.long(tags.imageWidth, page.width),
      make.long(tags.imageLength, page.height),
      make.short(tags.bitsPerSample, ...new Array<number>(page.channels).fill(page.bits)),
      make.short(tags.compression, page.compressed ? 8 : 1),
      make.short(tags.photometric, page.photometric === 6 ? 2 : page.photometric),
      make.offsets(tags.stripOffsets, offsets),
      make.short(tags.samplesPerPixel, page.channels),
      make.long(tags.rowsPerStrip, rowsPerStrip),
      make.offsets(tags.stripByteCounts, byteCounts),
      make.short(tags.planarConfiguration, 1),
      make.text(tags.software, provenance.software, "utf8"),
      ...(page.compressed ? [make.short(tags.predictor, 2)] : []),
      ...(page.orientation === undefined ? [] : [make.short(tags.orientation, page.orientation)]),
      ...(page.resolution === undefined ? [] : resolution(page.resolution)),
      ...text(tags.description, page.description),
      ...text(tags.dateTime, page.dateTime),
      ...text(tags.make, page.make),
      ...text(tags.model, page.model),
    ];
  };

  return {
    writePage: async (samples, page) => {
      if (file.size() === 0) {
        // It says where the directories are, which is known beforehand where nothing is compressed.
        await (plain === undefined ? file.reserve(make.start(0)) : file.append(make.start(toEven(startBytes + plain))));
      }
      const rowBytes = page.width * page.channels * (page.bits / 8);
      const rowsPerStrip = Math.min(page.height, Math.max(1, Math.floor(stripBytes / rowBytes)));
      const offsets: number[] = [];
      const byteCounts: number[] = [];
      const starts = Array.from({ length: Math.ceil(page.height / rowsPerStrip) }, (_, index) => index * rowsPerStrip);
      const encode = async (from: number): Promise<Buffer> => {
        const bytes = encodeRows(samples, page, from, Math.min(page.height, from + rowsPerStrip), littleEndian);
        if (!page.compressed) return bytes;
        return deflateBytes(bytes, { level: deflateLevel, chunkSize: Math.max(64, bytes.length) });
      };
      await inOrder(starts, stripsAtOnce, encode, async (bytes) => {
        offsets.push(file.size());
        byteCounts.push(bytes.length);
        await file.append(bytes);
      });
      written.push({ page, rowsPerStrip, offsets, byteCounts });
    },
    finish: async () => {
      await file.append(Buffer.alloc(toEven(file.size()) - file.size()));
      const first = file.size();
      for (const [index, page] of written.entries()) {
        await file.append(make.directory(directoryEntries(page), file.size(), index === written.length - 1));
      }
      if (!big && file.size() > classicMaxBytes) throw new RangeError("Expected a classic TIFF to stay below 4 GiB.");
      if (plain === undefined) await file.fill(make.start(first), 0);
    },
  };
};
