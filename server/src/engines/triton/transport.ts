import type { Batch } from "../batches";
import type { ServedModel } from "./model";

/** The way to Triton: KServe v2 over one of its protocols. All of it throws TritonError. */
export interface Transport {
  /**
   * Sends tiles and gives back as many samples, one tile after another.
   * @param milliseconds after which nobody waits any more; Triton is told too
   * @param signal frees what the protocol can free; the promise settles when nothing is on its way any more
   */
  infer(batch: Batch, milliseconds: number, signal: AbortSignal): Promise<Uint16Array>;
  /** Whether the model would answer, asked in a way that a server about to stop does not pass. */
  modelReady(signal: AbortSignal): Promise<void>;
  servedModel(signal: AbortSignal): Promise<ServedModel>;
  /** Connections that ended, by either side, after they had been made. */
  lostConnections(): number;
  close(): void;
}

export interface TransportOptions {
  /** Where Triton listens for the protocol, such as `http://127.0.0.1:50201`. */
  readonly url: string;
  readonly modelName: string;
}
