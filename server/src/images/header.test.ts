// Does not prove that every program's TIFFs are read: those of tifffile were compared by hand, those of others never.
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readImageHeader } from "./header";
import { ImageError, type ImageHeader } from "./image";
import { testFolder } from "./testFolder";
import { buildPng, pngChunk, pngHead, pngStart } from "./testPng";
import { buildTiff, long, rational, short, type TestPage, testSamples, text } from "./testTiff";

const { path, save } = testFolder();
const limits = { maxPixels: 1_000_000, maxPages: 1000 };

const read = (bytes: Uint8Array | string): Promise<ImageHeader> => readImageHeader(save(bytes), limits);

const refusal = async (bytes: Uint8Array | string): Promise<string> => {
  const error = await read(bytes).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ImageError)) throw new Error(`Expected an ImageError but received ${error}`);
  return `${error.code}: ${error.message}`;
};

const page = (change: Partial<TestPage> = {}): TestPage => ({
  width: 4,
  height: 3,
  samples: testSamples(36, change.bits),
  ...change,
});

const onePage = (change: Partial<TestPage> = {}): Buffer => buildTiff({ pages: [page(change)] });

const withTags = (...tags: NonNullable<TestPage["tags"]>): Buffer => onePage({ tags });

describe("readImageHeader on a TIFF", () => {
  it.each([
    ["tiff", true, false],
    ["tiff", false, false],
    ["bigtiff", true, true],
    ["bigtiff", false, true],
  ] as const)("reads a %s (little-endian: %s)", async (container, littleEndian, big) => {
    const header = await read(
      buildTiff({
        littleEndian,
        big,
        pages: [page(), page({ width: 2, height: 5, channels: 3, bits: 8, compression: 8 })],
      }),
    );
    expect(header).toMatchObject({
      container,
      littleEndian,
      pages: [
        { width: 4, height: 3, channels: 1, bits: 16, photometric: 1, compressed: false, lost: [] },
        { width: 2, height: 5, channels: 3, bits: 8, photometric: 2, compressed: true, lost: [] },
      ],
    });
  });

  it("reads resolution, texts and orientation as stored", async () => {
    const header = await read(
      withTags(
        rational(282, 3001, 7),
        rational(283, 12345, 67),
        short(296, 3),
        text(270, "용접부 검사 — weld 17"),
        text(271, "Kamera AG"),
        text(272, "X-1"),
        text(306, "2024:01:02 03:04:05"),
        short(274, 6),
      ),
    );
    expect(header.pages[0]).toMatchObject({
      resolution: { x: 3001 / 7, y: 12345 / 67, unit: 3, fractions: { x: [3001, 7], y: [12345, 67] } },
      description: "용접부 검사 — weld 17",
      make: "Kamera AG",
      model: "X-1",
      dateTime: "2024:01:02 03:04:05",
      textEncoding: "utf8",
      orientation: 6,
      lost: [],
    });
  });

  it("keeps the bytes of texts that are not UTF-8", async () => {
    const cp949 = Buffer.from([0xbf, 0xeb, 0xc1, 0xa2]);
    const { pages } = await read(withTags(text(270, cp949)));
    expect(Buffer.from(pages[0]?.description ?? "", pages[0]?.textEncoding)).toEqual(cp949);
  });

  it("counts a resolution without a unit as pixels an inch", async () => {
    const { pages } = await read(withTags(rational(282, 300, 1), rational(283, 300, 1)));
    expect(pages[0]?.resolution).toMatchObject({ x: 300, y: 300, unit: 2 });
  });

  it("names every tag that the result will not carry", async () => {
    const { pages } = await read(
      withTags(
        text(305, "AcquireIt 3"),
        text(315, "somebody"),
        { tag: 34675, type: 7, values: Buffer.from("profile") },
        long(34665, 8),
        short(65000, 1),
        rational(282, 300, 0),
        rational(283, 300, 1),
      ),
    );
    expect(pages[0]?.lost).toEqual(["XResolution", "YResolution", "Artist", "ExifIFD", "ICCProfile", "tag 65000"]);
  });

  it("names smaller copies of a page as lost and does not count them as pages", async () => {
    const { pages } = await read(buildTiff({ pages: [page(), page({ width: 2, tags: [long(254, 1)] }), page()] }));
    expect(pages.map(({ width, lost, layout }) => [width, lost, layout?.directory])).toEqual([
      [4, ["reduced-resolution image"], 0],
      [4, [], 2],
    ]);
  });

  it("reads pages of different sizes and kinds", async () => {
    const pages = [
      page({ width: 1, height: 1 }),
      page({ width: 7, height: 1 }),
      page({ bits: 8 }),
      page({ channels: 3 }),
    ];
    const header = await read(buildTiff({ pages }));
    expect(header.pages.map(({ width, height, bits, channels }) => [width, height, bits, channels])).toEqual([
      [1, 1, 16, 1],
      [7, 1, 16, 1],
      [4, 3, 8, 1],
      [4, 3, 16, 3],
    ]);
  });

  it("finds a directory behind 4 GiB without reading what lies before it", async () => {
    const far = 5 * 1024 ** 3;
    const tiff = buildTiff({ big: true, pages: [page()] });
    const first = Number(tiff.readBigUInt64LE(8));
    const directory = tiff.subarray(first);
    const start = Buffer.from(tiff.subarray(0, 16));
    start.writeBigUInt64LE(BigInt(far), 8);
    const sparse = path();
    const file = openSync(sparse, "w");
    writeSync(file, start);
    writeSync(file, tiff.subarray(16, first), 0, first - 16, 16);
    writeSync(file, directory, 0, directory.length, far);
    closeSync(file);
    expect((await readImageHeader(sparse, limits)).pages).toMatchObject([{ width: 4, height: 3 }]);
  });

  it.each<[string, Buffer, string]>([
    [
      "alpha",
      withTags(short(277, 2), short(258, 16, 16), short(338, 2)),
      'image_unsupported: Expected no alpha or other extra samples for `ExtraSamples (page 1)` but received "2 (unassociated alpha)". Save the image without them.',
    ],
    [
      "unspecified extra samples",
      withTags(short(277, 3), short(258, 16, 16, 16), short(338, 0, 0)),
      'image_unsupported: Expected no alpha or other extra samples for `ExtraSamples (page 1)` but received "0 (unspecified), 0 (unspecified)". Save the image without them.',
    ],
    [
      "a palette",
      withTags(short(262, 3)),
      'image_unsupported: Expected MinIsWhite, MinIsBlack, RGB or YCbCr for `PhotometricInterpretation (page 1)` but received "3 (palette)". Convert the image to grey or RGB.',
    ],
    [
      "CMYK",
      withTags(short(262, 5), short(277, 4)),
      'image_unsupported: Expected MinIsWhite, MinIsBlack, RGB or YCbCr for `PhotometricInterpretation (page 1)` but received "5 (CMYK)". Convert the image to grey or RGB.',
    ],
    [
      "floating point",
      withTags(short(339, 3), short(258, 32)),
      'image_unsupported: Expected unsigned integers for `SampleFormat (page 1)` but received "3 (floating point)". Convert it to 16 bit.',
    ],
    [
      "signed samples",
      withTags(short(339, 2)),
      'image_unsupported: Expected unsigned integers for `SampleFormat (page 1)` but received "2 (signed integer)". Convert it to 16 bit.',
    ],
    ...[1, 4, 12, 32].map((bits): [string, Buffer, string] => [
      `${bits} bit`,
      withTags(short(258, bits)),
      `image_unsupported: Expected 8 or 16 in all samples for \`BitsPerSample (page 1)\` but received "${bits}". Convert the image to 16 bit.`,
    ]),
    [
      "no bits at all, which means 1",
      onePage({ without: [258] }),
      'image_unsupported: Expected 8 or 16 in all samples for `BitsPerSample (page 1)` but received "1". Convert the image to 16 bit.',
    ],
    [
      "samples of different bits",
      onePage({ channels: 3, tags: [short(258, 16, 8, 16)] }),
      'image_unsupported: Expected 8 or 16 in all samples for `BitsPerSample (page 1)` but received "16, 8, 16". Convert the image to 16 bit.',
    ],
    [
      "RGB with one sample a pixel",
      withTags(short(262, 2)),
      'image_unsupported: Expected 3 samples a pixel, as it is in colour, for `SamplesPerPixel (page 1)` but received "1". Save the image as plain grey or RGB.',
    ],
    [
      "grey with three samples a pixel",
      onePage({ channels: 3, tags: [short(262, 1)] }),
      'image_unsupported: Expected 1 sample a pixel, as it is grey, for `SamplesPerPixel (page 1)` but received "3". Save the image as plain grey or RGB.',
    ],
    [
      "Zstandard",
      withTags(short(259, 50000)),
      'image_unsupported: Expected none, LZW, Deflate, PackBits or JPEG for `Compression (page 1)` but received "50000 (Zstandard)". Save the image with one of these.',
    ],
    [
      "an unknown compression",
      withTags(short(259, 777)),
      'image_unsupported: Expected none, LZW, Deflate, PackBits or JPEG for `Compression (page 1)` but received "777". Save the image with one of these.',
    ],
    [
      "16-bit JPEG",
      withTags(short(259, 7)),
      'image_unsupported: Expected JPEG only in 8 bit and interleaved for `Compression (page 1)` but received "7 (JPEG) in 16 bit". Save the image with Deflate.',
    ],
    [
      "JPEG in planes",
      onePage({ bits: 8, channels: 3, planar: true, tags: [short(259, 7)] }),
      'image_unsupported: Expected JPEG only in 8 bit and interleaved for `Compression (page 1)` but received "7 (JPEG) in separate planes". Save the image with Deflate.',
    ],
    [
      "YCbCr without JPEG",
      onePage({ bits: 8, channels: 3, tags: [short(262, 6)] }),
      'image_unsupported: Expected YCbCr only with JPEG for `PhotometricInterpretation (page 1)` but received "6 (YCbCr)". Convert the image to RGB.',
    ],
    [
      "the floating-point predictor",
      onePage({ compression: 8, tags: [short(317, 3)] }),
      'image_unsupported: Expected 1, or with LZW and Deflate 2, for `Predictor (page 1)` but received "3".',
    ],
    [
      "bits in reverse",
      withTags(short(266, 2)),
      'image_unsupported: Expected 1 (highest bit first) for `FillOrder (page 1)` but received "2".',
    ],
    [
      "a transparency mask",
      buildTiff({ pages: [page(), page({ tags: [long(254, 4)] })] }),
      'image_unsupported: Expected no transparency mask for `NewSubfileType (page 2)` but received "4". Save the image without its mask.',
    ],
    [
      "a thumbnail before the image",
      withTags(long(254, 1)),
      'image_unsupported: Expected a full-size image first for `NewSubfileType (page 1)` but received "a reduced-resolution image". Save the image without thumbnails.',
    ],
    [
      "an unsupported second page",
      buildTiff({ pages: [page(), page({ tags: [short(339, 3)] })] }),
      'image_unsupported: Expected unsigned integers for `SampleFormat (page 2)` but received "3 (floating point)". Convert it to 16 bit.',
    ],
    [
      "no photometric interpretation",
      onePage({ without: [262] }),
      'image_corrupt: Expected a number for `PhotometricInterpretation (page 1)` but received "nothing". The file is damaged: upload it again.',
    ],
    [
      "no width",
      onePage({ without: [256] }),
      'image_corrupt: Expected at least 1 pixel for `ImageWidth (page 1)` but received "nothing". The file is damaged: upload it again.',
    ],
    [
      "a height of 0",
      withTags(long(257, 0)),
      'image_corrupt: Expected at least 1 pixel for `ImageLength (page 1)` but received "0". The file is damaged: upload it again.',
    ],
    [
      "a width that is a text",
      withTags(text(256, "wide")),
      'image_corrupt: Expected unsigned integers for `ImageWidth (page 1)` but received "type 2, 5 values". The file is damaged: upload it again.',
    ],
    [
      "no strips",
      onePage({ without: [273] }),
      'image_corrupt: Expected a table for `StripOffsets (page 1)` but received "nothing". The file is damaged: upload it again.',
    ],
    [
      "too few strips",
      withTags(long(278, 1)),
      'image_corrupt: Expected 3 values for `StripOffsets (page 1)` but received "1". The file is damaged: upload it again.',
    ],
    [
      "a planar configuration of 3",
      withTags(short(284, 3)),
      'image_corrupt: Expected 1 or 2 for `PlanarConfiguration (page 1)` but received "3". The file is damaged: upload it again.',
    ],
    [
      "a strip outside the file",
      withTags(long(273, 5000)),
      "image_corrupt: Expected strip 1 of 1 (page 1) inside the file of 158 bytes but received 24 bytes at 5000. The file was cut short or damaged: upload it again.",
    ],
    [
      "a strip that is missing",
      withTags(long(273, 0)),
      "image_corrupt: Expected strip 1 of 1 (page 1) inside the file of 158 bytes but received 24 bytes at 0. The file was cut short or damaged: upload it again.",
    ],
    [
      "a strip too short for its pixels",
      withTags(long(279, 23)),
      "image_corrupt: Expected at least 24 bytes in strip 1 of 1 (page 1) but received 23. The file was cut short or damaged: upload it again.",
    ],
    [
      "a million pixels in a compressed strip of a few bytes",
      onePage({ compression: 8, tags: [long(256, 1000), long(257, 1000), long(278, 1000), long(279, 40)] }),
      "image_corrupt: Expected at least 1938 bytes in strip 1 of 1 (page 1) but received 40. The file was cut short or damaged: upload it again.",
    ],
    [
      "a tile far larger than the page",
      onePage({ tile: [16, 16], tags: [long(322, 1_000_000)] }),
      'image_corrupt: Expected tiles no larger than the page for `TileWidth (page 1)` but received "1000000 × 16". The file is damaged: upload it again.',
    ],
    [
      "a chain of pages that turns back",
      buildTiff({ pages: [page(), page()], loopTo: 0 }),
      "image_corrupt: Expected a chain of pages with an end but directory 2 leads back to byte 32. The file is damaged: upload it again.",
    ],
    [
      "a directory outside the file",
      Buffer.from("49492a00ffffff7f", "hex"),
      "image_corrupt: Expected directory 1 at byte 2147483647 but the file ends after 8 bytes. It was cut short or damaged: upload it again.",
    ],
    [
      "no directory",
      Buffer.from("49492a0000000000", "hex"),
      "image_corrupt: Expected at least one page but received a TIFF without any. The file is damaged: upload it again.",
    ],
    [
      "a directory without tags",
      Buffer.from("49492a0008000000000000000000", "hex"),
      "image_corrupt: Expected 1 to 4096 tags in directory 1 but it announces 0. The file is damaged: upload it again.",
    ],
    [
      "a directory with more tags than any has",
      Buffer.from("4d4d002b0008000000000000000000107fffffffffffffff", "hex"),
      "image_corrupt: Expected 1 to 4096 tags in directory 1 but it announces 9223372036854776000. The file is damaged: upload it again.",
    ],
    [
      "a file cut in its directory",
      onePage().subarray(0, -4),
      "image_corrupt: Expected directory 1 at byte 34 but the file ends after 154 bytes. It was cut short or damaged: upload it again.",
    ],
  ])("refuses %s", async (_, bytes, message) => {
    expect(await refusal(bytes)).toBe(message);
  });

  it("refuses a description outside the file", async () => {
    const bytes = withTags(text(270, "a description of some length"));
    const entry = bytes.indexOf(Buffer.from("0e010200", "hex"));
    bytes.writeUInt32LE(4000, entry + 8);
    expect(await refusal(bytes)).toBe(
      "image_corrupt: Expected ImageDescription of page 1 at byte 4000 but the file ends after 199 bytes. It was cut short or damaged: upload it again.",
    );
  });

  it("refuses a huge page by its header", async () => {
    expect(await refusal(withTags(long(256, 20_000), long(257, 20_000)))).toBe(
      "image_too_many_pixels: Expected at most 1000000 pixels on a page but page 1 has 20000 × 20000. Cut the image into parts.",
    );
    expect(await refusal(withTags(long(256, 0xffffffff), long(257, 0xffffffff)))).toBe(
      "image_too_many_pixels: Expected at most 1000000 pixels on a page but page 1 has 4294967295 × 4294967295. Cut the image into parts.",
    );
  });

  it("refuses more pages than allowed, and reads as many", async () => {
    const pages = Array.from({ length: 3 }, () => page({ width: 1, height: 1 }));
    const three = save(buildTiff({ pages }));
    expect((await readImageHeader(three, { ...limits, maxPages: 3 })).pages).toHaveLength(3);
    await expect(readImageHeader(three, { ...limits, maxPages: 2 })).rejects.toMatchObject({
      code: "image_too_many_pages",
      message: "Expected at most 2 pages but received more. Split the file.",
    });
    const many = Array.from({ length: 10_000 }, () => page({ width: 1, height: 1 }));
    expect(await refusal(buildTiff({ pages: many }))).toBe(
      "image_too_many_pages: Expected at most 1000 pages but received more. Split the file.",
    );
  });

  it("refuses a text of more than 16 MiB", async () => {
    const big = text(270, Buffer.alloc(20_000_000, "x"));
    expect(await refusal(buildTiff({ pages: [page({ tags: [big] })] }))).toBe(
      "image_unsupported: Expected at most 16777216 bytes for ImageDescription of page 1 but received 20000001. Save the image without its extra metadata.",
    );
  });

  it("refuses tables and texts of more than 64 MiB together", async () => {
    const big = page({ tags: [text(270, Buffer.alloc(15 * 1024 * 1024, "x"))] });
    expect(await refusal(buildTiff({ pages: [big, big, big, big, big] }))).toBe(
      "image_unsupported: Expected at most 67108864 bytes of tags and tables but received more. Save the image without its extra metadata.",
    );
  });
});

describe("readImageHeader on an ImageJ stack", () => {
  const description = (images: string) => text(270, `ImageJ=1.54f\n${images}\nloop=false\n`);
  const behind = (bytes: Buffer, pages: number) => Buffer.concat([bytes, Buffer.alloc(24 * (pages - 1))]);
  /** ImageJ writes the directory first and the images behind it; here the plain strip is moved to the end. */
  const stack = (images: string, pages: number, change: Partial<TestPage> = {}) => {
    const tags = [description(images), ...(change.tags ?? [])];
    const at = onePage({ ...change, tags }).length;
    return behind(Buffer.concat([onePage({ ...change, tags: [...tags, long(273, at)] }), Buffer.alloc(24)]), pages);
  };

  it("finds the pages that have no directory of their own", async () => {
    const { pages } = await read(stack("images=5\nslices=5", 5));
    expect(pages.map(({ layout }) => (layout && "start" in layout.blocks ? layout.blocks.start : undefined))).toEqual(
      [0, 1, 2, 3, 4].map((index) => 213 + index * 24),
    );
    expect(pages.map((one) => one.description?.split("\n")[0])).toEqual(["ImageJ=1.54f", ...Array(4).fill(undefined)]);
  });

  it("counts channels × slices × frames where images are not counted", async () => {
    expect((await read(stack("channels=2\nframes=3", 6))).pages).toHaveLength(6);
  });

  it("takes the directories where there is one for each image", async () => {
    const { pages } = await read(buildTiff({ pages: [page({ tags: [description("images=2")] }), page()] }));
    expect(pages.map(({ layout }) => layout && "offsets" in layout.blocks)).toEqual([true, true]);
  });

  it.each<[string, Buffer, string]>([
    [
      "whose file ends too early",
      stack("images=5", 5).subarray(0, -1),
      "image_corrupt: Expected 5 images of 24 bytes from byte 204 on, as the ImageJ description announces, but the file ends after 323 bytes. It was cut short: upload it again.",
    ],
    [
      "that is compressed and has one directory",
      onePage({ compression: 8, tags: [description("images=5")] }),
      "image_unsupported: Expected the 5 images that the ImageJ description announces, each with a directory or plain and in one piece, but received one directory with other data. Save the stack again with ImageJ, or each image by itself.",
    ],
    [
      "with fewer directories than images",
      buildTiff({ pages: [page({ tags: [description("images=5")] }), page()] }),
      'image_unsupported: Expected a directory for each of the 5 images that "ImageJ=1.54f\\nimages=5\\nloop=false\\n" announces but received 2. Save the stack with one directory an image.',
    ],
    [
      "of more pages than allowed",
      stack("images=1001", 1),
      "image_too_many_pages: Expected at most 1000 pages but received 1001. Split the file.",
    ],
    [
      "that tifffile cut to one directory",
      withTags(text(270, '{"shape": [5, 3, 4], "truncated": true}')),
      'image_unsupported: Expected a directory for each of the 5 images that "{\\"shape\\": [5, 3, 4], \\"truncated\\": true}" announces but received 1. Save the stack with one directory an image.',
    ],
  ])("refuses one %s", async (_, bytes, message) => {
    expect(await refusal(bytes)).toBe(message);
  });
});

describe("readImageHeader on a PNG", () => {
  const png = (change: Partial<Parameters<typeof buildPng>[0]> = {}) =>
    buildPng({ width: 4, height: 3, samples: testSamples(36, change.bits === 8 ? 8 : 16), ...change });
  const physical = (x: number, y: number, unit: number) => {
    const data = Buffer.alloc(9, unit);
    data.writeUInt32BE(x, 0);
    data.writeUInt32BE(y, 4);
    return pngChunk("pHYs", data);
  };

  it.each([
    [8, 0, 1, 1],
    [16, 0, 1, 1],
    [8, 2, 3, 2],
    [16, 2, 3, 2],
  ])("reads %i bit of colour type %i", async (bits, colour, channels, photometric) => {
    expect(await read(png({ bits, colour }))).toEqual({
      container: "png",
      littleEndian: false,
      pages: [{ width: 4, height: 3, bits, channels, photometric, compressed: true, lost: [] }],
    });
  });

  it("reads pHYs and a Description in any kind of text chunk, before or after the pixels", async () => {
    const compressed = (value: string) => Buffer.concat([Buffer.from("\0"), deflateSync(Buffer.from(value, "latin1"))]);
    const texts: [Buffer, string][] = [
      [pngChunk("tEXt", Buffer.from("Description\0Schweißnaht", "latin1")), "Schweißnaht"],
      [pngChunk("zTXt", Buffer.concat([Buffer.from("Description\0"), compressed("weld")])), "weld"],
      [pngChunk("iTXt", "Description\0\0\0ko\0\0용접부"), "용접부"],
    ];
    for (const [chunk, description] of texts) {
      const before = await read(png({ before: [physical(3937, 7874, 1), chunk] }));
      expect(before.pages[0]).toMatchObject({ description, resolution: { x: 39.37, y: 78.74, unit: 3 }, lost: [] });
      expect((await read(png({ after: [chunk] }))).pages[0]).toMatchObject({ description, lost: [] });
    }
    expect((await read(png({ before: [physical(2, 3, 0)] }))).pages[0]?.resolution).toEqual({ x: 2, y: 3, unit: 1 });
  });

  it("names every chunk that the result will not carry", async () => {
    const before = [
      pngChunk("gAMA", Buffer.alloc(4)),
      pngChunk("iCCP", "x"),
      pngChunk("tEXt", "Software\0AcquireIt"),
      physical(1, 1, 7),
      pngChunk("tEXt", "Author\0a"),
    ];
    const { pages } = await read(png({ before, after: [pngChunk("eXIf", "x"), pngChunk("tIME", "1234567")] }));
    expect(pages[0]?.lost).toEqual(["gAMA", "iCCP", "pHYs", "tEXt Author", "eXIf", "tIME"]);
  });

  it.each<[string, Buffer, string]>([
    [
      "a palette",
      png({ colour: 3, bits: 8 }),
      'image_unsupported: Expected 0 (grey) or 2 (RGB) for `PNG colour type` but received "3 (palette)". Save the image as plain grey or RGB, without alpha.',
    ],
    [
      "grey with alpha",
      png({ colour: 4 }),
      'image_unsupported: Expected 0 (grey) or 2 (RGB) for `PNG colour type` but received "4 (grey with alpha)". Save the image as plain grey or RGB, without alpha.',
    ],
    [
      "RGB with alpha",
      png({ colour: 6 }),
      'image_unsupported: Expected 0 (grey) or 2 (RGB) for `PNG colour type` but received "6 (RGB with alpha)". Save the image as plain grey or RGB, without alpha.',
    ],
    [
      "1 bit",
      png({ bits: 1 }),
      'image_unsupported: Expected 8 or 16 for `PNG bit depth` but received "1". Convert the image to 16 bit.',
    ],
    [
      "a transparent colour",
      png({ before: [pngChunk("tRNS", "00")] }),
      'image_unsupported: Expected no transparency for `PNG` but received "chunk tRNS". Save the image without it.',
    ],
    [
      "an animation",
      png({ before: [pngChunk("acTL", "00000000")] }),
      'image_unsupported: Expected a still image for `PNG` but received "an animation (chunk acTL)". Save each frame as a file of its own.',
    ],
    [
      "a header with a wrong checksum",
      (() => {
        const bytes = png();
        bytes[19] = 5;
        return bytes;
      })(),
      "image_corrupt: Expected chunk IHDR to match its checksum but it does not. The file is damaged: upload it again.",
    ],
    [
      "no width",
      Buffer.concat([pngStart, pngHead(0, 3, 16, 0)]),
      "image_corrupt: Expected at least 1 × 1 pixels but received 0 × 3. The file is damaged: upload it again.",
    ],
    [
      "a short header",
      Buffer.concat([pngStart, pngChunk("IHDR", "x")]),
      "image_corrupt: Expected 13 bytes in chunk IHDR but received 1. The file is damaged: upload it again.",
    ],
    [
      "another chunk first",
      Buffer.concat([pngStart, pngChunk("gAMA", "1234")]),
      "image_corrupt: Expected chunk IHDR first but received gAMA. The file is damaged: upload it again.",
    ],
    [
      "no chunks",
      pngStart,
      "image_corrupt: Expected chunk 1 at byte 8 but the file ends after 8 bytes. It was cut short or damaged: upload it again.",
    ],
    [
      "a file that ends in its pixels",
      png().subarray(0, -20),
      "image_corrupt: Expected 36 bytes in chunk IDAT but the file ends after 73 bytes. The file is damaged: upload it again.",
    ],
    [
      "a file without an end",
      png().subarray(0, -12),
      "image_corrupt: Expected chunk 3 at byte 81 but the file ends after 81 bytes. It was cut short or damaged: upload it again.",
    ],
    [
      "bytes between chunks",
      Buffer.concat([pngStart, pngHead(4, 3, 16, 0), Buffer.alloc(20)]),
      "image_corrupt: Expected a chunk at byte 33 but received other bytes. The file is damaged: upload it again.",
    ],
    [
      "a million pixels in a few bytes",
      Buffer.concat([pngStart, pngHead(1000, 1000, 16, 0), pngChunk("IDAT", "x"), pngChunk("IEND")]),
      "image_corrupt: Expected image data for 1000 × 1000 pixels but received 1 bytes. The file is damaged: upload it again.",
    ],
    [
      "a huge page",
      Buffer.concat([pngStart, pngHead(0x7fffffff, 0x7fffffff, 16, 2)]),
      "image_too_many_pixels: Expected at most 1000000 pixels on a page but page 1 has 2147483647 × 2147483647. Cut the image into parts.",
    ],
  ])("refuses %s", async (_, bytes, message) => {
    expect(await refusal(bytes)).toBe(message);
  });
});

describe("readImageHeader on anything else", () => {
  it.each<[string, Buffer | string, string]>([
    ["nothing", "", "image_empty: Expected a TIFF or PNG image but received an empty file. Upload it again."],
    [
      "HTML",
      "<!DOCTYPE html><html><body>403 Forbidden</body></html>",
      'image_unsupported: Expected a TIFF or PNG image but received a file that starts with "<!DOCTYPE html><". Convert the image to 16-bit TIFF.',
    ],
    [
      "one byte",
      "I",
      'image_unsupported: Expected a TIFF or PNG image but received a file that starts with "I". Convert the image to 16-bit TIFF.',
    ],
    [
      "a TIFF of another version",
      Buffer.from("49492c0008000000", "hex"),
      'image_unsupported: Expected a TIFF or PNG image but received a file that starts with "II,\\u0000\\b\\u0000\\u0000\\u0000". Convert the image to 16-bit TIFF.',
    ],
    [
      "a JPEG",
      Buffer.from("ffd8ffe0", "hex"),
      "image_unsupported: Expected a TIFF or PNG image but received a JPEG. Convert the image to 16-bit TIFF.",
    ],
    [
      "a DICOM file",
      Buffer.concat([Buffer.alloc(128), Buffer.from("DICM....")]),
      "image_unsupported: Expected a TIFF or PNG image but received a DICOM file. Convert the image to 16-bit TIFF.",
    ],
  ])("refuses %s", async (_, bytes, message) => {
    expect(await refusal(bytes)).toBe(message);
  });

  it("passes on that a file is not there", async () => {
    await expect(readImageHeader(path(), limits)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("refuses a file of nothing but zeros without reading it whole", async () => {
    const zeros = path();
    const file = openSync(zeros, "w");
    ftruncateSync(file, 3 * 1024 ** 3);
    closeSync(file);
    await expect(readImageHeader(zeros, limits)).rejects.toMatchObject({ code: "image_unsupported" });
  });
});
