import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { type Engine, EngineError, type Params, type Tile } from "./engines/engine";
import type { OnnxOptions } from "./engines/onnx";

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

/** A thread does not inherit what makes this process understand TypeScript, so it registers that itself. */
const startThread = (file: string, workerData: unknown): Worker => {
  const register = file.endsWith(".ts") ? [createRequire(__filename).resolve("tsx/cjs")] : [];
  const program = [...register, file].map((path) => `require(${JSON.stringify(path)});`).join("\n");
  return new Worker(program, { eval: true, workerData });
};

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

  /** The thread is given one tile after another, so that an aborted one that waits is never run. */
  let last: Promise<unknown> = Promise.resolve();

  const run = async (request: EngineRequest, signal: AbortSignal | undefined): Promise<Uint16Array> => {
    signal?.throwIfAborted();
    const answer = await next<EngineAnswer>(() => worker.postMessage(request));
    if ("failure" in answer) throw new EngineError(answer.failure.code, answer.failure.message);
    return answer.denoised;
  };

  return {
    name,
    model,
    concurrency,
    denoise: (tile, params, signal) => {
      const result = last.then(() => run({ tile, params }, signal));
      last = result.catch(() => undefined);
      if (signal === undefined) return result;
      return new Promise((resolve, reject) => {
        const abort = (): void => reject(signal.reason);
        if (signal.aborted) abort();
        signal.addEventListener("abort", abort, { once: true });
        result.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
      });
    },
    ready: async (signal) => {
      signal?.throwIfAborted();
      if (lost !== undefined) throw lost;
    },
    close: async () => {
      await last;
      await worker.terminate();
    },
  };
};
