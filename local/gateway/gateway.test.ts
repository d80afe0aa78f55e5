// Does not prove: that AWS answers the same; what AWS does is taken from its documentation, quoted in the code.
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { HttpEvent } from "./event";
import { type Gateway, type GatewaySettings, type LambdaHandler, startGateway } from "./gateway";

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const echo: LambdaHandler = async (event) => ({
  statusCode: 200,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(event),
});

const gatewayWith = async (handler: LambdaHandler, settings: Partial<GatewaySettings> = {}): Promise<Gateway> => {
  const gateway = await startGateway({
    port: 0,
    handlers: { presign: handler, jobs: handler, ping: handler, document: handler },
    serverUrl: "http://127.0.0.1:1",
    s3Url: "http://127.0.0.1:9",
    ...settings,
  });
  closing.push(gateway.close);
  return gateway;
};

const serverWith = async (
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ readonly url: string; readonly server: Server }> => {
  const server = createServer(handler);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  closing.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
};

const eventOf = async (gateway: Gateway, path: string, init?: RequestInit): Promise<HttpEvent> =>
  (await fetch(gateway.url + path, init)).json() as Promise<HttpEvent>;

/** The raw answer to raw bytes, which no HTTP client would send. */
const rawAnswer = (gateway: Gateway, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(gateway.port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });

describe("an event", () => {
  it("carries the request as payload format 2.0 does", async () => {
    const gateway = await gatewayWith(echo);
    const event = await eventOf(gateway, "/presign?file=a%2Cb.tif&mode=upload", {
      headers: { "user-agent": "test", "X-Custom": "Value" },
    });
    expect(event).toMatchObject({
      version: "2.0",
      routeKey: "GET /presign",
      rawPath: "/presign",
      rawQueryString: "file=a%2Cb.tif&mode=upload",
      queryStringParameters: { file: "a,b.tif", mode: "upload" },
      headers: { "x-custom": "Value", "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http" },
      requestContext: {
        routeKey: "GET /presign",
        stage: "$default",
        domainName: "127.0.0.1",
        http: { method: "GET", path: "/presign", protocol: "HTTP/1.1", sourceIp: "127.0.0.1", userAgent: "test" },
      },
      isBase64Encoded: false,
    });
    expect(event).not.toHaveProperty("body");
    expect(event).not.toHaveProperty("cookies");
    expect(event).not.toHaveProperty("pathParameters");
    expect(event.requestContext.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(event.requestContext.time).toMatch(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
  });

  it("joins repeated headers and parameters with commas and parts the cookies", async () => {
    const gateway = await gatewayWith(echo);
    const answer = await rawAnswer(
      gateway,
      "GET /presign?a=1&a=2&b=%ea%b0%80+c HTTP/1.1\r\nhost: h:1\r\nx-one: 1\r\nX-One: 2\r\nconstructor: 3\r\ncookie: k=v; l=w\r\nconnection: close\r\n\r\n",
    );
    const event = JSON.parse(answer.slice(answer.indexOf("{"))) as HttpEvent;
    expect(event.headers).toMatchObject({ "x-one": "1,2", constructor: "3" });
    expect(event.headers).not.toHaveProperty("cookie");
    expect(event.cookies).toEqual(["k=v", "l=w"]);
    expect(event.rawQueryString).toBe("a=1&a=2&b=%ea%b0%80+c");
    expect(event.queryStringParameters).toEqual({ a: "1,2", b: "가 c" });
  });

  it.each([
    ["application/json", '{"a":"가"}', '{"a":"가"}', false],
    ["application/merge-patch+json", "{}", "{}", false],
    ["text/plain; charset=utf-8", "text", "text", false],
    ["application/octet-stream", "\u0001", "AQ==", true],
    ["application/x-www-form-urlencoded", "a=b", "YT1i", true],
  ])("carries a body of %s as text or base64", async (type, sent, body, isBase64Encoded) => {
    const gateway = await gatewayWith(echo);
    const event = await eventOf(gateway, "/jobs", { method: "POST", body: sent, headers: { "content-type": type } });
    expect(event).toMatchObject({ routeKey: "POST /jobs", body, isBase64Encoded });
  });

  it("carries a compressed body as base64, whatever its type", async () => {
    const gateway = await gatewayWith(echo);
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    expect(await eventOf(gateway, "/jobs", { method: "POST", body: "{}", headers })).toMatchObject({
      body: "e30=",
      isBase64Encoded: true,
    });
  });

  it.each([
    ["GET", "/jobs/abc", "GET /jobs/{id}", { id: "abc" }],
    ["DELETE", "/jobs/a%20b", "DELETE /jobs/{id}", { id: "a b" }],
    ["GET", "/jobs/", "$default", undefined],
    ["GET", "/jobs/a/b", "$default", undefined],
    ["PUT", "/jobs", "$default", undefined],
    ["GET", "/ping/", "$default", undefined],
    ["GET", "/nothing", "$default", undefined],
    ["GET", "/openapi.json", "GET /openapi.json", undefined],
  ])("of %s %s has the route %s", async (method, path, routeKey, pathParameters) => {
    const gateway = await gatewayWith(echo);
    const event = await eventOf(gateway, path, { method });
    expect(event.routeKey).toBe(routeKey);
    expect(event.pathParameters).toEqual(pathParameters);
  });
});

describe("a function's result", () => {
  const answerTo = async (result: unknown): Promise<Response> => {
    const gateway = await gatewayWith(async () => result);
    return fetch(`${gateway.url}/ping`);
  };

  it("with a status code is the answer, header by header", async () => {
    const response = await answerTo({
      statusCode: 202,
      headers: { Location: "/jobs/1", "Retry-After": 5 },
      cookies: ["a=1", "b=2"],
      body: "가",
    });
    expect(response.status).toBe(202);
    expect(response.headers.get("location")).toBe("/jobs/1");
    expect(response.headers.get("retry-after")).toBe("5");
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(response.headers.get("content-type")).toBe("text/plain;charset=UTF-8");
    expect(await response.text()).toBe("가");
  });

  it("in base64 is decoded", async () => {
    const response = await answerTo({ statusCode: 200, body: "AQID", isBase64Encoded: true });
    expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([1, 2, 3]);
  });

  it.each([
    [{ hello: 1 }, '{"hello":1}'],
    ["hello", '"hello"'],
    [undefined, "null"],
  ])("without a status code is the JSON body of a 200: %j", async (result, body) => {
    const response = await answerTo(result);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.text()).toBe(body);
  });

  it.each([
    { statusCode: "many" },
    { statusCode: 42 },
    { statusCode: 200, body: { not: "text" } },
    { statusCode: 200, headers: [] },
  ])("that is malformed reads as 500: %j", async (result) => {
    const response = await answerTo(result);
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ message: "Internal Server Error" });
  });

  it("that is an error reads as 500 and tells the caller nothing", async () => {
    const errors: unknown[] = [];
    const failing = async (): Promise<never> => {
      throw new Error("secret");
    };
    const gateway = await gatewayWith(failing, { onError: (error) => errors.push(error) });
    const response = await fetch(`${gateway.url}/ping`);
    expect(response.status).toBe(500);
    expect(await response.text()).toBe('{"message":"Internal Server Error"}');
    expect(errors).toEqual([new Error("secret")]);
  });

  it("that comes too late reads as 503", async () => {
    const gateway = await gatewayWith(() => new Promise(() => {}), { timeoutMs: 10 });
    const response = await fetch(`${gateway.url}/ping`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ message: "Service Unavailable" });
  });
});

describe("a caller that goes away in the middle of its body", () => {
  it("is no error and does not end the gateway", async () => {
    const errors: unknown[] = [];
    const gateway = await gatewayWith(echo, { onError: (error) => errors.push(error) });
    const socket = connect(gateway.port, "127.0.0.1");
    await new Promise((resolve) => {
      socket.write("POST /jobs HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 100\r\n\r\n");
      socket.once("data", resolve);
    });
    socket.resetAndDestroy();
    expect((await fetch(`${gateway.url}/ping`)).status).toBe(200);
    await gateway.close();
    expect(errors).toEqual([]);
  });
});

describe("limits", () => {
  it("takes a body of exactly 10 MB and refuses one byte more, without calling the function", async () => {
    const seen: number[] = [];
    const gateway = await gatewayWith(async (event) => {
      seen.push(event.body?.length ?? 0);
      return {};
    });
    const post = (bytes: number) =>
      fetch(`${gateway.url}/jobs`, {
        method: "POST",
        body: "x".repeat(bytes),
        headers: { "content-type": "text/plain" },
      });
    expect((await post(10 * 1024 * 1024)).status).toBe(200);
    const refused = await post(10 * 1024 * 1024 + 1);
    expect(refused.status).toBe(413);
    expect(await refused.json()).toEqual({ message: "Request Entity Too Large" });
    expect(seen).toEqual([10 * 1024 * 1024]);
  });

  it.each([
    ["stated", { "content-length": String(11 * 1024 * 1024) }],
    ["not stated", { "transfer-encoding": "chunked" }],
  ])("refuses a body for the server that is too large, its length %s", async (_, headers) => {
    const { url } = await serverWith((incoming, response) => {
      incoming.resume();
      incoming.on("end", () => response.end("read it all"));
    });
    const gateway = await gatewayWith(echo, { serverUrl: url });
    const answer = await new Promise<[number | undefined, string]>((resolve, reject) => {
      const outgoing = request(`${gateway.url}/inference`, { method: "POST", headers }, async (incoming) => {
        let text = "";
        for await (const chunk of incoming) text += chunk;
        resolve([incoming.statusCode, text]);
      });
      outgoing.on("error", reject);
      outgoing.end(Buffer.alloc(11 * 1024 * 1024));
    });
    expect(answer).toEqual([413, '{"message":"Request Entity Too Large"}']);
  });

  it("refuses headers of more than 10 240 bytes", async () => {
    const gateway = await gatewayWith(echo);
    expect((await fetch(`${gateway.url}/ping`, { headers: { "x-long": "x".repeat(9000) } })).status).toBe(200);
    const answer = await rawAnswer(gateway, `GET /ping HTTP/1.1\r\nhost: h\r\nx-long: ${"x".repeat(11_000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 431 /);
    expect(answer).toMatch(/\{"message":"Request Header Fields Too Large"\}$/);
  });

  it("answers 400 to what is not HTTP", async () => {
    expect(await rawAnswer(await gatewayWith(echo), "nonsense\r\n\r\n")).toMatch(
      /^HTTP\/1.1 400 .*\{"message":"Bad Request"\}$/s,
    );
  });

  it("answers 417 to an expectation of the caller's own, with a body like all others", async () => {
    const request = "POST /jobs HTTP/1.1\r\nhost: h\r\nexpect: wonders\r\ncontent-length: 2\r\n\r\n";
    expect(await rawAnswer(await gatewayWith(echo), request)).toMatch(
      /^HTTP\/1.1 417 .*\{"message":"Expectation Failed"\}$/s,
    );
  });

  it("throttles beyond the burst", async () => {
    const gateway = await gatewayWith(echo, { throttling: { rate: 0, burst: 2 } });
    const statuses: number[] = [];
    for (const _ of [1, 2, 3]) statuses.push((await fetch(`${gateway.url}/ping`)).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect(await (await fetch(`${gateway.url}/ping`)).json()).toEqual({ message: "Too Many Requests" });
  });
});

describe("CORS", () => {
  const preflight = (gateway: Gateway, origin: string) =>
    fetch(`${gateway.url}/jobs`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "prefer" },
    });

  it("answers a preflight itself", async () => {
    const gateway = await gatewayWith(() => Promise.reject(new Error("never called")), {
      allowOrigins: ["https://console.example"],
    });
    const response = await preflight(gateway, "https://console.example");
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "access-control-allow-origin": "https://console.example",
      "access-control-allow-methods": "GET,POST,DELETE,OPTIONS",
      "access-control-allow-headers": "content-type,authorization,prefer,idempotency-key",
      "access-control-max-age": "3600",
    });
  });

  it("allows its own origin unless told otherwise, and no other", async () => {
    const gateway = await gatewayWith(echo);
    expect((await preflight(gateway, gateway.url)).headers.get("access-control-allow-origin")).toBe(gateway.url);
    const other = await preflight(gateway, "https://elsewhere.example");
    expect(other.status).toBe(204);
    expect(other.headers.get("access-control-allow-origin")).toBeNull();
  });

  it.each(["/ping", "/inference"])("lets the page read the answer of %s, errors too", async (path) => {
    const gateway = await gatewayWith(echo, { throttling: { rate: 0, burst: 1 } });
    const call = () =>
      fetch(gateway.url + path, {
        method: path === "/ping" ? "GET" : "POST",
        headers: { origin: gateway.url },
      });
    for (const response of [await call(), await call()]) {
      expect(response.headers.get("access-control-allow-origin")).toBe(gateway.url);
      expect(response.headers.get("access-control-expose-headers")).toBe("location,retry-after");
    }
  });

  it("drops the CORS headers of the server behind it", async () => {
    const { url } = await serverWith((_, response) => {
      response.setHeader("access-control-allow-origin", "*").end();
    });
    const gateway = await gatewayWith(echo, { serverUrl: url });
    const response = await fetch(`${gateway.url}/inference`, { method: "POST" });
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });
});

describe("the server behind /inference", () => {
  const post = (gateway: Gateway, init: RequestInit = {}) =>
    fetch(`${gateway.url}/inference?x=1`, { method: "POST", body: "hello", ...init });

  it("gets the request and gives the answer, hop-by-hop headers dropped both ways", async () => {
    const { url } = await serverWith(async (incoming, response) => {
      let body = "";
      for await (const chunk of incoming) body += chunk;
      response.writeHead(202, { location: "/jobs/1", "keep-alive": "timeout=99", "x-server": "yes" });
      response.end(JSON.stringify({ url: incoming.url, method: incoming.method, headers: incoming.headers, body }));
    });
    const gateway = await gatewayWith(echo, { serverUrl: url });
    const response = await post(gateway, {
      headers: { prefer: "wait=0", te: "trailers", "x-forwarded-for": "1.2.3.4" },
    });
    expect(response.status).toBe(202);
    expect(response.headers.get("location")).toBe("/jobs/1");
    expect(response.headers.get("x-server")).toBe("yes");
    expect(response.headers.get("keep-alive")).not.toBe("timeout=99");
    const seen = (await response.json()) as { url: string; method: string; body: string; headers: object };
    expect(seen).toMatchObject({ url: "/inference?x=1", method: "POST", body: "hello" });
    expect(seen.headers).toMatchObject({ prefer: "wait=0", "x-forwarded-for": "1.2.3.4, 127.0.0.1" });
    expect(seen.headers).not.toHaveProperty("te");
  });

  it("reads as 503 when it cannot be reached", async () => {
    const response = await post(await gatewayWith(echo));
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ message: "Service Unavailable" });
  });

  it("reads as 503 when it hangs up", async () => {
    const { url } = await serverWith((incoming) => incoming.socket.destroy());
    expect((await post(await gatewayWith(echo, { serverUrl: url }))).status).toBe(503);
  });

  it("reads as 504 when it is too slow", async () => {
    const { url } = await serverWith(() => {});
    const response = await post(await gatewayWith(echo, { serverUrl: url, timeoutMs: 20 }));
    expect(response.status).toBe(504);
    expect(await response.json()).toEqual({ message: "Gateway Timeout" });
  });

  it("may answer before it has read the body, and the connection serves the next request", async () => {
    const hasty = createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        socket.pause();
        socket.write("HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\n\r\n");
      });
    });
    await new Promise<void>((resolve) => {
      hasty.listen(0, "127.0.0.1", resolve);
    });
    closing.push(async () => hasty.close());
    const serverUrl = `http://127.0.0.1:${(hasty.address() as AddressInfo).port}`;
    const gateway = await gatewayWith(echo, { serverUrl });
    const body = "x".repeat(4 * 2 ** 20);
    const first = `POST /inference HTTP/1.1\r\nhost: gateway\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const answers = await rawAnswer(
      gateway,
      `${first}GET /ping HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n`,
    );
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 413", "HTTP/1.1 200"]);
  });

  it("is told when the caller goes away", async () => {
    const abort = new AbortController();
    const closed = new Promise<void>((resolve) => {
      void serverWith((incoming) => {
        incoming.on("close", resolve);
        abort.abort();
      }).then(async ({ url }) => {
        const gateway = await gatewayWith(echo, { serverUrl: url });
        await expect(post(gateway, { signal: abort.signal, body: null })).rejects.toThrow();
      });
    });
    await closed;
  });

  it("streams its answer as it comes", async () => {
    let finish = (): void => {};
    const { url } = await serverWith((_, response) => {
      response.write("first");
      finish = () => response.end("second");
    });
    const gateway = await gatewayWith(echo, { serverUrl: url });
    const reader = (await post(gateway)).body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("first");
    finish();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("second");
  });
});

describe("the console", () => {
  it.each([
    "/console/../client.ts",
    "/console/%2e%2e%2fclient.ts",
    "/console/console.test.ts",
    "/console/none.mjs",
    "/console/",
    "/console/vendor/",
    "/console/vendor/../index.html",
    "/console/vendor/constructor",
  ])("has no file at %s", async (path) => {
    const gateway = await gatewayWith(echo);
    const answer = await rawAnswer(gateway, `GET ${path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 404 .*\{"message":"Not Found"\}$/s);
  });

  it.each([
    ["/", "text/html; charset=utf-8"],
    ["/console/console.css", "text/css; charset=utf-8"],
    ["/console/console.mjs", "text/javascript; charset=utf-8"],
  ])("serves %s as %s, with the file's bytes", async (path, type) => {
    const response = await fetch((await gatewayWith(echo)).url + path);
    expect(response.headers.get("content-type")).toBe(type);
    const file = join(__dirname, "../../client", path === "/" ? "console/index.html" : path);
    expect(await response.text()).toBe(readFileSync(file, "utf8"));
  });

  it("serves the vendored GeoTIFF reader, and lets the page talk to this gateway and S3 alone", async () => {
    const gateway = await gatewayWith(echo);
    const response = await fetch(`${gateway.url}/console/vendor/geotiff.js`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    expect(response.headers.get("content-security-policy")).toContain("connect-src 'self' http://127.0.0.1:9;");
    await response.arrayBuffer();
  });
});

describe("the access log", () => {
  it("has a line for each request, without the query", async () => {
    const lines: string[] = [];
    const gateway = await gatewayWith(echo, { accessLog: (line) => lines.push(line) });
    await (await fetch(`${gateway.url}/presign?file=secret.tif`)).text();
    expect(lines).toEqual(["GET /presign 200"]);
  });
});
