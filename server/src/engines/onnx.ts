import { availableParallelism } from "node:os";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { type Engine, EngineError } from "./engine";
import { readModel } from "./metadata";
import { checkRequest } from "./request";

export interface OnnxOptions {
  /** The ONNX file of the contract. */
  readonly modelPath: string;
  /** Threads within one run. @default the cores this process may use */
  readonly threads?: number;
}

const unavailable = (what: string, cause: unknown): EngineError =>
  new EngineError("engine_unavailable", `The ONNX engine ${what}.`, { cause });

/**
 * Loads a model into this process. One run at a time uses all threads, so `concurrency` is 1 and further calls queue here.
 * An abort takes effect before a run starts; a run under way is completed (at most a few seconds) and its result dropped.
 * @throws EngineError `engine_unavailable` when the model breaks the contract or cannot be loaded
 */
export const createOnnxEngine = async ({ modelPath, threads }: OnnxOptions): Promise<Engine> => {
  const model = await readModel(modelPath);
  const session = await InferenceSession.create(modelPath, {
    intraOpNumThreads: threads ?? availableParallelism(),
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    // Measured: with the arena every tile shape met leaves its memory behind (613 MiB against 250 MiB after ten shapes);
    // without it runs are as fast.
    enableCpuMemArena: false,
    enableMemPattern: false,
  }).catch((cause: unknown) => {
    throw unavailable("could not load the model", cause);
  });

  let closed = false;
  let last: Promise<unknown> = Promise.resolve();
  const assertOpen = () => {
    if (closed) throw unavailable("is closed", undefined);
  };

  const denoise: Engine["denoise"] = (tile, params, signal) => {
    const run = async (): Promise<Uint16Array> => {
      signal?.throwIfAborted();
      assertOpen();
      const { height, width, image } = tile;
      const feeds = {
        image: new Tensor("uint16", image, [1, 1, height, width]),
        params: new Tensor("float32", Float32Array.of(params.offset, params.scale, params.a, params.b), [1, 4]),
      };
      const results = await session.run(feeds).catch((cause: unknown) => {
        throw unavailable(`could not denoise a tile of ${height} by ${width} pixels`, cause);
      });
      signal?.throwIfAborted();
      return results.denoised.data as Uint16Array;
    };
    try {
      checkRequest(model, tile, params);
    } catch (error) {
      return Promise.reject(error);
    }
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
