import { Agent, type ClientRequest, type IncomingMessage, type RequestOptions, request as sendHttp } from "node:http";
import { request as sendHttps, Agent as TlsAgent } from "node:https";
import type { Socket } from "node:net";
import { type Batch, gpuLoad } from "../batches";
import { EngineError } from "../engine";
import { batchPixels, imageBytes, inputHeads, outputHead, paramsBytes, type TensorHead } from "./batch";
import { late, lost, refusal, type TritonError, unexpected, unreachable } from "./failure";
import { checkAnswer, type ServedModel } from "./model";
import type { Transport, TransportOptions } from "./transport";

/** Of what is no tensor: refusals, the head of an answer, the model's configuration. */
const mostTextBytes = 2 ** 20;

/** A text of the server, as JSON when it is. Triton says `text/plain` of its JSON as often as not. */
const parseJson = (text: string): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
};

const errorText = (body: string): string => {
  const { error } = parseJson(body);
  return typeof error === "string" ? error : body.slice(0, 1000);
};

const readText = async (response: IncomingMessage): Promise<string> => {
  let text = "";
  response.setEncoding("utf8");
  for await (const chunk of response) {
    text += chunk;
    if (text.length > mostTextBytes) throw unexpected("Triton answered with more text than it ever should.");
  }
  return text;
};

const arrayOf = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value : []);

const tensorHead = ({ name, datatype, shape }: Record<string, unknown>): TensorHead => ({
  name: String(name),
  datatype: String(datatype),
  shape: arrayOf(shape).map(Number),
});

/**
 * Reads the answer of the binary extension, a JSON head and then the samples, with one copy of them: from the socket to
 * where they stay. Source: https://github.com/kserve/open-inference-protocol, extension_binary_data.md
 */
const readAnswer = async (response: IncomingMessage, batch: Batch): Promise<Uint16Array> => {
  const headLength = Number(response.headers["inference-header-content-length"]);
  if (!(headLength > 0 && headLength <= mostTextBytes)) throw unexpected("Triton answered without binary tensors.");
  const head = Buffer.alloc(headLength);
  const samples = new Uint16Array(batchPixels(batch));
  const body = Buffer.from(samples.buffer);
  let received = 0;
  const check = (bodyBytes: number): void =>
    checkAnswer(batch, arrayOf(parseJson(head.toString()).outputs).map(tensorHead), bodyBytes / 2);
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const inHead = received < headLength ? chunk.copy(head, received) : 0;
    const place = Math.max(0, received - headLength);
    const copied = chunk.copy(body, place, inHead);
    received += chunk.length;
    if (inHead + copied < chunk.length) check(received - headLength);
  }
  check(received - headLength);
  return samples;
};

const inferHead = (batch: Batch, milliseconds: number): Buffer => {
  const [image, params] = inputHeads(batch);
  const { name } = outputHead(batch);
  const imageLength = 2 * batchPixels(batch);
  const paramsLength = 16 * batch.params.length;
  return Buffer.from(
    JSON.stringify({
      inputs: [
        { ...image, parameters: { binary_data_size: imageLength } },
        { ...params, parameters: { binary_data_size: paramsLength } },
      ],
      outputs: [{ name, parameters: { binary_data: true } }],
      // Microseconds that it may wait where Triton queues tiles itself: it does not notice that a client has gone.
      parameters: { timeout: Math.ceil(milliseconds * 1000) },
    }),
  );
};

/** `TYPE_…` and number of dimensions, as the configuration has them. */
const servedTensor = ({ name, data_type, dims }: Record<string, unknown>) => ({
  name: String(name),
  dataType: String(data_type),
  dimensions: arrayOf(dims).length,
});

const parseServedModel = (text: string): ServedModel => {
  const { max_batch_size, input, output, parameters } = parseJson(text);
  const { model_sha256 } = (parameters ?? {}) as Record<string, { string_value?: unknown } | undefined>;
  const sha256 = model_sha256?.string_value;
  return {
    maxBatchSize: Number(max_batch_size ?? 0),
    inputs: arrayOf(input).map(servedTensor),
    outputs: arrayOf(output).map(servedTensor),
    ...(typeof sha256 === "string" ? { sha256 } : {}),
  };
};

/** KServe v2 over HTTP/1.1 with the binary extension, on connections that are kept. */
export const httpTransport = ({ url, modelName }: TransportOptions): Transport => {
  const tls = new URL(url).protocol === "https:";
  const send = tls ? sendHttps : sendHttp;
  const agent = new (tls ? TlsAgent : Agent)({
    keepAlive: true,
    maxSockets: gpuLoad.mostRequests,
    maxFreeSockets: gpuLoad.mostRequests,
  });
  const known = new WeakSet<Socket>();
  let lostConnections = 0;
  const watch = (socket: Socket): void => {
    if (known.has(socket)) return;
    known.add(socket);
    let connected = false;
    socket.once(tls ? "secureConnect" : "connect", () => {
      connected = true;
    });
    socket.once("close", () => {
      if (connected) lostConnections += 1;
    });
  };

  /** One request and its answer. What is neither a refusal nor a wrong answer is the connection's fault. */
  const exchange = async <T>(
    path: string,
    options: RequestOptions,
    parts: readonly Buffer[],
    read: (response: IncomingMessage) => Promise<T>,
    prepare: (request: ClientRequest) => void = () => {},
  ): Promise<T> => {
    let request: ClientRequest | undefined;
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        request = send(new URL(`/v2/models/${encodeURIComponent(modelName)}${path}`, url), options);
        request.once("response", resolve);
        request.on("error", (error: NodeJS.ErrnoException) => {
          const connected = error.syscall !== "connect" && error.syscall !== "getaddrinfo";
          reject(connected ? lost(error) : unreachable(error));
        });
        prepare(request);
        for (const part of parts) request.write(part);
        request.end();
      });
      if (response.statusCode !== 200) {
        throw refusal(response.statusCode ?? 0, errorText(await readText(response)));
      }
      return await read(response);
    } catch (error) {
      // An answer that was not read to its end leaves the connection of no use.
      request?.destroy();
      throw error instanceof EngineError ? error : lost(error);
    }
  };

  const infer: Transport["infer"] = async (batch, milliseconds) => {
    const head = inferHead(batch, milliseconds);
    const parts = [head, ...imageBytes(batch), paramsBytes(batch)];
    const headers = {
      "content-type": "application/octet-stream",
      "content-length": parts.reduce((sum, { length }) => sum + length, 0),
      "inference-header-content-length": head.length,
    };
    let timer: NodeJS.Timeout | undefined;
    let over: TritonError | undefined;
    return exchange(
      "/infer",
      { agent, method: "POST", headers },
      parts,
      (response) => readAnswer(response, batch),
      (request) => {
        request.once("socket", watch);
        timer = setTimeout(() => {
          over = late(milliseconds);
          request.destroy(over);
        }, milliseconds);
      },
    )
      .catch((error: unknown) => {
        throw over ?? error;
      })
      .finally(() => clearTimeout(timer));
  };

  /** On a connection of its own: a Triton that stops goes on answering on those it has, and refuses new ones. */
  const ask = (path: string, signal: AbortSignal): Promise<string> =>
    exchange(path, { agent: false, signal }, [], readText);

  return {
    infer,
    modelReady: async (signal) => {
      await ask("/ready", signal).catch((error: unknown) => {
        // It would wait for these before it ends, half a minute unless told otherwise.
        for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
        throw error;
      });
    },
    servedModel: async (signal) => parseServedModel(await ask("/config", signal)),
    lostConnections: () => lostConnections,
    close: () => agent.destroy(),
  };
};
