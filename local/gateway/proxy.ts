import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { isCorsHeader } from "./cors";
import { gatewayTimeout, type HttpAnswer, requestEntityTooLarge, serviceUnavailable } from "./result";

/** Source: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 */
const hopByHop = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

const endToEnd = (headers: IncomingHttpHeaders): IncomingHttpHeaders => {
  const named = (headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !hopByHop.includes(name) && !named.includes(name)),
  );
};

export interface ProxyOptions {
  /** Origin of the server. */
  readonly serverUrl: string;
  readonly bodyBytes: number;
  readonly timeoutMs: number;
  /** Laid over the answer's own headers. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Passes a request on to the server and its answer back, both as they come.
 * @returns what to answer instead when the server did not: unreachable, too slow, or the body too large
 */
export const proxy = async (
  request: IncomingMessage,
  response: ServerResponse,
  { serverUrl, bodyBytes, timeoutMs, headers }: ProxyOptions,
): Promise<HttpAnswer | undefined> => {
  const { host: _, ...forwarded } = endToEnd(request.headers);
  const client = request.socket.remoteAddress ?? "";
  const before = request.headers["x-forwarded-for"];
  const outgoing = httpRequest(new URL(request.url ?? "/", serverUrl), {
    method: request.method,
    // A connection of its own: one kept open may have been closed by the server just now, which would read as a failure.
    agent: false,
    headers: {
      ...forwarded,
      "x-forwarded-for": before === undefined ? client : `${before}, ${client}`,
      "x-forwarded-proto": "http",
    },
  });
  let refusal = serviceUnavailable;
  const refuseWith = (answer: HttpAnswer): void => {
    refusal = answer;
    request.unpipe(outgoing);
    outgoing.destroy(new Error("refused"));
  };
  let bytes = 0;
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes > bodyBytes) refuseWith(requestEntityTooLarge);
  };
  const goneAway = (): void => {
    outgoing.destroy();
  };
  const timer = setTimeout(() => refuseWith(gatewayTimeout), timeoutMs);
  response.once("close", goneAway);
  try {
    const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once("response", resolve);
      // Stays for good: a server that answers before it has read everything may cut off the rest.
      outgoing.on("error", reject);
      request.on("data", count);
      request.pipe(outgoing);
    });
    const passed = Object.entries(endToEnd(incoming.headers)).filter(([name]) => !isCorsHeader(name));
    response.writeHead(incoming.statusCode ?? 502, { ...Object.fromEntries(passed), ...headers });
    await pipeline(incoming, response);
    return undefined;
  } catch {
    if (!response.headersSent) return refusal;
    response.destroy();
    return undefined;
  } finally {
    clearTimeout(timer);
    request.off("data", count);
    response.off("close", goneAway);
    // What a server that answered early did not read would stand before the caller's next request.
    request.unpipe(outgoing);
    request.resume();
  }
};
