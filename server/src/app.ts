import { randomUUID } from "node:crypto";
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  LogController,
} from "fastify";
import type { Job } from "../../contract/job";
import {
  expected,
  type Problem,
  type ProblemCode,
  problem,
  problemContentType,
  requestInstance,
} from "../../contract/problem";
import {
  jobEnded,
  maxBodyBytes,
  parseIdempotencyKey,
  parseInferenceRequest,
  parseWaitSeconds,
} from "../../contract/request";
import { EngineError } from "./engines/engine";
import type { Submit } from "./jobs/submit";
import type { Metrics } from "./metrics";
import type { Readiness } from "./readiness";
import { readToEnd } from "./readToEnd";
import { UpstreamError } from "./store/upstream";

export interface AppDeps {
  readonly submit: Submit;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  readonly isDraining: () => boolean;
  readonly log: FastifyBaseLogger;
}

/** Path → methods, for 404 and 405; HEAD comes with GET. */
const routes: Readonly<Record<string, readonly string[]>> = {
  "/inference": ["POST"],
  "/healthz": ["GET", "HEAD"],
  "/livez": ["GET", "HEAD"],
  "/metrics": ["GET", "HEAD"],
};

const retryAfterSeconds: Partial<Record<ProblemCode, number>> = {
  overloaded: 5,
  engine_unavailable: 10,
  upstream_unavailable: 5,
  draining: 1,
};

/** What is told of a job is true only now. */
const uncached = { "cache-control": "no-store" };

/** How much of a refused body is still read: an image that was sent here by mistake. */
const refusedBody = { bytes: 64 * 1024 ** 2, milliseconds: 5000 };

const bodyTooLarge = `Expected a body of at most ${maxBodyBytes} bytes but received more. Images travel by presigned URL, not through the API.`;

const sendProblem = (reply: FastifyReply, why: Problem): FastifyReply => {
  const retryAfter = retryAfterSeconds[why.code];
  if (retryAfter !== undefined) reply.header("retry-after", retryAfter);
  // With a serializer of its own fastify adds no charset to the type.
  reply.code(why.status).headers(uncached).type(problemContentType).serializer(JSON.stringify);
  return reply.send({ ...why, instance: why.instance ?? requestInstance(reply.request.id) });
};

/** The one table from what can go wrong while a request is served to what its caller is told. */
const problemOf = (error: FastifyError | Error): Problem => {
  if (error instanceof UpstreamError) return problem("upstream_unavailable", error.message);
  if (error instanceof EngineError) return problem(error.code, error.message);
  const status = "statusCode" in error ? error.statusCode : undefined;
  if (status === 413) return problem("body_too_large", bodyTooLarge);
  if (status === 415) return problem("content_type_unsupported", expected("application/json", "content-type", ""));
  if (status !== undefined && status < 500) {
    return problem("request_malformed", "Expected a well-formed HTTP request but received a broken one.");
  }
  return problem("internal_error", "Expected to serve the request but failed. Try again; the server's log says why.");
};

/** Node could not even parse the request: there is no reply object to answer with. */
const rawProblem = (code: string | undefined): Problem => {
  if (code === "HPE_HEADER_OVERFLOW") {
    return problem("headers_too_large", "Expected at most 16 KiB of headers but received more.");
  }
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return problem("request_malformed", "Expected the whole request in time but received only a part.");
  }
  return problem("request_malformed", "Expected a well-formed HTTP request but received a broken one.");
};

/** An answer that fastify has no part in; the last on its connection, on which anything may follow. */
const rawAnswer = (why: Problem) => {
  const body = JSON.stringify({ ...why, instance: requestInstance(randomUUID()) });
  const headers = {
    ...uncached,
    "content-type": problemContentType,
    "content-length": Buffer.byteLength(body),
    connection: "close",
  };
  return { headers, body };
};

const answerJob = (reply: FastifyReply, job: Job): FastifyReply => {
  const location = `/jobs/${job.id}`;
  reply.headers({ ...uncached, location });
  if (job.status === "succeeded") return reply.send(job);
  if (job.status === "cancelled") return sendProblem(reply, jobEnded(job));
  return job.error === undefined
    ? reply.code(202).send(job)
    : sendProblem(reply, problem(job.error.code, job.error.detail, location));
};

/** The HTTP side of the server; no side effects, it neither listens nor takes messages. */
export const buildApp = ({ submit, readiness, metrics, isDraining, log }: AppDeps): FastifyInstance => {
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    bodyLimit: maxBodyBytes,
    // Longer than the load balancer's idle timeout of 60 s, else it meets connections that just closed.
    // Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
    keepAliveTimeout: 65_000,
    requestTimeout: 30_000,
    // Node looks after both limits only this often; its own 30 s would make forty of the ten.
    // It also refuses a request without a host itself, with no word why.
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 1000, requireHostHeader: false },
    // While it drains the app itself says so, as a problem.
    return503OnClosing: false,
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply, problemOf(error));
    },
    clientErrorHandler: (error, socket) => {
      if (!socket.writable) {
        socket.destroy();
        return;
      }
      const why = rawProblem((error as NodeJS.ErrnoException).code);
      const { headers, body } = rawAnswer(why);
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.end(`HTTP/1.1 ${why.status} ${why.title}\r\n${lines.join("")}\r\n${body}`);
    },
  });

  app.server.on("checkExpectation", (request, response) => {
    const why = problem("request_malformed", expected("100-continue", "expect", request.headers.expect));
    const { headers, body } = rawAnswer(why);
    response.writeHead(why.status, headers).end(body);
  });

  // The contract's own parser judges type and text, so that server and Lambda refuse with the same words.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));

  app.addHook("onRequest", async (request, reply) => {
    if (request.headers.host !== undefined || request.raw.httpVersion !== "1.1") return;
    await sendProblem(reply, problem("request_malformed", "Expected a `host` header but received none."));
  });

  app.addHook("onSend", async (request, reply) => {
    if (!request.raw.complete) await readToEnd(request.raw, refusedBody);
    if (isDraining()) reply.header("connection", "close");
  });

  app.addHook("onResponse", async (request, reply) => {
    const { method, routeOptions } = request;
    if (method === "POST") {
      const milliseconds = Math.round(reply.elapsedTime);
      request.log.info({ method, route: routeOptions.url, status: reply.statusCode, milliseconds }, "answered");
    }
  });

  app.setErrorHandler((error: FastifyError, request, reply) => {
    const why = problemOf(error);
    if (why.status >= 500) request.log.error({ err: error }, "the request failed");
    return sendProblem(reply, why);
  });

  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0];
    const methods = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (methods === undefined) {
      const known = Object.entries(routes).map(([route, [method]]) => `${method} ${route}`);
      return sendProblem(reply, problem("route_not_found", expected(`one of ${known.join(", ")}`, "path", path)));
    }
    reply.header("allow", methods.join(", "));
    return sendProblem(reply, problem("method_not_allowed", expected(methods.join(" or "), "method", request.method)));
  });

  /** Why no new work is taken, if so. */
  const refusal = (): Problem | undefined => {
    if (isDraining()) return problem("draining", "Expected a serving server but this one is shutting down. Try again.");
    const { ready, reason } = readiness.state();
    return ready ? undefined : problem("engine_unavailable", reason ?? "The engine is not ready.");
  };

  app.post("/inference", async (request, reply) => {
    const parsed = parseInferenceRequest(
      typeof request.body === "string" ? request.body : "",
      request.headers["content-type"],
    );
    if (!parsed.ok) return sendProblem(reply, parsed.problem);
    const key = parseIdempotencyKey(request.headers["idempotency-key"]?.toString());
    if (!key.ok) return sendProblem(reply, key.problem);
    const refused = refusal();
    if (refused !== undefined) return sendProblem(reply, refused);
    const submitted = await submit({
      request: parsed.value,
      ...(key.value === undefined ? {} : { idempotencyKey: key.value }),
      waitSeconds: parseWaitSeconds(request.headers.prefer?.toString()),
    });
    return submitted.ok ? answerJob(reply, submitted.value) : sendProblem(reply, submitted.problem);
  });

  app.get("/healthz", async (_request, reply) => {
    if (!isDraining()) await readiness.check();
    const refused = refusal();
    return refused === undefined ? reply.send({ status: "ok" }) : sendProblem(reply, refused);
  });

  app.get("/livez", async () => ({ status: "ok" }));

  app.get("/metrics", async (_request, reply) => reply.type(metrics.contentType).send(await metrics.render()));

  return app;
};
