import type { ProblemCode } from "../../../contract/problem";

export type Container = "tiff" | "bigtiff" | "png";

/** What can be known of a page before any of its pixels is decoded. */
export interface PageHeader {
  readonly width: number;
  readonly height: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: 1 | 3;
  /** Bits per sample. */
  readonly bits: 8 | 16;
  /** TIFF PhotometricInterpretation: 0 MinIsWhite, 1 MinIsBlack, 2 RGB, 6 YCbCr; PNG counts as 1 or 2. */
  readonly photometric: 0 | 1 | 2 | 6;
  /** Whether the samples were compressed in the source: then the result is Deflate with predictor 2, else plain. */
  readonly compressed: boolean;
  /** As stored: values and unit (TIFF: 1 none, 2 inch, 3 centimetre; PNG pHYs comes as 3 or 1). */
  readonly resolution?: { readonly x: number; readonly y: number; readonly unit: 1 | 2 | 3 };
  readonly description?: string;
  readonly dateTime?: string;
  readonly make?: string;
  readonly model?: string;
  /** Names of the tags (or PNG chunks) that the result will not carry. */
  readonly lost: readonly string[];
}

export interface ImageHeader {
  readonly container: Container;
  readonly littleEndian: boolean;
  readonly pages: readonly PageHeader[];
}

/** Bounds that are checked against the header, before any pixel is decoded. */
export interface ImageLimits {
  /** Pixels per page. */
  readonly maxPixels: number;
  readonly maxPages: number;
}

/** Samples of one page as stored, interleaved, height·width·channels; 8-bit samples as v·257. */
export type Samples = Uint16Array;

/** Something is wrong with the caller's image: final, never retried. */
export class ImageError extends Error {
  constructor(
    readonly code: Extract<
      ProblemCode,
      | "image_unsupported"
      | "image_corrupt"
      | "image_empty"
      | "image_too_many_pixels"
      | "image_too_many_pages"
      | "image_too_large"
    >,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "ImageError";
  }
}
