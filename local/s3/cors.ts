import type { IncomingMessage, ServerResponse } from "node:http";
import { bucketCors } from "../../contract/routes";
import { S3Error } from "./error";

const allowedOrigin = (origin: string, origins: readonly string[]): string | undefined => {
  if (origins.includes(origin)) return origin;
  return origins.includes("*") ? "*" : undefined;
};

const allowsMethod = (method: string | undefined): boolean =>
  (bucketCors.methods as readonly string[]).includes(method ?? "");

/** The headers that let a page of an allowed origin read the answer; none for any other. */
export const corsHeaders = (
  origin: string | undefined,
  method: string | undefined,
  origins: readonly string[],
): Record<string, string> => {
  const allowed = origin === undefined ? undefined : allowedOrigin(origin, origins);
  if (allowed === undefined || !allowsMethod(method)) return {};
  return {
    "access-control-allow-origin": allowed,
    "access-control-allow-methods": bucketCors.methods.join(", "),
    "access-control-expose-headers": bucketCors.exposeHeaders.join(", "),
    "access-control-max-age": `${bucketCors.maxAgeSeconds}`,
    vary: "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
  };
};

/**
 * Answers a preflight by the buckets' rules; it meets no authentication.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
 */
export const answerPreflight = (
  request: IncomingMessage,
  response: ServerResponse,
  origins: readonly string[],
): void => {
  const { origin, "access-control-request-method": method } = request.headers;
  if (origin === undefined || method === undefined) {
    throw new S3Error(400, "BadRequest", "Insufficient information. Origin request header needed.");
  }
  const asked = (request.headers["access-control-request-headers"] ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "");
  const headers = corsHeaders(origin, method, origins);
  const refused = asked.some((name) => !(bucketCors.allowHeaders as readonly string[]).includes(name));
  if (headers["access-control-allow-origin"] === undefined || refused) {
    throw new S3Error(
      403,
      "AccessForbidden",
      "CORSResponse: This CORS request is not allowed. This is usually because the evaluation of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
    );
  }
  const allowHeaders = asked.length === 0 ? undefined : { "access-control-allow-headers": asked.join(", ") };
  response.writeHead(200, { ...headers, ...allowHeaders, "content-length": 0 }).end();
};
