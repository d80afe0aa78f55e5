// Does not prove that the platform answers as this fake does: client/legacy.test.ts and client/command.twin.test.ts use the real one.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { problem } from "../contract/problem";
import { type Client, type ClientOptions, createClient, DdnError, errorOfJob } from "./client";
import { parseRetryAfter } from "./error";
import { denoised, type FakePlatform, running, type ScriptedAnswer, startFakePlatform } from "./testing/fakePlatform";

let platform: FakePlatform;
let pausesMs: number[];

const clientOf = (options: Partial<ClientOptions> = {}): Client =>
  createClient({
    baseUrl: platform.url,
    pause: async (milliseconds, signal) => {
      signal?.throwIfAborted();
      pausesMs.push(milliseconds);
    },
    ...options,
  });

const rejection = async (promise: Promise<unknown>): Promise<DdnError> => {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(DdnError);
  return error as DdnError;
};

beforeEach(async () => {
  platform = await startFakePlatform();
  pausesMs = [];
});
afterEach(() => platform.close());

describe("an upload", () => {
  it("puts the bytes with exactly the headers that were answered", async () => {
    const file = await clientOf().upload("a.tif", new Uint8Array([1, 2, 3]), { size: 3, sha256: "c2hh" });

    const put = platform.requests.find(({ method }) => method === "PUT");
    expect(file).toBe("a.tif");
    expect(put?.headers).toMatchObject({ "content-length": "3", "x-amz-checksum-sha256": "c2hh" });
    expect(platform.objects.get("in/a.tif")).toEqual(Buffer.from([1, 2, 3]));
  });

  it("asks the API for the terms, and for no others", async () => {
    await clientOf().upload("한글 a.tif", new Uint8Array(3), { size: 3, overwrite: false });

    expect(Object.fromEntries(platform.requests[0]?.query ?? [])).toEqual({
      file: "한글 a.tif",
      mode: "upload",
      size: "3",
      overwrite: "false",
    });
  });

  it("sends no content type that was not signed, even for a Blob that has one", async () => {
    await clientOf().upload("a.tif", new Blob(["abc"], { type: "image/tiff" }));

    expect(platform.requests.find(({ method }) => method === "PUT")?.headers["content-type"]).toBeUndefined();
  });

  it("streams with a known length and tells how far it is", async () => {
    const seen: [number, number][] = [];
    const source = { size: 6, stream: () => new Blob(["abc"]).stream().pipeThrough(twice()) };

    await clientOf().upload("a.tif", source, { onProgress: (sent, total) => seen.push([sent, total]) });

    const put = platform.requests.find(({ method }) => method === "PUT");
    expect(put?.headers["content-length"]).toBe("6");
    expect(put?.headers["transfer-encoding"]).toBeUndefined();
    expect(put?.body.toString()).toBe("abcabc");
    expect(seen).toEqual([
      [3, 6],
      [6, 6],
    ]);
  });

  it("starts again with a new URL when storage is busy", async () => {
    platform.script("PUT /in", { status: 503, body: "<Error><Code>SlowDown</Code><Message>x</Message></Error>" });

    await clientOf().upload("a.tif", new Blob(["abc"]), { onProgress: () => undefined });

    expect(platform.count("GET /presign")).toBe(2);
    expect(platform.objects.get("in/a.tif")?.toString()).toBe("abc");
  });
});

const twice = () =>
  new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      controller.enqueue(chunk);
      controller.enqueue(chunk);
    },
  });

describe("creating jobs", () => {
  it("repeats the same Idempotency-Key when the connection was lost, so that one job comes of it", async () => {
    platform.script("POST /jobs", "drop");

    const job = await clientOf().createJob({ file: "a.tif", strength: 0.5 });

    const keys = platform.requests.map(({ headers }) => headers["idempotency-key"]);
    expect(keys).toHaveLength(2);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(keys[1]).toBe(keys[0]);
    expect(job).toMatchObject({ status: "queued", options: { strength: 0.5 } });
  });

  it("uses another key for each job, or the one given", async () => {
    const client = clientOf();
    await client.createJob({ file: "a.tif" });
    await client.createJob({ file: "a.tif" });
    await client.createJob({ file: "a.tif" }, { idempotencyKey: "mine" });

    const keys = platform.requests.map(({ headers }) => headers["idempotency-key"]);
    expect(new Set(keys).size).toBe(3);
    expect(keys[2]).toBe("mine");
  });

  it("sends a batch as `files`", async () => {
    platform.script("POST /jobs", { status: 202, body: '{"jobs":[{"id":"one"},{"id":"two"}]}' });

    const jobs = await clientOf().createJobs([{ file: "a.tif" }, { file: "b.tif", strength: 0 }]);

    expect(jobs.map(({ id }) => id)).toEqual(["one", "two"]);
    expect(JSON.parse(platform.requests[0]?.body.toString() ?? "")).toEqual({
      files: [{ file: "a.tif" }, { file: "b.tif", strength: 0 }],
    });
  });

  it("asks POST /inference to wait as long as the caller wants", async () => {
    const job = await clientOf().infer({ file: "a.tif" }, { waitSeconds: 3 });

    expect(job.status).toBe("succeeded");
    expect(platform.requests[0]?.headers.prefer).toBe("wait=3");
  });
});

describe("waiting for a job", () => {
  it("reports each record and ends with the job", async () => {
    platform.objects.set("in/a.tif", Buffer.from("abc"));
    const client = clientOf();
    const { id } = await client.createJob({ file: "a.tif" });
    const seen: string[] = [];

    const job = await client.waitForJob(id, {
      onProgress: ({ status, progress }) => seen.push(`${status} ${progress.done}/${progress.total}`),
    });

    expect(seen).toEqual(["running 0/0", "running 1/2", "succeeded 1/2"]);
    expect(job.status).toBe("succeeded");
    expect(errorOfJob(job)).toBeUndefined();
    expect(Buffer.from(await (await client.download({ job: id })).arrayBuffer())).toEqual(denoised(Buffer.from("abc")));
  });

  it("asks every 250 ms at first and every 2 s at last", async () => {
    platform.steps = [...Array.from({ length: 8 }, () => running(0, 0)), (job) => ({ ...job, status: "cancelled" })];
    const client = clientOf();
    const { id } = await client.createJob({ file: "a.tif" });

    await client.waitForJob(id);

    expect(pausesMs.map(Math.round)).toEqual([250, 375, 563, 844, 1266, 1898, 2000, 2000]);
  });

  it("stops at an abort with the signal's own reason", async () => {
    platform.steps = [running(0, 0)];
    const client = clientOf();
    const { id } = await client.createJob({ file: "a.tif" });
    const controller = new AbortController();
    const reason = new Error("enough");

    const waiting = client.waitForJob(id, { signal: controller.signal, onProgress: () => controller.abort(reason) });

    await expect(waiting).rejects.toBe(reason);
  });

  it("tells why a job did not succeed", () => {
    const error = { code: "image_corrupt", title: "", detail: "Expected a TIFF." } as const;

    expect(errorOfJob({ status: "failed", error })).toMatchObject({
      code: "image_corrupt",
      detail: "Expected a TIFF.",
    });
    expect(errorOfJob({ status: "cancelled" })?.code).toBe("job_cancelled");
  });
});

describe("an error", () => {
  const s3Error = (code: string) =>
    `<?xml version="1.0"?><Error><Code>${code}</Code><Message>said S3</Message></Error>`;
  const problemBody = JSON.stringify(problem("file_invalid", "Expected a name."));
  const table: [name: string, answer: ScriptedAnswer, status: number, code: string, detail: RegExp][] = [
    ["a problem", { status: 400, body: problemBody }, 400, "file_invalid", /^Expected a name\.$/],
    ["the gateway's 401", { status: 401, body: '{"message":"Unauthorized"}' }, 401, "unauthorized", /DDN_TOKEN/],
    ["the gateway's 403", { status: 403, body: '{"message":"Forbidden"}' }, 403, "forbidden", /--aws/],
    [
      "the gateway's 413",
      { status: 413, body: '{"message":"Request Entity Too Large"}' },
      413,
      "body_too_large",
      /presigned/,
    ],
    ["the gateway's 429", { status: 429, body: '{"message":"Too Many Requests"}' }, 429, "throttled", /fewer/],
    ["the gateway's 503", { status: 503, body: '{"message":"Service Unavailable"}' }, 503, "unavailable", /starting/],
    [
      "the gateway's 504",
      { status: 504, body: '{"message":"Endpoint request timed out"}' },
      504,
      "gateway_timeout",
      /POST \/jobs/,
    ],
    ["S3's refusal", { status: 403, body: s3Error("AccessDenied") }, 403, "storage_access_denied", /expired/],
    [
      "an S3 error without words of ours",
      { status: 400, body: s3Error("MalformedXML") },
      400,
      "storage_malformed_xml",
      /said S3/,
    ],
    [
      "a stranger's page",
      { status: 418, body: "<html>teapot</html>" },
      418,
      "http_418",
      /status 418: <html>teapot<\/html>/,
    ],
    ["no JSON at all", { status: 200, body: "<html>" }, 200, "answer_invalid", /Expected JSON/],
  ];
  it.each(table)("tells %s in one shape", async (_name, answer, status, code, detail) => {
    platform.script("GET /ping", answer);

    const error = await rejection(clientOf({ attempts: 1 }).ping());

    expect([error.status, error.code]).toEqual([status, code]);
    expect(error.detail).toMatch(detail);
    expect(error.message).toBe(error.detail);
  });

  it("says what to do when nobody answers, without the query of the URL", async () => {
    await platform.close();

    const error = await rejection(clientOf({ attempts: 1 }).presignDownload({ file: "secret.tif" }));

    expect([error.status, error.code]).toEqual([0, "network_failed"]);
    expect(error.detail).toMatch(
      /^Expected an answer from http:\/\/127\.0\.0\.1:\d+\/presign but the connection failed \(ECONNREFUSED\)\..*npm start/,
    );
    platform = await startFakePlatform();
  });

  it("carries the seconds to wait, as a number or as a date", async () => {
    platform.script("GET /ping", { status: 503, headers: { "retry-after": "7" } });

    expect((await rejection(clientOf({ attempts: 1 }).ping())).retryAfterSeconds).toBe(7);
    expect(parseRetryAfter("Fri, 02 Jan 2026 03:04:15 GMT", Date.UTC(2026, 0, 2, 3, 4, 5))).toBe(10);
    expect(parseRetryAfter("soon", 0)).toBeUndefined();
  });
});

describe("a repeated attempt", () => {
  const busy = { status: 503, headers: { "retry-after": "9" }, body: "{}" };

  it("waits as long as Retry-After says", async () => {
    platform.script("GET /ping", busy);

    await clientOf().ping();

    expect(pausesMs).toEqual([9000]);
  });

  it("waits longer each time and gives up after the last one with the service's own words", async () => {
    platform.script("GET /ping", ...Array.from({ length: 9 }, () => ({ status: 429, body: "{}" })));

    const error = await rejection(clientOf({ attempts: 4 }).ping());

    expect(error.code).toBe("throttled");
    expect(platform.count("GET /ping")).toBe(4);
    expect(pausesMs).toHaveLength(3);
    for (const [index, least] of [250, 500, 1000].entries()) {
      expect(pausesMs[index]).toBeGreaterThanOrEqual(least);
      expect(pausesMs[index]).toBeLessThanOrEqual(2 * least);
    }
  });

  it("is not made when the request itself is wrong", async () => {
    platform.script("GET /jobs", { status: 404, body: JSON.stringify(problem("job_not_found", "Expected a job.")) });

    await rejection(clientOf().job("x"));

    expect(platform.count("GET /jobs")).toBe(1);
  });

  it("is not made for a job that has failed: the answer would be the same", async () => {
    const body = JSON.stringify(problem("engine_unavailable", "Expected an engine."));
    platform.script("POST /inference", { status: 503, headers: { location: "/jobs/x", "retry-after": "1" }, body });

    const error = await rejection(clientOf().infer({ file: "a.tif" }));

    expect(error).toMatchObject({ code: "engine_unavailable", location: "/jobs/x" });
    expect(platform.count("POST /inference")).toBe(1);
  });
});
