import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { routes } from "../../contract/routes";
import { matchRoute } from "../../local/gateway/route";
import { authenticate } from "../../local/sigv4";

/** A request as it came to the gateway. */
export interface GuardedRequest {
  readonly method: string;
  /** Path and query, escaped as they were sent. */
  readonly target: string;
  readonly headers: IncomingMessage["headers"];
  /** Whether its route asks for no authorisation. */
  readonly open: boolean;
}

interface Refusal {
  readonly status: 401 | 403;
  readonly headers?: Readonly<Record<string, string>>;
  readonly message: string;
}

export type Admission = (request: IncomingMessage, body: Buffer) => Promise<Refusal | undefined>;

/** A gateway that lets nobody in without authorisation, before one that lets everybody in. */
export interface Guard {
  readonly url: string;
  readonly requests: readonly GuardedRequest[];
  close(): Promise<void>;
}

export const testKey = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
} as const;

/** As routes with `AWS_IAM`: the signature is made anew from what arrived, by the twin's verifier. */
export const signedFor =
  (region: string): Admission =>
  async (request, body) => {
    try {
      const keys = [{ ...testKey, role: "worker" }] as const;
      await authenticate(request, { service: "execute-api", region, keys, body });
      return undefined;
    } catch (cause) {
      return { status: 403, message: request.headers.authorization === undefined ? "Forbidden" : String(cause) };
    }
  };

/** As routes with a JWT authorizer. */
export const withToken =
  (token: string): Admission =>
  async ({ headers: { authorization } }) => {
    if (authorization === `Bearer ${token}`) return undefined;
    const described = 'Bearer scope="" error="invalid_token" error_description="the token has expired"';
    const headers = { "www-authenticate": authorization === undefined ? "Bearer" : described };
    return { status: 401, headers, message: "Unauthorized" };
  };

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

const passedOn = ["content-type", "idempotency-key", "prefer"];

export const startGuard = async (upstream: string, admits: Admission): Promise<Guard> => {
  const requests: GuardedRequest[] = [];
  const server = createServer(async (request, response) => {
    const { method = "GET", url: target = "/", headers } = request;
    const open = matchRoute(routes, method, target.split("?")[0])?.route.open ?? true;
    requests.push({ method, target, headers, open });
    const body = await bodyOf(request);
    const refusal = open ? undefined : await admits(request, body);
    if (refusal !== undefined) {
      response.writeHead(refusal.status, { ...refusal.headers, "content-type": "application/json" });
      return response.end(JSON.stringify({ message: refusal.message }));
    }
    const answer = await fetch(`${upstream}${target}`, {
      method,
      headers: passedOn.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]])),
      ...(body.length === 0 ? {} : { body: new Uint8Array(body) }),
    });
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
    return response.end(new Uint8Array(await answer.arrayBuffer()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
};
