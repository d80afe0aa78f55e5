import { setTimeout as pause } from "node:timers/promises";
import { type Batch, createBatches, gpuLoad } from "./batches";
import { type Engine, EngineError } from "./engine";
import { readModel } from "./metadata";
import { checkRequest } from "./request";
import { TritonError } from "./triton/failure";
import { grpcTransport } from "./triton/grpc";
import { httpTransport } from "./triton/http";
import { checkServed } from "./triton/model";

export interface TritonOptions {
  /** Where Triton listens for the protocol, such as `http://127.0.0.1:50201`. */
  readonly url: string;
  readonly protocol: "http" | "grpc";
  /** The ONNX file that Triton serves, or a copy of it: of its metadata Triton tells nothing. */
  readonly modelPath: string;
  /** The model's name in Triton's repository. @default "ddn" */
  readonly modelName?: string;
  /** Within which Triton has to answer a request. @default 30 000 */
  readonly timeoutMilliseconds?: number;
}

const firstPauseMilliseconds = 50;
const longestPauseMilliseconds = 1000;
/** Tiles of a page that are cut beforehand at most; what is under way at a time is counted in pixels. */
const concurrency = 16;

/**
 * Denoises on an NVIDIA Triton Inference Server that serves the contract's model. It need not be there yet: `ready` tells
 * when it is. Tiles of the same size travel together. An abort takes effect at once; tiles that were not sent never are, and of
 * those under way gRPC frees what Triton has not begun, while over HTTP they are completed and dropped, within the timeout.
 * A lost connection is tried once more, a full queue again and again until the timeout.
 * @throws EngineError `engine_unavailable` when the model file breaks the contract
 */
export const createTritonEngine = async ({
  url,
  protocol,
  modelPath,
  modelName = "ddn",
  timeoutMilliseconds = 30_000,
}: TritonOptions): Promise<Engine> => {
  const model = await readModel(modelPath);
  const transport = { http: httpTransport, grpc: grpcTransport }[protocol]({ url, modelName });
  let mostTiles = 1;
  /** Connections that were lost when the served model was last compared with ours. */
  let comparedAt: number | undefined;
  let closed = false;
  const closedError = (): EngineError => new EngineError("engine_unavailable", "The Triton engine is closed.");

  const send = async (batch: Batch, signal: AbortSignal): Promise<Uint16Array> => {
    const until = performance.now() + timeoutMilliseconds;
    let pauseMilliseconds = firstPauseMilliseconds;
    let refused: TritonError | undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        return await transport.infer(batch, Math.max(1, until - performance.now()), signal);
      } catch (error) {
        if (!(error instanceof TritonError) || signal.aborted || closed) throw error;
        if (error.remedy === "again at once" && attempt === 1) continue;
        // The queue was full, and this last attempt came too late: that it was full is the reason.
        if (error.remedy !== "again later") throw error.code === "engine_timeout" ? (refused ?? error) : error;
        if (performance.now() + pauseMilliseconds >= until) throw error;
        refused = error;
        await pause(pauseMilliseconds, undefined, { signal });
        pauseMilliseconds = Math.min(longestPauseMilliseconds, pauseMilliseconds * 2);
      }
    }
  };

  const compare = async (signal: AbortSignal): Promise<void> => {
    await transport.modelReady(signal);
    const lostConnections = transport.lostConnections();
    if (comparedAt === lostConnections) return;
    const served = await transport.servedModel(signal);
    checkServed(served, model);
    mostTiles = Math.max(1, served.maxBatchSize);
    comparedAt = lostConnections;
  };

  const batches = createBatches({ ...gpuLoad, maxTiles: () => mostTiles, send });

  return {
    name: "triton",
    model,
    concurrency,
    pixelsInFlight: gpuLoad.pixelsInFlight,
    denoise: async (tile, params, signal, caller) => {
      checkRequest(model, tile, params);
      if (closed) throw closedError();
      return batches.denoise(tile, params, signal, caller);
    },
    ready: async (signal = AbortSignal.timeout(timeoutMilliseconds)) => {
      signal.throwIfAborted();
      if (closed) throw closedError();
      await compare(signal).catch((error: unknown) => {
        throw signal.aborted ? signal.reason : error;
      });
    },
    lostConnections: transport.lostConnections,
    load: batches.load,
    isServing: batches.isServing,
    close: async () => {
      closed = true;
      batches.close(closedError());
      transport.close();
    },
  };
};
