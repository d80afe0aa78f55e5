import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse, request as send } from "node:http";
import type { AddressInfo } from "node:net";

/** One request on its way to S3 or SQS. */
export interface Passing {
  readonly method: string;
  /** Path with bucket and key, decoded. */
  readonly path: string;
  /** The operation of SQS, such as `ReceiveMessage`; empty for S3. */
  readonly action: string;
}

export type Fault =
  /** Answered at once with this status, in AWS's form, and never asked. */
  | { readonly kind: "refused"; readonly status: number; readonly code: string }
  /** The connection is reset before anything was asked. */
  | { readonly kind: "reset" }
  /** Carried out, but the answer never comes and the connection is reset. */
  | { readonly kind: "unanswered" }
  /** The answer's head and half of its body come, then the connection is reset. */
  | { readonly kind: "cut" }
  /** The answer's head and half of its body come, then nothing more. */
  | { readonly kind: "stalled" }
  /** Nothing comes at all, and the connection stays open. */
  | { readonly kind: "silent" }
  /** Half the body comes, and the head says that this is all; no checksum tells otherwise. */
  | { readonly kind: "shortened" }
  /** Asked only when this is over. */
  | { readonly kind: "held"; readonly until: Promise<void> }
  /** The answer's Date is so much later. */
  | { readonly kind: "dated"; readonly seconds: number };

export interface Injection {
  /** Resolves when the fault first struck. */
  readonly met: Promise<void>;
  /** How often it struck. */
  count(): number;
  remove(): void;
}

export interface FaultProxy {
  readonly url: string;
  /** @param times how often it strikes; @default always */
  inject(matches: (passing: Passing) => boolean, fault: Fault, times?: number): Injection;
  /** Takes all faults away. */
  heal(): void;
  /** What has come so far, as in `PUT /out/.ddn/jobs/…`. */
  readonly seen: Passing[];
  close(): Promise<void>;
}

interface Active {
  readonly matches: (passing: Passing) => boolean;
  readonly fault: Fault;
  left: number;
  count: number;
  meet(): void;
}

const errorBody = (action: string, code: string): string =>
  action === ""
    ? `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>Injected.</Message></Error>`
    : JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message: "Injected." });

/** Stands between the server and one service of the twin; the signature covers the host, so that is passed on as it is. */
export const startFaultProxy = async (target: string): Promise<FaultProxy> => {
  let active: Active[] = [];
  const seen: Passing[] = [];

  const strike = (passing: Passing): Fault | undefined => {
    const struck = active.find(({ matches, left }) => left > 0 && matches(passing));
    if (struck === undefined) return undefined;
    struck.left -= 1;
    struck.count += 1;
    struck.meet();
    return struck.fault;
  };

  const forward = (request: IncomingMessage, response: ServerResponse, fault: Fault | undefined): void => {
    const onward = send(target, { method: request.method, path: request.url, headers: request.headers });
    onward.on("error", () => response.destroy());
    onward.on("continue", () => response.writeContinue());
    onward.on("response", async (answer) => {
      const headers = { ...answer.headers };
      const cuts = fault?.kind === "cut" || fault?.kind === "stalled" || fault?.kind === "shortened";
      if (!cuts) {
        if (fault?.kind === "unanswered") {
          response.destroy();
          return;
        }
        if (fault?.kind === "dated") {
          headers.date = new Date(Date.parse(headers.date ?? "") + fault.seconds * 1000).toUTCString();
        }
        response.writeHead(answer.statusCode ?? 502, headers);
        answer.pipe(response);
        return;
      }
      const chunks: Buffer[] = [];
      for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      const half = body.subarray(0, Math.floor(body.length / 2));
      if (fault.kind === "shortened") {
        for (const name of Object.keys(headers)) if (name.startsWith("x-amz-checksum-")) delete headers[name];
        headers["content-length"] = String(half.length);
        response.writeHead(answer.statusCode ?? 502, headers).end(half);
        return;
      }
      response.writeHead(answer.statusCode ?? 502, headers).flushHeaders();
      response.write(half, () => {
        if (fault.kind === "cut") response.destroy();
      });
    });
    // A long poll that was given up must not take a message with it.
    response.on("close", () => onward.destroy());
    request.on("error", () => onward.destroy());
    request.pipe(onward);
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.on("error", () => {});
    const path = decodeURIComponent((request.url ?? "/").split("?", 1)[0]);
    const action = request.headers["x-amz-target"]?.toString().split(".").at(-1) ?? "";
    const passing = { method: request.method ?? "GET", path, action };
    seen.push(passing);
    const fault = strike(passing);
    switch (fault?.kind) {
      case "reset":
        return void request.socket.resetAndDestroy();
      case "silent":
        return void request.resume();
      case "refused": {
        request.resume();
        // Who waits to be told to go on is refused without its body, as by S3.
        if (request.headers.expect === undefined) await once(request, "end");
        const body = request.method === "HEAD" ? "" : errorBody(action, fault.code);
        response.writeHead(fault.status, { "content-length": Buffer.byteLength(body) }).end(body);
        return;
      }
      case "held":
        await fault.until;
        return forward(request, response, undefined);
      default:
        return forward(request, response, fault);
    }
  };

  const server = createServer((request, response) => void serve(request, response));
  server.on("checkContinue", (request, response) => void serve(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    inject: (matches, fault, times = Number.POSITIVE_INFINITY) => {
      let meet = (): void => {};
      const met = new Promise<void>((resolve) => {
        meet = resolve;
      });
      const injected: Active = { matches, fault, left: times, count: 0, meet };
      active.push(injected);
      return {
        met,
        count: () => injected.count,
        remove: () => {
          active = active.filter((one) => one !== injected);
        },
      };
    },
    heal: () => {
      active = [];
    },
    seen,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
};
