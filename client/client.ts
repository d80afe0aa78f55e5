import { hasEnded, type Job } from "../contract/job";
import { type ApiCall, apiFetch } from "./apiFetch";
import type { Authorization } from "./authorization";
import { type Access, DdnError, errorOfNetwork, errorOfResponse } from "./error";

export { type Authorization, bearer } from "./authorization";
export { DdnError, errorOfJob } from "./error";

/** The typed client: fetch only, so that browsers and Node share it. */

export interface ClientOptions {
  /** Address of the API, such as `http://127.0.0.1:8080`. */
  readonly baseUrl: string;
  /** @default the global fetch */
  readonly fetch?: typeof fetch;
  /** Goes with every request to a route that is not open, and never to storage. @default none */
  readonly authorization?: Authorization | undefined;
  /** Attempts of a request that may safely be repeated. @default 5 */
  readonly attempts?: number;
  /** Waits between attempts and polls; rejects with the signal's reason when aborted. @default a timer */
  readonly pause?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface Ping {
  readonly status: "ok";
  readonly version: string;
  readonly service: "ready" | "starting" | "asleep";
}

/** A URL that storage accepts for a while, and exactly the headers that have to go with it. */
export interface Presigned {
  readonly url: string;
  readonly method: "PUT" | "GET";
  readonly headers: Readonly<Record<string, string>>;
  readonly file: string;
  readonly mode: "upload" | "download";
  /** RFC 3339. */
  readonly expiresAt: string;
}

export interface UploadTerms {
  /** Bytes; storage then takes no other length. */
  readonly size?: number;
  /** Content type that the upload has to carry. */
  readonly type?: string;
  /** SHA-256 of the bytes in base64; storage then takes no others. */
  readonly sha256?: string;
  /** false: refuse to replace a file that is there. */
  readonly overwrite?: false;
  /** Seconds that the URL stays valid, 30–3600. */
  readonly expires?: number;
}

/** Bytes that can be read more than once, since an upload may be repeated. A Blob or File is one. */
export interface ByteSource {
  /** Bytes. */
  readonly size: number;
  stream(): ReadableStream<Uint8Array>;
}

export interface UploadOptions extends CallOptions, UploadTerms {
  /** Bytes handed to the connection so far; counts from 0 again when the upload is repeated. */
  readonly onProgress?: (bytesSent: number, bytesTotal: number) => void;
}

/** What to denoise; `output` defaults to `file`, `strength` (0–1) to 1, `sigma` (fraction of full scale) to the estimate. */
export interface DenoiseRequest {
  readonly file: string;
  readonly output?: string;
  readonly strength?: number;
  readonly sigma?: number;
}

export interface CreateOptions extends CallOptions {
  /** The same key finds the same job again. @default a random one, so that a repeated request creates one job */
  readonly idempotencyKey?: string;
}

export interface WaitOptions extends CallOptions {
  /** Called with every record read. */
  readonly onProgress?: (job: Job) => void;
}

export interface InferOptions extends CreateOptions {
  /** Seconds that the service may wait for the end, 0–25. @default 25 */
  readonly waitSeconds?: number;
}

/** The result of a job, or the last one written under a file's name. */
export type DownloadTarget = { readonly job: string } | { readonly file: string };

export interface Client {
  ping(options?: CallOptions): Promise<Ping>;
  presignUpload(file: string, terms?: UploadTerms & CallOptions): Promise<Presigned>;
  presignDownload(target: DownloadTarget, options?: CallOptions & Pick<UploadTerms, "expires">): Promise<Presigned>;
  /** Presigns and puts; answers with the file key, as the service writes it. */
  upload(file: string, body: Blob | Uint8Array<ArrayBuffer> | ByteSource, options?: UploadOptions): Promise<string>;
  createJob(request: DenoiseRequest, options?: CreateOptions): Promise<Job>;
  /** At most 100 at once; either all are created or none. */
  createJobs(requests: readonly DenoiseRequest[], options?: CreateOptions): Promise<readonly Job[]>;
  job(id: string, options?: CallOptions): Promise<Job>;
  /** Asks a job to stop: a queued one ends at once, a running one soon. */
  cancel(id: string, options?: CallOptions): Promise<Job>;
  /** The job once it ended, well or not: {@link errorOfJob} tells. */
  waitForJob(id: string, options?: WaitOptions): Promise<Job>;
  /** `POST /inference`: the finished job, or one still under way when it takes longer than the wait. A failed or cancelled one throws. */
  infer(request: DenoiseRequest, options?: InferOptions): Promise<Job>;
  /** Storage's answer, to be read as a stream, a Blob or bytes. */
  download(target: DownloadTarget, options?: CallOptions): Promise<Response>;
}

const pollMs = { first: 250, longest: 2000, growth: 1.5 } as const;
const backOffMs = { first: 500, longest: 15_000 } as const;
const transientStatuses = [429, 502, 503];

const timer = (milliseconds: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(handle);
      reject(signal?.reason);
    };
    const handle = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });

/** Random, without crypto.randomUUID: browsers offer that one on https and localhost only. */
const randomKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** RFC 3986 to the letter, as AWS signs it: whoever checks the query as it was sent and whoever decodes it first see the same. */
const escaped = (value: string | number | boolean): string =>
  encodeURIComponent(value).replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);

const queryOf = (parameters: Readonly<Record<string, string | number | boolean | undefined>>): string =>
  Object.entries(parameters)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${escaped(value)}`]))
    .join("&");

/** Counts the bytes on their way through. */
const counted = (source: ByteSource, onProgress: (sent: number, total: number) => void): ReadableStream<Uint8Array> => {
  let sent = 0;
  return source.stream().pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        sent += chunk.byteLength;
        controller.enqueue(chunk);
        onProgress(sent, source.size);
      },
    }),
  );
};

/**
 * A client of one deployment. Every failure is a {@link DdnError}, except an abort, which throws the signal's reason.
 * What may safely be repeated is: after 429, 502, 503 and lost connections, with growing pauses or as long as Retry-After says.
 */
export const createClient = ({
  baseUrl,
  fetch: send = globalThis.fetch,
  authorization,
  attempts = 5,
  pause = timer,
}: ClientOptions): Client => {
  const base = baseUrl.replace(/\/+$/, "");
  const sendOpen = apiFetch(base, undefined, send);
  const sendAuthorized = apiFetch(base, authorization, send);

  /** The answer when it is a success; `access` tells how the API was asked, undefined that storage was. */
  const successOf = async (
    url: string,
    signal: AbortSignal | undefined,
    access: Access | undefined,
    sending: Promise<Response>,
  ): Promise<Response> => {
    let response: Response;
    try {
      response = await sending;
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      throw cause instanceof DdnError ? cause : errorOfNetwork(url, cause);
    }
    if (response.ok) return response;
    throw await errorOfResponse(response, access);
  };

  /** Repeats what may be repeated; `attempt` starts from the beginning each time. */
  const patiently = async <T>(attempt: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    for (let tried = 1; ; tried += 1) {
      try {
        return await attempt();
      } catch (error) {
        const transient =
          error instanceof DdnError &&
          error.location === undefined &&
          (error.code === "network_failed" || transientStatuses.includes(error.status));
        if (!transient || tried >= attempts) throw error;
        const grown = Math.min(backOffMs.first * 2 ** (tried - 1), backOffMs.longest);
        const asked = Math.min((error.retryAfterSeconds ?? 0) * 1000, 4 * backOffMs.longest);
        await pause(Math.max(asked, grown * (0.5 + Math.random() / 2)), signal);
      }
    }
  };

  const storage = (url: string, init: RequestInit, signal: AbortSignal | undefined): Promise<Response> =>
    successOf(url, signal, undefined, send(url, { ...init, signal: signal ?? null }));

  const json = async <T>(path: string, call: ApiCall, apiSend = sendAuthorized): Promise<T> => {
    const url = `${base}${path}`;
    const response = await successOf(url, call.signal, authorization?.kind ?? "none", apiSend(path, call));
    try {
      return (await response.json()) as T;
    } catch {
      if (call.signal?.aborted) throw call.signal.reason;
      throw new DdnError(
        response.status,
        "answer_invalid",
        `Expected JSON from ${url.split("?")[0]} but received something else. Check that the address is the API's.`,
      );
    }
  };

  const ask = <T>(method: string, path: string, { signal }: CallOptions = {}): Promise<T> =>
    patiently(() => json<T>(path, { method, signal }), signal);

  const post = <T>(
    path: string,
    body: unknown,
    headers: Record<string, string>,
    options: CreateOptions,
  ): Promise<T> => {
    const { signal, idempotencyKey = randomKey() } = options;
    const call = {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": idempotencyKey, ...headers },
      body: JSON.stringify(body),
      signal,
    };
    return patiently(() => json<T>(path, call), signal);
  };

  /** One attempt only: uploads and downloads repeat it together with what follows, so that an expired URL is replaced. */
  const presign = (parameters: Parameters<typeof queryOf>[0], signal: AbortSignal | undefined): Promise<Presigned> =>
    json(`/presign?${queryOf(parameters)}`, { signal });

  const client: Client = {
    // Open, so it carries no credentials, and answers whoever has none.
    ping: ({ signal } = {}) => patiently(() => json("/ping", { signal }, sendOpen), signal),

    presignUpload: (file, { signal, ...terms } = {}) =>
      patiently(() => presign({ file, mode: "upload", ...terms }, signal), signal),

    presignDownload: (target, { signal, expires } = {}) =>
      patiently(() => presign({ mode: "download", ...target, expires }, signal), signal),

    upload: (file, body, { signal, onProgress, ...terms } = {}) => {
      const source: ByteSource = body instanceof Uint8Array ? new Blob([body]) : body;
      return patiently(async () => {
        const target = await presign({ file, mode: "upload", ...terms }, signal);
        const streamed = onProgress !== undefined || !(source instanceof Blob);
        const init: RequestInit = streamed
          ? {
              body: onProgress === undefined ? source.stream() : counted(source, onProgress),
              // A stream's length is unknown to fetch, and S3 takes no chunked transfer.
              headers: { "content-length": String(source.size), ...target.headers },
              duplex: "half",
            }
          : // A slice has no type, so that no Content-Type is sent but the one that was signed.
            { body: source.slice(), headers: target.headers };
        const answer = await storage(target.url, { ...init, method: target.method }, signal);
        await answer.arrayBuffer();
        return target.file;
      }, signal);
    },

    createJob: (request, options = {}) => post("/jobs", request, {}, options),

    createJobs: async (requests, options = {}) => {
      const { jobs } = await post<{ jobs: Job[] }>("/jobs", { files: requests }, {}, options);
      return jobs;
    },

    job: (id, options) => ask("GET", `/jobs/${encodeURIComponent(id)}`, options),

    cancel: (id, options) => ask("DELETE", `/jobs/${encodeURIComponent(id)}`, options),

    waitForJob: async (id, { signal, onProgress } = {}) => {
      for (let waitMs: number = pollMs.first; ; waitMs = Math.min(waitMs * pollMs.growth, pollMs.longest)) {
        const job = await client.job(id, signal === undefined ? {} : { signal });
        onProgress?.(job);
        if (hasEnded(job)) return job;
        await pause(waitMs, signal);
      }
    },

    infer: (request, { waitSeconds, ...options } = {}) =>
      post("/inference", request, waitSeconds === undefined ? {} : { prefer: `wait=${waitSeconds}` }, options),

    download: (target, { signal } = {}) =>
      patiently(async () => {
        const source = await presign({ mode: "download", ...target }, signal);
        return storage(source.url, { method: source.method, headers: source.headers }, signal);
      }, signal),
  };
  return client;
};
