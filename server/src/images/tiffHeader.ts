import { expected, quote } from "../../../contract/problem";
import type { BoundedFile } from "./boundedFile";
import {
  ImageError,
  type ImageHeader,
  type ImageLimits,
  type PageHeader,
  type Resolution,
  type TiffLayout,
  type TiffTable,
} from "./image";
import { announcedPages } from "./imagej";
import { requirePixels } from "./limits";
import { isIntegers, readBytes, readDirectory, readFraction, readIntegers, type TiffFlavour } from "./tiffDirectory";
import { ownTags, tagName, tags } from "./tiffTags";

const compressions: Readonly<Record<number, string>> = {
  2: "CCITT RLE",
  3: "CCITT fax 3",
  4: "CCITT fax 4",
  6: "old-style JPEG",
  32773: "PackBits",
  34661: "JBIG",
  34712: "JPEG 2000",
  34887: "LERC",
  34892: "lossy JPEG",
  34925: "LZMA",
  50000: "Zstandard",
  50001: "WebP",
  50002: "JPEG XL",
  52546: "JPEG XL",
};

const photometrics: Readonly<Record<number, string>> = {
  0: "MinIsWhite",
  1: "MinIsBlack",
  2: "RGB",
  3: "palette",
  4: "transparency mask",
  5: "CMYK",
  6: "YCbCr",
  8: "CIE L*a*b*",
  9: "ICC L*a*b*",
  10: "ITU L*a*b*",
  32803: "colour filter array",
  32844: "LogL",
  32845: "LogLuv",
};

const sampleFormats: Readonly<Record<number, string>> = {
  2: "signed integer",
  3: "floating point",
  4: "undefined",
  5: "complex integer",
  6: "complex floating point",
};

const extraSampleKinds: Readonly<Record<number, string>> = {
  0: "unspecified",
  1: "associated alpha",
  2: "unassociated alpha",
};

/** How far one compressed byte can expand; what announces more cannot be whole. JPEG has no useful bound. */
const maxExpansion: Readonly<Record<TiffLayout["compression"], number>> = {
  1: 1,
  5: 2560,
  7: Number.POSITIVE_INFINITY,
  8: 1032,
  32946: 1032,
  32773: 64,
};

const maxBlocks = 1024 * 1024;
const blocksAtOnce = 4096;

const named = (names: Readonly<Record<number, string>>, value: number): string =>
  names[value] === undefined ? String(value) : `${value} (${names[value]})`;

interface Context {
  readonly file: BoundedFile;
  readonly flavour: TiffFlavour;
  readonly entries: ReadonlyMap<number, TiffTable>;
  /** From 1, as in "page 2". */
  readonly page: number;
}

const unsupported = (what: string, tag: number, page: number, value: string, remedy?: string): ImageError =>
  new ImageError("image_unsupported", expected(what, `${tagName(tag)} (page ${page})`, value, remedy));

const corrupt = (what: string, tag: number, page: number, value: string): ImageError =>
  new ImageError(
    "image_corrupt",
    expected(what, `${tagName(tag)} (page ${page})`, value, "The file is damaged: upload it again."),
  );

const place = (context: Context, tag: number): string => `${tagName(tag)} of page ${context.page}`;

/** The first few values of an integer tag; `fallback` when there is none. */
const integers = async (context: Context, tag: number, fallback: number): Promise<number[]> => {
  const table = context.entries.get(tag);
  if (table === undefined) return [fallback];
  if (!isIntegers(table) || table.count === 0) {
    throw corrupt("unsigned integers", tag, context.page, `type ${table.type}, ${table.count} values`);
  }
  return readIntegers(context.file, context.flavour, table, 0, Math.min(table.count, 8), place(context, tag));
};

const integer = async (context: Context, tag: number, fallback: number): Promise<number> =>
  (await integers(context, tag, fallback))[0] ?? fallback;

const size = async (context: Context, tag: number): Promise<number> => {
  const value = await integer(context, tag, 0);
  if (value < 1)
    throw corrupt("at least 1 pixel", tag, context.page, context.entries.has(tag) ? `${value}` : "nothing");
  return value;
};

/** The kind of the page's samples; refuses everything but unsigned 8 or 16 bit grey or RGB. */
const readKind = async (context: Context): Promise<Pick<PageHeader, "channels" | "bits" | "photometric">> => {
  const { page } = context;
  const refuse = (what: string, tag: number, value: string, remedy?: string) =>
    unsupported(what, tag, page, value, remedy);
  const photometric = await integer(context, tags.photometric, -1);
  if (photometric === -1) throw corrupt("a number", tags.photometric, page, "nothing");
  if (photometric !== 0 && photometric !== 1 && photometric !== 2 && photometric !== 6) {
    throw refuse(
      "MinIsWhite, MinIsBlack, RGB or YCbCr",
      tags.photometric,
      named(photometrics, photometric),
      "Convert the image to grey or RGB.",
    );
  }
  const samples = await integer(context, tags.samplesPerPixel, 1);
  if (context.entries.has(tags.extraSamples)) {
    const kinds = await integers(context, tags.extraSamples, 0);
    const value = kinds.map((kind) => named(extraSampleKinds, kind)).join(", ");
    throw refuse("no alpha or other extra samples", tags.extraSamples, value, "Save the image without them.");
  }
  const channels = photometric <= 1 ? 1 : 3;
  if (samples !== channels) {
    const what = channels === 1 ? "1 sample a pixel, as it is grey," : "3 samples a pixel, as it is in colour,";
    throw refuse(what, tags.samplesPerPixel, String(samples), "Save the image as plain grey or RGB.");
  }
  const formats = await integers(context, tags.sampleFormat, 1);
  const foreign = formats.find((format) => format !== 1);
  if (foreign !== undefined) {
    throw refuse("unsigned integers", tags.sampleFormat, named(sampleFormats, foreign), "Convert it to 16 bit.");
  }
  const depths = await integers(context, tags.bitsPerSample, 1);
  const [bits] = depths;
  if ((bits !== 8 && bits !== 16) || depths.some((depth) => depth !== bits)) {
    throw refuse("8 or 16 in all samples", tags.bitsPerSample, depths.join(", "), "Convert the image to 16 bit.");
  }
  return { channels, bits, photometric };
};

type Shape = Pick<PageHeader, "width" | "height" | "channels" | "bits" | "photometric">;

/** How the samples are stored; refuses what cannot be undone exactly. */
const readLayout = async (context: Context, shape: Shape, directory: number): Promise<TiffLayout> => {
  const { entries, page } = context;
  const refuse = (what: string, tag: number, value: string, remedy?: string) =>
    unsupported(what, tag, page, value, remedy);
  const compression = await integer(context, tags.compression, 1);
  if (
    compression !== 1 &&
    compression !== 5 &&
    compression !== 7 &&
    compression !== 8 &&
    compression !== 32946 &&
    compression !== 32773
  ) {
    const remedy = "Save the image with one of these.";
    throw refuse("none, LZW, Deflate, PackBits or JPEG", tags.compression, named(compressions, compression), remedy);
  }
  const fillOrder = await integer(context, tags.fillOrder, 1);
  if (fillOrder !== 1) throw refuse("1 (highest bit first)", tags.fillOrder, String(fillOrder));
  const predictor = await integer(context, tags.predictor, 1);
  const isPredictable = compression === 5 || compression === 8 || compression === 32946;
  if (predictor !== 1 && !(predictor === 2 && isPredictable)) {
    throw refuse("1, or with LZW and Deflate 2,", tags.predictor, String(predictor));
  }
  const configuration = await integer(context, tags.planarConfiguration, 1);
  if (configuration !== 1 && configuration !== 2) {
    throw corrupt("1 or 2", tags.planarConfiguration, page, String(configuration));
  }
  const planar = configuration === 2 && shape.channels > 1;
  if (compression === 7 && (shape.bits !== 8 || planar)) {
    const found = planar ? "7 (JPEG) in separate planes" : "7 (JPEG) in 16 bit";
    throw refuse("JPEG only in 8 bit and interleaved", tags.compression, found, "Save the image with Deflate.");
  }
  if (compression !== 7 && shape.photometric === 6) {
    throw refuse("YCbCr only with JPEG", tags.photometric, named(photometrics, 6), "Convert the image to RGB.");
  }
  const tiled = entries.has(tags.tileWidth);
  const offsets = entries.get(tiled ? tags.tileOffsets : tags.stripOffsets);
  const byteCounts = entries.get(tiled ? tags.tileByteCounts : tags.stripByteCounts);
  for (const [table, tag] of [
    [offsets, tiled ? tags.tileOffsets : tags.stripOffsets],
    [byteCounts, tiled ? tags.tileByteCounts : tags.stripByteCounts],
  ] as const) {
    if (table === undefined) throw corrupt("a table", tag, page, "nothing");
    if (!isIntegers(table)) throw corrupt("unsigned integers", tag, page, `type ${table.type}`);
  }
  if (offsets === undefined || byteCounts === undefined) throw corrupt("a table", tags.stripOffsets, page, "nothing");
  const blockWidth = tiled ? await size(context, tags.tileWidth) : shape.width;
  const blockHeight = tiled
    ? await size(context, tags.tileLength)
    : Math.min(shape.height, (await integer(context, tags.rowsPerStrip, shape.height)) || shape.height);
  // A tile may be larger than its page, but never much: TIFF 6.0 asks for multiples of 16.
  if (tiled && (blockWidth > 2 * shape.width + 4096 || blockHeight > 2 * shape.height + 4096)) {
    throw corrupt("tiles no larger than the page", tags.tileWidth, page, `${blockWidth} × ${blockHeight}`);
  }
  return {
    directory,
    compression,
    differenced: predictor === 2,
    planar,
    tiled,
    blockWidth,
    blockHeight,
    blocks: { offsets, byteCounts },
  };
};

/** Bytes of a whole block's samples. */
const blockBytes = (shape: Shape, layout: TiffLayout): number =>
  layout.blockWidth * layout.blockHeight * (layout.planar ? 1 : shape.channels) * (shape.bits / 8);

const pageBytes = (shape: Shape): number => shape.width * shape.height * shape.channels * (shape.bits / 8);

/**
 * Checks that every block lies in the file and can hold what it must.
 * @returns where the samples start when they lie in one piece, as in an ImageJ stack
 */
const checkBlocks = async (context: Context, shape: Shape, layout: TiffLayout): Promise<number | undefined> => {
  if ("start" in layout.blocks) return layout.blocks.start;
  const { file, flavour, page } = context;
  const { offsets, byteCounts } = layout.blocks;
  const offsetsTag = layout.tiled ? tags.tileOffsets : tags.stripOffsets;
  const countsTag = layout.tiled ? tags.tileByteCounts : tags.stripByteCounts;
  const down = Math.ceil(shape.height / layout.blockHeight);
  const across = Math.ceil(shape.width / layout.blockWidth);
  const planes = layout.planar ? shape.channels : 1;
  const count = down * across * planes;
  for (const [table, tag] of [
    [offsets, offsetsTag],
    [byteCounts, countsTag],
  ] as const) {
    if (table.count !== count) throw corrupt(`${count} values`, tag, page, `${table.count}`);
  }
  if (count > maxBlocks) {
    const remedy = "Save the image in larger strips or tiles.";
    throw unsupported(`at most ${maxBlocks} strips or tiles`, offsetsTag, page, String(count), remedy);
  }
  const whole = blockBytes(shape, layout);
  const lastRows = shape.height - (down - 1) * layout.blockHeight;
  const short = layout.tiled ? whole : (whole / layout.blockHeight) * lastRows;
  let start = 0;
  let end: number | undefined;
  for (let from = 0; from < count; from += blocksAtOnce) {
    const to = Math.min(count, from + blocksAtOnce);
    const places = await readIntegers(file, flavour, offsets, from, to, place(context, offsetsTag));
    const lengths = await readIntegers(file, flavour, byteCounts, from, to, place(context, countsTag));
    for (const [index, offset] of places.entries()) {
      const length = lengths[index] ?? 0;
      const block = `${layout.tiled ? "tile" : "strip"} ${from + index + 1} of ${count} (page ${page})`;
      if (offset === 0 || offset + length > file.size) {
        throw new ImageError(
          "image_corrupt",
          `Expected ${block} inside the file of ${file.size} bytes but received ${length} bytes at ${offset}. The file was cut short or damaged: upload it again.`,
        );
      }
      const isLast = Math.floor((from + index) / across) % down === down - 1;
      const needed = Math.ceil((isLast ? short : whole) / maxExpansion[layout.compression]);
      if (length < Math.max(1, needed)) {
        throw new ImageError(
          "image_corrupt",
          `Expected at least ${Math.max(1, needed)} bytes in ${block} but received ${length}. The file was cut short or damaged: upload it again.`,
        );
      }
      if (from + index === 0) {
        start = offset;
        end = offset;
      }
      end = end === offset ? offset + (isLast ? short : whole) : undefined;
    }
  }
  const isOnePiece = end !== undefined && layout.compression === 1 && !layout.tiled && !layout.planar;
  return isOnePiece ? start : undefined;
};

const fatalUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const isUtf8 = (bytes: Buffer): boolean => {
  try {
    fatalUtf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
};

const textFields = [
  ["description", tags.description],
  ["dateTime", tags.dateTime],
  ["make", tags.make],
  ["model", tags.model],
] as const;

type Texts = Pick<PageHeader, "description" | "dateTime" | "make" | "model" | "textEncoding">;

/** The texts that are kept; those of a type that no text has are left out. */
const readTexts = async (context: Context): Promise<Texts> => {
  const found: [(typeof textFields)[number][0], Buffer][] = [];
  for (const [field, tag] of textFields) {
    const table = context.entries.get(tag);
    if (table === undefined || ![1, 2, 7].includes(table.type)) continue;
    const bytes = Buffer.from(await readBytes(context.file, table, place(context, tag)));
    let end = bytes.length;
    while (end > 0 && bytes[end - 1] === 0) end -= 1;
    if (end > 0) found.push([field, bytes.subarray(0, end)]);
  }
  const textEncoding = found.every(([, bytes]) => isUtf8(bytes)) ? "utf8" : "latin1";
  const texts = Object.fromEntries(found.map(([field, bytes]) => [field, bytes.toString(textEncoding)]));
  return { ...texts, textEncoding };
};

/** The resolution, where both directions are stored as proper fractions. */
const readResolution = async (context: Context): Promise<Resolution | undefined> => {
  const { entries, file, flavour } = context;
  const across = entries.get(tags.xResolution);
  const down = entries.get(tags.yResolution);
  if (across?.type !== 5 || across.count !== 1 || down?.type !== 5 || down.count !== 1) return undefined;
  const unit = await integer(context, tags.resolutionUnit, 2);
  const x = await readFraction(file, flavour, across, place(context, tags.xResolution));
  const y = await readFraction(file, flavour, down, place(context, tags.yResolution));
  if (x[1] === 0 || y[1] === 0 || (unit !== 1 && unit !== 2 && unit !== 3)) return undefined;
  return { x: x[0] / x[1], y: y[0] / y[1], unit, fractions: { x, y } };
};

const readPage = async (
  context: Context,
  limits: ImageLimits,
  directory: number,
): Promise<{ page: PageHeader; start: number | undefined }> => {
  const width = await size(context, tags.imageWidth);
  const height = await size(context, tags.imageLength);
  const shape = { width, height, ...(await readKind(context)) };
  requirePixels(shape, limits, context.page);
  const layout = await readLayout(context, shape, directory);
  const start = await checkBlocks(context, shape, layout);
  const texts = await readTexts(context);
  const resolution = await readResolution(context);
  const orientation = await integer(context, tags.orientation, 1);
  const carried = new Set<number>();
  for (const [field, tag] of textFields) if (texts[field] !== undefined) carried.add(tag);
  if (resolution !== undefined) {
    for (const tag of [tags.xResolution, tags.yResolution]) carried.add(tag);
  }
  if (resolution !== undefined || !context.entries.has(tags.xResolution)) carried.add(tags.resolutionUnit);
  const isOriented = orientation >= 1 && orientation <= 8;
  if (isOriented) carried.add(tags.orientation);
  const lost = [...context.entries.keys()].filter((tag) => !ownTags.has(tag) && !carried.has(tag)).map(tagName);
  const page = {
    ...shape,
    compressed: layout.compression !== 1,
    layout,
    lost,
    ...texts,
    ...(resolution === undefined ? {} : { resolution }),
    ...(isOriented && orientation > 1 ? { orientation } : {}),
  };
  return { page, start };
};

/** Whether the directory holds only a smaller copy of another page. */
const isReduced = async (context: Context): Promise<boolean> => {
  const kind = await integer(context, tags.newSubfileType, 0);
  if ((kind & 4) !== 0) {
    const remedy = "Save the image without its mask.";
    throw unsupported("no transparency mask", tags.newSubfileType, context.page, String(kind), remedy);
  }
  return (kind & 1) !== 0 || (await integer(context, tags.subfileType, 1)) === 2;
};

/** The pages of an ImageJ stack that lie behind the only directory's, one after the other. */
const stackPages = (
  first: PageHeader,
  layout: TiffLayout,
  start: number | undefined,
  announced: number,
  file: BoundedFile,
): PageHeader[] => {
  if (start === undefined || layout.differenced) {
    throw new ImageError(
      "image_unsupported",
      `Expected the ${announced} images that the ImageJ description announces, each with a directory or plain and in one piece, but received one directory with other data. Save the stack again with ImageJ, or each image by itself.`,
    );
  }
  const bytes = pageBytes(first);
  if (start + announced * bytes > file.size) {
    throw new ImageError(
      "image_corrupt",
      `Expected ${announced} images of ${bytes} bytes from byte ${start} on, as the ImageJ description announces, but the file ends after ${file.size} bytes. It was cut short: upload it again.`,
    );
  }
  const plain = { ...layout, blockWidth: first.width, blockHeight: first.height };
  const { description: _, ...rest } = first;
  return Array.from({ length: announced }, (_, index) => ({
    ...(index === 0 ? first : { ...rest, lost: [] }),
    layout: { ...plain, blocks: { start: start + index * bytes } },
  }));
};

/**
 * Reads the chain of directories. Smaller copies of a page (thumbnails, pyramid levels) are no pages: they are named as
 * lost by the page before them. SubIFDs are named as lost, too.
 */
export const readTiffHeader = async (
  file: BoundedFile,
  flavour: TiffFlavour,
  first: number,
  limits: ImageLimits,
): Promise<ImageHeader> => {
  const pages: PageHeader[] = [];
  const visited = new Set<number>();
  let start: number | undefined;
  for (let offset = first; offset !== 0; ) {
    if (visited.has(offset)) {
      throw new ImageError(
        "image_corrupt",
        `Expected a chain of pages with an end but directory ${visited.size} leads back to byte ${offset}. The file is damaged: upload it again.`,
      );
    }
    if (visited.size === limits.maxPages) throw tooManyPages(limits, "more");
    const index = visited.size;
    visited.add(offset);
    const directory = await readDirectory(file, flavour, offset, `directory ${index + 1}`);
    const context = { file, flavour, entries: directory.entries, page: pages.length + 1 };
    offset = directory.next;
    if (await isReduced(context)) {
      const owner = pages.at(-1);
      if (owner === undefined) {
        const remedy = "Save the image without thumbnails.";
        throw unsupported("a full-size image first", tags.newSubfileType, 1, "a reduced-resolution image", remedy);
      }
      pages[pages.length - 1] = { ...owner, lost: [...owner.lost, "reduced-resolution image"] };
      continue;
    }
    const read = await readPage(context, limits, index);
    pages.push(read.page);
    start = read.start;
  }
  const [page] = pages;
  if (page?.layout === undefined) {
    throw new ImageError(
      "image_corrupt",
      "Expected at least one page but received a TIFF without any. The file is damaged: upload it again.",
    );
  }
  const announced = announcedPages(page.description ?? "");
  if (announced > limits.maxPages) throw tooManyPages(limits, String(announced));
  if (announced > pages.length && (pages.length > 1 || !page.description?.startsWith("ImageJ="))) {
    throw new ImageError(
      "image_unsupported",
      `Expected a directory for each of the ${announced} images that ${quote(page.description)} announces but received ${pages.length}. Save the stack with one directory an image.`,
    );
  }
  return {
    container: flavour.big ? "bigtiff" : "tiff",
    littleEndian: flavour.littleEndian,
    pages: announced > pages.length ? stackPages(page, page.layout, start, announced, file) : pages,
  };
};

const tooManyPages = (limits: ImageLimits, found: string): ImageError =>
  new ImageError(
    "image_too_many_pages",
    `Expected at most ${limits.maxPages} pages but received ${found}. Split the file.`,
  );
