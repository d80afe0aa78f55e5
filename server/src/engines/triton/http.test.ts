// Does not prove how Triton answers (test/triton), only what is made of answers that a real one would hardly give.
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import type { Batch } from "../batches";
import { createTritonEngine } from "../triton";
import { httpTransport } from "./http";
import type { Transport } from "./transport";

const params = { offset: 1, scale: 0.5, a: 0.25, b: 2 };
const batch: Batch = {
  height: 2,
  width: 3,
  images: [Uint16Array.of(1, 2, 3, 4, 5, 6), Uint16Array.of(7, 8, 9, 10, 11, 65535)],
  params: [params, { ...params, offset: 3 }],
};
const head = { outputs: [{ name: "denoised", datatype: "UINT16", shape: [2, 1, 2, 3] }] };
const signal = new AbortController().signal;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server that answers each request as the test says, and notes what came. */
const start = async (answer: (response: ServerResponse, count: number) => void) => {
  const requests: {
    readonly url: string;
    readonly headers: object;
    readonly body: Buffer;
  }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    requests.push({ url: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks) });
    answer(response, requests.length);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const url = `http://127.0.0.1:${address.port}`;
  const transport = httpTransport({ url, modelName: "ddn" });
  closing.push(() => {
    transport.close();
    server.closeAllConnections();
    server.close();
  });
  return { transport, requests, url };
};

/** The binary extension's answer. */
const tensors = (response: ServerResponse, json: object, samples: Uint16Array, claimed?: number): void => {
  const text = Buffer.from(JSON.stringify(json));
  const body = Buffer.from(samples.buffer);
  response.writeHead(200, {
    "inference-header-content-length": claimed ?? text.length,
    "content-length": text.length + body.length,
  });
  response.end(Buffer.concat([text, body]));
};

const infer = (transport: Transport) => transport.infer(batch, 5000, signal);

describe("the way over HTTP", () => {
  it("sends a head, the tiles, and each tile's parameters", async () => {
    const samples = Uint16Array.from({ length: 12 }, (_, index) => index * 5000);
    const { transport, requests } = await start((response) => tensors(response, head, samples));
    expect(await infer(transport)).toEqual(samples);
    const [{ url, headers, body }] = requests;
    const headLength = Number((headers as Record<string, string>)["inference-header-content-length"]);
    expect(url).toBe("/v2/models/ddn/infer");
    expect(JSON.parse(body.subarray(0, headLength).toString())).toEqual({
      inputs: [
        { name: "image", datatype: "UINT16", shape: [2, 1, 2, 3], parameters: { binary_data_size: 24 } },
        { name: "params", datatype: "FP32", shape: [2, 4], parameters: { binary_data_size: 32 } },
      ],
      outputs: [{ name: "denoised", parameters: { binary_data: true } }],
      parameters: { timeout: 5_000_000 },
    });
    const sent = body.subarray(headLength);
    expect(sent.length).toBe(24 + 32);
    expect(Array.from({ length: 12 }, (_, index) => sent.readUInt16LE(2 * index))).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 65535,
    ]);
    expect(Array.from({ length: 8 }, (_, index) => sent.readFloatLE(24 + 4 * index))).toEqual([
      1, 0.5, 0.25, 2, 3, 0.5, 0.25, 2,
    ]);
  });

  const twelve = new Uint16Array(12);
  const outputs = (changes: object) => ({ outputs: [{ ...head.outputs[0], ...changes }] });
  it.each<[string, (response: ServerResponse) => void, string]>([
    [
      "other samples than it was asked for",
      (response) => tensors(response, outputs({ shape: [2, 1, 3, 2] }), twelve),
      'Expected denoised UINT16 [2, 1, 2, 3] for `Triton\'s answer` but received "denoised UINT16 [2, 1, 3, 2]".',
    ],
    [
      "another type",
      (response) => tensors(response, outputs({ datatype: "INT16" }), twelve),
      'Expected denoised UINT16 [2, 1, 2, 3] for `Triton\'s answer` but received "denoised INT16 [2, 1, 2, 3]".',
    ],
    [
      "too few samples",
      (response) => tensors(response, head, new Uint16Array(11)),
      "Expected 12 samples for `Triton's answer` but received 11.",
    ],
    [
      "too many samples",
      (response) => tensors(response, head, new Uint16Array(13)),
      "Expected 12 samples for `Triton's answer` but received 13.",
    ],
    ["no binary tensors", (response) => response.end(JSON.stringify(head)), "Triton answered without binary tensors."],
    [
      "a head without end",
      (response) => tensors(response, head, twelve, 2 ** 30),
      "Triton answered without binary tensors.",
    ],
  ])("refuses %s", async (_, answer, message) => {
    const { transport } = await start(answer);
    await expect(infer(transport)).rejects.toMatchObject({ code: "engine_unavailable", remedy: "none", message });
  });

  it.each<[number, string, string, string, string]>([
    [
      503,
      '{"error":"[request id: 1] Exceeds maximum queue size"}',
      "overloaded",
      "again later",
      "Triton's queue is full.",
    ],
    [
      503,
      '{"error":"Request timeout expired"}',
      "engine_timeout",
      "none",
      "The tiles waited in Triton's queue for too long.",
    ],
    [503, "<html>", "engine_unavailable", "none", "Triton refused the request with status 503."],
    [404, '{"error":"unknown model"}', "engine_unavailable", "none", "Triton does not have the model."],
    [500, "", "engine_unavailable", "none", "Triton refused the request with status 500."],
  ])("reads a refusal, %i %s, as %s", async (status, body, code, remedy, message) => {
    const { transport } = await start((response) =>
      response.writeHead(status, { "content-type": "text/plain" }).end(body),
    );
    await expect(infer(transport)).rejects.toMatchObject({ code, remedy, message });
    expect(transport.lostConnections()).toBe(0);
  });

  it("may send again what was cut off in the middle of the answer", async () => {
    const { transport } = await start((response) => {
      response.writeHead(200, { "inference-header-content-length": 10, "content-length": 100 });
      response.write("{", () => response.destroy());
    });
    await expect(infer(transport)).rejects.toMatchObject({ code: "engine_unavailable", remedy: "again at once" });
    await expect.poll(transport.lostConnections, { timeout: 20_000 }).toBe(1);
  });

  it("says when nobody listens", async () => {
    const transport = httpTransport({ url: "http://127.0.0.1:1", modelName: "ddn" });
    await expect(infer(transport)).rejects.toMatchObject({ remedy: "none", message: "Triton cannot be reached." });
    expect(transport.lostConnections()).toBe(0);
  });

  it("has the engine try a lost connection once more, and no more", async () => {
    const { requests, url } = await start((response) => response.destroy());
    const modelPath = `${__dirname}/../../../triton/models/ddn/1/model.onnx`;
    const engine = await createTritonEngine({ url, protocol: "http", modelPath });
    closing.push(engine.close);
    const tile = { height: 64, width: 64, image: new Uint16Array(4096) };
    await expect(engine.denoise(tile, params)).rejects.toMatchObject({
      message: "The connection to Triton was lost before it had answered.",
    });
    expect(requests.length).toBe(2);
  });
});
