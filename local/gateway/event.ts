import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { MatchedRoute } from "./route";

/** What API Gateway hands to a Lambda function, payload format 2.0. */
export interface HttpEvent {
  readonly version: "2.0";
  readonly routeKey: string;
  readonly rawPath: string;
  readonly rawQueryString: string;
  readonly cookies?: string[];
  /** Names in lower case, repeated ones joined by commas. */
  readonly headers: Record<string, string>;
  /** Decoded, repeated ones joined by commas. */
  readonly queryStringParameters?: Record<string, string>;
  readonly pathParameters?: Record<string, string>;
  readonly requestContext: {
    readonly accountId: string;
    readonly apiId: string;
    readonly domainName: string;
    readonly domainPrefix: string;
    readonly http: {
      readonly method: string;
      readonly path: string;
      readonly protocol: string;
      readonly sourceIp: string;
      readonly userAgent: string;
    };
    readonly requestId: string;
    readonly routeKey: string;
    readonly stage: "$default";
    readonly time: string;
    readonly timeEpoch: number;
  };
  readonly body?: string;
  readonly isBase64Encoded: boolean;
}

const joinedHeaders = (rawHeaders: readonly string[]): Record<string, string> => {
  const headers: Record<string, string> = {};
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index].toLowerCase();
    headers[name] = Object.hasOwn(headers, name) ? `${headers[name]},${rawHeaders[index + 1]}` : rawHeaders[index + 1];
  }
  return headers;
};

const joinedQuery = (query: string): Record<string, string> => {
  const parameters: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    parameters[name] = Object.hasOwn(parameters, name) ? `${parameters[name]},${value}` : value;
  }
  return parameters;
};

/** Text travels as it is, everything else as base64. */
const isText = (headers: Readonly<Record<string, string>>): boolean =>
  headers["content-encoding"] === undefined &&
  /^(text\/|application\/([\w.-]+\+)?(json|xml|javascript)\b)/i.test(headers["content-type"] ?? "");

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** As in a common log: `12/Mar/2020:19:03:58 +0000`. */
const logTime = (at: Date): string => {
  const day = String(at.getUTCDate()).padStart(2, "0");
  return `${day}/${months[at.getUTCMonth()]}/${at.getUTCFullYear()}:${at.toISOString().slice(11, 19)} +0000`;
};

/**
 * A request as the event of a Lambda proxy integration, payload format 2.0.
 * Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export const httpEvent = (
  request: IncomingMessage,
  body: Buffer,
  { route, pathParameters }: MatchedRoute,
  now = new Date(),
): HttpEvent => {
  const target = request.url ?? "/";
  const mark = target.indexOf("?");
  const rawPath = mark < 0 ? target : target.slice(0, mark);
  const rawQueryString = mark < 0 ? "" : target.slice(mark + 1);
  const sourceIp = request.socket.remoteAddress ?? "";
  const { cookie, ...given } = joinedHeaders(request.rawHeaders);
  const headers = {
    ...given,
    "x-forwarded-for": given["x-forwarded-for"] === undefined ? sourceIp : `${given["x-forwarded-for"]}, ${sourceIp}`,
    "x-forwarded-port": String(request.socket.localPort),
    "x-forwarded-proto": "http",
  };
  const queryStringParameters = joinedQuery(rawQueryString);
  const domainName = (given.host ?? "").replace(/:\d+$/, "");
  const asText = isText(given);
  return {
    version: "2.0",
    routeKey: route.key,
    rawPath,
    rawQueryString,
    ...(cookie === undefined ? {} : { cookies: cookie.split(/[;,]\s*/) }),
    headers,
    ...(Object.keys(queryStringParameters).length === 0 ? {} : { queryStringParameters }),
    ...(Object.keys(pathParameters).length === 0 ? {} : { pathParameters: { ...pathParameters } }),
    requestContext: {
      accountId: "000000000000",
      apiId: "twin",
      domainName,
      domainPrefix: domainName.split(".")[0],
      http: {
        method: request.method ?? "GET",
        path: rawPath,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp,
        userAgent: given["user-agent"] ?? "",
      },
      requestId: randomUUID(),
      routeKey: route.key,
      stage: "$default",
      time: logTime(now),
      timeEpoch: now.getTime(),
    },
    ...(body.length === 0 ? {} : { body: body.toString(asText ? "utf8" : "base64") }),
    isBase64Encoded: body.length > 0 && !asText,
  };
};
