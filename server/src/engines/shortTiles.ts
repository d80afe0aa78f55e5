import type { TileEngine } from "./engine";

/** Pixels: a GPU of 15 Mpixel/s is through with such a tile in 70 ms. */
const longestSide = 1024;

/** The engine without its large tiles, where the model has others: what does not wait must not wait for one of them. */
export const withShortTiles = <E extends TileEngine>(engine: E): E => {
  const { tileSizes, halo } = engine.model;
  const short = tileSizes.filter((size) => size <= longestSide);
  if (!short.some((size) => size > 2 * halo)) return engine;
  return { ...engine, model: { ...engine.model, tileSizes: short } };
};
