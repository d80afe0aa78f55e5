// Does not prove that a model's halo is wide enough: that is the model's own promise, tested with the real one in denoisePage.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countTiles, cutTile, type PlannedTile, pasteCore, planTiles, type Span, tilesOf } from "./tiles";

const shipped = { tileSizes: [64, 256, 384, 512, 768, 1024, 1536, 2048], halo: 104 };

const lengths = (spans: readonly Span[]) => spans.reduce((sum, { size }) => sum + size, 0);

const ratio = (width: number, height: number, model = shipped) => {
  const { rows, columns } = planTiles(width, height, model);
  return (lengths(rows) * lengths(columns)) / (width * height);
};

/** Every multiset of up to `most` sizes that can cover the length with two halos of overlap and ends with it. */
const cheapestByForce = (length: number, sizes: readonly number[], halo: number, most: number): [number, number] => {
  let best: [number, number] = [Number.POSITIVE_INFINITY, 0];
  const add = (from: number, sum: number, count: number) => {
    const better = sum < best[0] || (sum === best[0] && count < best[1]);
    if (count > 0 && sum - 2 * halo * (count - 1) >= length && better) best = [sum, count];
    if (count < most) for (let next = from; next < sizes.length; next++) add(next, sum + sizes[next], count + 1);
  };
  add(0, 0, 0);
  return best;
};

const models = fc
  .record({
    sizes: fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
    halo: fc.integer({ min: 0, max: 14 }),
  })
  .map(({ sizes, halo }) => ({ tileSizes: sizes.map((size) => 64 * size).sort((a, b) => a - b), halo: 8 * halo }))
  .filter(({ tileSizes, halo }) => (tileSizes.at(-1) ?? 0) > 2 * halo);

describe("planTiles", () => {
  it("covers every pixel once with legal tiles on the grid that have their halo at every seam", () => {
    fc.assert(
      fc.property(models, fc.integer({ min: 1, max: 5000 }), (model, length) => {
        const spans = planTiles(length, 1, model).columns;
        const padded = Math.ceil(length / 8) * 8;
        spans.forEach(({ start, size, coreStart, coreEnd }, index) => {
          const before = spans[index - 1];
          expect(model.tileSizes).toContain(size);
          expect(start % 8).toBe(0);
          expect(start).toBeGreaterThanOrEqual(0);
          expect(coreEnd).toBeGreaterThan(coreStart);
          expect(coreStart).toBe(before?.coreEnd ?? 0);
          if (before !== undefined) {
            expect(start).toBeGreaterThan(before.start);
            expect(coreStart - start).toBeGreaterThanOrEqual(model.halo);
            expect(before.start + before.size - coreStart).toBeGreaterThanOrEqual(model.halo);
          } else expect(start).toBe(0);
        });
        expect(spans.at(-1)?.coreEnd).toBe(length);
        const end = (spans.at(-1)?.start ?? 0) + (spans.at(-1)?.size ?? 0);
        if (spans.length > 1) expect(end).toBe(padded);
        else expect(end).toBe(model.tileSizes.find((size) => size >= padded));
      }),
      { numRuns: 500 },
    );
  });

  it("finds the least sum of sizes, then the fewest tiles", () => {
    fc.assert(
      fc.property(models, fc.integer({ min: 1, max: 130 }), (model, eighths) => {
        const length = 8 * eighths;
        const legal = model.tileSizes.filter((size) => size <= length && size > 2 * model.halo);
        const several = cheapestByForce(length, legal, model.halo, 8);
        const whole = model.tileSizes.find((size) => size >= length) ?? Number.POSITIVE_INFINITY;
        const [sum, count] = whole <= several[0] ? [whole, 1] : several;
        const spans = planTiles(length, 1, model).columns;
        fc.pre(spans.length <= 8);
        expect([lengths(spans), spans.length]).toEqual([sum, count]);
      }),
      { numRuns: 300 },
    );
  });

  it("keeps to the optimum on a page far longer than the table it is worked out in", () => {
    // 64 and 96: gains of 32 and 64 pixels, so 96 for all but a rest that one 64 can end.
    const spans = planTiles(100_000, 1, { tileSizes: [64, 96], halo: 16 }).columns;
    expect(lengths(spans)).toBe(1562 * 96);
    expect(spans).toHaveLength(1562);
  });

  it("computes nothing twice when the page is a tile", () => {
    for (const size of shipped.tileSizes) expect(ratio(size, size)).toBe(1);
    expect(ratio(2048, 512)).toBe(1);
  });

  it("computes at most 1.35 times the pixels of large square pages", () => {
    for (const size of [2048, 4096, 16384]) expect(ratio(size, size)).toBeLessThanOrEqual(1.35);
  });

  it.each([
    [700, 500, 1.12],
    [2100, 2100, 1.34],
    [3000, 2000, 1.18],
  ])("computes %i by %i at %f times its pixels, to two digits", (width, height, times) => {
    expect(ratio(width, height)).toBeCloseTo(times, 2);
  });

  it("fills a page smaller than the smallest tile up to that", () => {
    expect(planTiles(1, 33, shipped)).toEqual({
      rows: [{ start: 0, size: 64, coreStart: 0, coreEnd: 33 }],
      columns: [{ start: 0, size: 64, coreStart: 0, coreEnd: 1 }],
    });
  });

  it("fills one tile up where several would compute more", () => {
    expect(planTiles(100, 64, shipped).columns).toEqual([{ start: 0, size: 256, coreStart: 0, coreEnd: 100 }]);
    expect(planTiles(1000, 64, shipped).columns).toEqual([{ start: 0, size: 1024, coreStart: 0, coreEnd: 1000 }]);
    expect(ratio(700, 500)).toBeCloseTo((768 * 512) / (700 * 500), 9);
  });

  it("places two tiles by hand: a halo on each side of the seam, none at the page's edges", () => {
    expect(planTiles(1797, 8, { tileSizes: [1024], halo: 96 }).columns).toEqual([
      { start: 0, size: 1024, coreStart: 0, coreEnd: 896 },
      { start: 776, size: 1024, coreStart: 896, coreEnd: 1797 },
    ]);
  });

  it("refuses a model whose tiles are nothing but halo", () => {
    expect(() => planTiles(300, 300, { tileSizes: [64, 128], halo: 96 })).toThrow(
      new RangeError("Expected a size above two halos (192 pixels) for `tile_sizes` but received [64,128]."),
    );
  });
});

describe("countTiles", () => {
  it("counts over all channels", () => {
    expect(countTiles({ width: 4096, height: 64, channels: 1 }, shipped)).toBe(3);
    expect(countTiles({ width: 4096, height: 64, channels: 3 }, shipped)).toBe(9);
  });
});

const tileAt = (x: number, y: number, width: number, height: number): PlannedTile => ({
  row: { start: y, size: height, coreStart: y, coreEnd: y + height },
  column: { start: x, size: width, coreStart: x, coreEnd: x + width },
});

describe("cutTile", () => {
  const page = { samples: Uint16Array.of(1, 2, 3, 4, 5, 6), width: 3, height: 2, channels: 1, channel: 0 };

  it("mirrors beyond the last pixel without repeating it, again and again", () => {
    expect([...cutTile(page, tileAt(0, 0, 8, 1))]).toEqual([1, 2, 3, 2, 1, 2, 3, 2]);
    expect([...cutTile(page, tileAt(0, 0, 1, 5))]).toEqual([1, 4, 1, 4, 1]);
  });

  it("mirrors to the left of its own start", () => {
    expect([...cutTile({ ...page, width: 6, height: 1 }, tileAt(4, 0, 6, 1))]).toEqual([5, 6, 5, 4, 3, 2]);
  });

  it("replicates where there is only one pixel", () => {
    expect([...cutTile({ ...page, width: 1, height: 1 }, tileAt(0, 0, 2, 2))]).toEqual([1, 1, 1, 1]);
  });

  it("takes one channel out of interleaved samples", () => {
    const rgb = { samples: Uint16Array.of(1, 2, 3, 4, 5, 6), width: 2, height: 1, channels: 3, channel: 1 };
    expect([...cutTile(rgb, tileAt(0, 0, 3, 1))]).toEqual([2, 5, 2]);
  });
});

describe("pasteCore", () => {
  it("puts a page together from its own tiles, channel by channel", () => {
    const model = { tileSizes: [64, 128], halo: 16 };
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 300 }),
        fc.constantFrom(1, 3),
        (width, height, channels) => {
          const samples = Uint16Array.from(
            { length: width * height * channels },
            (_, index) => (index * 40503) & 65535,
          );
          const copy = new Uint16Array(samples.length);
          for (let channel = 0; channel < channels; channel++) {
            const plane = { width, height, channels, channel };
            for (const tile of tilesOf(planTiles(width, height, model))) {
              pasteCore({ ...plane, samples: copy }, tile, cutTile({ ...plane, samples }, tile));
            }
          }
          expect(Buffer.compare(Buffer.from(copy.buffer), Buffer.from(samples.buffer))).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("writes nothing outside the core", () => {
    const samples = new Uint16Array(16);
    const tile = {
      row: { start: 0, size: 4, coreStart: 1, coreEnd: 3 },
      column: { start: 0, size: 4, coreStart: 2, coreEnd: 3 },
    };
    pasteCore({ samples, width: 4, height: 4, channels: 1, channel: 0 }, tile, new Uint16Array(16).fill(7));
    expect([...samples.entries()].filter(([, value]) => value !== 0)).toEqual([
      [6, 7],
      [10, 7],
    ]);
  });
});
