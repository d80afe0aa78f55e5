import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { casting, circuitBoard, weld } from "../local/demo/phantoms";
import { seededRandom } from "../local/demo/random";
import { createOnnxEngine } from "../server/src/engines/onnx";
import { decodePage } from "../server/src/images/decode";
import { readImageHeader } from "../server/src/images/header";
import { denoisePage } from "../server/src/pixels/denoisePage";
import { estimateNoise, type Noise } from "../server/src/pixels/noise";

/** A grey image without noise, values 0 to 1. */
interface CleanImage {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly values: Float64Array;
}

interface Setting {
  readonly name: string;
  /** Variance a·x + b over values of 0 to 1. */
  readonly a: number;
  readonly b: number;
}

// Values 0 to 1 lie in the middle third of 16 bits, so that the noise is not clipped.
const offset = 21845;
const span = 21675;

const settings: readonly Setting[] = [
  ...[1, 2, 5, 10, 15, 25, 50].map((sigma) => ({ name: `σ ${sigma}`, a: 0, b: (sigma / 255) ** 2 })),
  { name: "2e-2, 4e-4", a: 2e-2, b: 4e-4 },
  { name: "5e-3, 1e-4", a: 5e-3, b: 1e-4 },
  { name: "1e-3, 2e-5", a: 1e-3, b: 2e-5 },
];

const readFolder = async (folder: string): Promise<CleanImage[]> => {
  const images: CleanImage[] = [];
  for (const name of readdirSync(folder).sort()) {
    if (!/\.(png|tiff?)$/i.test(name)) continue;
    const path = join(folder, name);
    const header = await readImageHeader(path, { maxPixels: 2 ** 28, maxPages: 1 });
    const [{ width, height, channels }] = header.pages;
    if (channels !== 1) throw new Error(`Expected a grey image but ${path} has ${channels} channels.`);
    const samples = await decodePage(path, header, 0);
    images.push({ name, width, height, values: Float64Array.from(samples, (value) => value / 65535) });
  }
  return images;
};

const phantoms = (): CleanImage[] =>
  [
    { name: "weld", phantom: weld(512, 512, 101) },
    { name: "casting", phantom: casting(512, 512, 102, 15) },
    { name: "circuit board", phantom: circuitBoard(512, 512, 103) },
  ].map(({ name, phantom: { width, height, clean } }) => ({
    name,
    width,
    height,
    values: Float64Array.from(clean, (value) => value / 65535),
  }));

/** Noise over values of 0 to 1 as noise over full scale. */
const overFullScale = ({ a, b }: Setting): Noise => {
  const [shift, stretch] = [offset / 65535, span / 65535];
  return { a: stretch * a, b: stretch ** 2 * b - stretch * a * shift };
};

const spoiled = ({ values }: CleanImage, { a, b }: Setting, seed: number): Uint16Array => {
  const random = seededRandom(seed);
  return Uint16Array.from(values, (value) =>
    Math.min(65535, Math.max(0, Math.round(offset + span * (value + Math.sqrt(a * value + b) * random.normal())))),
  );
};

/** PSNR in dB, values 0 to 1. */
const psnrOf = ({ values }: CleanImage, samples: Uint16Array): number => {
  const squares = values.reduce((sum, value, index) => sum + ((samples[index] - offset) / span - value) ** 2, 0);
  return -10 * Math.log10(squares / values.length);
};

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;

const main = async (): Promise<void> => {
  const { values: flags, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      model: { type: "string", default: join(__dirname, "../server/triton/models/ddn/1/model.onnx") },
      images: { type: "boolean", default: false },
    },
  });
  const engine = await createOnnxEngine({ modelPath: flags.model, threads: 1 });
  const sets = [{ name: "phantoms", images: phantoms() }];
  for (const folder of positionals) sets.unshift({ name: folder, images: await readFolder(folder) });
  for (const { name, images } of sets) {
    console.log(`\n${name}: mean PSNR in dB over ${images.length} images\n`);
    console.log("| noise | noisy | noise known | estimated | difference | worst image | its difference |");
    console.log("|---|---|---|---|---|---|---|");
    for (const setting of settings) {
      const known = overFullScale(setting);
      const rows: { readonly name: string; readonly noisy: number; readonly oracle: number; readonly blind: number }[] =
        [];
      for (const [index, image] of images.entries()) {
        const { width, height } = image;
        const samples = spoiled(image, setting, 1000 + index);
        const run = async (estimate: typeof estimateNoise): Promise<number> => {
          const page = { width, height, channels: 1 as const };
          const denoised = await denoisePage({ samples, page, engine, options: { strength: 1 }, estimate });
          return psnrOf(image, denoised.samples);
        };
        const oracle = await run((plane) => ({ ...estimateNoise(plane), noise: known }));
        rows.push({ name: image.name, noisy: psnrOf(image, samples), oracle, blind: await run(estimateNoise) });
      }
      const lines = flags.images ? rows : [];
      const worst = rows.reduce((one, other) => (other.blind - other.oracle < one.blind - one.oracle ? other : one));
      const [noisy, oracle, blind] = (["noisy", "oracle", "blind"] as const).map((key) =>
        mean(rows.map((row) => row[key])),
      );
      const cells = [setting.name, ...[noisy, oracle, blind].map((value) => value.toFixed(2))];
      cells.push((blind - oracle).toFixed(3), worst.name, (worst.blind - worst.oracle).toFixed(3));
      console.log(`| ${cells.join(" | ")} |`);
      for (const line of lines) {
        const each = [line.noisy, line.oracle, line.blind].map((value) => value.toFixed(2));
        console.log(`| ${line.name} | ${each.join(" | ")} | ${(line.blind - line.oracle).toFixed(3)} | | |`);
      }
    }
  }
  await engine.close();
};

void main();
