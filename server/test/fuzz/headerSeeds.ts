import { deflateSync } from "node:zlib";
import { buildPng, pngChunk } from "../../src/images/testPng";
import { buildTiff, long, rational, short, type TestPage, testSamples, text } from "../../src/images/testTiff";

const page = (changes: Partial<TestPage> = {}): TestPage => {
  const { width = 9, height = 7, channels = 1, bits = 16 } = changes;
  return { width, height, samples: testSamples(width * height * channels, bits), ...changes };
};

const described = [
  text(270, "ImageJ=1.54f\nimages=3\nslices=3\n"),
  text(271, "Maker"),
  rational(282, 254, 1),
  rational(283, 254, 1),
  short(274, 6),
];

/** Small images of every kind that the reader knows: what a mutated header starts from. */
export const headerSeeds: readonly Buffer[] = [
  ...[true, false].flatMap((littleEndian) =>
    [true, false].map((big) => buildTiff({ pages: [page(), page({ bits: 8 })], littleEndian, big })),
  ),
  ...[5, 8, 32773, 32946].map((compression) =>
    buildTiff({ pages: [page({ compression, predictor: compression !== 32773, rowsPerStrip: 3 })] }),
  ),
  buildTiff({ pages: [page({ channels: 3, planar: true })] }),
  buildTiff({ pages: [page({ width: 20, height: 20, tile: [16, 16], compression: 8 })] }),
  buildTiff({ pages: [page({ tags: [long(254, 0), ...described] })] }),
  buildTiff({ pages: [page({ tags: described, height: 21 })], big: true }),
  buildTiff({ pages: [page(), page({ tags: [long(254, 1)] }), page()] }),
  buildTiff({ pages: [page(), page()], loopTo: 0 }),
  buildTiff({ pages: [page({ bits: 8, channels: 3, compression: 7, tags: [short(262, 6)] })] }),
  buildPng({ width: 5, height: 4, samples: testSamples(20) }),
  buildPng({ width: 5, height: 4, samples: testSamples(60, 8), bits: 8, colour: 2 }),
  buildPng({
    width: 3,
    height: 3,
    samples: testSamples(9),
    before: [pngChunk("pHYs", Buffer.from([0, 0, 46, 35, 0, 0, 46, 35, 1])), pngChunk("tEXt", "Description\0a part")],
    after: [
      pngChunk("zTXt", Buffer.concat([Buffer.from("Description\0\0"), deflateSync(Buffer.from("a part"))])),
      pngChunk("iTXt", "Title\0\0\0ko\0\0검사"),
    ],
  }),
];
