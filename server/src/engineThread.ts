import { extname, join } from "node:path";
import { createBatches, singleLoad } from "./engines/batches";
import { type Engine, EngineError, type Params, type Tile } from "./engines/engine";
import type { OnnxOptions } from "./engines/onnx";
import { checkRequest } from "./engines/request";
import { startThread } from "./thread";

export interface EngineRequest {
  readonly tile: Tile;
  readonly params: Params;
}

interface Failure {
  readonly code: EngineError["code"];
  readonly message: string;
}

/** What the thread says first: what it loaded, or why it could not. */
export type EngineGreeting =
  | { readonly engine: Pick<Engine, "name" | "model" | "concurrency"> }
  | { readonly failure: Failure };

export type EngineAnswer = { readonly denoised: Uint16Array } | { readonly failure: Failure };

/**
 * The `onnx` engine in a thread of its own: onnxruntime-node computes on the thread that calls it, for seconds per tile
 * (`run` in its dist/backend.js), and heartbeats, health and requests must go on meanwhile.
 * An abort takes effect at once; a run under way is completed and its result dropped.
 * @throws EngineError `engine_unavailable` when the model cannot be loaded
 */
export const createEngineThread = async (options: OnnxOptions): Promise<Engine> => {
  const worker = startThread(join(__dirname, `engineThreadMain${extname(__filename)}`), options);
  let lost: EngineError | undefined;
  let settle: { resolve(answer: unknown): void; reject(error: unknown): void } | undefined;
  const lose = (cause?: unknown): void => {
    lost ??= new EngineError("engine_unavailable", "The ONNX engine's thread has ended.", { cause });
    settle?.reject(lost);
  };
  worker.on("message", (answer) => settle?.resolve(answer));
  worker.on("error", lose);
  worker.on("exit", () => lose());

  const next = <T>(send: () => void): Promise<T> =>
    new Promise<unknown>((resolve, reject) => {
      if (lost !== undefined) return reject(lost);
      settle = { resolve, reject };
      send();
    }) as Promise<T>;

  const greeting = await next<EngineGreeting>(() => {});
  if ("failure" in greeting) {
    await worker.terminate();
    throw new EngineError(greeting.failure.code, greeting.failure.message);
  }
  const { name, model, concurrency } = greeting.engine;

  /** Under way, if any. */
  let running: Promise<unknown> = Promise.resolve();
  const run = async (request: EngineRequest): Promise<Uint16Array> => {
    const answer = await next<EngineAnswer>(() => worker.postMessage(request));
    if ("failure" in answer) throw new EngineError(answer.failure.code, answer.failure.message);
    return answer.denoised;
  };
  // The thread is given one tile after another, so that an aborted one that waits is never run.
  const batches = createBatches({
    ...singleLoad,
    maxTiles: () => 1,
    send: ({ height, width, images: [image], params: [params] }) => {
      const result = run({ tile: { height, width, image }, params });
      running = result.catch(() => undefined);
      return result;
    },
  });

  return {
    name,
    model,
    concurrency,
    denoise: async (tile, params, signal, caller) => {
      checkRequest(model, tile, params);
      return batches.denoise(tile, params, signal, caller);
    },
    isServing: batches.isServing,
    ready: async (signal) => {
      signal?.throwIfAborted();
      if (lost !== undefined) throw lost;
    },
    close: async () => {
      lost ??= new EngineError("engine_unavailable", "The ONNX engine is closed.");
      batches.close(lost);
      await running;
      await worker.terminate();
    },
  };
};
