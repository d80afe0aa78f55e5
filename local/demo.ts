import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { type Client, createClient } from "../client/client";
import type { Job } from "../contract/job";
import { decodePage } from "../server/src/images/decode";
import { readImageHeader } from "../server/src/images/header";
import { psnr } from "../server/src/pixels/psnr";
import { comparison } from "./demo/comparison";
import { type DemoImage, demoImages, writeDemoImage } from "./demo/images";
import { startTwin } from "./twin";

/**
 * `npm run demo`: starts the twin on free ports, sends the demo images through presign → PUT → inference → GET, and says
 * what happened. Exits with 1 when anything is off: a wrong shape, a lost bit, an image that did not get better.
 */

const results = resolve("demo-results");
const limits = { maxPixels: 2 ** 28, maxPages: 1000 };

interface Outcome {
  readonly before: number;
  readonly after: number;
}

const readPages = async (path: string): Promise<{ samples: Uint16Array; shape: string }[]> => {
  const header = await readImageHeader(path, limits);
  const pages = [];
  for (const [index, page] of header.pages.entries()) {
    const samples = await decodePage(path, header, index);
    pages.push({ samples, shape: `${page.width}×${page.height}×${page.channels}, ${page.bits} bit` });
  }
  return pages;
};

/** The file as any client of the cloud would send it and get it back. */
const denoise = async (client: Client, image: DemoImage, source: string, target: string): Promise<Job> => {
  const body = await readFile(source);
  await client.upload(image.name, new Uint8Array(body), { size: body.length });
  const started = await client.infer({ file: image.name });
  const job = await client.waitForJob(started.id);
  if (job.status !== "succeeded")
    throw new Error(`${image.name}: ${job.status}: ${job.error?.detail ?? "no reason given"}`);
  const answer = await client.download({ job: job.id });
  await writeFile(target, new Uint8Array(await answer.arrayBuffer()));
  return job;
};

const compare = async (image: DemoImage, target: string): Promise<Outcome> => {
  const pages = await readPages(target);
  if (pages.length !== image.pages.length) {
    throw new Error(`${image.name}: expected ${image.pages.length} pages in the result but found ${pages.length}`);
  }
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  for (const [index, { width, height }] of image.pages.entries()) {
    const shape = `${width}×${height}×1, 16 bit`;
    if (pages[index].shape !== shape)
      throw new Error(`${image.name}: expected ${shape} but found ${pages[index].shape}`);
  }
  const before = mean(image.pages.map(({ clean, noisy }) => psnr(clean, noisy)));
  const after = mean(image.pages.map(({ clean }, index) => psnr(clean, pages[index].samples)));
  if (!(after > before))
    throw new Error(
      `${image.name}: the result (${after.toFixed(2)} dB) is no better than the input (${before.toFixed(2)} dB)`,
    );
  return { before, after };
};

const report = (image: DemoImage, job: Job, { before, after }: Outcome): string => {
  const [{ width, height }] = image.pages;
  const noise = (job.report?.noise ?? []).map(({ sigmaLsb }) => sigmaLsb.toFixed(0)).join(", ");
  const t = job.timings;
  return [
    image.name,
    `  ${width}×${height}, ${job.input.pages} page${job.input.pages === 1 ? "" : "s"}, ${job.input.bits} bit, ${image.what}`,
    `  noise found   σ ${noise} LSB`,
    `  PSNR          ${before.toFixed(2)} → ${after.toFixed(2)} dB (+${(after - before).toFixed(2)})`,
    `  milliseconds  queue ${t?.queueMs}, read ${t?.readMs}, decode ${t?.decodeMs}, infer ${t?.inferMs}, encode ${t?.encodeMs}, write ${t?.writeMs}, total ${t?.totalMs}`,
  ].join("\n");
};

const main = async (): Promise<void> => {
  const started = Date.now();
  const folders = ["noisy", "clean", "denoised", "compared"].map((kind) => join(results, kind));
  await rm(results, { recursive: true, force: true });
  for (const folder of folders) await mkdir(folder, { recursive: true });
  const [noisy, clean, denoised, compared] = folders;

  console.log("Making the demo images …");
  const images = demoImages();
  for (const image of images) {
    await writeDemoImage(join(noisy, image.name), image, "noisy");
    await writeDemoImage(join(clean, image.name), image, "clean");
  }

  console.log("Starting the twin: S3, SQS, the server and the gateway on this machine …");
  const directory = await mkdtemp(join(tmpdir(), "ddn-demo-"));
  const twin = await startTwin({ port: 0, directory });
  try {
    console.log(`The platform answers at ${twin.url}. Denoising ${images.length} images …\n`);
    const client = createClient({ baseUrl: twin.url });
    for (const image of images) {
      const target = join(denoised, image.name);
      const job = await denoise(client, image, join(noisy, image.name), target);
      console.log(`${report(image, job, await compare(image, target))}\n`);
      const [page] = await readPages(target);
      await comparison(join(compared, image.name.replace(/\.\w+$/, ".png")), image.pages[0], page.samples);
    }
    const usage = await twin.usage();
    console.log("Peak memory of each process (resident set):");
    for (const [name, bytes] of Object.entries(usage))
      console.log(`  ${name.padEnd(8)} ${(bytes / 2 ** 20).toFixed(0).padStart(5)} MiB`);
  } finally {
    await twin.close();
    await rm(directory, { recursive: true, force: true });
  }
  const here = (folder: string): string => relative(process.cwd(), folder) || ".";
  console.log(`\nNoisy, clean and denoised images: ${folders.slice(0, 3).map(here).join(", ")}`);
  console.log(`Noisy, denoised, clean and what was removed side by side, as a screen shows them: ${here(compared)}`);
  console.log(`Done in ${((Date.now() - started) / 1000).toFixed(1)} s.`);
};

main().catch((error: unknown) => {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
