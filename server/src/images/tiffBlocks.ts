import type { BoundedFile } from "./boundedFile";
import type { PageHeader, TiffLayout } from "./image";
import { readIntegers, type TiffFlavour } from "./tiffDirectory";

/** A piece of the page as it is stored: a strip, a tile, or some rows of a plain strip. */
export interface Block {
  readonly offset: number;
  /** Stored bytes. */
  readonly length: number;
  /** The upper left pixel's place in the page. */
  readonly x: number;
  readonly y: number;
  /** Rows that must be there. */
  readonly rows: number;
  /** Rows that may be there, since some writers fill the last strip up. */
  readonly maxRows: number;
  /** Channel, where each has a plane of its own; else 0. */
  readonly plane: number;
}

/** A plain strip is read in pieces of about this size, so that a page in one strip is not held twice. */
const pieceBytes = 1024 * 1024;

/** Bytes of one row of a block. */
export const blockRowBytes = (page: PageHeader, layout: TiffLayout): number =>
  layout.blockWidth * (layout.planar ? 1 : page.channels) * (page.bits / 8);

function* pieces(block: Block, rowBytes: number): Generator<Block> {
  const step = Math.max(1, Math.floor(pieceBytes / rowBytes));
  for (let row = 0; row < block.rows; row += step) {
    const rows = Math.min(step, block.rows - row);
    const offset = block.offset + row * rowBytes;
    yield { ...block, offset, length: rows * rowBytes, y: block.y + row, rows, maxRows: rows };
  }
}

function* grid(page: PageHeader, layout: TiffLayout): Generator<Omit<Block, "offset" | "length">> {
  for (let plane = 0; plane < (layout.planar ? page.channels : 1); plane += 1) {
    for (let y = 0; y < page.height; y += layout.blockHeight) {
      const rows = layout.tiled ? layout.blockHeight : Math.min(layout.blockHeight, page.height - y);
      for (let x = 0; x < page.width; x += layout.blockWidth) {
        yield { x, y, rows, maxRows: layout.blockHeight, plane };
      }
    }
  }
}

/** The blocks of a page in the order of the file's own tables, which the header's reader has checked. */
export const readBlocks = async (
  file: BoundedFile,
  flavour: TiffFlavour,
  page: PageHeader,
  layout: TiffLayout,
): Promise<Iterable<Block>> => {
  const rowBytes = blockRowBytes(page, layout);
  const { blocks } = layout;
  if ("start" in blocks) {
    const whole = { x: 0, y: 0, rows: page.height, maxRows: page.height, plane: 0 };
    return pieces({ ...whole, offset: blocks.start, length: page.height * rowBytes }, rowBytes);
  }
  const { offsets, byteCounts } = blocks;
  const places = await readIntegers(file, flavour, offsets, 0, offsets.count, "the strips' offsets");
  const lengths = await readIntegers(file, flavour, byteCounts, 0, byteCounts.count, "the strips' byte counts");
  const isPlain = layout.compression === 1 && !layout.tiled;
  return (function* () {
    let index = 0;
    for (const cell of grid(page, layout)) {
      const block = { ...cell, offset: places[index] ?? 0, length: lengths[index] ?? 0 };
      index += 1;
      if (isPlain) yield* pieces(block, rowBytes);
      else yield block;
    }
  })();
};
