import { EngineError, type Params } from "../server/src/engines/engine";
import { goldenSelfTest } from "../server/src/engines/golden";
import { psnr } from "../server/src/pixels/psnr";
import {
  expect,
  largestDifference,
  type ModelProperty,
  roundingSteps,
  runPage,
  sizeOf,
  steps,
} from "./modelCheckBench";
import { haloProperty } from "./modelCheckHalo";
import {
  constantPage,
  evenPage,
  extremesPage,
  halvedPage,
  negativePage,
  phantomPage,
  whiteAt,
} from "./modelCheckPages";

/** Half as many steps round twice as coarsely, before and after. */
const halvedRoundingSteps = 2;
const largestMeanShift = 0.005;
const announcedSigma = 0.01;

/** That two results differ by so many steps at most, and by how many they do. */
const expectApart = (differing: number, limit: number, what: string, remedy: string): { detail: string } => {
  expect(differing <= limit, what, `a difference of ${steps(differing)}`, remedy);
  return { detail: `at most ${steps(differing)} apart` };
};

const meanOf = (samples: Uint16Array): number => samples.reduce((sum, sample) => sum + sample, 0) / samples.length;

const golden: ModelProperty = {
  code: "golden",
  name: "it denoises the golden image, without which a server never becomes ready",
  measure: async (bench) => {
    await goldenSelfTest(bench.engine, bench.signal);
    const { tile, params, clean } = phantomPage(sizeOf(bench.engine));
    const denoised = await runPage(bench, { tile, params });
    return { detail: `${(psnr(clean, denoised) - psnr(clean, tile.image)).toFixed(1)} dB less noise` };
  },
};

const tileSizes: ModelProperty = {
  code: "tile_sizes",
  name: "it takes tiles of every height and width in tile_sizes",
  measure: async (bench) => {
    const { tileSizes: sizes } = bench.engine.model;
    const [smallest, largest] = [sizes[0], sizes[sizes.length - 1]];
    const shapes = [...sizes.map((size) => [size, size]), [smallest, largest], [largest, smallest]];
    for (const [height, width] of shapes) {
      const tile = { height, width, image: new Uint16Array(height * width).fill(32768) };
      await runPage(bench, { tile, params: phantomPage(8).params });
    }
    return { detail: sizes.join(", ") };
  },
};

const batch: ModelProperty = {
  code: "batch",
  name: "images of a batch do not touch each other, and each has its own params",
  measure: async (bench) => {
    const pages = [phantomPage, negativePage].map((page) => page(sizeOf(bench.engine)));
    const alone = [await runPage(bench, pages[0]), await runPage(bench, pages[1])];
    const together = await bench.session.run(
      pages.map(({ tile }) => tile),
      pages.map(({ params }) => params),
    );
    const differing = Math.max(...alone.map((one, index) => largestDifference(one, together[index])));
    return expectApart(
      differing,
      roundingSteps,
      "a batch of 2 to give what each image gives alone",
      "Row n of params belongs to image n: reshape params to [N,4,1,1] and let it broadcast; take no mean over the batch.",
    );
  },
};

const range: ModelProperty = {
  code: "range",
  name: "black stays black and white stays white, so nothing wraps round",
  measure: async (bench) => {
    const size = sizeOf(bench.engine);
    const denoised = await runPage(bench, extremesPage(size));
    const wrapped = denoised.findIndex((sample, index) => {
      const white = whiteAt(index % size, size);
      return white !== undefined && white !== sample >= 32768;
    });
    expect(
      wrapped === -1,
      `samples near ${whiteAt(wrapped % size, size) ? 65535 : 0} to stay there`,
      `${denoised[wrapped]}`,
      "Round, then clip to 0–65535, before the cast to UINT16.",
    );
    return {};
  },
};

const deterministic: ModelProperty = {
  code: "deterministic",
  name: "the same tile gives the same pixels again",
  measure: async (bench) => {
    const page = phantomPage(sizeOf(bench.engine));
    const differing = largestDifference(await runPage(bench, page), await runPage(bench, page));
    expectApart(
      differing,
      0,
      "the same pixels from two runs",
      "Leave random operators (dropout, sampling) out of the exported graph.",
    );
    return {};
  },
};

const constant: ModelProperty = {
  code: "constant",
  name: "a constant image stays constant to within the noise announced, up to its edges",
  measure: async (bench) => {
    const size = sizeOf(bench.engine);
    const sigmaSteps = Math.round(announcedSigma * 65535);
    let worst = 0;
    for (const value of [0, 1000, 4000, 32768, 65535]) {
      const page = constantPage(size, value, announcedSigma);
      const denoised = await runPage(bench, page);
      const off = largestDifference(denoised, page.tile.image);
      const at = denoised.findIndex((sample) => Math.abs(sample - value) === off);
      const [x, y] = [at % size, Math.floor(at / size)];
      expect(
        off <= sigmaSteps,
        `${value} everywhere to stay within ${sigmaSteps} steps`,
        `${steps(off)} off at column ${x}, row ${y} of ${size}`,
        "Off at the edge only: pad by mirroring or repeating, not with zeros. Off everywhere: limit the residual to a few σ.",
      );
      worst = Math.max(worst, off);
    }
    return { detail: `at most ${steps(worst)} off where σ is ${sigmaSteps} steps` };
  },
};

const affine: ModelProperty = {
  code: "offset_scale",
  name: "the image in half as many steps, and shifted, gives the same picture, since offset and scale say so",
  measure: async (bench) => {
    const shift = 9000;
    const page = evenPage(sizeOf(bench.engine));
    const full = await runPage(bench, page);
    const halved = await runPage(bench, halvedPage(page, shift));
    const differing = largestDifference(
      full,
      Float64Array.from(halved, (sample) => 2 * (sample - shift)),
    );
    return expectApart(
      differing,
      halvedRoundingSteps,
      `the same picture to ${steps(halvedRoundingSteps)}`,
      "Compute on x = (image − offset) · scale alone, and divide what is subtracted from image by scale.",
    );
  },
};

const variance: ModelProperty = {
  code: "variance",
  name: "a variance a·x + b of 0 or below, as over a pedestal, does no harm",
  measure: async (bench) => {
    const { tile, params } = phantomPage(sizeOf(bench.engine));
    for (const [a, b] of [
      [0, 0],
      [0, -1e-4],
      [1e-3, -3e-4],
    ]) {
      const shift = meanOf(await runPage(bench, { tile, params: { ...params, a, b } })) / meanOf(tile.image) - 1;
      expect(
        Math.abs(shift) <= largestMeanShift,
        `the mean to stay within ${100 * largestMeanShift} % for a = ${a} and b = ${b}`,
        `a shift of ${(100 * shift).toFixed(2)} %`,
        "Limit the variance from below before its square root, e.g. max(a·x + b, 1e-12).",
      );
    }
    return {};
  },
};

const guarded: ModelProperty = {
  code: "params",
  name: "parameters that are not finite, and a scale of 0, are refused before they reach it",
  measure: async ({ engine, signal }) => {
    const { tile, params } = phantomPage(sizeOf(engine));
    const wrong: Partial<Params>[] = [{ offset: Number.NaN }, { scale: 0 }, { a: Number.NaN }, { b: Infinity }];
    for (const change of wrong) {
      const refused = await engine.denoise(tile, { ...params, ...change }, signal).then(
        () => false,
        (error: unknown) => error instanceof EngineError,
      );
      expect(refused, `a refusal of ${Object.entries(change).join()}`, "pixels", "This is a fault of the server.");
    }
    return {};
  },
};

const noise: ModelProperty = {
  code: "noise",
  name: "what it takes away follows the noise announced",
  measure: async (bench) => {
    const page = phantomPage(sizeOf(bench.engine));
    const { params } = page;
    const more = await runPage(bench, { ...page, params: { ...params, b: 4 * params.b } });
    const differing = largestDifference(await runPage(bench, page), more);
    return differing > roundingSteps
      ? { detail: `up to ${steps(differing)} between σ and 2σ` }
      : {
          isNote: true,
          detail: "It does not: the estimate and the option `sigma` change nothing, as for a blind model.",
        };
  },
};

const speed: ModelProperty = {
  code: "speed",
  name: "speed",
  measure: async (bench) => {
    const size = bench.engine.model.tileSizes.findLast((each) => each <= 1024) ?? sizeOf(bench.engine);
    const page = phantomPage(size);
    await runPage(bench, page);
    const start = process.cpuUsage();
    let seconds = 0;
    let pixels = 0;
    while (seconds < 0.25) {
      await runPage(bench, page);
      pixels += size * size;
      const { user, system } = process.cpuUsage(start);
      seconds = (user + system) / 1e6;
    }
    return {
      detail: `${(pixels / seconds / 1e6).toFixed(2)} Mpixel per second of one core, in tiles of ${size}`,
      isNote: true,
    };
  },
};

/** In the order in which a model most often fails. */
export const modelProperties: readonly ModelProperty[] = [
  golden,
  tileSizes,
  batch,
  deterministic,
  range,
  constant,
  affine,
  variance,
  guarded,
  haloProperty,
  noise,
  speed,
];
