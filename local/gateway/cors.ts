import type { IncomingHttpHeaders } from "node:http";
import { apiCors } from "../../contract/routes";

const allowedOrigin = (headers: IncomingHttpHeaders, origins: readonly string[]): string | undefined =>
  headers.origin !== undefined && (origins.includes("*") || origins.includes(headers.origin))
    ? headers.origin
    : undefined;

/** What every answer carries for a browser of an allowed origin; other origins get nothing. */
export const corsHeaders = (headers: IncomingHttpHeaders, origins: readonly string[]): Record<string, string> => {
  const origin = allowedOrigin(headers, origins);
  return origin === undefined
    ? {}
    : {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": apiCors.exposeHeaders.join(","),
        vary: "origin",
      };
};

/** The answer to a preflight, which the gateway gives without asking any integration. */
export const preflightHeaders = (headers: IncomingHttpHeaders, origins: readonly string[]): Record<string, string> => {
  const origin = allowedOrigin(headers, origins);
  return origin === undefined
    ? {}
    : {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": apiCors.methods.join(","),
        "access-control-allow-headers": apiCors.allowHeaders.join(","),
        "access-control-max-age": String(apiCors.maxAgeSeconds),
        vary: "origin",
      };
};

/**
 * With CORS configured on the API, the CORS headers of an integration are ignored.
 * Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
 */
export const isCorsHeader = (name: string): boolean => name.startsWith("access-control-");
