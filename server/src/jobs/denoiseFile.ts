import type {
  JobInput,
  JobOptions,
  JobReport,
  JobTimings,
  JobWarning,
  NoiseReport,
  PlaneQuality,
} from "../../../contract/job";
import type { Engine } from "../engines/engine";
import type { ImageHeader, ImageLimits } from "../images/image";
import type { ImageWriter } from "../images/writer";
import { jobReport, qualityWarnings } from "../pixels/qualityReport";
import type { Imaging } from "./imaging";
import type { Slots } from "./slots";

export interface DenoiseFileArgs {
  readonly inputPath: string;
  readonly outputPath: string;
  readonly options: JobOptions;
  readonly limits: ImageLimits;
  /** Text of the result's Software tag. */
  readonly software: string;
  readonly signal: AbortSignal;
  /** Told the tiles over all pages once the header is read, then after each tile. */
  readonly onProgress: (progress: { readonly done: number; readonly total: number }) => void;
}

export interface DenoisedFile {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly container: ImageHeader["container"];
  /** Facts of the first page, and how many pages there are. */
  readonly input: Required<Pick<JobInput, "width" | "height" | "pages" | "channels" | "bits">>;
  readonly timings: Pick<JobTimings, "decodeMs" | "inferMs" | "encodeMs">;
  readonly warnings: readonly JobWarning[];
  readonly report: JobReport;
}

/** The samples as decoded, the result, and what libraries hold of one of them on the way. */
const copiesOfPage = 3;
const bytesPerSample = 2;

const lostTags = (header: ImageHeader): JobWarning[] => {
  const lost = [...new Set(header.pages.flatMap((page) => page.lost))];
  return lost.length === 0
    ? []
    : [{ code: "tags_lost", detail: `The result does not carry these tags of the input: ${lost.join(", ")}.` }];
};

/**
 * Denoises a file page by page: no more than one page of samples is held, and it takes its share of `memory` first.
 * @throws ImageError for the image, EngineError for the engine, the signal's reason when aborted
 */
export const denoiseFile = async (
  args: DenoiseFileArgs,
  deps: { readonly imaging: Imaging; readonly engine: Engine; readonly memory: Slots },
): Promise<DenoisedFile> => {
  const { inputPath, outputPath, options, limits, software, signal, onProgress } = args;
  const { imaging, engine, memory } = deps;
  const timings = { decodeMs: 0, inferMs: 0, encodeMs: 0 };
  const timed = async <T>(stage: keyof typeof timings, work: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    const start = performance.now();
    const result = await work();
    timings[stage] += performance.now() - start;
    return result;
  };

  const header = await timed("decodeMs", () => imaging.readImageHeader(inputPath, limits));
  const total = header.pages.reduce((sum, page) => sum + imaging.countTiles(page, engine.model), 0);
  let done = 0;
  onProgress({ done, total });

  const onTile = (): void => {
    done += 1;
    onProgress({ done, total });
  };
  const writePages = async (
    writer: ImageWriter,
    noise: NoiseReport[],
    quality: PlaneQuality[],
  ): Promise<Pick<DenoisedFile, "bytes" | "sha256">> => {
    for (const [index, page] of header.pages.entries()) {
      const samples = await timed("decodeMs", () => imaging.decodePage(inputPath, header, index));
      const denoised = await timed("inferMs", () =>
        imaging.denoisePage({ samples, page, engine, options, signal, onTile }),
      );
      noise.push(...denoised.noise.map((found) => ({ page: index, ...found })));
      quality.push(...denoised.quality.map((found) => ({ page: index, ...found })));
      await timed("encodeMs", () => writer.writePage(denoised.samples));
    }
    return timed("encodeMs", () => writer.finish());
  };

  const largest = Math.max(...header.pages.map((page) => page.width * page.height * page.channels));
  const release = await memory.enter(false, signal, largest * bytesPerSample * copiesOfPage);
  try {
    const writer = imaging.createImageWriter(outputPath, header, { software });
    const noise: NoiseReport[] = [];
    const quality: PlaneQuality[] = [];
    const file = await writePages(writer, noise, quality).catch(async (error: unknown) => {
      await writer.abort();
      throw error;
    });
    const { width, height, channels, bits } = header.pages[0];
    return {
      ...file,
      container: header.container,
      input: { width, height, pages: header.pages.length, channels, bits },
      timings,
      warnings: [...lostTags(header), ...qualityWarnings(quality)],
      report: jobReport(noise, quality),
    };
  } finally {
    release();
  }
};
