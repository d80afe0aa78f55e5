import type { ProblemCode } from "../../../contract/problem";

export type Container = "tiff" | "bigtiff" | "png";

/** Pixels per unit, as stored. */
export interface Resolution {
  readonly x: number;
  readonly y: number;
  readonly unit: 1 | 2 | 3;
  /** TIFF: the stored fractions, so that none is rounded on the way. */
  readonly fractions?: { readonly x: Fraction; readonly y: Fraction };
}

/** Numerator and denominator, 32-bit unsigned. */
export type Fraction = readonly [numerator: number, denominator: number];

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
  readonly resolution?: Resolution;
  readonly description?: string;
  readonly dateTime?: string;
  readonly make?: string;
  readonly model?: string;
  /** TIFF Orientation, 1–8, kept and never applied: samples stay in the order they are stored in. */
  readonly orientation?: number;
  /** How the texts above turn back into the very bytes that were read; Latin-1 where they are no UTF-8 (CP949, say). */
  readonly textEncoding?: "utf8" | "latin1";
  /** TIFF: where and how the samples are stored. */
  readonly layout?: TiffLayout;
  /** Names of the tags (or PNG chunks) that the result will not carry. */
  readonly lost: readonly string[];
}

/** Where the numbers of one TIFF tag lie in the file. */
export interface TiffTable {
  readonly type: number;
  readonly count: number;
  /** Byte offset in the file. */
  readonly at: number;
}

/** How a TIFF page is cut into blocks (strips or tiles), and where these lie. */
export interface TiffLayout {
  /** Place in the file's chain of directories, from 0. */
  readonly directory: number;
  /** TIFF Compression: 1 none, 5 LZW, 7 JPEG, 8 and 32946 Deflate, 32773 PackBits. */
  readonly compression: 1 | 5 | 7 | 8 | 32946 | 32773;
  /** Horizontal differencing: each sample is stored as its difference from the one to the left. */
  readonly differenced: boolean;
  /** One plane per channel instead of interleaved samples. */
  readonly planar: boolean;
  readonly tiled: boolean;
  /** Pixels; a strip is as wide as the page. */
  readonly blockWidth: number;
  readonly blockHeight: number;
  /** Offsets and byte counts of the blocks; or where a plain page of an ImageJ stack starts, bytes. */
  readonly blocks: { readonly offsets: TiffTable; readonly byteCounts: TiffTable } | { readonly start: number };
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
