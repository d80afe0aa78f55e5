import { EngineError } from "../engine";

/** What can be done about a failure. */
export type Remedy = "none" | "again at once" | "again later";

/** A failure of Triton or of the way to it; Triton's own words stay in the cause. */
export class TritonError extends EngineError {
  constructor(
    code: EngineError["code"],
    message: string,
    readonly remedy: Remedy,
    cause?: unknown,
  ) {
    super(code, message, { cause });
  }
}

export const unreachable = (cause: unknown): TritonError =>
  new TritonError("engine_unavailable", "Triton cannot be reached.", "none", cause);

/** A tile may be sent twice without harm. */
export const lost = (cause: unknown): TritonError =>
  new TritonError(
    "engine_unavailable",
    "The connection to Triton was lost before it had answered.",
    "again at once",
    cause,
  );

export const late = (milliseconds: number): TritonError =>
  new TritonError(
    "engine_timeout",
    `Expected Triton to answer within ${milliseconds / 1000} s, but it has not yet.`,
    "none",
  );

/** Where the answer is not what the contract says: what was expected and what came, in our own words. */
export const unexpected = (message: string): TritonError => new TritonError("engine_unavailable", message, "none");

/** gRPC's numbers of what is told apart. Source: https://grpc.io/docs/guides/status-codes/ */
export const grpcStatus = { ok: 0, deadlineExceeded: 4, notFound: 5, unavailable: 14 } as const;

/**
 * An answer that is a refusal, by Triton's words, since they alone tell a full queue, a tile that waited too long and a server
 * that stops from each other: HTTP has 503 for all three, gRPC UNAVAILABLE.
 * @param status of HTTP or gRPC, whose numbers have none in common
 */
export const refusal = (status: number, text: string): TritonError => {
  const cause = new Error(`Triton answered ${status}: ${text}`);
  if (/exceeds maximum queue size/i.test(text)) {
    return new TritonError("overloaded", "Triton's queue is full.", "again later", cause);
  }
  if (/request timeout expired/i.test(text) || status === grpcStatus.deadlineExceeded || status === 504) {
    return new TritonError("engine_timeout", "The tiles waited in Triton's queue for too long.", "none", cause);
  }
  if (status === 404 || status === grpcStatus.notFound) {
    return new TritonError("engine_unavailable", "Triton does not have the model.", "none", cause);
  }
  return new TritonError("engine_unavailable", `Triton refused the request with status ${status}.`, "none", cause);
};
