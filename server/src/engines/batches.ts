import { setMaxListeners } from "node:events";
import type { Caller, EngineLoad, Params, Tile } from "./engine";

/** Tiles of one size, in one request. */
export interface Batch {
  readonly height: number;
  readonly width: number;
  /** Of `height`·`width` samples each. */
  readonly images: readonly Uint16Array[];
  /** One set for each image. */
  readonly params: readonly Params[];
}

/** What keeps an engine busy. */
export interface Load {
  /** Requests under way, whatever their size. */
  readonly leastRequests: number;
  /** Small tiles take more requests, up to so many and so many pixels. */
  readonly mostRequests: number;
  readonly pixelsInFlight: number;
  /** A request holds no more, or one tile. */
  readonly pixelsPerBatch: number;
}

/**
 * Two requests keep a GPU busy, one computing, one waiting. Beyond a megapixel it is filled, and a larger batch would only
 * make everybody wait for the slowest tile.
 */
export const gpuLoad: Load = {
  leastRequests: 2,
  mostRequests: 8,
  pixelsInFlight: 2 ** 22,
  pixelsPerBatch: 2 ** 20,
};

/** One tile after another. */
export const singleLoad: Load = { leastRequests: 1, mostRequests: 1, pixelsInFlight: 1, pixelsPerBatch: 1 };

export interface BatchesOptions extends Load {
  /** Tiles of one request at most, asked for each. */
  readonly maxTiles: () => number;
  /** Answers all tiles' samples, one after another; its signal says that nobody waits for any of them. */
  readonly send: (batch: Batch, signal: AbortSignal) => Promise<Uint16Array>;
  /** Milliseconds of a clock that never goes back. @default performance.now */
  readonly now?: () => number;
}

export interface Batches {
  denoise(tile: Tile, params: Params, signal?: AbortSignal, caller?: Caller): Promise<Uint16Array>;
  load(): EngineLoad;
  /** Whether urgent tiles came lately. */
  isServing(): boolean;
  /** Rejects what waits; what is under way goes on. */
  close(reason: Error): void;
}

interface Asked {
  readonly tile: Tile;
  readonly params: Params;
  readonly urgent: boolean;
  /** The place in line: pixels that the job had been given when the tile's turn came. */
  readonly start: number;
  readonly resolve: (samples: Uint16Array) => void;
  readonly reject: (reason: unknown) => void;
  /** What the rest has to do when nobody waits for this tile any more. */
  forget: () => void;
}

interface UnderWay {
  requests: number;
  pixels: number;
}

const nobody: Caller = { job: "", urgent: false };
/** So many times its own pixels may urgent tiles go before one that is not: of a saturated engine others keep a quarter. */
const urgentShare = 3;
const servingMilliseconds = 60_000;

const pixelsOf = (tiles: readonly Asked[]): number => tiles.reduce((sum, { tile }) => sum + tile.image.length, 0);

/**
 * Gathers tiles into requests and keeps as many requests under way as keep the engine busy.
 * Start-time fair queueing: each job is given as many pixels as any other, so that a small image need not wait for the rest of a
 * large one. Source: Goyal, Vin, Cheng, SIGCOMM 1996. Urgent tiles go first, and besides those that are under way; while such
 * tiles come, others go one request at a time, so that the next urgent one waits for no more than that.
 */
export const createBatches = (options: BatchesOptions): Batches => {
  const { leastRequests, mostRequests, pixelsInFlight, pixelsPerBatch, maxTiles, send } = options;
  const { now = () => performance.now() } = options;
  let waiting: Asked[] = [];
  const allUnderWay: UnderWay = { requests: 0, pixels: 0 };
  /** Others in their turn among them. */
  const urgentUnderWay: UnderWay = { requests: 0, pixels: 0 };
  /** Pixels of urgent tiles that were sent since another one was, while that waited. */
  let overtaken = 0;
  let lastUrgent = Number.NEGATIVE_INFINITY;
  let gathering = false;
  let clock = 0;
  const ends = new Map<string, number>();
  let sentTiles = 0;
  let sentBatches = 0;

  const isServing = (): boolean => now() - lastUrgent < servingMilliseconds;

  /** The first in line and those of its size that follow. */
  const batchOf = (tiles: readonly Asked[]): Asked[] => {
    if (tiles.length === 0) return [];
    const first = tiles.reduce((least, one) => (one.start < least.start ? one : least));
    const { height, width } = first.tile;
    const most = Math.max(1, Math.min(maxTiles(), Math.floor(pixelsPerBatch / (height * width))));
    return tiles
      .filter(({ tile }) => tile.height === height && tile.width === width)
      .sort((one, other) => one.start - other.start)
      .slice(0, most);
  };

  /** What goes next, and whether as urgent: others do when they have been overtaken enough. */
  const nextBatch = (): { readonly tiles: Asked[]; readonly asUrgent: boolean } => {
    const urgent = waiting.filter((one) => one.urgent);
    const others = batchOf(waiting.filter((one) => !one.urgent));
    if (urgent.length === 0) return { tiles: others, asUrgent: false };
    const isTheirTurn = others.length > 0 && overtaken >= urgentShare * pixelsOf(others);
    return { tiles: isTheirTurn ? others : batchOf(urgent), asUrgent: true };
  };

  const hasRoom = (pixels: number, asUrgent: boolean): boolean => {
    if (allUnderWay.requests >= mostRequests) return false;
    if (!asUrgent && isServing()) return allUnderWay.requests === 0;
    const counted = asUrgent ? urgentUnderWay : allUnderWay;
    return counted.requests < leastRequests || counted.pixels + pixels <= pixelsInFlight;
  };

  const start = async (tiles: readonly Asked[], asUrgent: boolean): Promise<void> => {
    const { height, width } = tiles[0].tile;
    const samples = height * width;
    const abandoned = new AbortController();
    let wanted = tiles.length;
    for (const tile of tiles) {
      tile.forget = () => {
        wanted -= 1;
        if (wanted === 0) abandoned.abort();
      };
    }
    const counted = asUrgent ? [allUnderWay, urgentUnderWay] : [allUnderWay];
    const count = (sign: 1 | -1): void => {
      for (const each of counted) {
        each.requests += sign;
        each.pixels += sign * samples * tiles.length;
      }
    };
    count(1);
    sentBatches += 1;
    sentTiles += tiles.length;
    const images = tiles.map(({ tile }) => tile.image);
    const params = tiles.map((one) => one.params);
    try {
      const denoised = await send({ height, width, images, params }, abandoned.signal);
      tiles.forEach(({ resolve }, index) => {
        resolve(denoised.subarray(index * samples, (index + 1) * samples));
      });
    } catch (error) {
      for (const { reject } of tiles) reject(error);
    } finally {
      count(-1);
    }
    // With others under way there is time to gather the tiles that these answers bring about.
    if (allUnderWay.requests < leastRequests) advance();
    else gather();
  };

  const advance = (): void => {
    while (waiting.length > 0) {
      const { tiles, asUrgent } = nextBatch();
      if (!hasRoom(pixelsOf(tiles), asUrgent)) return;
      waiting = waiting.filter((one) => !tiles.includes(one));
      overtaken = tiles[0].urgent && waiting.some((one) => !one.urgent) ? overtaken + pixelsOf(tiles) : 0;
      clock = Math.max(clock, tiles[0].start);
      for (const [job, end] of ends) if (end <= clock) ends.delete(job);
      void start(tiles, asUrgent);
    }
  };

  /** Tiles of one page come in one after another, so the requests are made up when all who can have asked. */
  const gather = (): void => {
    if (gathering) return;
    gathering = true;
    setImmediate(() => {
      gathering = false;
      advance();
    });
  };

  const denoise: Batches["denoise"] = (tile, params, signal, { job, urgent } = nobody) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const place = Math.max(clock, ends.get(job) ?? 0);
      ends.set(job, place + tile.image.length);
      const abort = (): void => {
        reject(signal?.reason);
        one.forget();
      };
      const settle =
        <T>(how: (value: T) => void) =>
        (value: T): void => {
          signal?.removeEventListener("abort", abort);
          how(value);
        };
      const one: Asked = {
        tile,
        params,
        urgent,
        start: place,
        resolve: settle(resolve),
        reject: settle(reject),
        forget: () => {
          waiting = waiting.filter((other) => other !== one);
        },
      };
      if (signal !== undefined) {
        // Node would warn of the eleventh tile that one signal stops.
        setMaxListeners(0, signal);
        signal.addEventListener("abort", abort, { once: true });
      }
      if (urgent) lastUrgent = now();
      waiting.push(one);
      gather();
    });

  return {
    denoise,
    load: () => ({ waitingTiles: waiting.length, sentTiles, sentBatches }),
    isServing,
    close: (reason) => {
      const left = waiting;
      waiting = [];
      for (const { reject } of left) reject(reason);
    },
  };
};
