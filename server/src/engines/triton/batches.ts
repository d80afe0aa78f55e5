import { setMaxListeners } from "node:events";
import type { EngineLoad, Params, Tile } from "../engine";
import type { Batch } from "./batch";

/** Requests under way: two keep a GPU busy, one computing, one waiting; small tiles take more, up to so many pixels. */
export const leastRequests = 2;
export const mostRequests = 8;
export const pixelsInFlight = 2 ** 22;
/** Beyond a megapixel a GPU is filled, and a larger batch would only make everybody wait for the slowest tile. */
const pixelsPerBatch = 2 ** 20;

export interface Batches {
  denoise(tile: Tile, params: Params, signal: AbortSignal | undefined, job: string): Promise<Uint16Array>;
  load(): EngineLoad;
  /** Rejects what waits; what is under way goes on. */
  close(reason: Error): void;
}

interface Asked {
  readonly tile: Tile;
  readonly params: Params;
  /** The place in line: pixels that the job had been given when the tile's turn came. */
  readonly start: number;
  readonly resolve: (samples: Uint16Array) => void;
  readonly reject: (reason: unknown) => void;
  /** What the rest has to do when nobody waits for this tile any more. */
  forget: () => void;
}

/**
 * Gathers tiles into requests and keeps as many requests under way as keep a GPU busy.
 * Start-time fair queueing: each job is given as many pixels as any other, so that a small image need not wait for the rest of a
 * large one. Source: Goyal, Vin, Cheng, SIGCOMM 1996.
 * @param maxTiles tiles of one request at most, asked for each
 * @param send answers all tiles' samples, one after another; its signal says that nobody waits for any of them
 */
export const createBatches = (
  maxTiles: () => number,
  send: (batch: Batch, signal: AbortSignal) => Promise<Uint16Array>,
): Batches => {
  let waiting: Asked[] = [];
  let requests = 0;
  let pixels = 0;
  let gathering = false;
  let clock = 0;
  const ends = new Map<string, number>();
  let sentTiles = 0;
  let sentBatches = 0;

  /** The first in line and those of its size that follow. */
  const nextBatch = (): Asked[] => {
    const first = waiting.reduce((least, one) => (one.start < least.start ? one : least));
    const { height, width } = first.tile;
    const most = Math.max(1, Math.min(maxTiles(), Math.floor(pixelsPerBatch / (height * width))));
    return waiting
      .filter(({ tile }) => tile.height === height && tile.width === width)
      .sort((one, other) => one.start - other.start)
      .slice(0, most);
  };

  const start = async (tiles: readonly Asked[]): Promise<void> => {
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
    requests += 1;
    pixels += samples * tiles.length;
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
      requests -= 1;
      pixels -= samples * tiles.length;
    }
    // With others under way there is time to gather the tiles that these answers bring about.
    if (requests < leastRequests) advance();
    else gather();
  };

  const advance = (): void => {
    while (waiting.length > 0) {
      const tiles = nextBatch();
      const { height, width } = tiles[0].tile;
      const room = requests < mostRequests && pixels + height * width * tiles.length <= pixelsInFlight;
      if (!room && requests >= leastRequests) return;
      waiting = waiting.filter((one) => !tiles.includes(one));
      clock = Math.max(clock, tiles[0].start);
      for (const [job, end] of ends) if (end <= clock) ends.delete(job);
      void start(tiles);
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

  const denoise: Batches["denoise"] = (tile, params, signal, job) =>
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
      waiting.push(one);
      gather();
    });

  return {
    denoise,
    load: () => ({ waitingTiles: waiting.length, sentTiles, sentBatches }),
    close: (reason) => {
      const left = waiting;
      waiting = [];
      for (const { reject } of left) reject(reason);
    },
  };
};
