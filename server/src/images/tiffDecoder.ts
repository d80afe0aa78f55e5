import { endianness } from "node:os";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import { inflate, inflateSync } from "node:zlib";
import { withBoundedFile } from "./boundedFile";
import { ImageError, type ImageHeader, type PageHeader, type Samples, type TiffLayout } from "./image";
import { inOrder } from "./inOrder";
import { decodeLzw } from "./lzw";
import { decodePackBits } from "./packBits";
import { type Block, blockRowBytes, readBlocks } from "./tiffBlocks";

const inflateBytes = promisify(inflate);

const blocksAtOnce = 4;
const maxChunkBytes = 1024 * 1024;
/** Up to here the way to another thread and back costs more than the work. */
const smallBytes = 64 * 1024;
/** Samples after which other work gets its turn. */
const turnSamples = 1024 * 1024;
const isHostLittleEndian = endianness() === "LE";

const decompress = async (layout: TiffLayout, stored: Buffer, size: number, maxSize: number): Promise<Buffer> => {
  if (layout.compression === 1) return stored;
  if (layout.compression === 5) return decodeLzw(stored, size);
  if (layout.compression === 32773) return decodePackBits(stored, size);
  const options = { maxOutputLength: maxSize, chunkSize: Math.min(Math.max(size, 64), maxChunkBytes) };
  const bytes = size <= smallBytes ? inflateSync(stored, options) : await inflateBytes(stored, options);
  if (bytes.length < size) throw new RangeError("Deflate data ends too early");
  return bytes;
};

/** The block's samples in this machine's byte order, in place where alignment allows. */
const toSamples = (bytes: Buffer, bits: 8 | 16, littleEndian: boolean): Uint8Array | Uint16Array => {
  if (bits === 8) return bytes;
  if (littleEndian !== isHostLittleEndian) bytes.swap16();
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : Uint8Array.from(bytes);
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2);
};

/** Undoes the differencing of one row; the array's own width makes the sums wrap as they must. */
const undifference = (row: Uint8Array | Uint16Array, stride: number): void => {
  for (let index = stride; index < row.length; index += 1) row[index] = (row[index] ?? 0) + (row[index - stride] ?? 0);
};

const placeBlock = async (
  page: PageHeader,
  layout: TiffLayout,
  block: Block,
  samples: Uint8Array | Uint16Array,
  into: Samples,
): Promise<void> => {
  const stride = layout.planar ? 1 : page.channels;
  const rowSamples = layout.blockWidth * stride;
  const used = Math.min(layout.blockWidth, page.width - block.x) * stride;
  const rows = Math.min(block.rows, page.height - block.y);
  const scale = page.bits === 8 ? 257 : 1;
  const step = layout.planar ? page.channels : 1;
  const turnRows = Math.ceil(turnSamples / rowSamples);
  for (let y = 0; y < rows; y += 1) {
    const row = samples.subarray(y * rowSamples, (y + 1) * rowSamples);
    if (layout.differenced) undifference(row, stride);
    const start = ((block.y + y) * page.width + block.x) * page.channels + block.plane;
    if (scale === 1 && step === 1) into.set(row.subarray(0, used), start);
    else for (let index = 0; index < used; index += 1) into[start + index * step] = (row[index] ?? 0) * scale;
    if ((y + 1) % turnRows === 0) await setImmediate();
  }
};

/** Decodes a page of a TIFF that is not JPEG inside, sample by sample as stored. */
export const decodeTiffPage = (
  path: string,
  header: ImageHeader,
  page: PageHeader,
  layout: TiffLayout,
  number: number,
): Promise<Samples> =>
  withBoundedFile(path, async (file) => {
    const flavour = { littleEndian: header.littleEndian, big: header.container === "bigtiff" };
    const rowBytes = blockRowBytes(page, layout);
    const into = new Uint16Array(page.width * page.height * page.channels);
    const readBlock = async (block: Block) => {
      const size = block.rows * rowBytes;
      const stored = await file.data(block.offset, block.length);
      try {
        const bytes = await decompress(layout, stored, size, block.maxRows * rowBytes);
        return toSamples(bytes.subarray(0, size), page.bits, header.littleEndian);
      } catch (cause) {
        throw new ImageError(
          "image_corrupt",
          `Expected whole image data on page ${number} but its ${layout.tiled ? "tile" : "strip"} at byte ${block.offset} is damaged or cut short. Export the image again.`,
          { cause },
        );
      }
    };
    await inOrder(await readBlocks(file, flavour, page, layout), blocksAtOnce, readBlock, (samples, block) =>
      placeBlock(page, layout, block, samples, into),
    );
    return into;
  });
