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

/** What a remote engine has to do, for the metrics. */
export interface EngineLoad {
  /** Tiles that wait to be sent. */
  readonly waitingTiles: number;
  /** Tiles and requests sent since the start; their ratio is the size of a batch. */
  readonly sentTiles: number;
  readonly sentBatches: number;
}

/** For whom a tile is denoised. */
export interface Caller {
  /** Jobs share the engine evenly, however many tiles each of them asks for. */
  readonly job: string;
  /** Whether somebody waits for the answer: then its tiles go before others'. */
  readonly urgent: boolean;
}

/** Turns tiles into denoised tiles: in process (`onnx`) or over the network (`triton`). */
export interface Engine {
  /** `onnx` or `triton`, as it stands in job records. */
  readonly name: string;
  readonly model: Model;
  /** How many `denoise` calls keep it busy; more only wait. */
  readonly concurrency: number;
  /** How many pixels of tiles keep it busy: of large tiles fewer than `concurrency`. Absent where tiles are all that counts. */
  readonly pixelsInFlight?: number;
  /**
   * Denoises one tile with one page's parameters.
   * @returns as many samples as the tile has
   * @throws EngineError; the signal's reason when aborted
   */
  denoise(tile: Tile, params: Params, signal?: AbortSignal, caller?: Caller): Promise<Uint16Array>;
  /** Whether the model itself would answer now; rejects with EngineError when not. */
  ready(signal?: AbortSignal): Promise<void>;
  /** How many connections were lost: what answers afterwards may be another process with another model. */
  lostConnections?(): number;
  load?(): EngineLoad;
  /** Whether urgent tiles came lately: a long one of somebody else would keep the next waiting. */
  isServing?(): boolean;
  close(): Promise<void>;
}

/** What denoising a page needs of an engine. */
export type TileEngine = Pick<Engine, "model" | "concurrency" | "pixelsInFlight" | "denoise">;

/** The engine's failure, in the platform's words; nothing of the engine's own text reaches a user unchecked. */
export class EngineError extends Error {
  constructor(
    readonly code: "engine_unavailable" | "engine_timeout" | "overloaded",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "EngineError";
  }
}
