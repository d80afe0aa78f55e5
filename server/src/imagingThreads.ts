import { extname, join } from "node:path";
import type { Worker } from "node:worker_threads";
import type { Params, Tile, TileEngine } from "./engines/engine";
import { ImageError } from "./images/image";
import type { DenoisedPages, Imaging, PagesArgs } from "./jobs/imaging";
import { startThread } from "./thread";

/** A file's run, as it can be told to another thread. */
export type RunOrder = Omit<PagesArgs, "engine" | "signal" | "onTile"> & {
  readonly engine: Omit<TileEngine, "denoise">;
};

export interface Failure {
  /** Of an ImageError; absent when the image is not to blame. */
  readonly code?: ImageError["code"];
  readonly message: string;
}

/** What a thread is told of one of its runs. */
export type Told = { readonly run: number } & (
  | { readonly begin: RunOrder }
  | { readonly stop: true }
  | { readonly tile: number; readonly denoised: Uint16Array }
  | { readonly tile: number; readonly failure: Failure }
);

/** What it says: a tile for the engine, one that is done with, how the run ended. */
export type Said = { readonly run: number } & (
  | { readonly tile: number; readonly image: Tile; readonly params: Params }
  | { readonly tileDone: true }
  | { readonly ended: DenoisedPages }
  | { readonly failure: Failure }
);

export const failureOf = (error: unknown): Failure => {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof ImageError ? { code: error.code, message } : { message };
};

const errorOf = ({ code, message }: Failure): Error =>
  code === undefined ? new Error(message) : new ImageError(code, message);

interface Thread {
  readonly worker: Worker;
  readonly runs: Map<number, { hear(said: Said): void; lose(cause: unknown): void }>;
}

export interface ImagingThreads {
  readonly denoisePages: Imaging["denoisePages"];
  close(): Promise<void>;
}

export interface ImagingThreadsOptions {
  /** Of each thread. */
  readonly program?: string;
  /** Until a thread that does not heed a stop is ended, with all its runs. @default 30 000 */
  readonly stopMilliseconds?: number;
}

/**
 * Decoding, estimating, cutting, pasting, judging and encoding in threads of their own, since heartbeats, health and
 * requests must go on meanwhile. The engine stays here: tiles are handed over, not copied. A thread that ends
 * fails its runs, each of which can be tried again; the next run finds another in its place. Who waits for an answer is served
 * by other threads than who does not: a large image keeps one busy for a tenth of a second at a time.
 * @param count of threads of each kind; each has several runs under way while others wait for the engine
 */
export const createImagingThreads = (
  count: number,
  {
    program = join(__dirname, `imagingThreadMain${extname(__filename)}`),
    stopMilliseconds = 30_000,
  }: ImagingThreadsOptions = {},
): ImagingThreads => {
  const threads: Record<"urgent" | "patient", Thread[]> = { urgent: [], patient: [] };
  let lastRun = 0;

  const start = (kind: keyof typeof threads): Thread => {
    const worker = startThread(program, kind);
    const thread: Thread = { worker, runs: new Map() };
    const lose = (cause?: unknown): void => {
      threads[kind] = threads[kind].filter((one) => one !== thread);
      for (const run of thread.runs.values()) run.lose(cause);
    };
    worker.on("message", (said: Said) => thread.runs.get(said.run)?.hear(said));
    worker.on("error", lose);
    worker.on("exit", () => lose());
    worker.unref();
    return thread;
  };
  /** As many as there should be: those that ended are followed by others. */
  const threadsOf = (kind: keyof typeof threads): readonly Thread[] => {
    while (threads[kind].length < count) threads[kind].push(start(kind));
    return threads[kind];
  };
  threadsOf("urgent");
  threadsOf("patient");

  const denoisePages: Imaging["denoisePages"] = ({ engine, signal, onTile, ...order }) =>
    new Promise<DenoisedPages>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const { worker, runs } = threadsOf(order.urgent ? "urgent" : "patient").reduce((one, other) =>
        other.runs.size < one.runs.size ? other : one,
      );
      lastRun += 1;
      const run = lastRun;
      const failed = new AbortController();
      const stopped = AbortSignal.any([signal, failed.signal]);
      const tell = (told: Told, transfer: readonly ArrayBuffer[] = []): void => worker.postMessage(told, transfer);
      const stop = (): void => {
        tell({ run, stop: true });
        setTimeout(() => {
          if (runs.has(run)) void worker.terminate();
        }, stopMilliseconds).unref();
      };

      const denoise = async (tile: number, image: Tile, params: Params): Promise<void> => {
        try {
          stopped.throwIfAborted();
          const denoised = await engine.denoise(image, params, stopped);
          // A part of an answer for several tiles would take the others' samples with it.
          const owned = denoised.byteLength === denoised.buffer.byteLength ? denoised : denoised.slice();
          tell({ run, tile, denoised: owned }, [owned.buffer as ArrayBuffer]);
        } catch (error) {
          failed.abort(error);
          tell({ run, tile, failure: failureOf(error) });
        }
      };
      const end = (settle: () => void): void => {
        runs.delete(run);
        signal.removeEventListener("abort", stop);
        settle();
      };
      runs.set(run, {
        hear: (said) => {
          if ("image" in said) void denoise(said.tile, said.image, said.params);
          else if ("tileDone" in said) onTile();
          else if ("ended" in said) end(() => resolve(said.ended));
          else end(() => reject(stopped.aborted ? stopped.reason : errorOf(said.failure)));
        },
        lose: (cause) => {
          // Nobody is there to take the tiles that the engine still has.
          failed.abort(new Error("The thread that worked on the image has ended.", { cause }));
          end(() => reject(stopped.reason));
        },
      });
      signal.addEventListener("abort", stop, { once: true });
      const { model, concurrency, pixelsInFlight } = engine;
      tell({ run, begin: { ...order, engine: { model, concurrency, pixelsInFlight } } });
    });

  return {
    denoisePages,
    close: async () => {
      await Promise.all(Object.values(threads).flatMap((those) => those.map(({ worker }) => worker.terminate())));
    },
  };
};
