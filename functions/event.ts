import {
  type Checked,
  checked,
  expected,
  type Problem,
  problem,
  problemContentType,
  refused,
  requestInstance,
} from "../contract/problem";

/**
 * What API Gateway hands to a function, as far as ours read it (payload format 2.0).
 * Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export interface ApiEvent {
  /** `METHOD /path` as routed, or `$default`. */
  readonly routeKey: string;
  readonly rawPath: string;
  /** Undecoded; the gateway's decoded form joins repeated parameters with commas, and a comma is legal in a key. */
  readonly rawQueryString: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Decoded. */
  readonly pathParameters?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
  readonly isBase64Encoded: boolean;
  readonly requestContext: {
    readonly requestId: string;
    readonly http: { readonly method: string };
  };
}

export interface ApiResult {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Seconds that a caller is asked to wait after a 503. */
const retryAfterSeconds = 5;

export const header = (event: ApiEvent, name: string): string | undefined =>
  Object.entries(event.headers).find(([key]) => key.toLowerCase() === name)?.[1];

/**
 * The query as names and values, decoded as browsers and `URLSearchParams` do: `+` is a space and a literal plus is `%2B`.
 * What cannot be decoded stays as it is or turns into U+FFFD, and no parameter allows either of the two.
 */
export const queryPairs = (event: ApiEvent): readonly (readonly [string, string])[] =>
  Array.from(new URLSearchParams(event.rawQueryString));

/** The body as text, whether or not the gateway encoded it; refuses bytes that are not UTF-8. */
export const bodyText = (event: ApiEvent): Checked<string> => {
  const body = event.body ?? "";
  if (!event.isBase64Encoded) return checked(body);
  try {
    return checked(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(body, "base64")));
  } catch {
    return refused("body_not_json", expected("a JSON object in UTF-8", "body", "bytes that are not UTF-8"));
  }
};

export const jsonResult = (
  statusCode: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): ApiResult => ({
  statusCode,
  headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
  body: JSON.stringify(body),
});

/** A problem as an answer; where it names no job, its `instance` is the request, `urn:ddn:request:<id>` as in the logs. */
export const problemResult = (
  event: ApiEvent,
  why: Problem,
  headers: Readonly<Record<string, string>> = {},
): ApiResult => {
  const instance = why.instance ?? requestInstance(event.requestContext.requestId);
  return jsonResult(why.status, problem(why.code, why.detail, instance), {
    "content-type": problemContentType,
    ...(why.status === 503 ? { "retry-after": String(retryAfterSeconds) } : {}),
    ...headers,
  });
};
