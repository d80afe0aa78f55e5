import { availableParallelism } from "node:os";
import { type Engine, EngineError } from "./engine";
import { readModel } from "./metadata";
import { loadOnnxSession } from "./onnxSession";
import { checkRequest } from "./request";

export interface OnnxOptions {
  /** The ONNX file of the contract. */
  readonly modelPath: string;
  /** Threads within one run. @default the cores this process may use */
  readonly threads?: number;
}

const unavailable = (what: string, cause?: unknown): EngineError =>
  new EngineError("engine_unavailable", `The ONNX engine ${what}.`, { cause });

/**
 * Loads a model into this process. One run at a time uses all threads, so `concurrency` is 1 and further calls queue here.
 * An abort takes effect before a run starts; a run under way is completed (at most a few seconds) and its result dropped.
 * @throws EngineError `engine_unavailable` when the model breaks the contract or cannot be loaded
 */
export const createOnnxEngine = async ({ modelPath, threads }: OnnxOptions): Promise<Engine> => {
  const model = await readModel(modelPath);
  const session = await loadOnnxSession(modelPath, threads ?? availableParallelism()).catch((cause: unknown) => {
    throw unavailable("could not load the model", cause);
  });

  let closed = false;
  let last: Promise<unknown> = Promise.resolve();
  const assertOpen = () => {
    if (closed) throw unavailable("is closed");
  };

  const denoise: Engine["denoise"] = async (tile, params, signal) => {
    checkRequest(model, tile, params);
    const run = async (): Promise<Uint16Array> => {
      signal?.throwIfAborted();
      assertOpen();
      const [denoised] = await session.run([tile], [params]).catch((cause: unknown) => {
        throw unavailable(`could not denoise a tile of ${tile.height} by ${tile.width} pixels`, cause);
      });
      signal?.throwIfAborted();
      return denoised;
    };
    const result = last.then(run);
    last = result.catch(() => undefined);
    return result;
  };

  return {
    name: "onnx",
    model,
    concurrency: 1,
    denoise,
    ready: async (signal) => {
      signal?.throwIfAborted();
      assertOpen();
    },
    close: async () => {
      if (closed) return;
      closed = true;
      await last;
      await session.release();
    },
  };
};
