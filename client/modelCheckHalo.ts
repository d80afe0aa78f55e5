import { type Bench, expect, type ModelProperty, roundingSteps, runPage, steps } from "./modelCheckBench";
import { cutOut, phantomPage, type TestPage } from "./modelCheckPages";

const gridPx = 8;

/** The page as one run, whatever its size: the reference for tiles. */
const runWhole = async ({ session, signal }: Bench, { tile, params }: TestPage): Promise<Uint16Array> => {
  signal.throwIfAborted();
  const [whole] = await session.run([tile], [params]);
  return whole;
};

/**
 * How far pixels of a tile, cut at (column, row) of a page, are from those of the page's one run: the largest difference
 * where the tile is kept, and the distance from a neighbour up to which more than rounding differs.
 */
const seam = async (bench: Bench, page: TestPage, whole: Uint16Array, column: number, row: number, size: number) => {
  const { halo } = bench.engine.model;
  const length = page.tile.width;
  const tile = await runPage(bench, { ...page, tile: cutOut(page.tile, column, row, size) });
  const toNeighbour = (at: number, start: number): number =>
    Math.min(start === 0 ? length : at, start + size === length ? length : size - 1 - at);
  let kept = 0;
  let reach = 0;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const differing = Math.abs(tile[y * size + x] - whole[(row + y) * length + column + x]);
      const distance = Math.min(toNeighbour(x, column), toNeighbour(y, row));
      if (distance >= halo) kept = Math.max(kept, differing);
      if (differing > roundingSteps) reach = Math.max(reach, distance + 1);
    }
  }
  return { kept, reach };
};

export const haloProperty: ModelProperty = {
  code: "halo",
  name: "tiles with the announced halo meet without a seam",
  measure: async (bench) => {
    const { tileSizes: sizes, halo: announced } = bench.engine.model;
    const size = sizes.find((each) => each >= Math.max(4 * announced, 128)) ?? sizes[sizes.length - 1];
    const length = size + Math.ceil((2 * Math.max(announced, 64)) / 64) * 64;
    const page = phantomPage(length);
    const whole = await runWhole(bench, page);
    const far = length - size;
    // An odd multiple of 8 shows strides that a tile's place on the page's grid would not fit.
    const inside = Math.floor(far / 2 / 64) * 64 + gridPx;
    const corners = [await seam(bench, page, whole, 0, 0, size), await seam(bench, page, whole, far, far, size)];
    const onStride = await seam(bench, page, whole, inside - gridPx, inside - gridPx, size);
    const aligned = [...corners, onStride];
    const keptAligned = Math.max(...aligned.map(({ kept }) => kept));
    const reach = Math.max(...aligned.map((each) => each.reach));
    const needed = Math.ceil(reach / gridPx) * gridPx;
    expect(
      keptAligned <= roundingSteps,
      `tiles with a halo of ${announced} pixels to give what the whole page gives, to ${steps(roundingSteps)}`,
      `a difference of ${steps(keptAligned)}`,
      2 * needed < size
        ? `Here a halo of ${needed} pixels would do: put at least that into the metadata.`
        : "The difference reaches across the tile: the net sees too far, or computes a mean over the tile.",
    );
    const { kept } = await seam(bench, page, whole, inside, inside, size);
    expect(
      kept <= roundingSteps,
      "the same from tiles that start at any multiple of 8 pixels",
      `a difference of ${steps(kept)} at ${inside}, none at ${inside - gridPx}`,
      "The strides of the net multiply to more than 8, or it works in blocks: make it coarser by 8 at most.",
    );
    return {
      detail: `at most ${steps(Math.max(kept, keptAligned))} apart, ${needed} of ${announced} pixels were needed here`,
    };
  },
};
