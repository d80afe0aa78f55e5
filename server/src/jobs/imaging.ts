import type { JobOptions, JobTimings, NoiseReport, PlaneQuality } from "../../../contract/job";
import type { Model, TileEngine } from "../engines/engine";
import type { ImageHeader, ImageLimits, PageHeader } from "../images/image";

export interface PagesArgs {
  readonly inputPath: string;
  readonly outputPath: string;
  readonly header: ImageHeader;
  readonly options: JobOptions;
  /** Text of the result's Software tag. */
  readonly software: string;
  /** Is given each tile's image for good. */
  readonly engine: TileEngine;
  /** Whether somebody waits for the answer. */
  readonly urgent: boolean;
  readonly signal: AbortSignal;
  /** Called once for each tile (`countTiles`) of each page. */
  readonly onTile: () => void;
}

export interface DenoisedPages {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
  /** Summed over the pages, several of which may be under way at a time. */
  readonly timings: Pick<JobTimings, "decodeMs" | "inferMs" | "encodeMs">;
  /** Page by page, channel by channel. */
  readonly noise: readonly NoiseReport[];
  readonly quality: readonly PlaneQuality[];
}

/** What a run needs of images and pixels; the tests bring their own. */
export interface Imaging {
  readImageHeader(path: string, limits: ImageLimits): Promise<ImageHeader>;
  countTiles(page: Pick<PageHeader, "width" | "height" | "channels">, model: Model): number;
  /**
   * @throws ImageError for the image, EngineError for the engine, the signal's reason when aborted; the result's file is gone
   * then. Error when the thread that worked on it was lost.
   */
  denoisePages(args: PagesArgs): Promise<DenoisedPages>;
}
