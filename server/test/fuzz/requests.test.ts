// Does not prove what API Gateway and the load balancer make of such requests before ours see them.
import { connect } from "node:net";
import * as fc from "fast-check";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Problem, problemCodes, problemStatus, problemTitle } from "../../../contract/problem";
import { parseWaitSeconds } from "../../../contract/request";
import { documentHandler } from "../../../functions/document";
import type { ApiResult } from "../../../functions/event";
import { jobsHandler } from "../../../functions/jobs";
import { presignHandler } from "../../../functions/presign";
import { eventOf } from "../../../functions/testing/events";
import { startTwin, type TestTwin } from "../../../functions/testing/twin";
import { buildApp } from "../../src/app";
import { createMetrics } from "../../src/metrics";
import { createWorld } from "../../src/testing/world";
import { mutated, randomOf } from "./mutation";
import { bodyText, bytes, contentType, idempotencyKey, query, text } from "./requestInputs";

const numRuns = Number(process.env.DDN_FUZZ_RUNS ?? 300);
const seed = Number(process.env.DDN_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const timeout = 3_600_000;

const mostEchoed = 64;

/** The codes that were met, and `ok`: a test that never gets behind the first check would prove little. */
const outcomes = new Set<string>();

const requireNoEcho = (detail: string, given: readonly string[]): void => {
  const characters = Array.from(detail);
  const sources = given.flatMap((one) => [one, JSON.stringify(one)]);
  for (let at = 0; at + mostEchoed < characters.length; at += 1) {
    const piece = characters.slice(at, at + mostEchoed + 1).join("");
    if (sources.some((source) => source.includes(piece))) throw new Error(`Expected no echo but received ${detail}`);
  }
};

/** A valid answer, or a problem that blames the request and repeats little of it. */
const requireSound = ({ statusCode, headers, body }: ApiResult, given: readonly string[]): void => {
  const answer = JSON.parse(body) as Problem;
  if (statusCode < 300) {
    outcomes.add("ok");
    expect(headers["content-type"]).toBe("application/json");
    return;
  }
  const { code } = answer;
  outcomes.add(code);
  expect(headers["content-type"]).toBe("application/problem+json");
  expect(problemCodes()).toContain(code);
  expect(statusCode).toBeLessThan(500);
  expect(statusCode).toBe(problemStatus(code));
  expect(answer).toEqual({
    type: `urn:ddn:problem:${code}`,
    title: problemTitle(code),
    status: statusCode,
    detail: expect.stringMatching(/./),
    instance: expect.stringMatching(/^[\x21-\x7e]{1,64}$/),
    code,
  });
  requireNoEcho(answer.detail, given);
};

const property = (name: string, make: () => fc.IAsyncProperty<unknown>, usual: readonly string[]): void => {
  it(`F22 ${name} (DDN_FUZZ_SEED=${seed})`, { timeout }, async () => {
    outcomes.clear();
    await fc.assert(make(), { numRuns, seed });
    expect([...outcomes]).toEqual(expect.arrayContaining([...usual]));
  });
};

describe("whatever is asked of the functions", () => {
  let twin: TestTwin;
  let jobs: ReturnType<typeof jobsHandler>;
  let presign: ReturnType<typeof presignHandler>;

  beforeAll(async () => {
    twin = await startTwin();
    await twin.put("in", "a.tif", "four");
    await twin.put("out", "a.tif", "four");
    const { inBucket, outBucket, queueUrl } = twin;
    jobs = jobsHandler({ inBucket, outBucket, queueUrl, maxBytes: 1000, clients: twin.clientsOf("jobs") });
    const clients = twin.clientsOf("presign");
    presign = presignHandler({ inBucket, outBucket, maxBytes: 1000, requireSize: false, clients });
  });
  afterAll(() => twin.close());

  const body = fc.oneof(
    { weight: 4, arbitrary: bodyText.map((plain) => ({ body: plain, isBase64Encoded: false })) },
    bodyText.map((plain) => ({ body: Buffer.from(plain).toString("base64"), isBase64Encoded: true })),
    bytes.map((raw) => ({ body: raw.toString("base64"), isBase64Encoded: true })),
    text.map((plain) => ({ body: plain, isBase64Encoded: true })),
  );
  const headers = fc.record(
    { "content-type": contentType, "Idempotency-Key": idempotencyKey, prefer: text.map((more) => `wait=0, ${more}`) },
    { requiredKeys: ["prefer"] },
  );

  property(
    "POST /jobs and POST /inference give jobs or say what is wrong",
    () =>
      fc.asyncProperty(fc.constantFrom("POST /jobs", "POST /inference"), body, headers, async (route, sent, given) => {
        const decoded = sent.isBase64Encoded ? Buffer.from(sent.body, "base64").toString() : sent.body;
        const answer = await jobs(eventOf(route, { ...sent, headers: given }));
        requireSound(answer, [sent.body, decoded, ...Object.values(given)]);
      }),
    ["ok", "file_invalid"],
  );

  property(
    "GET and DELETE /jobs/{id} give the job or say what is wrong",
    () =>
      fc.asyncProperty(fc.constantFrom("GET /jobs/{id}", "DELETE /jobs/{id}"), text, async (route, id) => {
        requireSound(await jobs(eventOf(route, { pathParameters: { id } })), [id]);
      }),
    ["job_invalid", "job_not_found"],
  );

  property(
    "GET /presign signs or says what is wrong",
    () =>
      fc.asyncProperty(query, async (rawQueryString) => {
        const answer = await presign(eventOf("GET /presign", { rawQueryString }));
        requireSound(answer, [rawQueryString, ...[...new URLSearchParams(rawQueryString)].flat()]);
        if (answer.statusCode === 200) expect(() => new URL(JSON.parse(answer.body).url)).not.toThrow();
      }),
    ["ok", "mode_invalid", "field_unknown"],
  );

  property(
    "every other path and method is no route",
    () =>
      fc.asyncProperty(text, text, async (path, method) => {
        const requestContext = { requestId: "request-1", http: { method } };
        const answer = await documentHandler()(eventOf("$default", { rawPath: `/${path}`, requestContext }));
        requireSound(answer, [path, method]);
      }),
    ["route_not_found"],
  );
});

describe("whatever is asked of the server", () => {
  const since = new Date(0);

  const build = (): FastifyInstance => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const state = { ready: true, since };
    const app = buildApp({
      submit: world.worker("one", { maxRequests: 1000 }).submit,
      readiness: { state: () => state, check: async () => state, whenReady: async () => {}, watch: async () => {} },
      metrics: createMetrics(),
      isDraining: () => false,
      log: pino({ enabled: false }) as FastifyBaseLogger,
    });
    onTestFinished(() => app.close());
    return app;
  };

  /** What HTTP lets through as a header's value. */
  const headerText = (given: string): string => given.replace(/[^\t\x20-\x7e\x80-\xff]/g, "").trim();

  property("POST /inference gives the job or says what is wrong", () => {
    const app = build();
    const headers = fc.record(
      { "content-type": contentType.map(headerText), "idempotency-key": idempotencyKey.map(headerText) },
      { requiredKeys: ["content-type"] },
    );
    const body = fc.oneof({ weight: 4, arbitrary: bodyText.map((plain) => Buffer.from(plain)) }, bytes);
    return fc.asyncProperty(body, headers, text.map(headerText), async (payload, given, prefer) => {
      const sent = { ...given, prefer };
      const answer = await app.inject({ method: "POST", url: "/inference", headers: sent, payload });
      const type = String(answer.headers["content-type"]).replace("; charset=utf-8", "");
      const result = { statusCode: answer.statusCode, headers: { "content-type": type }, body: answer.body };
      requireSound(result, [payload.toString(), ...Object.values(sent)]);
    });
  }, ["ok", "file_invalid"]);

  const requests: readonly Buffer[] = [
    `POST /inference HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{"file":"a.tif"}`,
    `POST /inference HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{"file":"a.tif"}\r\n0\r\n\r\n`,
    `GET /jobs/${"0".repeat(26)}?a=%ff&b=%2e HTTP/1.1\r\nhost: a\r\nconnection: keep-alive\r\n\r\n`,
    `GET /livez HTTP/1.1\r\nhost: a\r\n\r\nGET /%c3%28${"x".repeat(100)} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`,
  ].map((request) => Buffer.from(request));

  property("bytes that are hardly HTTP are answered with a valid answer, a problem, or an end of the connection", () => {
    const app = build();
    const listening = app.listen({ host: "127.0.0.1", port: 0 });
    return fc.asyncProperty(fc.nat({ max: 2 ** 31 - 1 }), async (number) => {
      const { port } = new URL(await listening);
      const sent = mutated(requests, randomOf(number));
      const answer = await new Promise<string>((resolve) => {
        let received = "";
        const socket = connect(Number(port), "127.0.0.1", () => socket.end(sent));
        socket.on("data", (chunk) => {
          received += chunk;
        });
        // A reset is an end, too.
        socket.on("error", () => {});
        socket.on("close", () => resolve(received));
      });
      // One connection may carry several answers.
      for (const one of answer.split(/(?=HTTP\/1\.1 \d{3} )/).filter((part) => part !== "")) {
        const [head = "", body = ""] = one.split("\r\n\r\n");
        const statusCode = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
        const type = /^content-type: ([^;\r]*)/im.exec(head)?.[1] ?? "";
        if (body !== "") requireSound({ statusCode, headers: { "content-type": type }, body }, [sent.toString()]);
        expect(statusCode).toBeLessThan(500);
      }
    });
  }, ["ok", "request_malformed", "route_not_found"]);
});

describe("whatever a caller prefers", () => {
  property(
    "is a wait of 0 to 25 whole seconds",
    () =>
      fc.asyncProperty(
        fc.oneof(
          text,
          fc.bigInt().map((seconds) => `wait=${seconds}`),
        ),
        async (prefer) => {
          const seconds = parseWaitSeconds(prefer);
          expect(Number.isInteger(seconds) && seconds >= 0 && seconds <= 25).toBe(true);
        },
      ),
    [],
  );
});
