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

const unavailable = (what: string, cause?: unknown): EngineError =>
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
    // Measured: without the arena large tiles take a third longer; memory patterns make it grow by a quarter over mixed
    // shapes for no gain in speed. So it levels off at what the largest tile needs.
    enableCpuMemArena: true,
    enableMemPattern: false,
    // Threads that spin while they wait take the cores from the decoders and from the neighbours of this process.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  }).catch((cause: unknown) => {
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
