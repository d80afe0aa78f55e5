import type { JobInput, JobOptions, JobReport, JobTimings, JobWarning } from "../../../contract/job";
import type { TileEngine } from "../engines/engine";
import { ImageError, type ImageHeader, type ImageLimits } from "../images/image";
import { jobReport, qualityWarnings } from "../pixels/qualityReport";
import { maxPutBytes } from "../store/limits";
import { memoryOfPages } from "./denoisePages";
import type { Imaging } from "./imaging";
import type { Slots } from "./slots";

export interface DenoiseFileArgs {
  readonly inputPath: string;
  readonly outputPath: string;
  readonly options: JobOptions;
  readonly limits: ImageLimits;
  /** Text of the result's Software tag. */
  readonly software: string;
  /** Whether somebody waits for the answer: then it takes its memory before others. */
  readonly urgent: boolean;
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

const mebibyte = 2 ** 20;

const lostTags = (header: ImageHeader): JobWarning[] => {
  const lost = [...new Set(header.pages.flatMap((page) => page.lost))];
  return lost.length === 0
    ? []
    : [{ code: "tags_lost", detail: `The result does not carry these tags of the input: ${lost.join(", ")}.` }];
};

/** @throws ImageError `image_too_many_pixels` for what would not fit even alone */
const checkFits = (header: ImageHeader, needed: number, memory: Slots): void => {
  if (needed <= memory.capacity) return;
  const { width, height } = header.pages.reduce((one, other) =>
    other.width * other.height * other.channels > one.width * one.height * one.channels ? other : one,
  );
  const [most, taken] = [Math.floor(memory.capacity / mebibyte), Math.ceil(needed / mebibyte)];
  throw new ImageError(
    "image_too_many_pixels",
    `Expected pages that take at most ${most} MiB of this server's memory but ${width}×${height} pixels take ${taken} MiB. Cut the image into parts, or give the server more memory.`,
  );
};

/**
 * Denoises a file; its pages take their share of `memory` first.
 * @throws ImageError for the image, EngineError for the engine, the signal's reason when aborted
 */
export const denoiseFile = async (
  args: DenoiseFileArgs,
  deps: { readonly imaging: Imaging; readonly engine: TileEngine; readonly memory: Slots },
): Promise<DenoisedFile> => {
  const { inputPath, outputPath, options, limits, software, urgent, signal, onProgress } = args;
  const { imaging, engine, memory } = deps;
  const start = performance.now();
  const header = await imaging.readImageHeader(inputPath, limits);
  const headerMs = performance.now() - start;
  const needed = memoryOfPages(header);
  checkFits(header, needed, memory);

  const total = header.pages.reduce((sum, page) => sum + imaging.countTiles(page, engine.model), 0);
  let done = 0;
  onProgress({ done, total });
  const onTile = (): void => {
    done += 1;
    onProgress({ done, total });
  };
  const release = await memory.enter({ urgent, signal, size: needed });
  try {
    const denoised = await imaging.denoisePages({
      inputPath,
      outputPath,
      header,
      options,
      software,
      engine,
      urgent,
      signal,
      onTile,
    });
    const { bytes, sha256, timings, noise, quality } = denoised;
    // A decompressed JPEG, say, can be larger than its source.
    if (bytes > maxPutBytes) {
      throw new ImageError(
        "image_too_large",
        `Expected a result of at most ${maxPutBytes} bytes but it has ${bytes}. Divide the pages among several files.`,
      );
    }
    const { width, height, channels, bits } = header.pages[0];
    return {
      bytes,
      sha256,
      container: header.container,
      input: { width, height, pages: header.pages.length, channels, bits },
      timings: { ...timings, decodeMs: timings.decodeMs + headerMs },
      warnings: [...lostTags(header), ...qualityWarnings(quality)],
      report: jobReport(noise, quality),
    };
  } finally {
    release();
  }
};
