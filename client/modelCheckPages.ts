import type { Params, Tile } from "../server/src/engines/engine";
import { goldenImage } from "../server/src/engines/golden";

/** A square test page and the parameters that it is sent with. */
export interface TestPage {
  readonly tile: Tile;
  readonly params: Params;
}

const fullScale = 65535;

/** A tile whose sample at column x and row y is `valueAt(x, y)`. */
const drawn = (size: number, valueAt: (x: number, y: number) => number): Tile => ({
  height: size,
  width: size,
  image: Uint16Array.from({ length: size * size }, (_, index) => valueAt(index % size, Math.floor(index / size))),
});

/** The built-in phantom with its noise. */
export const phantomPage = goldenImage;

/** Its negative, with parameters that differ from the phantom's in every number. */
export const negativePage = (size: number): TestPage => {
  const { tile, params } = goldenImage(size);
  const scale = 1 / 40000;
  return {
    tile: { ...tile, image: tile.image.map((sample) => fullScale - sample) },
    params: { offset: 20000, scale, a: 1e-4, b: params.b * (scale * fullScale) ** 2 },
  };
};

/** The phantom in half as many steps, and `shift` steps brighter, which its parameters say. */
export const halvedPage = ({ tile, params }: TestPage, shift: number): TestPage => ({
  tile: { ...tile, image: tile.image.map((sample) => (sample >> 1) + shift) },
  params: { ...params, offset: params.offset / 2 + shift, scale: 2 * params.scale },
});

/** The phantom in even samples only, so that halving them loses nothing. */
export const evenPage = (size: number): TestPage => {
  const { tile, params } = goldenImage(size);
  return { tile: { ...tile, image: tile.image.map((sample) => sample & ~1) }, params };
};

/** One value everywhere, announced with noise of `sigma` times full scale. */
export const constantPage = (size: number, value: number, sigma: number): TestPage => ({
  tile: drawn(size, () => value),
  params: { offset: 0, scale: 1 / fullScale, a: 0, b: sigma ** 2 },
});

/**
 * Black at the left and white at the right, lines one pixel wide of the other in each, under the phantom's noise as a
 * detector clips it.
 */
export const extremesPage = (size: number): TestPage => {
  const { tile, params, clean } = goldenImage(size);
  const image = tile.image.map((sample, index) => {
    const x = index % size;
    const white = x >= size / 2 !== (x % 16 === 5);
    return Math.min(fullScale, Math.max(0, (white ? fullScale : 0) + sample - clean[index]));
  });
  return { tile: { ...tile, image }, params };
};

/** Whether a pixel of the extremes page is meant to be white, or undefined on a line or beside one. */
export const whiteAt = (x: number, size: number): boolean | undefined => {
  const nearLine = Math.abs((x % 16) - 5) <= 1 || Math.abs(x + 0.5 - size / 2) <= 2;
  return nearLine ? undefined : x >= size / 2;
};

/** The part of a square page that a square tile sees. */
export const cutOut = ({ width, image }: Tile, column: number, row: number, size: number): Tile =>
  drawn(size, (x, y) => image[(row + y) * width + column + x]);
