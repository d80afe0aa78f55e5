import { expected } from "../../../contract/problem";
import type { Model } from "../engines/engine";
import type { PageHeader, Samples } from "../images/image";

/** One stretch of one axis, in pixels: what the model sees, and the part of it that is kept. */
export interface Span {
  /** A multiple of 8, counted from the page's first pixel. */
  readonly start: number;
  /** One of the model's tile sizes; what lies beyond the page is filled with mirrored pixels. */
  readonly size: number;
  readonly coreStart: number;
  /** Exclusive; where the next core starts. */
  readonly coreEnd: number;
}

/** A page as tiles: each row with each column. The cores cover every pixel exactly once. */
export interface TilePlan {
  readonly rows: readonly Span[];
  readonly columns: readonly Span[];
}

export interface PlannedTile {
  readonly row: Span;
  readonly column: Span;
}

type TileModel = Pick<Model, "tileSizes" | "halo">;

/** A net with strides is not shift-invariant: tiles start where the whole page's own strides do. */
const grid = 8;

/**
 * The cheapest sizes whose tiles, overlapping by two halos, cover `length`: least sum, then fewest tiles.
 * Sizes no larger than two halos bring nothing and are left out. Undefined when none are left.
 */
const cheapestSizes = (length: number, sizes: readonly number[], halo: number): number[] | undefined => {
  const useful = sizes.filter((size) => size <= length && size > 2 * halo);
  const largest = useful.at(-1);
  if (largest === undefined) return undefined;
  const gain = (size: number) => (size - 2 * halo) / grid;
  const needed = (length - 2 * halo) / grid;
  // The largest size costs least per pixel gained, and among gain(largest) others some sum up to a multiple of its gain,
  // so beyond that many pixels an optimum consists of the largest size alone.
  const bulk = Math.max(0, Math.floor(needed / gain(largest) - gain(largest)));
  const rest = needed - bulk * gain(largest);
  // Sum of sizes and number of tiles as one number, so that one comparison orders both.
  const cost = new Float64Array(rest + 1);
  const choice = new Uint32Array(rest + 1);
  for (let pixels = 1; pixels <= rest; pixels++) {
    cost[pixels] = Number.POSITIVE_INFINITY;
    for (const size of useful) {
      const candidate = cost[Math.max(0, pixels - gain(size))] + size * 2 ** 20 + 1;
      if (candidate < cost[pixels]) {
        cost[pixels] = candidate;
        choice[pixels] = size;
      }
    }
  }
  const chosen: number[] = Array(bulk).fill(largest);
  for (let pixels = rest; pixels > 0; pixels -= gain(choice[pixels])) chosen.push(choice[pixels]);
  return chosen.sort((one, other) => other - one);
};

const sumOf = (sizes: readonly number[]): number => sizes.reduce((sum, size) => sum + size, 0);

const planAxis = (length: number, { tileSizes, halo }: TileModel): Span[] => {
  const padded = Math.ceil(length / grid) * grid;
  const sizes = cheapestSizes(padded, tileSizes, halo);
  const whole = tileSizes.find((size) => size >= padded);
  if (whole !== undefined && (sizes === undefined || whole <= sumOf(sizes))) {
    return [{ start: 0, size: whole, coreStart: 0, coreEnd: length }];
  }
  if (sizes === undefined) {
    throw new RangeError(expected(`a size above two halos (${2 * halo} pixels)`, "tile_sizes", tileSizes));
  }
  // What the sizes hold beyond the need widens the overlaps evenly, in steps of the grid.
  const joints = sizes.length - 1;
  const spare = (sumOf(sizes) - padded) / grid - (joints * 2 * halo) / grid;
  const spans: Span[] = [];
  let start = 0;
  let coreStart = 0;
  sizes.forEach((size, index) => {
    if (index === joints) {
      spans.push({ start, size, coreStart, coreEnd: length });
      return;
    }
    const extra = (Math.floor(((index + 1) * spare) / joints) - Math.floor((index * spare) / joints)) * grid;
    const next = start + size - 2 * halo - extra;
    const coreEnd = next + halo + Math.floor(extra / 2 / grid) * grid;
    spans.push({ start, size, coreStart, coreEnd });
    start = next;
    coreStart = coreEnd;
  });
  return spans;
};

/**
 * Covers a page with the cheapest tiles of the model's sizes. Tiles start on the page's 8-pixel grid and have at least
 * the halo towards each neighbour. Along an axis one tile holds the whole page where that is cheapest, filled up with
 * mirrored pixels; several end with the page, rounded up to the grid, so that fewer than 8 mirrored pixels are needed.
 * @throws RangeError when the model's sizes cannot cover the page
 */
export const planTiles = (width: number, height: number, model: TileModel): TilePlan => ({
  rows: planAxis(height, model),
  columns: planAxis(width, model),
});

/** The tiles of a plan, row by row. */
export function* tilesOf(plan: TilePlan): Generator<PlannedTile> {
  for (const row of plan.rows) for (const column of plan.columns) yield { row, column };
}

/** How many tiles a page takes over all its channels: the share of it in a job's progress. */
export const countTiles = (page: Pick<PageHeader, "width" | "height" | "channels">, model: TileModel): number =>
  planAxis(page.height, model).length * planAxis(page.width, model).length * page.channels;

/** Where `index` falls when the axis is mirrored at its first and last pixel, which are not repeated. */
const mirrored = (index: number, length: number): number => {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const phase = index % period;
  return phase < length ? phase : period - phase;
};

/** One channel of a page in interleaved samples. */
export interface Plane {
  readonly samples: Samples;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly channel: number;
}

/** The tile's samples, `row.size`·`column.size`, mirrored where it reaches beyond the page. */
export const cutTile = ({ samples, width, height, channels, channel }: Plane, tile: PlannedTile): Uint16Array => {
  const { row, column } = tile;
  const cut = new Uint16Array(row.size * column.size);
  const inside = Math.min(column.size, width - column.start);
  for (let y = 0; y < row.size; y++) {
    const source = (mirrored(row.start + y, height) * width + column.start) * channels + channel;
    const target = y * column.size;
    if (channels === 1) cut.set(samples.subarray(source, source + inside), target);
    else for (let x = 0; x < inside; x++) cut[target + x] = samples[source + x * channels];
    for (let x = inside; x < column.size; x++) {
      cut[target + x] = samples[source + (mirrored(column.start + x, width) - column.start) * channels];
    }
  }
  return cut;
};

/** Writes the core of a tile of `pixels` to its place on the page, in place. */
export const pasteCore = (
  { samples, width, channels, channel }: Plane,
  { row, column }: PlannedTile,
  pixels: Uint16Array,
): void => {
  const length = column.coreEnd - column.coreStart;
  for (let y = row.coreStart; y < row.coreEnd; y++) {
    const source = (y - row.start) * column.size + column.coreStart - column.start;
    const target = (y * width + column.coreStart) * channels + channel;
    if (channels === 1) samples.set(pixels.subarray(source, source + length), target);
    else for (let x = 0; x < length; x++) samples[target + x * channels] = pixels[source + x];
  }
};
