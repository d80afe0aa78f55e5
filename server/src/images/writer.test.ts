// Does not prove what other programs make of the files: sharp (libtiff, libpng) and geotiff read them here, tifffile did by hand, ImageJ never.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { fromArrayBuffer } from "geotiff";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { decodePage } from "./decode";
import { readImageHeader } from "./header";
import type { ImageHeader, PageHeader } from "./image";
import { testFolder } from "./testFolder";
import { buildPng, pngChunk } from "./testPng";
import { buildTiff, long, rational, short, type TestPage, testSamples, text } from "./testTiff";
import { createImageWriter } from "./writer";

const { path, save } = testFolder();
const limits = { maxPixels: 100_000_000, maxPages: 1000 };
const software = "ddn 0.1.0; model ddn@0123456789ab; job 0000000000000000000000000a";

const page = (change: Partial<PageHeader> = {}): PageHeader => ({
  width: 5,
  height: 4,
  channels: 1,
  bits: 16,
  photometric: change.channels === 3 ? 2 : 1,
  compressed: true,
  lost: [],
  ...change,
});

const samplesOf = ({ width, height, channels, bits }: PageHeader): Uint16Array =>
  Uint16Array.from(testSamples(width * height * channels, bits), (sample) => sample * (bits === 8 ? 257 : 1));

const write = async (header: ImageHeader, pages = header.pages.map(samplesOf)): Promise<string> => {
  const file = path();
  const writer = createImageWriter(file, header, { software });
  for (const samples of pages) await writer.writePage(samples);
  const { bytes, sha256 } = await writer.finish();
  const written = readFileSync(file);
  expect([bytes, sha256]).toEqual([written.length, createHash("sha256").update(written).digest("hex")]);
  return file;
};

const tiff = (pages: readonly PageHeader[], change: Partial<ImageHeader> = {}): ImageHeader => ({
  container: "tiff",
  littleEndian: true,
  pages,
  ...change,
});

/** Reads a file, writes what was read, and reads that. */
const roundTrip = async (bytes: Buffer): Promise<{ before: ImageHeader; after: ImageHeader; file: string }> => {
  const source = save(bytes);
  const before = await readImageHeader(source, limits);
  const decoded: Uint16Array[] = [];
  for (const index of before.pages.keys()) decoded.push(await decodePage(source, before, index));
  const file = await write(before, decoded);
  const after = await readImageHeader(file, limits);
  for (const [index, samples] of decoded.entries()) {
    expect(
      Buffer.compare(Buffer.from((await decodePage(file, after, index)).buffer), Buffer.from(samples.buffer)),
    ).toBe(0);
  }
  return { before, after, file };
};

const source = (change: Partial<TestPage> = {}): TestPage => {
  const { width = 5, height = 4, channels = 1, bits = 16 } = change;
  return { width, height, samples: testSamples(width * height * channels, bits), ...change };
};

const softwareTexts = (bytes: Buffer): number => bytes.toString("latin1").split(software).length - 1;

describe("createImageWriter for TIFF", () => {
  const kinds = [8, 16].flatMap((bits) =>
    [1, 3].map((channels) => ({ bits, channels }) as Pick<PageHeader, "bits" | "channels">),
  );

  it.each(kinds)("writes $bits bit in $channels channels so that libtiff and geotiff read the same", async (kind) => {
    for (const compressed of [true, false]) {
      for (const littleEndian of [true, false]) {
        for (const container of ["tiff", "bigtiff"] as const) {
          for (const [width, height] of [
            [1, 1],
            [1, 9],
            [9, 1],
            [31, 17],
          ] as const) {
            const header = tiff([page({ ...kind, width, height, compressed })], { littleEndian, container });
            const file = await write(header);
            const expected = testSamples(width * height * kind.channels, kind.bits);
            const isWide = kind.bits === 16;
            const raw = await sharp(file)
              .toColourspace(kind.channels === 1 ? (isWide ? "grey16" : "b-w") : isWide ? "rgb16" : "srgb")
              .raw({ depth: isWide ? "ushort" : "uchar" })
              .toBuffer();
            const found = isWide ? new Uint16Array(raw.buffer, raw.byteOffset, raw.length / 2) : raw;
            expect(Array.from(found)).toEqual(expected);
            // geotiff 3.0.5 undoes the predictor before the byte order.
            if (littleEndian || !compressed) {
              const bytes = readFileSync(file);
              const image = await (await fromArrayBuffer(new Uint8Array(bytes).buffer)).getImage();
              expect(Array.from((await image.readRasters({ interleave: true })) as ArrayLike<number>)).toEqual(
                expected,
              );
            }
          }
        }
      }
    }
  });

  it("brings every page of every kind back", async () => {
    const pages = [
      page({ width: 1, height: 1 }),
      page({ width: 700, height: 301, channels: 3 }),
      page({ bits: 8, compressed: false, width: 7, height: 3 }),
      page({ photometric: 0 }),
      page({ bits: 8, channels: 3 }),
    ];
    for (const littleEndian of [true, false]) {
      const header = tiff(pages, { littleEndian });
      const file = await write(header);
      const read = await readImageHeader(file, limits);
      expect(read).toMatchObject({ ...header, pages: pages.map(({ lost: _, ...rest }) => rest) });
      for (const [index, one] of pages.entries()) {
        const decoded = await decodePage(file, read, index);
        expect(Buffer.compare(Buffer.from(decoded.buffer), Buffer.from(samplesOf(one).buffer))).toBe(0);
      }
    }
  });

  it("rounds 8-bit samples to the nearest v·257", async () => {
    const header = tiff([page({ bits: 8, width: 4, height: 1 })]);
    const file = await write(header, [Uint16Array.of(128, 129, 65535, 300)]);
    const decoded = await decodePage(file, await readImageHeader(file, limits), 0);
    expect(Array.from(decoded)).toEqual([0, 257, 65535, 257]);
  });

  it("writes strips of about 1 MiB", async () => {
    const file = await write(tiff([page({ width: 1000, height: 1200 })]));
    const { layout } = (await readImageHeader(file, limits)).pages[0] ?? {};
    expect(layout).toMatchObject({ compression: 8, differenced: true, blockHeight: 524 });
    expect(layout && "offsets" in layout.blocks && layout.blocks.offsets.count).toBe(3);
  });

  it("has its directories behind plain samples, on an even byte", async () => {
    const plain = page({ bits: 8, compressed: false, width: 5, height: 5 });
    const bytes = readFileSync(await write({ container: "tiff", littleEndian: true, pages: [plain] }));
    expect(bytes.readUInt32LE(4)).toBe(8 + 25 + 1);
  });

  it("leaves plain what was plain, all pages in one piece as ImageJ reads them", async () => {
    const pages = [
      page({ compressed: false, width: 3, height: 3, bits: 8 }),
      page({ compressed: false }),
      page({ compressed: false }),
    ];
    const bytes = readFileSync(await write(tiff(pages)));
    const plain = Buffer.concat([
      Buffer.from(testSamples(9, 8)),
      Buffer.from(Uint16Array.from(testSamples(20)).buffer),
      Buffer.from(Uint16Array.from(testSamples(20)).buffer),
    ]);
    expect(bytes.subarray(8, 8 + plain.length)).toEqual(plain);
  });

  it("keeps resolution, texts and orientation of each page, and says that the file is derived", async () => {
    const tags = [
      rational(282, 3001, 7),
      rational(283, 4_294_967_295, 67),
      short(296, 3),
      text(270, "용접부 검사 — weld 17"),
      text(271, "Kamera AG"),
      text(272, "X-1"),
      text(306, "2024:01:02 03:04:05"),
      short(274, 6),
      text(305, "AcquireIt 3"),
    ];
    for (const [littleEndian, big] of [
      [true, false],
      [false, false],
      [true, true],
      [false, true],
    ] as const) {
      const { before, after, file } = await roundTrip(
        buildTiff({ littleEndian, big, pages: [source({ tags }), source({ tags: [text(270, "second")] })] }),
      );
      expect(before.pages[0]?.lost).toEqual([]);
      expect(after).toMatchObject({ container: before.container, littleEndian });
      for (const [index, one] of before.pages.entries()) {
        const { layout: _, lost: __, ...kept } = one;
        expect(after.pages[index]).toMatchObject(kept);
      }
      const bytes = readFileSync(file);
      expect(softwareTexts(bytes)).toBe(2);
      expect(bytes.includes("AcquireIt")).toBe(false);
    }
  });

  it("writes a resolution given as numbers", async () => {
    for (const [x, y] of [
      [300, 72],
      [39.37, 0.5],
      [3_000_000_000, 118.1102362],
    ] as const) {
      const file = await write(tiff([page({ resolution: { x, y, unit: 3 } })]));
      const { resolution } = (await readImageHeader(file, limits)).pages[0] ?? {};
      expect(resolution?.x).toBeCloseTo(x, 6);
      expect(resolution?.y).toBeCloseTo(y, 6);
    }
  });

  it("keeps the bytes of a description that is not UTF-8", async () => {
    const cp949 = Buffer.from([0xbf, 0xeb, 0xc1, 0xa2, 0xba, 0xce]);
    const { file } = await roundTrip(buildTiff({ pages: [source({ tags: [text(270, cp949)] })] }));
    expect(readFileSync(file).includes(cp949)).toBe(true);
  });

  it("turns planes and tiles into interleaved strips, exactly", async () => {
    const change = { channels: 3, planar: true, tile: [16, 16], width: 21, height: 35, compression: 5 } as const;
    const { after } = await roundTrip(buildTiff({ pages: [source(change)] }));
    expect(after.pages[0]?.layout).toMatchObject({ compression: 8, planar: false, tiled: false });
  });

  it("gives each image of an ImageJ stack a directory of its own", async () => {
    const stack = testSamples(3 * 35);
    const tags = [long(257, 7), long(278, 7), long(279, 70), text(270, "ImageJ=1.54f\nimages=3\n")];
    const bytes = buildTiff({ littleEndian: false, pages: [source({ width: 5, height: 21, samples: stack, tags })] });
    const { after, file } = await roundTrip(bytes);
    expect(after.pages.map(({ description, layout }) => [description, layout?.directory])).toEqual([
      ["ImageJ=1.54f\nimages=3\n", 0],
      [undefined, 1],
      [undefined, 2],
    ]);
    expect((await sharp(file, { pages: -1 }).metadata()).pages).toBe(3);
  });

  it("becomes a BigTIFF only where a classic TIFF might not hold it", async () => {
    const start = async (pages: readonly PageHeader[]) => {
      const file = path();
      const writer = createImageWriter(file, tiff(pages), { software });
      await writer.writePage(new Uint16Array(20));
      const magic = readFileSync(file).readUInt16LE(2);
      await writer.abort();
      return magic;
    };
    const large = page({ width: 30_000, height: 30_000 });
    expect(await start([page(), large, large])).toBe(42);
    expect(await start([page(), large, large, large])).toBe(43);
  });
});

describe("createImageWriter for PNG", () => {
  const png = (change: Partial<PageHeader> = {}): ImageHeader => ({
    container: "png",
    littleEndian: false,
    pages: [page(change)],
  });

  it.each([
    [8, 1],
    [16, 1],
    [8, 3],
    [16, 3],
  ] as const)("brings %i bit in %i channels back exactly", async (bits, channels) => {
    for (const [width, height] of [
      [1, 1],
      [1, 9],
      [9, 1],
      [31, 17],
      [700, 500],
    ] as const) {
      const header = png({ bits, channels, width, height });
      const file = await write(header);
      const read = await readImageHeader(file, limits);
      expect(read.pages[0]).toMatchObject({ bits, channels, width, height });
      const decoded = await decodePage(file, read, 0);
      const [expected] = header.pages.map(samplesOf);
      expect(Buffer.compare(Buffer.from(decoded.buffer), Buffer.from(expected?.buffer ?? []))).toBe(0);
    }
  });

  it("compresses smooth images with a filter for each row", async () => {
    const columns = testSamples(200);
    const across = Uint16Array.from({ length: 40_000 }, (_, index) => (index % 200) * 300 + Math.floor(index / 200));
    const down = Uint16Array.from({ length: 40_000 }, (_, index) => columns[index % 200] ?? 0);
    for (const samples of [across, down]) {
      const file = await write(png({ width: 200, height: 200 }), [samples]);
      expect(readFileSync(file).length).toBeLessThan(1500);
    }
  });

  it("keeps pHYs and the description, and says that the file is derived", async () => {
    const physical = Buffer.from([0, 0, 15, 97, 0, 0, 30, 194, 1]);
    for (const [description, chunk] of [
      ["Schweißnaht", pngChunk("tEXt", Buffer.from("Description\0Schweißnaht", "latin1"))],
      ["용접부 검사", pngChunk("iTXt", "Description\0\0\0\0\0용접부 검사")],
    ] as const) {
      const before = [pngChunk("pHYs", physical), chunk, pngChunk("tEXt", "Software\0AcquireIt")];
      const bytes = buildPng({ width: 5, height: 4, samples: testSamples(20), before });
      const { after, file } = await roundTrip(bytes);
      expect(after.pages[0]).toMatchObject({ description, resolution: { x: 39.37, y: 78.74, unit: 3 } });
      const written = readFileSync(file);
      expect(written.includes(pngChunk("pHYs", physical))).toBe(true);
      expect(written.includes(pngChunk("tEXt", `Software\0${software}`))).toBe(true);
      expect(written.includes("AcquireIt")).toBe(false);
    }
  });
});

describe("createImageWriter", () => {
  it("refuses pages of another size, too many and too few", async () => {
    const writer = createImageWriter(path(), tiff([page(), page()]), { software });
    await expect(writer.writePage(new Uint16Array(19))).rejects.toThrow(
      "Expected 20 samples for page 1 but received 19.",
    );
    await writer.writePage(new Uint16Array(20));
    await expect(writer.finish()).rejects.toThrow("Expected 2 pages but received 1.");
    await writer.writePage(new Uint16Array(20));
    await expect(writer.writePage(new Uint16Array(20))).rejects.toThrow("Expected 2 pages but received another one.");
    await writer.abort();
  });

  it("removes the file when it is aborted, at any time and twice", async () => {
    for (const container of ["tiff", "png"] as const) {
      const file = path();
      const writer = createImageWriter(file, tiff([page()], { container }), { software });
      await writer.abort();
      await writer.writePage(new Uint16Array(20));
      expect(existsSync(file)).toBe(true);
      await writer.abort();
      expect(existsSync(file)).toBe(false);
      await writer.abort();
    }
  });

  it("passes on that the folder is not there", async () => {
    const writer = createImageWriter(`${path()}/missing/x.tif`, tiff([page()]), { software });
    await expect(writer.writePage(new Uint16Array(20))).rejects.toMatchObject({ code: "ENOENT" });
    await writer.abort();
  });

  it("changes nothing in the samples it is given", async () => {
    const samples = samplesOf(page());
    const copy = samples.slice();
    await write(tiff([page()], { littleEndian: false }), [samples]);
    expect(samples).toEqual(copy);
  });
});
