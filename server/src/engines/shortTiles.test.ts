// Does not prove how long any tile takes.
import { expect, it } from "vitest";
import { testEngine } from "../testing/world";
import { withShortTiles } from "./shortTiles";

const sizesOf = (tileSizes: readonly number[], halo: number): readonly number[] =>
  withShortTiles({ ...testEngine, model: { ...testEngine.model, tileSizes, halo } }).model.tileSizes;

it("short tiles are those up to 1024 pixels, where these can cover a page", () => {
  expect(sizesOf([64, 512, 1024, 1536, 2048], 96)).toEqual([64, 512, 1024]);
  expect(sizesOf([1536, 2048], 96)).toEqual([1536, 2048]);
  expect(sizesOf([64, 2048], 32)).toEqual([64, 2048]);
});
