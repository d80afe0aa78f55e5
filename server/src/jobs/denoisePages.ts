import type { NoiseReport, PlaneQuality } from "../../../contract/job";
import type { ImageHeader, Samples } from "../images/image";
import { inOrder } from "../images/inOrder";
import type { ImageWriter, Provenance } from "../images/writer";
import type { DenoisedPage, DenoisePageArgs } from "../pixels/denoisePage";
import type { DenoisedPages, Imaging } from "./imaging";

/** The steps of a page; the tests bring their own. */
export interface PageSteps {
  decodePage(path: string, header: ImageHeader, page: number): Promise<Samples>;
  denoisePage(args: DenoisePageArgs): Promise<DenoisedPage>;
  createImageWriter(path: string, header: ImageHeader, provenance: Provenance): ImageWriter;
}

/** One is in the engine, one is made ready for it, one is written. */
const mostPagesAtOnce = 3;
/** Larger pages keep the engine busy long enough by themselves. */
const bytesAtOnce = 2 ** 28;
const bytesPerSample = 2;

const bytesOfLargestPage = (header: ImageHeader): number =>
  bytesPerSample * Math.max(...header.pages.map(({ width, height, channels }) => width * height * channels));

const pagesAtOnce = (header: ImageHeader): number =>
  Math.max(1, Math.min(mostPagesAtOnce, header.pages.length, Math.floor(bytesAtOnce / bytesOfLargestPage(header))));

/** What a file's pages take in memory: of each the samples and the result, and what libraries hold of one on the way. */
export const memoryOfPages = (header: ImageHeader): number =>
  bytesOfLargestPage(header) * (2 * pagesAtOnce(header) + 1);

/** Denoises a file page by page, a few at once, in no more memory than `memoryOfPages`. */
export const pagesDenoiser =
  ({ decodePage, denoisePage, createImageWriter }: PageSteps): Imaging["denoisePages"] =>
  async ({ inputPath, outputPath, header, options, software, engine, signal, onTile }) => {
    const timings = { decodeMs: 0, inferMs: 0, encodeMs: 0 };
    const failure = new AbortController();
    const stop = AbortSignal.any([signal, failure.signal]);
    const timed = async <T>(stage: keyof typeof timings, work: () => Promise<T>): Promise<T> => {
      stop.throwIfAborted();
      const start = performance.now();
      try {
        return await work();
      } catch (error) {
        // The other pages need not go on.
        failure.abort(error);
        throw error;
      } finally {
        timings[stage] += performance.now() - start;
      }
    };

    const noise: NoiseReport[] = [];
    const quality: PlaneQuality[] = [];
    const writer = createImageWriter(outputPath, header, { software });
    const denoise = async (index: number): Promise<DenoisedPage> => {
      const samples = await timed("decodeMs", () => decodePage(inputPath, header, index));
      const page = header.pages[index];
      return timed("inferMs", () => denoisePage({ samples, page, engine, options, signal: stop, onTile }));
    };
    const write = async (page: DenoisedPage, index: number): Promise<void> => {
      noise.push(...page.noise.map((found) => ({ page: index, ...found })));
      quality.push(...page.quality.map((found) => ({ page: index, ...found })));
      await timed("encodeMs", () => writer.writePage(page.samples));
    };
    try {
      await inOrder(header.pages.keys(), pagesAtOnce(header), denoise, write);
      const file = await timed("encodeMs", () => writer.finish());
      return { ...file, timings, noise, quality } satisfies DenoisedPages;
    } catch (error) {
      await writer.abort();
      throw stop.aborted ? stop.reason : error;
    }
  };
