// Does not prove how a worker treats the jobs; and the queue and the buckets are the twin's, not AWS's.
import { S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { failed, type Job, jobKey, queuedJob, serviceKey, taken } from "../contract/job";
import { jobIdForKey } from "../contract/jobId";
import { type Problem, problem } from "../contract/problem";
import type { ApiEvent, ApiResult } from "./event";
import { jobsHandler } from "./jobs";
import type { JobsSettings } from "./settings";
import { bodyOf, eventOf } from "./testing/events";
import { startTwin, type TestTwin } from "./testing/twin";

let twin: TestTwin;
let etag: string;

const settingsOf = (more: Partial<JobsSettings> = {}): JobsSettings => ({
  inBucket: twin.inBucket,
  outBucket: twin.outBucket,
  queueUrl: twin.queueUrl,
  maxBytes: 1000,
  clients: twin.clientsOf("jobs"),
  ...more,
});

beforeAll(async () => {
  twin = await startTwin();
  ({ etag } = await twin.put("in", "a.tif", "four"));
  await twin.put("in", "b.tif", "four");
  await twin.put("in", "용접.tif", "four");
  await twin.put("in", "empty.tif", "");
  await twin.put("in", "huge.tif", "x".repeat(1001));
});
afterAll(() => twin.close());
beforeEach(async () => {
  await twin.messages();
});

type Headers = Readonly<Record<string, string>>;

const call = (event: ApiEvent, more?: Partial<JobsSettings>): Promise<ApiResult> =>
  jobsHandler(settingsOf(more))(event);

const post = (body: unknown, headers: Headers = {}, more?: Partial<JobsSettings>): Promise<ApiResult> =>
  call(eventOf("POST /jobs", { body: typeof body === "string" ? body : JSON.stringify(body), headers }), more);

const get = (id: string, more?: Partial<JobsSettings>): Promise<ApiResult> =>
  call(eventOf("GET /jobs/{id}", { pathParameters: { id } }), more);

const cancel = (id: string, more?: Partial<JobsSettings>): Promise<ApiResult> =>
  call(eventOf("DELETE /jobs/{id}", { pathParameters: { id } }), more);

const infer = (body: unknown, headers: Headers = {}, more?: Partial<JobsSettings>): Promise<ApiResult> =>
  call(eventOf("POST /inference", { body: JSON.stringify(body), headers }), more);

const idOf = (mark: string): string => mark.padEnd(26, "0");

const waiting = (mark: string, createdAt = new Date()): Job =>
  queuedJob(idOf(mark), { file: "a.tif", output: "a.tif", options: { strength: 1 } }, { bytes: 4, etag }, createdAt);

const succeeded = (job: Job): Job => ({
  ...job,
  status: "succeeded",
  result: { bytes: 4, etag: '"r"', sha256: "00" },
});

type Handler = S3Client["config"]["requestHandler"];
type Sent = ReturnType<Handler["handle"]>;

/** Clients whose PUTs pass through the test's hands, and the statuses that came of them. */
const intercepted = (onPut: (send: () => Sent, nth: number) => Sent) => {
  const clients = twin.clientsOf("jobs");
  const inner = new S3Client(clients.s3).config.requestHandler;
  const statuses: number[] = [];
  const handle: Handler["handle"] = async (request, options) => {
    if (request.method !== "PUT") return inner.handle(request, options);
    const sent = await onPut(async () => {
      const answer = await inner.handle(request, options);
      statuses.push(answer.response.statusCode);
      return answer;
    }, statuses.length);
    return sent;
  };
  return { clients: { ...clients, s3: { ...clients.s3, requestHandler: { ...inner, handle } } }, statuses };
};

const beforeFirstPut = (act: () => Promise<void>) =>
  intercepted(async (send, nth) => {
    if (nth === 0) await act();
    return send();
  });

const afterFirstPut = (act: () => Promise<void>) =>
  intercepted(async (send, nth) => {
    const answer = await send();
    if (nth === 0) await act();
    return answer;
  });

/** The connection breaks when the write is done and its answer is not. */
const losingFirstAnswer = () =>
  afterFirstPut(async () => {
    throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
  });

describe("POST /jobs", () => {
  it("answers with the job once its record and its message exist", async () => {
    const result = await post({ file: "a.tif", output: "out/b.png", strength: 0.5, sigma: 0.01 });

    const job = bodyOf<Job>(result);
    expect(result).toMatchObject({
      statusCode: 202,
      headers: { location: `/jobs/${job.id}`, "cache-control": "no-store", "content-type": "application/json" },
    });
    expect(job).toEqual({
      id: expect.stringMatching(/^[0-9a-z]{26}$/),
      file: "a.tif",
      output: "out/b.png",
      options: { strength: 0.5, sigma: 0.01 },
      status: "queued",
      progress: { done: 0, total: 0 },
      attempts: 0,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      input: { bytes: 4, etag },
    });
    expect(await twin.job(job.id)).toEqual(job);
    expect(await twin.messages()).toEqual([{ job: job.id }]);
  });

  it("finds a Korean name that is spelt in NFD", async () => {
    const job = bodyOf<Job>(await post({ file: "용접.tif".normalize("NFD") }));
    expect(job).toMatchObject({ file: "용접.tif", output: "용접.tif", input: { bytes: 4 } });
  });

  it("reads a body that the gateway encoded", async () => {
    const body = Buffer.from('{"file":"용접.tif"}').toString("base64");
    const result = await call(eventOf("POST /jobs", { body, isBase64Encoded: true }));
    expect(bodyOf<Job>(result).file).toBe("용접.tif");
  });

  it("makes a batch in its order, a name alone standing for a file", async () => {
    const result = await post({ files: ["a.tif", { file: "b.tif", strength: 0 }] });

    const { jobs } = bodyOf<{ jobs: Job[] }>(result);
    expect(result.statusCode).toBe(202);
    expect(result.headers).not.toHaveProperty("location");
    expect(jobs.map(({ file, options }) => [file, options.strength])).toEqual([
      ["a.tif", 1],
      ["b.tif", 0],
    ]);
    expect(await twin.messages()).toEqual(expect.arrayContaining(jobs.map(({ id }) => ({ job: id }))));
  });

  it("makes a hundred jobs at once, all with their messages", async () => {
    const files = Array.from({ length: 100 }, (_, index) => ({ file: "a.tif", output: `many/${index}.tif` }));

    const { jobs } = bodyOf<{ jobs: Job[] }>(await post({ files }));

    expect(jobs.map(({ output }) => output)).toEqual(files.map(({ output }) => output));
    const sent = await twin.messages();
    expect(new Set(sent.map((message) => JSON.stringify(message)))).toEqual(
      new Set(jobs.map(({ id }) => JSON.stringify({ job: id }))),
    );
  });

  it("makes nothing of a batch with one bad file, and names it", async () => {
    const before = await twin.keys("out");

    const result = await post({ files: ["a.tif", "b.tif", "none.tif"] });

    expect(bodyOf<Problem>(result)).toMatchObject({
      status: 404,
      code: "input_not_found",
      detail:
        'files[2]: Expected an uploaded file for `file` but there is none at "none.tif". Upload it first, with the URL from GET /presign?mode=upload.',
    });
    expect(await twin.keys("out")).toEqual(before);
    expect(await twin.messages()).toEqual([]);
  });

  it.each([
    ["", {}, 400, "body_empty", 'Expected a JSON object such as {"file":"scan-0042.tif"} but received an empty body.'],
    ["{", {}, 400, "body_not_json", 'Expected a JSON object for `body` but received "{".'],
    ["[]", {}, 400, "body_not_json", "Expected a JSON object for `body` but received []."],
    ["{}", {}, 400, "file_missing", "Expected a file name such as scan-0042.tif for `file` but received nothing."],
    [
      '{"file":"s3://other/a.tif"}',
      {},
      400,
      "file_invalid",
      'Expected letters, digits, marks, spaces and _ . \' ( ) + , = @ & ~ - ! only (U+003A is none of them) for `file` but received "s3://other/a.tif".',
    ],
    [
      '{"file":"a.tif","bucket":"x"}',
      {},
      400,
      "field_unknown",
      'Expected only file, output, strength, sigma but received the field "bucket".',
    ],
    [
      '{"file":"a.tif","strength":2}',
      {},
      400,
      "option_invalid",
      "Expected a number from 0 to 1 for `strength` but received 2. 1 denoises fully, 0 not at all.",
    ],
    [
      '{"file":"a.tif"}',
      { "content-type": "text/plain" },
      415,
      "content_type_unsupported",
      'Expected application/json for `content-type` but received "text/plain".',
    ],
    [
      '{"file":"a.tif"}',
      { "idempotency-key": "two words" },
      400,
      "idempotency_key_invalid",
      'Expected 1 to 255 printable ASCII characters without spaces for `Idempotency-Key` but received "two words".',
    ],
    [
      `{"file":"${"x".repeat(262_144)}"}`,
      {},
      413,
      "body_too_large",
      "Expected a body of at most 262144 bytes but received 262155. Images travel by presigned URL, not through the API.",
    ],
    [
      '{"file":"none.tif"}',
      {},
      404,
      "input_not_found",
      'Expected an uploaded file for `file` but there is none at "none.tif". Upload it first, with the URL from GET /presign?mode=upload.',
    ],
    [
      '{"file":"empty.tif"}',
      {},
      422,
      "image_empty",
      'Expected an image at "empty.tif" but the file has 0 bytes. Upload it again.',
    ],
    [
      '{"file":"huge.tif"}',
      {},
      413,
      "image_too_large",
      'Expected at most 1000 bytes at "huge.tif" but the file has 1001.',
    ],
  ])("refuses %.40s %o", async (body, headers, status, code, detail) => {
    const before = await twin.keys("out");

    const result = await post(body, headers as Headers);

    expect(result).toMatchObject({ statusCode: status, headers: { "content-type": "application/problem+json" } });
    expect(bodyOf<Problem>(result)).toMatchObject({ status, code, detail, instance: "urn:ddn:request:request-1" });
    expect(await twin.keys("out")).toEqual(before);
    expect(await twin.messages()).toEqual([]);
  });

  it("makes one job although the answer to its record's write is lost", async () => {
    const { clients, statuses } = losingFirstAnswer();

    const result = await post({ file: "a.tif" }, {}, { clients });

    expect(statuses).toEqual([200, 412]);
    expect(result.statusCode).toBe(202);
    const job = bodyOf<Job>(result);
    expect(await twin.job(job.id)).toEqual(job);
    expect(await twin.messages()).toEqual([{ job: job.id }]);
  });

  it("sends no message for a job whose record could not be written", async () => {
    const log = vi.spyOn(console, "error").mockReturnValueOnce();
    const { sqs } = twin.clientsOf("jobs");

    const result = await post({ file: "a.tif" }, {}, { clients: { s3: twin.clientsOf("presign").s3, sqs } });

    expect(result.statusCode).toBe(503);
    expect(log).toHaveBeenCalledOnce();
    log.mockRestore();
    expect(await twin.messages()).toEqual([]);
  });

  it("answers 503 when the queue refuses, and leaves a job that its key completes", async () => {
    const log = vi.spyOn(console, "error").mockReturnValueOnce();
    const headers = { "idempotency-key": "no-queue" };
    const { s3 } = twin.clientsOf("jobs");

    const refusedAt = await post({ file: "a.tif" }, headers, { clients: { s3, sqs: twin.clientsOf("presign").sqs } });
    const again = await post({ file: "a.tif" }, headers);

    expect(refusedAt).toMatchObject({ statusCode: 503, headers: { "retry-after": "5" } });
    expect(bodyOf<Problem>(refusedAt)).toMatchObject({
      code: "upstream_unavailable",
      detail: "Expected an answer from SQS but it refused. Try again in a few seconds; trying again does no harm.",
    });
    expect(log).toHaveBeenCalledOnce();
    log.mockRestore();
    expect(bodyOf<Job>(again).id).toBe(jobIdForKey("no-queue", 0));
    expect(await twin.messages()).toEqual([{ job: bodyOf<Job>(again).id }]);
  });

  it("refuses a body that is not UTF-8", async () => {
    const body = Buffer.from([0x7b, 0xff, 0x7d]).toString("base64");
    const result = await call(eventOf("POST /jobs", { body, isBase64Encoded: true }));
    expect(bodyOf<Problem>(result)).toMatchObject({
      code: "body_not_json",
      detail: 'Expected a JSON object in UTF-8 for `body` but received "bytes that are not UTF-8".',
    });
  });
});

describe("the count of jobs submitted", () => {
  const counted = async (act: () => Promise<unknown>): Promise<readonly unknown[]> => {
    const lines: string[] = [];
    const write = vi.spyOn(process.stdout, "write").mockImplementation((line) => lines.push(String(line)) > 0);
    await act().finally(() => write.mockRestore());
    return lines.map((line) => JSON.parse(line));
  };

  const count = (jobs: number) => ({
    _aws: {
      Timestamp: expect.any(Number),
      CloudWatchMetrics: [
        { Namespace: "DDN", Dimensions: [["Stack"]], Metrics: [{ Name: "JobsSubmitted", Unit: "Count" }] },
      ],
    },
    Stack: "dev",
    JobsSubmitted: jobs,
  });

  it("is logged once a request, in the embedded metric format", async () => {
    const files = ["a.tif", "b.tif", "용접.tif"];
    expect(await counted(() => post({ files }, {}, { stack: "dev" }))).toEqual([count(3)]);
    const now = { prefer: "respond-async" };
    expect(await counted(() => infer({ file: "a.tif" }, now, { stack: "dev" }))).toEqual([count(1)]);
  });

  it("has a replay that sends its job to the queue again, but none of a job that has ended", async () => {
    const again = () => post({ file: "a.tif" }, { "idempotency-key": "count" }, { stack: "dev" });
    await counted(again);
    expect(await counted(again)).toEqual([count(1)]);
    await twin.putJob(succeeded(await twin.job(jobIdForKey("count", 0))));
    expect(await counted(again)).toEqual([]);
  });

  it("has the jobs of a batch that did reach the queue", async () => {
    const error = vi.spyOn(console, "error").mockReturnValueOnce();
    let puts = 0;
    const { clients } = intercepted((send) => {
      puts += 1;
      if (puts === 2) throw Object.assign(new Error("denied"), { $metadata: { httpStatusCode: 403 } });
      return send();
    });
    const files = ["a.tif", "b.tif", "용접.tif"];
    expect(await counted(() => post({ files }, {}, { stack: "dev", clients }))).toEqual([count(2)]);
    error.mockRestore();
  });

  it.each([
    ["a stack without a name", { file: "a.tif" }, {}],
    ["a request that made none", { file: "none.tif" }, { stack: "dev" }],
  ])("is silent for %s", async (_, body, more) => {
    expect(await counted(() => post(body, {}, more))).toEqual([]);
  });
});

describe("an Idempotency-Key", () => {
  it("gives the same job again and sends it to the queue again while it waits", async () => {
    const first = bodyOf<Job>(await post({ file: "a.tif" }, { "idempotency-key": "again" }));
    await twin.messages();

    const second = await post({ strength: 1, file: "a.tif" }, { "idempotency-key": "again" });

    expect(second.statusCode).toBe(202);
    expect(bodyOf<Job>(second)).toEqual(first);
    expect(first.id).toBe(jobIdForKey("again", 0));
    expect(await twin.messages()).toEqual([{ job: first.id }]);
  });

  it("sends no message for a job that no longer waits", async () => {
    const first = bodyOf<Job>(await post({ file: "a.tif" }, { "idempotency-key": "ended" }));
    const ended = succeeded(first);
    await twin.putJob(ended);
    await twin.messages();

    expect(bodyOf<Job>(await post({ file: "a.tif" }, { "idempotency-key": "ended" }))).toEqual(ended);
    expect(await twin.messages()).toEqual([]);
  });

  it("gives the same job even when the input is no longer what it was", async () => {
    await twin.put("in", "moving.tif", "one");
    const first = bodyOf<Job>(await post({ file: "moving.tif" }, { "idempotency-key": "moving" }));
    await twin.put("in", "moving.tif", "");
    expect(bodyOf<Job>(await post({ file: "moving.tif" }, { "idempotency-key": "moving" }))).toEqual(first);
  });

  it("completes a batch of which only a part was made", async () => {
    const whole = { files: ["a.tif", "b.tif"] };
    const { jobs } = bodyOf<{ jobs: Job[] }>(await post(whole, { "idempotency-key": "half" }));
    await twin.remove("out", jobKey(jobs[1]?.id ?? ""));
    await twin.messages();

    const again = bodyOf<{ jobs: Job[] }>(await post(whole, { "idempotency-key": "half" }));

    expect(again.jobs.map(({ id }) => id)).toEqual(jobs.map(({ id }) => id));
    expect(await twin.messages()).toHaveLength(2);
    expect(await twin.keys("out")).toContain(jobKey(jobs[1]?.id ?? ""));
  });

  it.each([
    ["another file", { file: "b.tif" }],
    ["another option", { file: "a.tif", strength: 0.5 }],
    ["a batch that begins alike", { files: ["a.tif", "b.tif"] }],
  ])("with %s is a conflict and makes nothing", async (_, body) => {
    const headers = { "idempotency-key": "conflict" };
    await post({ file: "a.tif" }, headers);
    const before = await twin.keys("out");
    await twin.messages();

    const result = await post(body, headers);

    expect(bodyOf<Problem>(result)).toMatchObject({
      status: 409,
      code: "idempotency_conflict",
      detail:
        "Expected the same request as before for this `Idempotency-Key` but received another one. Use a new key for a new request.",
    });
    expect(await twin.keys("out")).toEqual(before);
    expect(await twin.messages()).toEqual([]);
  });

  it("that a rival uses first, between the look and the write, leaves nothing of the later request", async () => {
    const headers = { "idempotency-key": "rivals" };
    const { clients } = beforeFirstPut(async () => {
      await post({ file: "b.tif" }, headers);
    });

    const later = await post({ files: ["a.tif", "b.tif", "용접.tif"] }, headers, { clients });

    expect(bodyOf<Problem>(later)).toMatchObject({ status: 409, code: "idempotency_conflict" });
    const ids = [0, 1, 2].map((index) => jobIdForKey("rivals", index));
    const keys = await twin.keys("out");
    expect(ids.map((id) => keys.includes(jobKey(id)))).toEqual([true, false, false]);
    expect(await twin.job(ids[0])).toMatchObject({ file: "b.tif" });
    expect(await twin.messages()).toEqual([{ job: ids[0] }]);
  });
});

describe("GET /jobs/{id}", () => {
  it("gives the record as it is", async () => {
    const job = taken(waiting("running"), "server-1", new Date());
    await twin.putJob(job);
    const result = await get(job.id);
    expect(result.statusCode).toBe(200);
    expect(bodyOf<Job>(result)).toEqual(job);
  });

  it.each([
    [idOf("never"), 404, "job_not_found", `Expected the id of a job but there is none at "${idOf("never")}".`],
    ["..", 400, "job_invalid", 'Expected a job id, 26 of the characters 0-9 and a-z, for `id` but received "..".'],
  ])("of %s is %i %s", async (id, status, code, detail) => {
    expect(bodyOf<Problem>(await get(id))).toMatchObject({ status, code, detail });
  });

  it("tells how long a sleeping stack takes to wake, until a server is ready", async () => {
    const job = waiting("eta", new Date(Date.now() - 100_000));
    await twin.putJob(job);
    const record = { instance: "server-1", since: "2026-11-23T00:00:00Z", version: "0.1.0" };

    const asleep = bodyOf<Job>(await get(job.id, { wakeSeconds: 300 }));
    const overdue = bodyOf<Job>(await get(job.id, { wakeSeconds: 60 }));
    await twin.put("out", serviceKey("server-1"), JSON.stringify({ ...record, ready: true }));
    const ready = bodyOf<Job>(await get(job.id, { wakeSeconds: 300 }));

    expect(asleep.etaSeconds).toBeGreaterThan(190);
    expect(asleep.etaSeconds).toBeLessThanOrEqual(200);
    expect(overdue.etaSeconds).toBe(0);
    expect(ready).toEqual(job);
    expect(await twin.job(job.id)).toEqual(job);
  });
});

describe("DELETE /jobs/{id}", () => {
  it("cancels a job that waits at once", async () => {
    const job = waiting("waits");
    await twin.putJob(job);

    const result = await cancel(job.id);

    const now = bodyOf<Job>(result);
    expect(result.statusCode).toBe(202);
    expect(now).toEqual({
      ...job,
      status: "cancelled",
      cancelRequestedAt: expect.any(String),
      finishedAt: now.cancelRequestedAt,
    });
    expect(await twin.job(job.id)).toEqual(now);
  });

  it("leaves a running job to its worker, and does not wish twice", async () => {
    const job = taken(waiting("runs"), "server-1", new Date());
    await twin.putJob(job);

    const first = bodyOf<Job>(await cancel(job.id));
    const second = bodyOf<Job>(await cancel(job.id));

    expect(first).toEqual({ ...job, cancelRequestedAt: expect.any(String) });
    expect(second).toEqual(first);
  });

  it.each([
    ["succeeded", succeeded(waiting("done"))],
    ["failed", failed(waiting("broken"), problem("image_corrupt", "It is."), new Date())],
    ["cancelled", { ...waiting("gone"), status: "cancelled" as const }],
  ])("is too late for a job that is %s", async (status, job) => {
    await twin.putJob(job);
    expect(bodyOf<Problem>(await cancel(job.id))).toMatchObject({
      status: 409,
      code: "job_ended",
      detail: `Expected a job that waits or runs but job ${job.id} is ${status}.`,
      instance: `/jobs/${job.id}`,
    });
    expect(await twin.job(job.id)).toEqual(job);
  });

  it("meets a worker that rewrites the record meanwhile, and loses nothing of either", async () => {
    const job = taken(waiting("race"), "server-1", new Date());
    await twin.putJob(job);
    const progress = { done: 3, total: 4 };
    const racing = beforeFirstPut(() => twin.putJob({ ...job, progress }));

    const result = await cancel(job.id, { clients: racing.clients });

    expect(result.statusCode).toBe(202);
    expect(racing.statuses).toEqual([412, 200]);
    expect(await twin.job(job.id)).toEqual({ ...job, progress, cancelRequestedAt: expect.any(String) });
  });

  it("that loses the race to the job's end says so", async () => {
    const job = taken(waiting("late"), "server-1", new Date());
    await twin.putJob(job);
    const { clients } = beforeFirstPut(() => twin.putJob(succeeded(job)));

    expect(bodyOf<Problem>(await cancel(job.id, { clients }))).toMatchObject({ code: "job_ended" });
    expect(await twin.job(job.id)).toEqual(succeeded(job));
  });

  it("answers with its own write although that write's answer is lost", async () => {
    const job = waiting("lost");
    await twin.putJob(job);
    const { clients, statuses } = losingFirstAnswer();

    const result = await cancel(job.id, { clients });

    expect(statuses).toEqual([200, 412]);
    expect(result.statusCode).toBe(202);
    expect(bodyOf<Job>(result)).toEqual(await twin.job(job.id));
    expect(bodyOf<Job>(result).status).toBe("cancelled");
  });

  it("gives up with 503 when every write meets another", async () => {
    const log = vi.spyOn(console, "error").mockReturnValueOnce();
    const job = taken(waiting("busy"), "server-1", new Date());
    await twin.putJob(job);
    const { clients, statuses } = intercepted(async (send, nth) => {
      await twin.putJob({ ...job, progress: { done: nth, total: 100 } });
      return send();
    });

    const result = await cancel(job.id, { clients });

    expect(statuses).toEqual(Array(8).fill(412));
    expect(bodyOf<Problem>(result)).toMatchObject({ status: 503, code: "upstream_unavailable" });
    expect(log).toHaveBeenCalledOnce();
    log.mockRestore();
  });

  it("of a job that never was is job_not_found", async () => {
    expect(bodyOf<Problem>(await cancel(idOf("none")))).toMatchObject({ status: 404, code: "job_not_found" });
  });
});

describe("POST /inference on a stack that may sleep", () => {
  it("answers with the job as soon as a worker has finished it", async () => {
    const id = jobIdForKey("worked", 0);
    const { clients } = afterFirstPut(async () => twin.putJob(succeeded(await twin.job(id))));

    const result = await infer({ file: "a.tif" }, { "idempotency-key": "worked" }, { clients });

    expect(result).toMatchObject({ statusCode: 200, headers: { location: `/jobs/${id}` } });
    expect(bodyOf<Job>(result)).toEqual(await twin.job(id));
    expect(bodyOf<Job>(result).status).toBe("succeeded");
  });

  it.each(["respond-async", "wait=0", "wait=1"])("answers with the waiting job after Prefer: %s", async (prefer) => {
    const result = await infer({ file: "a.tif" }, { prefer });

    const job = bodyOf<Job>(result);
    expect(result).toMatchObject({ statusCode: 202, headers: { location: `/jobs/${job.id}` } });
    expect(job.status).toBe("queued");
    expect(await twin.messages()).toEqual([{ job: job.id }]);
  });

  it("answers with the job's own problem when it failed", async () => {
    const id = jobIdForKey("corrupt", 0);
    const why = problem("image_corrupt", "Expected a whole strip but the file ends.");
    const { clients } = afterFirstPut(async () => twin.putJob(failed(await twin.job(id), why, new Date())));

    const result = await infer({ file: "a.tif" }, { "idempotency-key": "corrupt" }, { clients });

    expect(result).toMatchObject({
      statusCode: 422,
      headers: { location: `/jobs/${id}`, "content-type": "application/problem+json" },
    });
    expect(bodyOf<Problem>(result)).toEqual({ ...why, instance: `/jobs/${id}` });
  });

  it("answers job_ended when somebody cancelled it meanwhile", async () => {
    const id = jobIdForKey("cancelled", 0);
    const { clients } = afterFirstPut(async () => {
      await cancel(id);
    });

    const result = await infer({ file: "a.tif" }, { "idempotency-key": "cancelled" }, { clients });

    expect(result).toMatchObject({ statusCode: 409, headers: { location: `/jobs/${id}` } });
    expect(bodyOf<Problem>(result)).toMatchObject({ code: "job_ended", instance: `/jobs/${id}` });
  });

  it("refuses a batch", async () => {
    expect(bodyOf<Problem>(await infer({ files: ["a.tif"] }))).toMatchObject({
      status: 400,
      code: "field_unknown",
      detail: 'Expected only file, output, strength, sigma but received the field "files".',
    });
  });
});
