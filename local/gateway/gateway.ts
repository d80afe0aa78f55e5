import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  routes as contractRoutes,
  type FunctionName,
  gatewayLimits,
  type RouteDefinition,
} from "../../contract/routes";
import { closeServer } from "../closeServer";
import { consoleAnswer, isConsolePath } from "./console";
import { corsHeaders, preflightHeaders } from "./cors";
import { type HttpEvent, httpEvent } from "./event";
import { proxy } from "./proxy";
import {
  expectationFailed,
  gatewayAnswer,
  type HttpAnswer,
  internalServerError,
  lambdaAnswer,
  requestEntityTooLarge,
  serviceUnavailable,
  tooManyRequests,
} from "./result";
import { matchRoute } from "./route";
import { createThrottle, type Throttling } from "./throttle";

/** A Lambda function behind the API. */
export type LambdaHandler = (event: HttpEvent) => Promise<unknown>;

export interface GatewaySettings {
  /** 0 takes any free port. */
  readonly port: number;
  readonly handlers: Readonly<Record<FunctionName, LambdaHandler>>;
  /** Origin of the API server. */
  readonly serverUrl: string;
  /** Origin of S3, which the console's page may talk to. */
  readonly s3Url: string;
  /** Origins that browsers may call from. @default none but the gateway's own */
  readonly allowOrigins?: readonly string[];
  /** @default the account's quota: 10 000 requests a second, 5000 at once */
  readonly throttling?: Throttling;
  /** @default 30 s, the most that API Gateway waits */
  readonly timeoutMs?: number;
  /** @default the contract's */
  readonly routes?: readonly RouteDefinition[];
  /** Takes one line for each request. @default none */
  readonly accessLog?: (line: string) => void;
  /** Told why a function or the gateway itself failed; the caller only learns that it did. */
  readonly onError?: (error: unknown) => void;
}

export interface Gateway {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Request line and header values together. Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
const headerBytes = 10_240;

/** Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html */
const accountThrottling: Throttling = { rate: 10_000, burst: 5000 };

/** The body, read to its end even when it is larger than the gateway takes; nothing then. */
const readBody = async (request: IncomingMessage): Promise<Buffer | undefined> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= gatewayLimits.bodyBytes) chunks.push(chunk);
  }
  return bytes <= gatewayLimits.bodyBytes ? Buffer.concat(chunks) : undefined;
};

/**
 * Runs a function as API Gateway does: one that throws reads as 500, one that is too slow as 503.
 * Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html and, for the
 * 503 on a function slower than the integration's timeout, https://github.com/serverless/serverless/issues/11222
 */
const invoke = async (
  handler: LambdaHandler,
  event: HttpEvent,
  timeoutMs: number,
  onError: (error: unknown) => void,
): Promise<HttpAnswer> => {
  let timer: NodeJS.Timeout | undefined;
  const tooSlow = new Promise<HttpAnswer>((resolve) => {
    timer = setTimeout(() => resolve(serviceUnavailable), timeoutMs);
  });
  try {
    // The event crosses to a function as JSON; what JSON cannot carry must not reach it here either.
    const run = async (): Promise<HttpAnswer> => lambdaAnswer(await handler(JSON.parse(JSON.stringify(event))));
    return await Promise.race([run(), tooSlow]);
  } catch (error) {
    onError(error);
    return internalServerError;
  } finally {
    clearTimeout(timer);
  }
};

const send = (response: ServerResponse, answer: HttpAnswer, headers: Readonly<Record<string, string>>): void => {
  response.writeHead(answer.status, { ...answer.headers, "content-length": answer.body.length, ...headers });
  response.end(answer.body);
};

/**
 * Starts the twin's gateway on 127.0.0.1: HTTP to API Gateway v2 events (payload format 2.0) and back, with the limits
 * and bodies of AWS; `/inference` goes on to the API server; the console is at `/`.
 */
export const startGateway = async (settings: GatewaySettings): Promise<Gateway> => {
  const {
    handlers,
    serverUrl,
    s3Url,
    throttling = accountThrottling,
    timeoutMs = gatewayLimits.timeoutSeconds * 1000,
    routes = contractRoutes,
    accessLog,
    onError = () => {},
  } = settings;
  const mayPass = createThrottle(throttling, () => performance.now());
  let allowOrigins = settings.allowOrigins ?? [];

  const answerOf = async (
    request: IncomingMessage,
    response: ServerResponse,
    cors: Readonly<Record<string, string>>,
  ): Promise<HttpAnswer | undefined> => {
    const method = request.method ?? "GET";
    const path = (request.url ?? "/").split("?", 1)[0];
    if (method === "OPTIONS") {
      return { status: 204, headers: preflightHeaders(request.headers, allowOrigins), body: Buffer.alloc(0) };
    }
    if (isConsolePath(path) && method === "GET") return consoleAnswer(path, s3Url);
    if (!mayPass()) return tooManyRequests;
    const matched = matchRoute(routes, method, path);
    if (matched === undefined) return gatewayAnswer(404, "Not Found");
    const { target } = matched.route;
    if (target === "server") {
      if (Number(request.headers["content-length"] ?? 0) > gatewayLimits.bodyBytes) return requestEntityTooLarge;
      return proxy(request, response, { serverUrl, bodyBytes: gatewayLimits.bodyBytes, timeoutMs, headers: cors });
    }
    const body = await readBody(request);
    if (body === undefined) return requestEntityTooLarge;
    return invoke(handlers[target], httpEvent(request, body, matched), timeoutMs, onError);
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const cors = corsHeaders(request.headers, allowOrigins);
    const answer = await answerOf(request, response, cors);
    if (answer !== undefined) send(response, answer, request.method === "OPTIONS" ? {} : cors);
    accessLog?.(`${request.method} ${request.url?.split("?", 1)[0]} ${response.statusCode}`);
  };

  const server = createServer({ maxHeaderSize: headerBytes }, (request, response) => {
    handle(request, response).catch((error: unknown) => {
      // The caller went away in the middle of its request.
      if (request.socket.destroyed) return;
      onError(error);
      if (response.headersSent) response.destroy();
      else send(response, internalServerError, {});
    });
  });
  server.on("checkExpectation", (_request, response) => send(response, expectationFailed, {}));
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable) return;
    const [status, message] =
      error.code === "HPE_HEADER_OVERFLOW" ? [431, "Request Header Fields Too Large"] : [400, "Bad Request"];
    const body = JSON.stringify({ message });
    socket.end(
      `HTTP/1.1 ${status} ${message}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(settings.port, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  allowOrigins = settings.allowOrigins ?? [`http://127.0.0.1:${port}`, `http://localhost:${port}`];

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    close: () => closeServer(server),
  };
};
