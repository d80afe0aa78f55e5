/** What the model file says of itself (its ONNX metadata) plus its hash. */
export interface Model {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the model file, hexadecimal. */
  readonly sha256: string;
  /** Legal heights and widths of a tile, pixels, ascending; each a multiple of 64. */
  readonly tileSizes: readonly number[];
  /** Pixels of context a tile needs towards a neighbouring tile; a multiple of 8. */
  readonly halo: number;
  /** SHA-256 of the denoised golden image, hexadecimal, where the model promises exact pixels. */
  readonly goldenSha256?: string;
}

/** One tile: `height`·`width` samples, row by row, 16 bit (8-bit images travel as v·257). */
export interface Tile {
  readonly height: number;
  readonly width: number;
  readonly image: Uint16Array;
}

/** How a page's samples map to the model's unit: x = (v − offset)·scale, and the variance of x's noise is a·x + b. */
export interface Params {
  /** 16-bit steps. */
  readonly offset: number;
  /** Per 16-bit step; > 0. */
  readonly scale: number;
  readonly a: number;
  readonly b: number;
}

/** Turns tiles into denoised tiles: in process (`onnx`) or over the network (`triton`). */
export interface Engine {
  /** `onnx` or `triton`, as it stands in job records. */
  readonly name: string;
  readonly model: Model;
  /** How many `denoise` calls keep it busy; more only wait. */
  readonly concurrency: number;
  /**
   * Denoises one tile with one page's parameters.
   * @returns as many samples as the tile has
   * @throws EngineError `engine_unavailable` or `engine_timeout`; the signal's reason when aborted
   */
  denoise(tile: Tile, params: Params, signal?: AbortSignal): Promise<Uint16Array>;
  /** Whether the model itself would answer now; rejects with EngineError when not. */
  ready(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** The engine's failure, in the platform's words; nothing of the engine's own text reaches a user unchecked. */
export class EngineError extends Error {
  constructor(
    readonly code: "engine_unavailable" | "engine_timeout",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "EngineError";
  }
}
