import { parentPort, workerData } from "node:worker_threads";
import { EngineError } from "./engines/engine";
import { createOnnxEngine } from "./engines/onnx";
import type { EngineAnswer, EngineGreeting, EngineRequest } from "./engineThread";

const failure = (error: unknown): Extract<EngineAnswer, { failure: unknown }> => ({
  failure: {
    code: error instanceof EngineError ? error.code : "engine_unavailable",
    message: error instanceof Error ? error.message : String(error),
  },
});

const greet = (greeting: EngineGreeting): void => parentPort?.postMessage(greeting);
const answer = (said: EngineAnswer): void => parentPort?.postMessage(said);

createOnnxEngine(workerData).then(
  (engine) => {
    parentPort?.on("message", ({ tile, params }: EngineRequest) => {
      engine.denoise(tile, params).then(
        (denoised) => answer({ denoised }),
        (error: unknown) => answer(failure(error)),
      );
    });
    const { name, model, concurrency } = engine;
    greet({ engine: { name, model, concurrency } });
  },
  (error: unknown) => greet(failure(error)),
);
