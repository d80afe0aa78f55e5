// Does not prove what happens to a job once it is submitted (jobs/stateTable.test.ts), nor what the gateway in front does.
import { connect } from "node:net";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import pino from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { queuedJob } from "../../contract/job";
import { type Checked, checked, type Problem, refused } from "../../contract/problem";
import { buildApp } from "./app";
import { EngineError } from "./engines/engine";
import type { Submission } from "./jobs/submit";
import { createMetrics } from "./metrics";
import type { ReadinessState } from "./readiness";
import { UpstreamError } from "./store/upstream";

const job = queuedJob(
  "0".repeat(26),
  { file: "a.tif", output: "a.tif", options: { strength: 1 } },
  { bytes: 1, etag: '"e"' },
  new Date(0),
);

interface Options {
  readonly submit?: (submission: Submission) => Promise<Checked<typeof job>>;
  readonly ready?: ReadinessState;
  readonly draining?: boolean;
  readonly lines?: string[];
}

const since = new Date(0);
const apps: FastifyInstance[] = [];
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

const build = (options: Options = {}): FastifyInstance => {
  const { submit = async () => checked({ ...job, status: "succeeded" }), lines = [] } = options;
  const state = options.ready ?? { ready: true, since };
  const app = buildApp({
    submit,
    readiness: { state: () => state, check: async () => state, whenReady: async () => {}, watch: async () => {} },
    metrics: createMetrics(),
    isDraining: () => options.draining ?? false,
    log: pino({}, { write: (line) => void lines.push(line) }) as FastifyBaseLogger,
  });
  apps.push(app);
  return app;
};

const post = (app: FastifyInstance, body: string, headers: Record<string, string> = {}) =>
  app.inject({
    method: "POST",
    url: "/inference",
    headers: { "content-type": "application/json", ...headers },
    payload: body,
  });

describe("POST /inference", () => {
  it("answers the finished job", async () => {
    const answer = await post(build(), '{"file":"a.tif"}');
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ ...job, status: "succeeded" });
    expect(answer.headers).toMatchObject({ location: `/jobs/${job.id}`, "cache-control": "no-store" });
  });

  it("answers job_ended where the job was cancelled meanwhile", async () => {
    const answer = await post(
      build({ submit: async () => checked({ ...job, status: "cancelled" }) }),
      '{"file":"a.tif"}',
    );
    expect(answer.statusCode).toBe(409);
    expect(answer.headers.location).toBe(`/jobs/${job.id}`);
    expect(answer.json()).toMatchObject({
      code: "job_ended",
      detail: `Expected a job that waits or runs but job ${job.id} is cancelled.`,
      instance: `/jobs/${job.id}`,
    });
  });

  it("answers 202 with Location when the job goes on", async () => {
    const answer = await post(
      build({ submit: async () => checked({ ...job, status: "running" }) }),
      '{"file":"a.tif"}',
    );
    expect(answer.statusCode).toBe(202);
    expect(answer.headers.location).toBe(`/jobs/${job.id}`);
    expect(answer.json().status).toBe("running");
  });

  it("answers a failed job's own error, with its status and Location", async () => {
    const error = { code: "image_corrupt", title: "The image file is damaged", detail: "Expected a strip." } as const;
    const answer = await post(
      build({ submit: async () => checked({ ...job, status: "failed", error }) }),
      '{"file":"a.tif"}',
    );
    expect(answer.statusCode).toBe(422);
    expect(answer.headers.location).toBe(`/jobs/${job.id}`);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    expect(answer.json()).toEqual({
      type: "urn:ddn:problem:image_corrupt",
      status: 422,
      instance: `/jobs/${job.id}`,
      ...error,
    });
  });

  it("hands on what was asked: options, key and wait", async () => {
    const asked: Submission[] = [];
    const app = build({
      submit: async (submission) => {
        asked.push(submission);
        return checked(job);
      },
    });
    await post(app, '{"file":"a.tif","output":"b.tif","strength":0.5,"sigma":0.01}', {
      prefer: "wait=3",
      "idempotency-key": "k1",
    });
    await post(app, '{"file":"a.tif"}', { prefer: "respond-async" });
    await post(app, '{"file":"a.tif"}');
    expect(asked).toEqual([
      {
        request: { file: "a.tif", output: "b.tif", options: { strength: 0.5, sigma: 0.01 } },
        idempotencyKey: "k1",
        waitSeconds: 3,
      },
      { request: { file: "a.tif", output: "a.tif", options: { strength: 1 } }, waitSeconds: 0 },
      { request: { file: "a.tif", output: "a.tif", options: { strength: 1 } }, waitSeconds: 25 },
    ]);
  });
});

describe("errors", () => {
  const problems: readonly (readonly [
    what: string,
    send: (app: FastifyInstance) => ReturnType<typeof post>,
    status: number,
    code: string,
    detail: string,
  ])[] = [
    [
      "no body",
      (app) => post(app, ""),
      400,
      "body_empty",
      'Expected a JSON object such as {"file":"scan-0042.tif"} but received an empty body.',
    ],
    [
      "no body and no type",
      (app) => app.inject({ method: "POST", url: "/inference" }),
      400,
      "body_empty",
      'Expected a JSON object such as {"file":"scan-0042.tif"} but received an empty body.',
    ],
    [
      "broken JSON",
      (app) => post(app, "{"),
      400,
      "body_not_json",
      'Expected a JSON object for `body` but received "{".',
    ],
    [
      "another type",
      (app) => post(app, "file=a.tif", { "content-type": "application/x-www-form-urlencoded" }),
      415,
      "content_type_unsupported",
      'Expected application/json for `content-type` but received "application/x-www-form-urlencoded".',
    ],
    [
      "an image as the body",
      (app) => post(app, "x".repeat(256 * 1024 + 1), { "content-type": "image/tiff" }),
      413,
      "body_too_large",
      "Expected a body of at most 262144 bytes but received more. Images travel by presigned URL, not through the API.",
    ],
    [
      "an unknown field",
      (app) => post(app, '{"file":"a.tif","bucket":"other"}'),
      400,
      "field_unknown",
      'Expected only file, output, strength, sigma but received the field "bucket".',
    ],
    [
      "a URL as the file",
      (app) => post(app, '{"file":"http://169.254.169.254/latest"}'),
      400,
      "file_invalid",
      'Expected letters, digits, marks, spaces and _ . \' ( ) + , = @ & ~ - ! only (U+003A is none of them) for `file` but received "http://169.254.169.254/latest".',
    ],
    [
      "a bad key",
      (app) => post(app, '{"file":"a.tif"}', { "idempotency-key": "a b" }),
      400,
      "idempotency_key_invalid",
      'Expected 1 to 255 printable ASCII characters without spaces for `Idempotency-Key` but received "a b".',
    ],
    [
      "another path",
      (app) => app.inject({ method: "GET", url: "/nowhere?x=1" }),
      404,
      "route_not_found",
      'Expected one of POST /inference, GET /healthz, GET /livez, GET /metrics for `path` but received "/nowhere".',
    ],
    [
      "another method",
      (app) => app.inject({ method: "GET", url: "/inference" }),
      405,
      "method_not_allowed",
      'Expected POST for `method` but received "GET".',
    ],
    [
      "a path that is no URL",
      (app) => app.inject({ method: "GET", url: "/%ff" }),
      400,
      "request_malformed",
      "Expected a well-formed HTTP request but received a broken one.",
    ],
  ];

  it.each(problems)("%s", async (_, send, status, code, detail) => {
    const answer = await send(build());
    expect(answer.statusCode).toBe(status);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    const body: Problem = answer.json();
    expect(body).toMatchObject({ type: `urn:ddn:problem:${code}`, status, code, detail });
    expect(body.instance).toMatch(/^urn:ddn:request:[0-9a-f-]{36}$/);
    expect(answer.headers["cache-control"]).toBe("no-store");
  });

  it("names the allowed methods", async () => {
    expect((await build().inject({ method: "DELETE", url: "/healthz" })).headers.allow).toBe("GET, HEAD");
  });

  it.each([
    [
      new UpstreamError("Expected an answer to PutObject but received SlowDown (503)."),
      503,
      "upstream_unavailable",
      "5",
    ],
    [new EngineError("engine_unavailable", "Expected an engine."), 503, "engine_unavailable", "10"],
    [new EngineError("engine_timeout", "Expected an answer."), 504, "engine_timeout", undefined],
    [new TypeError("secret inner workings"), 500, "internal_error", undefined],
  ])("%s", async (error, status, code, retryAfter) => {
    const answer = await post(
      build({
        submit: async () => {
          throw error;
        },
      }),
      '{"file":"a.tif"}',
    );
    expect(answer.statusCode).toBe(status);
    expect(answer.json().code).toBe(code);
    expect(answer.headers["retry-after"]).toBe(retryAfter);
    expect(answer.body).not.toContain("secret");
  });

  it("says when to come again when it is overloaded", async () => {
    const answer = await post(build({ submit: async () => refused("overloaded", "Later.") }), '{"file":"a.tif"}');
    expect(answer.statusCode).toBe(503);
    expect(answer.headers["retry-after"]).toBe("5");
  });

  it("refuses work while it drains and closes the connection", async () => {
    const answer = await post(build({ draining: true }), '{"file":"a.tif"}');
    expect(answer.statusCode).toBe(503);
    expect(answer.json().code).toBe("draining");
    expect(answer.headers.connection).toBe("close");
    expect(answer.headers["retry-after"]).toBe("1");
  });

  it("refuses work while the engine is not ready, with the reason", async () => {
    const ready = { ready: false, reason: "The engine is gone.", since };
    const answer = await post(build({ ready }), '{"file":"a.tif"}');
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({ code: "engine_unavailable", detail: "The engine is gone." });
  });
});

describe("requests that are not HTTP, or ask for more than that", () => {
  const talk = async (text: string): Promise<string> => {
    const app = build();
    await app.listen({ host: "127.0.0.1", port: 0 });
    const address = app.server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return new Promise((resolve, reject) => {
      let answer = "";
      const socket = connect(address.port, "127.0.0.1", () => {
        socket.pause().write(text, () => socket.resume());
      });
      socket.on("data", (chunk) => {
        answer += chunk;
      });
      socket.on("end", () => resolve(answer));
      socket.on("error", reject);
    });
  };

  it.each([
    ["garbage", "garbage\r\n\r\n", "HTTP/1.1 400 ", "request_malformed"],
    ["no host", "GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n", "HTTP/1.1 400 ", "request_malformed"],
    [
      "length and chunks at once",
      "POST /inference HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
      "HTTP/1.1 400 ",
      "request_malformed",
    ],
    [
      "too many headers",
      `GET /livez HTTP/1.1\r\nhost: a\r\nx-long: ${"x".repeat(20_000)}\r\n\r\n`,
      "HTTP/1.1 431 ",
      "headers_too_large",
    ],
  ])("get a problem: %s", async (_, text, status, code) => {
    const answer = await talk(text);
    expect(answer.startsWith(status)).toBe(true);
    expect(answer).toContain("content-type: application/problem+json");
    expect(JSON.parse(answer.slice(answer.indexOf("{")))).toMatchObject({
      code,
      instance: expect.stringMatching(/^urn:ddn:request:[0-9a-f-]{36}$/),
    });
    expect(answer).toContain("cache-control: no-store");
  });

  it("get a problem when they send an image, even if they listen only once it is sent", async () => {
    const head = "POST /inference HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 8000000\r\n\r\n";
    const answer = await talk(head + "x".repeat(8_000_000));
    expect(answer.startsWith("HTTP/1.1 413 ")).toBe(true);
    expect(JSON.parse(answer.slice(answer.indexOf("{")))).toMatchObject({ code: "body_too_large" });
  });

  it("get a problem for an expectation that is not HTTP's, before the body that waits for it", async () => {
    const answer = await talk("POST /inference HTTP/1.1\r\nhost: a\r\nexpect: wonders\r\ncontent-length: 2\r\n\r\n");
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain("content-type: application/problem+json");
    expect(JSON.parse(answer.slice(answer.indexOf("{")))).toMatchObject({
      code: "request_malformed",
      detail: 'Expected 100-continue for `expect` but received "wonders".',
      instance: expect.any(String),
    });
  });
});

describe("health", () => {
  it("is ok when the engine is ready", async () => {
    const answer = await build().inject({ url: "/healthz" });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ status: "ok" });
  });

  it("says why not", async () => {
    const ready = { ready: false, reason: "Expected at least 3 dB less noise.", since };
    const answer = await build({ ready }).inject({ url: "/healthz" });
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({ code: "engine_unavailable", detail: "Expected at least 3 dB less noise." });
  });

  it("is not ok while draining, so that the load balancer turns away", async () => {
    const answer = await build({ draining: true }).inject({ url: "/healthz" });
    expect(answer.statusCode).toBe(503);
    expect(answer.json().code).toBe("draining");
  });

  it("tells life from readiness", async () => {
    const ready = { ready: false, reason: "not yet", since };
    expect((await build({ ready, draining: true }).inject({ url: "/livez" })).statusCode).toBe(200);
  });

  it("serves metrics as Prometheus text", async () => {
    const answer = await build().inject({ url: "/metrics" });
    expect(answer.headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(answer.body).toContain("ddn_jobs_in_flight 0");
  });
});

describe("the log", () => {
  it("says of a request its route, status and time, not its query, body or headers", async () => {
    const lines: string[] = [];
    const app = build({ lines });
    await app.inject({
      method: "POST",
      url: "/inference?X-Amz-Signature=topsecret",
      headers: { authorization: "Bearer topsecret" },
      payload: '{"file":"topsecret.tif"}',
    });
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0])).toMatchObject({ method: "POST", route: "/inference", status: 200 });
    expect(lines[0]).not.toContain("topsecret");
  });
});
