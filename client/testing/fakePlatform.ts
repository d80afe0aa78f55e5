import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { cancelRequested, type Job, queuedJob, taken } from "../../contract/job";
import { problem } from "../../contract/problem";

/** A request as it arrived; `path` has no query. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** An answer given instead of the usual one; `drop` cuts the connection before it, `cut` after its body. */
export type ScriptedAnswer =
  | "drop"
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      readonly cut?: true;
    };

/** The API and the storage behind it in one process: just enough of both to talk to the client. */
export interface FakePlatform {
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  /** Objects by bucket and key, such as `in/scan.tif`. */
  readonly objects: Map<string, Buffer>;
  /** The next answers to `METHOD /first-segment`, in this order. */
  script(route: string, ...answers: readonly ScriptedAnswer[]): void;
  /** What each job passes through, one step for each time it is asked for; the last one stays. None: it succeeds. */
  steps: readonly ((job: Job) => Job | undefined)[];
  /** How many requests met this route. */
  count(route: string): number;
  close(): Promise<void>;
}

const at = new Date("2026-01-02T03:04:05Z");

export const running =
  (done: number, total: number) =>
  (job: Job): Job => ({ ...taken(job, "fake", at), progress: { done, total } });

/** What the fake makes of an image: its bytes backwards. */
export const denoised = (input: Buffer): Buffer => Buffer.from(input).reverse();

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

export const startFakePlatform = async (): Promise<FakePlatform> => {
  const requests: SeenRequest[] = [];
  const scripts = new Map<string, ScriptedAnswer[]>();
  const objects = new Map<string, Buffer>();
  const jobs = new Map<string, { job: Job; asked: number }>();
  const routeOf = ({ method, path }: SeenRequest) => `${method} /${path.split("/")[1]}`;

  const json = (response: ServerResponse, status: number, body: unknown) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));

  const succeeded = (job: Job): Job => {
    const bytes = denoised(objects.get(`in/${job.file}`) ?? Buffer.alloc(0));
    objects.set(`out/${job.output}`, bytes);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { ...job, status: "succeeded", result: { bytes: bytes.length, etag: `"${sha256}"`, sha256 } };
  };

  const presign = ({ query }: SeenRequest) => {
    const file = query.get("file") ?? jobs.get(query.get("job") ?? "")?.job.output ?? "";
    const isUpload = query.get("mode") === "upload";
    const [size, sha256] = [query.get("size"), query.get("sha256")];
    return {
      url: `${platform.url}/${isUpload ? "in" : "out"}/${encodeURI(file)}?X-Amz-Signature=secret`,
      method: isUpload ? "PUT" : "GET",
      headers: {
        ...(size === null ? {} : { "content-length": size }),
        ...(sha256 === null ? {} : { "x-amz-checksum-sha256": sha256 }),
      },
      file,
      mode: query.get("mode"),
      expiresAt: at.toISOString(),
    };
  };

  const create = ({ body, headers }: SeenRequest): Job => {
    const { file, output = file, strength = 1, sigma } = JSON.parse(body.toString());
    const id = createHash("sha256").update(String(headers["idempotency-key"])).digest("hex").slice(0, 26);
    const options = { strength, ...(sigma === undefined ? {} : { sigma }) };
    const input = { bytes: objects.get(`in/${file}`)?.length ?? 0, etag: '"in"' };
    const job = queuedJob(id, { file, output, options }, input, at);
    if (!jobs.has(id)) jobs.set(id, { job, asked: 0 });
    return job;
  };

  const answer = (seen: SeenRequest, response: ServerResponse): unknown => {
    const id = seen.path.split("/")[2] ?? "";
    const entry = jobs.get(id);
    switch (routeOf(seen)) {
      case "GET /ping":
        return json(response, 200, { status: "ok", version: "0", service: "ready" });
      case "GET /presign":
        return json(response, 200, presign(seen));
      case "POST /jobs":
        return json(response, 202, create(seen));
      case "POST /inference":
        return json(response, 200, succeeded(create(seen)));
      case "GET /jobs": {
        if (entry === undefined)
          return json(response, 404, problem("job_not_found", `Expected a job but ${id} is none.`));
        const step = platform.steps[Math.min(entry.asked, platform.steps.length - 1)];
        entry.asked += 1;
        if (entry.job.status !== "cancelled") entry.job = step?.(entry.job) ?? succeeded(entry.job);
        return json(response, 200, entry.job);
      }
      case "DELETE /jobs":
        if (entry !== undefined) entry.job = cancelRequested({ ...entry.job, status: "queued" }, at);
        return json(response, 202, entry?.job);
      case "PUT /in":
        objects.set(decodeURI(seen.path.slice(1)), seen.body);
        return response.writeHead(200).end();
      case "GET /out":
        return response.writeHead(200).end(objects.get(decodeURI(seen.path.slice(1))));
      default:
        return json(response, 404, problem("route_not_found", `Expected a route but ${seen.path} is none.`));
    }
  };

  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://fake");
    const seen = {
      method: request.method ?? "",
      path: pathname,
      query: searchParams,
      headers: request.headers,
      body: await readBody(request),
    };
    requests.push(seen);
    const scripted = scripts.get(routeOf(seen))?.shift();
    if (scripted === "drop") request.socket.destroy();
    else if (scripted?.cut) {
      response.writeHead(scripted.status, scripted.headers).write(scripted.body ?? "", () => request.socket.destroy());
    } else if (scripted !== undefined) response.writeHead(scripted.status, scripted.headers).end(scripted.body);
    else answer(seen, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  const platform: FakePlatform = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    objects,
    steps: [running(0, 0), running(1, 2), succeeded],
    script: (route, ...answers) => {
      scripts.set(route, [...answers]);
    },
    count: (route) => requests.filter((seen) => routeOf(seen) === route).length,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return platform;
};
