import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";
import { batchPixels } from "./batch";
import { grpcStatus, late, lost, refusal, type TritonError, unexpected, unreachable } from "./failure";
import { inferRequestParts, isReady, modelRequest, parseInferResponse, parseServedModel } from "./grpcMessages";
import { checkAnswer } from "./model";
import type { Transport, TransportOptions } from "./transport";

/** HTTP/2 holds back what exceeds these windows; the defaults of 64 KiB would make a tile take many turns. */
const windowBytes = { stream: 2 ** 24, session: 2 ** 26 } as const;
/** Of the memory that Node lets a session use; it counts what is buffered of tiles on their way. */
const sessionMemoryMiB = 512;
const frameHeadBytes = 5;
/** Beyond the samples: a message's own fields, or a whole one that holds none. */
const mostOtherBytes = 2 ** 20;

interface Call {
  readonly method: "ModelInfer" | "ModelReady" | "ModelConfig";
  readonly parts: readonly Buffer[];
  readonly mostBytes: number;
  readonly signal: AbortSignal;
  readonly milliseconds?: number;
}

const isOpen = (session: ClientHttp2Session): boolean => !session.closed && !session.destroyed;

/** A unary answer's one message. Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
const messageOf = (body: Buffer): Buffer => {
  const whole = body.length >= frameHeadBytes && body.readUInt32BE(1) === body.length - frameHeadBytes;
  if (!whole || body[0] !== 0) throw unexpected("Triton answered with something else than one plain gRPC message.");
  return body.subarray(frameHeadBytes);
};

const percentDecoded = (message: string): string => {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
};

/** What the end of a call says; undefined when all went well. */
const refusalIn = (headers: IncomingHttpHeaders): TritonError | undefined => {
  const status = Number(headers["grpc-status"]);
  return status === grpcStatus.ok ? undefined : refusal(status, percentDecoded(String(headers["grpc-message"] ?? "")));
};

/** KServe v2 over gRPC: HTTP/2 as Node has it, and no more of protobuf than these messages need. */
export const grpcTransport = ({ url, modelName }: TransportOptions): Transport => {
  let current: ClientHttp2Session | undefined;
  let lostConnections = 0;

  const open = (): ClientHttp2Session => {
    if (current !== undefined && isOpen(current)) return current;
    const session = connect(url, {
      settings: { initialWindowSize: windowBytes.stream, enablePush: false },
      maxSessionMemory: sessionMemoryMiB,
    });
    session.once("connect", () => {
      session.setLocalWindowSize(windowBytes.session);
      session.once("close", () => {
        lostConnections += 1;
      });
    });
    // Each call on it hears of it too.
    session.on("error", () => {});
    session.once("goaway", () => session.close());
    current = session;
    return session;
  };

  /** Calls under way may go on, later ones get a connection of their own: this one may be half-open. */
  const retire = (session: ClientHttp2Session): void => {
    session.close();
    if (current === session) current = undefined;
  };

  const call = ({ method, parts, mostBytes, signal, milliseconds }: Call): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const session = open();
      const stream: ClientHttp2Stream = session.request({
        ":method": "POST",
        ":path": `/inference.GRPCInferenceService/${method}`,
        "content-type": "application/grpc",
        te: "trailers",
        ...(milliseconds === undefined ? {} : { "grpc-timeout": `${Math.ceil(milliseconds)}m` }),
      });
      const chunks: Buffer[] = [];
      let received = 0;
      let end: IncomingHttpHeaders | undefined;
      let failure: Error | undefined;
      const stop = (why: Error): void => {
        failure ??= why;
        stream.close(constants.NGHTTP2_CANCEL);
      };
      const cancel = (): void => stop(signal.reason);
      signal.addEventListener("abort", cancel, { once: true });
      const timer =
        milliseconds === undefined
          ? undefined
          : setTimeout(() => {
              stop(late(milliseconds));
              retire(session);
            }, milliseconds);
      stream.on("response", (headers) => {
        if ("grpc-status" in headers) end = headers;
      });
      stream.on("trailers", (trailers) => {
        end = trailers;
      });
      stream.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        received += chunk.length;
        if (received > mostBytes) stop(unexpected("Triton answered with more than was asked for."));
      });
      stream.on("error", (error) => {
        failure ??= session.connecting ? unreachable(error) : lost(error);
      });
      stream.once("close", () => {
        signal.removeEventListener("abort", cancel);
        clearTimeout(timer);
        if (failure === undefined && end === undefined) failure = lost(new Error("The stream ended without a status."));
        failure ??= end && refusalIn(end);
        if (failure !== undefined) return reject(failure);
        try {
          resolve(messageOf(Buffer.concat(chunks)));
        } catch (error) {
          reject(error);
        }
      });
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      const head = Buffer.alloc(frameHeadBytes);
      head.writeUInt32BE(length, 1);
      stream.cork();
      for (const part of [head, ...parts]) stream.write(part);
      stream.uncork();
      stream.end();
      if (signal.aborted) cancel();
    });

  /** A server that stops goes on answering on the connections it has and takes no new ones. */
  const ask = async (method: Call["method"], signal: AbortSignal): Promise<Buffer> =>
    call({ method, parts: [modelRequest(modelName)], mostBytes: mostOtherBytes, signal });

  return {
    infer: async (batch, milliseconds, signal) => {
      const parts = inferRequestParts(modelName, batch, milliseconds);
      const mostBytes = 2 * batchPixels(batch) + mostOtherBytes;
      const { outputs, samples } = parseInferResponse(
        await call({ method: "ModelInfer", parts, mostBytes, signal, milliseconds }),
      );
      checkAnswer(batch, outputs, samples.length);
      return samples;
    },
    modelReady: async (signal) => {
      try {
        if (!isReady(await ask("ModelReady", signal))) throw refusal(grpcStatus.unavailable, "The model is not ready.");
      } catch (error) {
        if (current !== undefined) retire(current);
        throw error;
      }
    },
    servedModel: async (signal) => parseServedModel(await ask("ModelConfig", signal)),
    lostConnections: () => lostConnections,
    close: () => current?.destroy(),
  };
};
