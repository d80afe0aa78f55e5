// Does not prove that JPEG inside TIFF decodes as every other reader does: JPEG is lossy and libjpeg's word is taken.
import { readFileSync, writeFileSync } from "node:fs";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { decodePage } from "./decode";
import { readImageHeader } from "./header";
import { testFolder } from "./testFolder";
import { buildPng, pngChunk } from "./testPng";
import { buildTiff, long, short, type TestPage, type TestTiff, testSamples, text } from "./testTiff";

const { path, save } = testFolder();
const limits = { maxPixels: 100_000_000, maxPages: 1000 };

const decodeFile = async (file: string): Promise<number[][]> => {
  const header = await readImageHeader(file, limits);
  const pages: number[][] = [];
  for (const index of header.pages.keys()) pages.push(Array.from(await decodePage(file, header, index)));
  return pages;
};

const decode = (bytes: Buffer): Promise<number[][]> => decodeFile(save(bytes));

const full = (samples: readonly number[], bits: 8 | 16): number[] =>
  bits === 8 ? samples.map((sample) => sample * 257) : [...samples];

/** The index of the first sample that differs, -1 for none: large arrays take toEqual seconds. */
const firstDifference = (found: ArrayLike<number> | undefined, expected: ArrayLike<number>): number => {
  if (found?.length !== expected.length) return Math.min(found?.length ?? 0, expected.length);
  for (let index = 0; index < expected.length; index += 1) if (found[index] !== expected[index]) return index;
  return -1;
};

const expectExact = async (page: Omit<TestPage, "samples">, container: Omit<TestTiff, "pages"> = {}): Promise<void> => {
  const { width, height, channels = 1, bits = 16 } = page;
  const samples = testSamples(width * height * channels, bits);
  const pages = await decode(buildTiff({ ...container, pages: [{ ...page, samples }] }));
  expect(pages).toHaveLength(1);
  expect(firstDifference(pages[0], full(samples, bits))).toBe(-1);
};

const storage: [string, Partial<TestPage>][] = [
  ["plain", {}],
  ["LZW", { compression: 5 }],
  ["LZW with predictor", { compression: 5, predictor: true }],
  ["Deflate", { compression: 8 }],
  ["Deflate with predictor", { compression: 8, predictor: true }],
  ["Deflate under its old number", { compression: 32946, predictor: true }],
  ["PackBits", { compression: 32773 }],
];

const flavours: [string, Omit<TestTiff, "pages">][] = [
  ["little-endian TIFF", {}],
  ["big-endian TIFF", { littleEndian: false }],
  ["little-endian BigTIFF", { big: true }],
  ["big-endian BigTIFF", { littleEndian: false, big: true }],
];

describe("decodePage on a TIFF", () => {
  for (const [storedName, stored] of storage) {
    for (const [flavourName, flavour] of flavours) {
      it(`brings ${storedName} samples in a ${flavourName} back exactly`, async () => {
        for (const bits of [8, 16] as const) {
          for (const channels of [1, 3] as const) {
            const size = { width: 21, height: 37, bits, channels };
            await expectExact({ ...size, ...stored }, flavour);
            await expectExact({ ...size, ...stored, rowsPerStrip: 5 }, flavour);
            await expectExact({ ...size, ...stored, tile: [16, 32] }, flavour);
            if (channels === 3) {
              await expectExact({ ...size, ...stored, planar: true, rowsPerStrip: 5 }, flavour);
              await expectExact({ ...size, ...stored, planar: true, tile: [16, 16] }, flavour);
            }
          }
        }
      });
    }
  }

  it.each([
    [1, 1],
    [1, 50],
    [50, 1],
    [3, 2],
    [257, 129],
  ])("reads %i × %i pixels", async (width, height) => {
    for (const [, stored] of storage) await expectExact({ width, height, ...stored });
  });

  it("reads an LZW strip whose table fills up more than once", async () => {
    await expectExact({ width: 200, height: 100, compression: 5 });
    await expectExact({ width: 300, height: 100, bits: 8, compression: 5 });
    const flat = new Array<number>(40_000).fill(7);
    const pages = [{ width: 200, height: 200, samples: flat, compression: 5 }];
    expect(firstDifference((await decode(buildTiff({ pages })))[0], flat)).toBe(-1);
  });

  it("reads what libtiff compressed", async () => {
    const width = 300;
    const height = 200;
    const samples = Uint16Array.from(testSamples(width * height), (value, index) => (value >> 6) + index);
    for (const compression of ["lzw", "deflate", "packbits", "none"] as const) {
      for (const predictor of ["none", "horizontal"] as const) {
        for (const tile of [false, true]) {
          const file = path();
          const raw = { width, height, channels: 1 as const };
          await sharp(samples, { raw })
            .toColourspace("grey16")
            .tiff({ compression, predictor, tile, tileWidth: 64, tileHeight: 64 })
            .toFile(file);
          expect(firstDifference((await decodeFile(file))[0], samples)).toBe(-1);
        }
      }
    }
  });

  it("reads a strip larger than what is read at once", async () => {
    await expectExact({ width: 1024, height: 520 });
    await expectExact({ width: 1024, height: 520 }, { littleEndian: false });
  });

  it("reads a last strip that is filled up beyond the page", async () => {
    const samples = testSamples(5 * 8);
    for (const [, stored] of storage) {
      const page = { width: 5, height: 8, samples, ...stored, rowsPerStrip: 4, tags: [long(257, 7)] };
      expect(await decode(buildTiff({ pages: [page] }))).toEqual([samples.slice(0, 35)]);
    }
  });

  it("leaves MinIsWhite as stored", async () => {
    for (const bits of [8, 16] as const) {
      await expectExact({ width: 9, height: 7, bits, tags: [short(262, 0)] });
    }
  });

  it("applies neither an orientation nor a colour profile", async () => {
    const profile = await sharp({ create: { width: 1, height: 1, channels: 3, background: "red" } })
      .withIccProfile("p3")
      .png()
      .toBuffer()
      .then(async (bytes) => (await sharp(bytes).metadata()).icc ?? Buffer.alloc(0));
    expect(profile.length).toBeGreaterThan(100);
    const tags = [short(274, 6), { tag: 34675, type: 7, values: profile }];
    for (const bits of [8, 16] as const) await expectExact({ width: 9, height: 7, bits, channels: 3, tags });
  });

  it("reads each page of a file by itself, whatever their sizes and kinds", async () => {
    const pages: TestPage[] = [
      { width: 1, height: 1, samples: testSamples(1) },
      { width: 4, height: 5, channels: 3, samples: testSamples(60), compression: 5 },
      { width: 2, height: 2, samples: testSamples(4), tags: [long(254, 1)] },
      { width: 7, height: 3, bits: 8, samples: testSamples(21, 8), compression: 32773 },
    ];
    expect(await decode(buildTiff({ pages }))).toEqual([testSamples(1), testSamples(60), full(testSamples(21, 8), 8)]);
  });

  it("reads all images of an ImageJ stack with one directory", async () => {
    for (const littleEndian of [true, false]) {
      for (const bits of [8, 16] as const) {
        const stack = testSamples(3 * 35, bits);
        // The images are one strip three times as high, of which the directory shows only the first third.
        const strip = { width: 5, height: 21, samples: stack, bits };
        const tags = [long(257, 7), long(278, 7), text(270, "ImageJ=1.54f\nimages=3\n")];
        const pages = await decode(
          buildTiff({ littleEndian, pages: [{ ...strip, tags: [...tags, long(279, 7 * 5 * (bits / 8))] }] }),
        );
        expect(pages).toEqual([0, 35, 70].map((from) => full(stack.slice(from, from + 35), bits)));
      }
    }
  });

  it("reads JPEG as grey, as MinIsWhite and as colour", async () => {
    const grey = path();
    await sharp(new Uint8Array(64 * 32).fill(200), { raw: { width: 64, height: 32, channels: 1 } })
      .toColourspace("b-w")
      .tiff({ compression: "jpeg", quality: 95 })
      .toFile(grey);
    expect(await decodeFile(grey)).toEqual([new Array(64 * 32).fill(200 * 257)]);

    const inverted = readFileSync(grey);
    const photometric = inverted.indexOf(Buffer.from("0601030001000000", "hex"));
    inverted.writeUInt16LE(0, photometric + 8);
    expect(await decode(inverted)).toEqual([new Array(64 * 32).fill(200 * 257)]);

    const colour = path();
    const red = Uint8Array.from({ length: 64 * 32 * 3 }, (_, index) => [200, 40, 90][index % 3] ?? 0);
    await sharp(red, { raw: { width: 64, height: 32, channels: 3 } })
      .tiff({ compression: "jpeg", quality: 95 })
      .toFile(colour);
    const [samples] = await decodeFile(colour);
    expect(samples?.length).toBe(64 * 32 * 3);
    for (const [channel, value] of [200, 40, 90].entries()) {
      expect(Math.abs((samples?.[channel] ?? 0) / 257 - value)).toBeLessThanOrEqual(2);
    }
  });
});

describe("decodePage on a PNG", () => {
  const kinds = [
    [8, 0],
    [16, 0],
    [8, 2],
    [16, 2],
  ] as const;

  it.each(kinds)("brings %i bit of colour type %i back exactly", async (bits, colour) => {
    for (const [width, height] of [
      [1, 1],
      [1, 9],
      [9, 1],
      [31, 17],
    ] as const) {
      const samples = testSamples(width * height * (colour === 2 ? 3 : 1), bits);
      expect(await decode(buildPng({ width, height, samples, bits, colour }))).toEqual([full(samples, bits)]);
    }
  });

  it.each(kinds)("ignores gamma, profile and chromaticities of %i bit of colour type %i", async (bits, colour) => {
    const gamma = Buffer.alloc(4);
    gamma.writeUInt32BE(100_000);
    const profile = await sharp({ create: { width: 1, height: 1, channels: 3, background: "red" } })
      .withIccProfile("p3")
      .png()
      .toBuffer();
    const at = profile.indexOf("iCCP");
    const iccp = profile.subarray(at - 4, at + 8 + profile.readUInt32BE(at - 4));
    const samples = testSamples(63 * (colour === 2 ? 3 : 1), bits);
    for (const before of [
      [pngChunk("gAMA", gamma)],
      [iccp],
      [pngChunk("sBIT", colour === 2 ? "\x05\x05\x05" : "\x05")],
    ]) {
      expect(await decode(buildPng({ width: 9, height: 7, samples, bits, colour, before }))).toEqual([
        full(samples, bits),
      ]);
    }
  });
});

describe("decodePage on damaged data", () => {
  const damage = async (bytes: Buffer, change: (bytes: Buffer) => void): Promise<unknown> => {
    const file = save(bytes);
    const header = await readImageHeader(file, limits);
    change(bytes);
    writeFileSync(file, bytes);
    return decodePage(file, header, 0).then(
      () => "decoded",
      (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : error),
    );
  };
  const pages = (compression: number): TestPage[] => [
    { width: 64, height: 64, samples: testSamples(4096), compression },
  ];
  const strip =
    "Expected whole image data on page 1 but its strip at byte 8 is damaged or cut short. Export the image again.";

  it.each([
    ["Deflate", 8],
    ["LZW", 5],
    ["PackBits", 32773],
  ])("refuses %s data that ends too early", async (_, compression) => {
    const whole = buildTiff({ pages: pages(compression) });
    const counts = whole.indexOf(Buffer.from("170104000100", "hex"));
    const length = whole.readUInt32LE(counts + 8);
    expect(await damage(whole, (bytes) => bytes.writeUInt32LE(Math.floor(length * 0.9), counts + 8))).toBe(
      `ImageError: ${strip}`,
    );
  });

  it("refuses Deflate data that is whole but holds too few rows", async () => {
    const page = { width: 64, height: 2, samples: testSamples(128), compression: 8 };
    const bytes = buildTiff({ pages: [{ ...page, tags: [long(257, 4), long(278, 4)] }] });
    expect(await damage(bytes, () => {})).toBe(`ImageError: ${strip}`);
  });

  it("refuses Deflate data with a changed byte", async () => {
    const bytes = buildTiff({ pages: pages(8) });
    expect(await damage(bytes, () => bytes.writeUInt8(bytes.readUInt8(500) ^ 0x55, 500))).toBe(`ImageError: ${strip}`);
  });

  it("refuses LZW that does not start with a clear code, as older and other kinds do", async () => {
    // The codes 65 and 66 in 9 bits each.
    const codes = Buffer.from([0x20, 0x90, 0x80]);
    const page = { width: 3, height: 1, bits: 8, samples: codes } as const;
    const bytes = buildTiff({ pages: [{ ...page, tags: [short(259, 5), long(256, 2)] }] });
    expect(await damage(bytes, () => {})).toBe(`ImageError: ${strip}`);
  });

  it("refuses Deflate data that goes on far beyond the page", async () => {
    const bytes = buildTiff({
      pages: [
        { width: 64, height: 64, samples: testSamples(4096), compression: 8, tags: [long(257, 2), long(278, 2)] },
      ],
    });
    expect(await damage(bytes, () => {})).toBe(`ImageError: ${strip}`);
  });

  it("refuses a PNG with a changed byte in its pixels", async () => {
    const bytes = buildPng({ width: 64, height: 64, samples: testSamples(4096) });
    expect(await damage(bytes, () => bytes.writeUInt8(bytes.readUInt8(900) ^ 0x55, 900))).toBe(
      "ImageError: Expected whole image data on page 1 but it is damaged or cut short. Export the image again.",
    );
  });

  it("refuses JPEG data that ends too early", async () => {
    const file = path();
    await sharp(Uint8Array.from(testSamples(128 * 128, 8)), { raw: { width: 128, height: 128, channels: 1 } })
      .toColourspace("b-w")
      .tiff({ compression: "jpeg" })
      .toFile(file);
    const bytes = readFileSync(file);
    expect(await damage(bytes, () => bytes.fill(0, 1000, 6000))).toBe(
      "ImageError: Expected whole image data on page 1 but it is damaged or cut short. Export the image again.",
    );
  });

  it("takes libtiff's complaint about memory for what it is, a damaged tag", async () => {
    const file = path();
    await sharp(new Uint8Array(64), { raw: { width: 8, height: 8, channels: 1 } })
      .toColourspace("b-w")
      .tiff({ compression: "jpeg" })
      .toFile(file);
    const bytes = readFileSync(file);
    const resolutionUnit = bytes.indexOf(Buffer.from("2801030001000000", "hex"));
    bytes.set(Buffer.from("31010200ffffff7f", "hex"), resolutionUnit);
    expect(await damage(bytes, () => {})).toBe(
      "ImageError: Expected whole image data on page 1 but it is damaged or cut short. Export the image again.",
    );
  });

  it("passes on that the file is gone, which is no fault of the image", async () => {
    const file = save(buildPng({ width: 2, height: 2, samples: testSamples(4) }));
    const header = await readImageHeader(file, limits);
    await expect(decodePage(path(), header, 0)).rejects.not.toMatchObject({ name: "ImageError" });
    await expect(decodePage(file, header, 1)).rejects.toThrow("Expected a page from 0 to 0 but got 1.");
  });
});
