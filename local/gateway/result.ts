/** An answer ready to be sent; header names in lower case. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Buffer;
}

/** An answer that the gateway itself gives, with the body that AWS gives. */
export const gatewayAnswer = (status: number, message: string, headers: HttpAnswer["headers"] = {}): HttpAnswer => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: Buffer.from(JSON.stringify({ message })),
});

export const internalServerError = gatewayAnswer(500, "Internal Server Error");
export const serviceUnavailable = gatewayAnswer(503, "Service Unavailable");
export const gatewayTimeout = gatewayAnswer(504, "Gateway Timeout");
/** What is left of the body is not read, so the connection cannot serve another request. */
export const requestEntityTooLarge = gatewayAnswer(413, "Request Entity Too Large", { connection: "close" });
/** A sender that waits for its expectation may never send the body. */
export const expectationFailed = gatewayAnswer(417, "Expectation Failed", { connection: "close" });
export const tooManyRequests = gatewayAnswer(429, "Too Many Requests");

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * What a function returned, as API Gateway reads payload format 2.0: with `statusCode` it is an answer, without it the
 * whole value is the JSON body of a 200. What is neither becomes 500.
 * Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export const lambdaAnswer = (returned: unknown): HttpAnswer => {
  // A function's result crosses to the gateway as JSON; what JSON cannot carry is lost here as there.
  const text = JSON.stringify(returned) ?? "null";
  const value: unknown = JSON.parse(text);
  if (!isObject(value) || !("statusCode" in value)) {
    return { status: 200, headers: { "content-type": "application/json" }, body: Buffer.from(text) };
  }
  const status = Number(value.statusCode);
  if (!Number.isInteger(status) || status < 100 || status > 599) return internalServerError;
  const { headers = {}, cookies = [], body = "", isBase64Encoded = false } = value;
  if (!isObject(headers) || !Array.isArray(cookies) || typeof body !== "string") return internalServerError;
  return {
    status,
    headers: {
      "content-type": "text/plain;charset=UTF-8",
      ...Object.fromEntries(Object.entries(headers).map(([name, each]) => [name.toLowerCase(), String(each)])),
      ...(cookies.length === 0 ? {} : { "set-cookie": cookies.map(String) }),
    },
    body: Buffer.from(body, isBase64Encoded === true ? "base64" : "utf8"),
  };
};
