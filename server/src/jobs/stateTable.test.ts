// Does not prove that S3 and SQS behave as the store in memory does, nor anything about pixels.
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { cancelRequested, type Job, taken } from "../../../contract/job";
import { jobIdForUpload } from "../../../contract/jobId";
import { EngineError } from "../engines/engine";
import { gate } from "../testing/gate";
import { type Call, createWorld, type TestWorker, tilesPerPage } from "../testing/world";

const request = (file = "a.tif") => ({ file, output: file, options: { strength: 1 } });

const recordWrites = (calls: readonly Call[], status: string) =>
  calls.filter(({ action, body }) => action === "writeText" && body?.includes(`"status":"${status}"`));

const runOne = async (worker: TestWorker): Promise<void> => {
  const run = await worker.receive();
  await run?.done;
};

describe("create: POST /inference on a server", () => {
  it("writes a running record and the insurance message before the work begins, and answers the finished job", async () => {
    const world = createWorld();
    const order: string[] = [];
    world.putInput("a.tif", "pixels");
    const worker = world.worker("one", {
      before: ({ action, body }) => {
        order.push(body?.includes('"status"') ? `record ${JSON.parse(body).status}` : action);
      },
    });
    const answer = await worker.submit({ request: request(), waitSeconds: 5 });
    expect(answer.ok && answer.value.status).toBe("succeeded");
    expect(order.slice(0, 3)).toEqual(["head", "record running", "send"]);
    expect(world.messages).toHaveLength(1);
    expect(world.messages[0].visibleAt).toBe(60);
  });

  it("answers a job in progress when the wait is over, and the work goes on", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const hold = gate();
    const worker = world.worker("one", { onTile: () => hold.opened });
    const answer = await worker.submit({ request: request(), waitSeconds: 0 });
    if (!answer.ok) throw new Error(answer.problem.detail);
    expect(answer.value.status).toBe("running");
    const run = worker.runs.find(answer.value.id);
    hold.open();
    await run?.done;
    expect(world.job(answer.value.id).status).toBe("succeeded");
  });

  it("refuses an input that is not there and leaves nothing behind", async () => {
    const world = createWorld();
    const answer = await world.worker("one").submit({ request: request(), waitSeconds: 5 });
    expect(answer).toMatchObject({
      ok: false,
      problem: {
        code: "input_not_found",
        detail:
          'Expected an uploaded file for `file` but there is none at "a.tif". Upload it first, with the URL from GET /presign?mode=upload.',
      },
    });
    expect(world.objects.size).toBe(0);
    expect(world.messages).toEqual([]);
  });

  it("replays a finished job to the same key and request, without a second run", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const worker = world.worker("one");
    const first = await worker.submit({ request: request(), idempotencyKey: "k", waitSeconds: 5 });
    const second = await worker.submit({ request: request(), idempotencyKey: "k", waitSeconds: 5 });
    expect(second).toEqual(first);
    expect(second.ok && second.value.attempts).toBe(1);
  });

  it("deletes the insurance of a job that ended here unread", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const actions: string[] = [];
    const worker = world.worker("one", { before: ({ action }) => void actions.push(action) });
    const submitted = { request: request(), waitSeconds: 5 };
    await worker.submit(submitted);
    await world.worker("another").submit(submitted);
    world.advance(61);
    actions.length = 0;
    expect(await worker.receive()).toBeUndefined();
    expect(actions).toEqual(["remove"]);
    expect(await worker.receive()).toBeUndefined();
    expect(actions).toEqual(["remove", "readText", "remove"]);
    expect(world.messages).toEqual([]);
  });

  it("refuses another request under the same key", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    world.putInput("b.tif", "pixels");
    const worker = world.worker("one");
    await worker.submit({ request: request(), idempotencyKey: "k", waitSeconds: 5 });
    const second = await worker.submit({ request: request("b.tif"), idempotencyKey: "k", waitSeconds: 5 });
    expect(second).toMatchObject({ ok: false, problem: { code: "idempotency_conflict", status: 409 } });
  });

  it("starts one job when two requests with one key come at the same moment", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const [one, two] = [world.worker("one"), world.worker("two")];
    const ask = (worker: TestWorker) => worker.submit({ request: request(), idempotencyKey: "k", waitSeconds: 5 });
    const answers = await Promise.all([ask(one), ask(two)]);
    expect(answers.map((answer) => answer.ok && answer.value.status)).toEqual(["succeeded", "succeeded"]);
    const jobs = [...world.objects.keys()].filter((key) => key.startsWith("out/.ddn/jobs/"));
    expect(jobs).toHaveLength(1);
    expect(answers.map((answer) => answer.ok && answer.value.attempts)).toEqual([1, 1]);
  });

  it("insures the job anew when a replay finds it running where its message may never have been sent", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const doomed: TestWorker = world.worker("doomed", {
      before: async ({ action }) => {
        if (action !== "send") return;
        while (world.objects.size < 2) await new Promise(setImmediate);
        doomed.crash();
      },
    });
    void doomed.submit({ request: request(), idempotencyKey: "k", waitSeconds: 5 });
    while (world.objects.size < 2) await new Promise(setImmediate);
    const heir = world.worker("heir");
    const answer = await heir.submit({ request: request(), idempotencyKey: "k", waitSeconds: 0 });
    if (!answer.ok) throw new Error(answer.problem.detail);
    expect(answer.value.status).toBe("running");
    expect(world.messages.map(({ visibleAt }) => visibleAt)).toEqual([60]);
    world.advance(61);
    await runOne(heir);
    expect(world.job(answer.value.id)).toMatchObject({ status: "succeeded", worker: "heir", attempts: 2 });
  });

  it("sends the message again when a replay finds the job queued, and awaits the worker that takes it", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    let broken = true;
    const one = world.worker("one", {
      before: ({ action }) => {
        if (action === "send" && broken) throw new Error("SQS is down");
      },
    });
    const ask = () => one.submit({ request: request(), idempotencyKey: "k", waitSeconds: 5 });
    await expect(ask()).rejects.toThrow("SQS is down");
    expect(world.messages).toEqual([]);
    broken = false;
    const answer = ask();
    const two = world.worker("two");
    while (world.messages.length === 0) await new Promise(setImmediate);
    await runOne(two);
    expect(await answer).toMatchObject({ ok: true, value: { status: "succeeded", worker: "two", attempts: 1 } });
  });

  it("refuses more requests than it may hold, before anything is written", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const hold = gate();
    const worker = world.worker("one", { onTile: () => hold.opened, maxRequests: 1 });
    await worker.submit({ request: request(), waitSeconds: 0 });
    const size = world.objects.size;
    const second = await worker.submit({ request: request(), waitSeconds: 0 });
    expect(second).toMatchObject({ ok: false, problem: { code: "overloaded" } });
    expect(world.objects.size).toBe(size);
    const runs = worker.runs.all().map((run) => run.done);
    hold.open();
    await Promise.all(runs);
    expect(await worker.submit({ request: request(), waitSeconds: 5 })).toMatchObject({ ok: true });
  });
});

describe("a replay", () => {
  it("F18 that waits counts among the requests, one that is answered no longer", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const hold = gate();
    const other = world.worker("other", { onTile: () => hold.opened });
    const ask = (worker: TestWorker) => worker.submit({ request: request(), idempotencyKey: "k", waitSeconds: 3600 });
    const first = ask(other);
    while (other.runs.all().length === 0) await new Promise(setImmediate);
    const calls: Call[] = [];
    const worker = world.worker("one", { maxRequests: 2, before: (call) => void calls.push(call) });
    const waiting = [ask(worker), ask(worker)];
    const made = calls.length;
    expect(await ask(worker)).toMatchObject({ ok: false, problem: { code: "overloaded", status: 503 } });
    expect(calls.slice(made).filter(({ action }) => action !== "readText")).toEqual([]);
    hold.open();
    expect(await Promise.all([first, ...waiting])).toMatchObject(
      Array.from({ length: 3 }, () => ({ ok: true, value: { status: "succeeded", worker: "other" } })),
    );
    expect(await ask(worker)).toMatchObject({ ok: true, value: { status: "succeeded" } });
  });

  it("is refused when it meets another request with its key that was a moment faster", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    world.putInput("b.tif", "pixels");
    const worker = world.worker("one");
    const ask = (file: string) => worker.submit({ request: request(file), idempotencyKey: "k", waitSeconds: 5 });
    const answers = await Promise.all([ask("a.tif"), ask("b.tif")]);
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
    expect(answers).toContainEqual(
      expect.objectContaining({ ok: false, problem: expect.objectContaining({ code: "idempotency_conflict" }) }),
    );
  });
});

describe("take", () => {
  it("takes a queued job, counts the attempt, and deletes the message when it is done", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    await runOne(world.worker("one"));
    expect(world.job(id)).toMatchObject({ status: "succeeded", attempts: 1, worker: "one" });
    expect(world.messages).toEqual([]);
  });

  it("lets one of two workers go on when both hold a message of the same job", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    world.send(JSON.stringify({ job: id }), 0);
    const hold = gate();
    const workers = [
      world.worker("one", { onTile: () => hold.opened }),
      world.worker("two", { onTile: () => hold.opened }),
    ];
    const runs = await Promise.all(workers.map((worker) => worker.receive()));
    expect(runs.filter((run) => run !== undefined)).toHaveLength(1);
    hold.open();
    await Promise.all(runs.map((run) => run?.done));
    expect(world.job(id)).toMatchObject({ status: "succeeded", attempts: 1 });
  });

  it("leaves a job of another worker whose record is 60 s old, and looks again when it may be stale", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    world.writeJob(taken(world.job(id), "other", new Date()));
    world.advance(60);
    expect(await world.worker("one").receive()).toBeUndefined();
    expect(world.job(id)).toMatchObject({ status: "running", worker: "other", attempts: 1 });
    expect(world.messages[0].visibleAt).toBe(61);
  });

  it("takes over a job whose record S3 says is older than 60 s", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    world.writeJob(taken(world.job(id), "other", new Date()));
    world.advance(61);
    await runOne(world.worker("one"));
    expect(world.job(id)).toMatchObject({ status: "succeeded", worker: "one", attempts: 2 });
  });

  it("ends a stale job as cancelled when somebody had asked for that", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    world.writeJob(cancelRequested(taken(world.job(id), "other", new Date()), new Date()));
    world.advance(61);
    expect(await world.worker("one").receive()).toBeUndefined();
    expect(world.job(id).status).toBe("cancelled");
    expect(world.messages).toEqual([]);
  });

  it("pushes the insurance message of its own running job out of sight, and deletes it at the end", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const hold = gate();
    const worker = world.worker("one", { onTile: () => hold.opened });
    const answer = await worker.submit({ request: request(), waitSeconds: 0 });
    if (!answer.ok) throw new Error(answer.problem.detail);
    const run = worker.runs.find(answer.value.id);
    world.advance(60);
    expect(await worker.receive()).toBeUndefined();
    expect(world.messages[0].visibleAt).toBe(120);
    hold.open();
    await run?.done;
    expect(world.messages).toEqual([]);
  });

  it("takes a job at once that stands in its own name but that it does not run", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    world.writeJob(taken(world.job(id), "one", new Date()));
    await runOne(world.worker("one"));
    expect(world.job(id)).toMatchObject({ status: "succeeded", attempts: 2 });
  });

  it.each(["succeeded", "failed", "cancelled"] as const)(
    "deletes the message of a job that is %s, unseen",
    async (status) => {
      const world = createWorld();
      world.putInput("a.tif", "pixels");
      const id = world.submitToQueue("a.tif", { status });
      expect(await world.worker("one").receive()).toBeUndefined();
      expect(world.job(id)).toMatchObject({ status, attempts: 0 });
      expect(world.messages).toEqual([]);
    },
  );

  it("deletes a message whose record is gone, with a line in the log", async () => {
    const world = createWorld();
    world.send(JSON.stringify({ job: "0".repeat(26) }), 0);
    const worker = world.worker("one");
    expect(await worker.receive()).toBeUndefined();
    expect(world.messages).toEqual([]);
    expect(worker.logged).toEqual(["a message names a job without a record: deleted"]);
  });

  it.each(["not json", "[]", '{"job":"../../secrets"}', '{"Records":[]}', "null"])(
    "moves a message that names no job to the dead-letter queue: %s",
    async (body) => {
      const world = createWorld();
      world.send(body, 0);
      expect(await world.worker("one").receive()).toBeUndefined();
      expect(world.deadLetters).toEqual([body]);
      expect(world.messages).toEqual([]);
      expect(world.objects.size).toBe(0);
    },
  );
});

describe("an upload that S3 tells of", () => {
  /** As S3 writes it for a put into the in bucket. */
  const record = (key: string, object: Record<string, unknown> = {}, changes: Record<string, unknown> = {}) => ({
    eventVersion: "2.6",
    eventSource: "aws:s3",
    eventName: "ObjectCreated:Put",
    s3: { bucket: { name: "in" }, object: { key, size: 6, eTag: "e1", sequencer: "0A", ...object } },
    ...changes,
  });

  const told = (...records: readonly unknown[]): string => JSON.stringify({ Records: records });

  it("becomes a queued job with a message of its own, and the notification is deleted", async () => {
    const world = createWorld();
    world.putInput("auto/a.tif", "pixels");
    world.send(told(record("auto/a.tif")), 0);
    expect(await world.worker("one").receive()).toBeUndefined();
    const id = jobIdForUpload("auto/a.tif", "e1", "0A");
    expect(world.job(id)).toEqual({
      id,
      file: "auto/a.tif",
      output: "auto/a.tif",
      options: { strength: 1 },
      status: "queued",
      progress: { done: 0, total: 0 },
      attempts: 0,
      createdAt: expect.any(String),
      input: { bytes: 6, etag: world.objects.get("in/auto/a.tif")?.etag },
    });
    expect(world.messages.map(({ body, visibleAt }) => [JSON.parse(body), visibleAt])).toEqual([[{ job: id }, 0]]);
  });

  it("runs like any queued job", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    world.send(told(record("a.tif")), 0);
    const worker = world.worker("one");
    await runOne(worker);
    await runOne(worker);
    expect(world.job(jobIdForUpload("a.tif", "e1", "0A"))).toMatchObject({ status: "succeeded", attempts: 1 });
    expect(world.output("a.tif")).toBeDefined();
    expect(world.messages).toEqual([]);
    expect(world.notices).toHaveLength(1);
  });

  it.each([
    ["%EA%B2%80%EC%82%AC+2/%EC%9A%A9%EC%A0%91%2C%EB%B6%80%2B1.tif", "검사 2/용접,부+1.tif"],
    ["scan+%2801%29.PNG", "scan (01).PNG"],
  ])("has its key decoded: %s", async (key, file) => {
    const world = createWorld();
    world.putInput(file, "pixels");
    world.send(told(record(key)), 0);
    await world.worker("one").receive();
    expect(world.job(jobIdForUpload(file, "e1", "0A"))).toMatchObject({ file, output: file });
  });

  it("is one job however often it is told of, and is sent to the queue again while it waits", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    world.send(told(record("a.tif")), 0);
    let broken = true;
    const one = world.worker("one", {
      before: ({ action }) => {
        if (action === "send" && broken) throw new Error("SQS is down");
      },
    });
    await expect(one.receive()).rejects.toThrow("SQS is down");
    expect(world.messages).toHaveLength(1);
    broken = false;
    world.advance(60);
    await one.receive();
    const id = jobIdForUpload("a.tif", "e1", "0A");
    expect(world.messages.map(({ body }) => JSON.parse(body))).toEqual([{ job: id }]);
    await runOne(one);
    const ended = world.job(id);
    world.send(told(record("a.tif")), 0);
    await one.receive();
    expect(await one.receive()).toBeUndefined();
    expect(world.job(id)).toEqual(ended);
    expect(world.messages).toEqual([]);
  });

  it("is another job when the file is uploaded again", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    world.send(told(record("a.tif"), record("a.tif", { sequencer: "0B" })), 0);
    await world.worker("one").receive();
    expect(world.messages.map(({ body }) => JSON.parse(body))).toEqual([
      { job: jobIdForUpload("a.tif", "e1", "0A") },
      { job: jobIdForUpload("a.tif", "e1", "0B") },
    ]);
  });

  it("is a job although the event has no sequencer", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    world.send(told(record("a.tif", { sequencer: undefined })), 0);
    await world.worker("one").receive();
    expect(world.job(jobIdForUpload("a.tif", "e1", "")).status).toBe("queued");
  });

  it.each([
    ["auto/", "an upload that no job can name: passed over"],
    ["notes.txt", "an upload that no job can name: passed over"],
    ["a%2Fb%3Fc.tif", "an upload that no job can name: passed over"],
    ["%E0%A4%A.tif", "an upload that no job can name: passed over"],
    [encodeURIComponent("검.tif".normalize("NFD")), "an upload that no job can name: passed over"],
    ["gone.tif", "an upload is gone: passed over"],
  ])("is passed over with a line in the log, and the others of its notification are not: %s", async (key, line) => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    world.putInput(decodeURIComponent("검.tif".normalize("NFD")), "pixels");
    world.send(told(record(key), record("a.tif")), 0);
    const worker = world.worker("one");
    await worker.receive();
    expect(worker.logged).toEqual([line, "an upload became a job"]);
    expect(world.messages.map(({ body }) => JSON.parse(body))).toEqual([{ job: jobIdForUpload("a.tif", "e1", "0A") }]);
    expect(world.deadLetters).toEqual([]);
  });

  it("is told of again by itself when S3 does not answer", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    world.send(told(record("a.tif")), 0);
    const worker = world.worker("one", {
      before: ({ action }) => {
        if (action === "head") throw new Error("S3 is down");
      },
    });
    await expect(worker.receive()).rejects.toThrow("S3 is down");
    expect(world.messages.map(({ visibleAt }) => visibleAt)).toEqual([60]);
  });

  it("is not the message that S3 sends when notifications are set up: that is deleted", async () => {
    const world = createWorld();
    world.send(JSON.stringify({ Service: "Amazon S3", Event: "s3:TestEvent", Bucket: "in", RequestId: "r" }), 0);
    expect(await world.worker("one").receive()).toBeUndefined();
    expect([world.messages, world.deadLetters, [...world.objects.keys()]]).toEqual([[], [], []]);
  });

  it.each([
    ["another service", record("a.tif", {}, { eventSource: "aws:sqs" })],
    [
      "another bucket",
      record("a.tif", {}, { s3: { bucket: { name: "other" }, object: { key: "a.tif", eTag: "e1" } } }),
    ],
    ["an object that was removed", record("a.tif", {}, { eventName: "ObjectRemoved:Delete" })],
    ["no object", record("a.tif", {}, { s3: { bucket: { name: "in" } } })],
    ["no ETag", record("a.tif", { eTag: undefined })],
    ["nothing at all", null],
  ])("is not one of %s: that message goes to the dead-letter queue", async (_, other) => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const body = told(other);
    world.send(body, 0);
    await world.worker("one").receive();
    expect(world.deadLetters).toEqual([body]);
    expect(world.messages).toEqual([]);
  });
});

describe("run", () => {
  it("records progress over all tiles, and what it found of input, model, noise and time", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels with icc");
    const id = world.submitToQueue("a.tif");
    const worker = world.worker("one");
    await runOne(worker);
    const job = world.job(id);
    expect(job.progress).toEqual({ done: tilesPerPage, total: tilesPerPage });
    expect(job.input).toMatchObject({ width: 8, height: 4, pages: 1, channels: 1, bits: 16, bytes: 15 });
    expect(job.input.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(job.model).toEqual({ name: "identity", version: "1", sha256: "0123456789abcdef".repeat(4) });
    expect(job.engine).toBe("onnx");
    expect(job.report).toEqual({ noise: [{ page: 0, channel: 0, a: 0, b: 0.01, sigmaLsb: 655 }] });
    expect(job.warnings).toEqual([
      { code: "tags_lost", detail: "The result does not carry these tags of the input: ICCProfile." },
    ]);
    expect(Object.keys(job.timings ?? {}).sort()).toEqual(
      ["decodeMs", "encodeMs", "inferMs", "queueMs", "readMs", "totalMs", "writeMs"].sort(),
    );
    expect(job.cost).toBeUndefined();
    expect(readdirSync(worker.temporaryFolder)).toEqual([]);
  });

  it("writes no progress before the shortest time between two writes is over", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    world.submitToQueue("a.tif");
    const calls: Call[] = [];
    const times = { recordEvery: 3_600_000, heartbeat: 3_600_000 };
    await runOne(world.worker("one", { times, before: (call) => void calls.push(call) }));
    const writes = calls.filter(({ action }) => action === "writeText");
    // Taken, confirmed before the result is put, ended.
    expect(writes.map(({ body }) => JSON.parse(body ?? "").status)).toEqual(["running", "running", "succeeded"]);
  });

  it("renews record and visibility while a tile takes long", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const hold = gate();
    const beats = gate();
    let renewed = 0;
    const worker = world.worker("one", {
      times: { heartbeat: 5 },
      onTile: () => hold.opened,
      after: ({ action }) => {
        if (action === "setVisibility" && ++renewed === 3) beats.open();
      },
    });
    const run = await worker.receive();
    world.advance(40);
    await beats.opened;
    expect(world.messages[0].visibleAt).toBe(100);
    hold.open();
    await run?.done;
    expect(world.job(id).status).toBe("succeeded");
  });

  it.each([
    ["another worker took it", { worker: "two", attempts: 2 }],
    ["another worker has it after an attempt that did not count", { worker: "two", attempts: 1 }],
    ["it stands in its own name for another attempt", { worker: "one", attempts: 2 }],
  ])("stops silently when the record says that %s, and leaves result and message alone", async (_, other) => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const worker = world.worker("one", {
      onTile: (done) => {
        if (done === 2) world.writeJob({ ...world.job(id), ...other });
      },
    });
    const run = await worker.receive();
    await run?.done;
    expect(world.job(id)).toMatchObject({ status: "running", ...other });
    expect(world.output("a.tif")).toBeUndefined();
    expect(world.messages).toHaveLength(1);
    expect(world.notices).toEqual([]);
  });

  it("leaves message and topic alone when the record was taken just before its end", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const worker = world.worker("one", {
      after: ({ action }) => {
        if (action === "upload") world.writeJob(taken(world.job(id), "two", new Date()));
      },
    });
    await runOne(worker);
    expect(world.job(id)).toMatchObject({ status: "running", worker: "two" });
    expect(world.messages).toHaveLength(1);
    expect(world.notices).toEqual([]);
  });

  it("goes on when its own write was answered too late and met itself", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const worker = world.worker("one", {
      // Somebody rewrites the very same bytes, as a put sent twice does: another ETag, the same record.
      before: ({ action, body }) => {
        if (action === "writeText" && body?.includes('"succeeded"')) world.writeJob(JSON.parse(body) as Job);
      },
    });
    await runOne(worker);
    expect(world.job(id).status).toBe("succeeded");
    expect(world.messages).toEqual([]);
  });

  it("fails a job that takes longer than its limit as engine_timeout, for good", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const worker = world.worker("one", {
      times: { runLimit: 1 },
      onTile: () => new Promise(() => {}),
    });
    await runOne(worker);
    expect(world.job(id)).toMatchObject({ status: "failed", error: { code: "engine_timeout" } });
    expect(world.messages).toEqual([]);
  });
});

describe("cancel", () => {
  it("ends a running job as cancelled at the next record write, without a result", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const stopped = gate();
    const worker: TestWorker = world.worker("one", {
      times: { heartbeat: 5, recordEvery: 1 },
      onTile: async (done) => {
        if (done !== 1) return;
        worker.runs.find(id)?.lease.signal.addEventListener("abort", stopped.open);
        world.writeJob(cancelRequested(world.job(id), new Date()));
        await stopped.opened;
      },
    });
    await runOne(worker);
    expect(world.job(id)).toMatchObject({ status: "cancelled", attempts: 1 });
    expect(world.job(id).cancelRequestedAt).toBeDefined();
    expect(world.output("a.tif")).toBeUndefined();
    expect(world.messages).toEqual([]);
  });

  it("is not forgotten when the run is handed back instead", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const worker: TestWorker = world.worker("one", {
      onTile: () => {
        world.writeJob(cancelRequested(world.job(id), new Date()));
        worker.runs.find(id)?.lease.stop("drained");
      },
    });
    await runOne(worker);
    expect(world.job(id).status).toBe("queued");
    expect(await world.worker("two").receive()).toBeUndefined();
    expect(world.job(id)).toMatchObject({ status: "cancelled", attempts: 0 });
    expect(world.messages).toEqual([]);
  });

  it("comes too late once the result is written: the job succeeded", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const worker = world.worker("one", {
      after: ({ action }) => {
        if (action === "upload") world.writeJob(cancelRequested(world.job(id), new Date()));
      },
    });
    await runOne(worker);
    expect(world.job(id)).toMatchObject({ status: "succeeded" });
    expect(world.job(id).cancelRequestedAt).toBeDefined();
  });
});

describe("input changed", () => {
  it("fails a job whose input was uploaded anew since it was submitted", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    world.putInput("a.tif", "other pixels");
    await runOne(world.worker("one"));
    expect(world.job(id)).toMatchObject({
      status: "failed",
      error: {
        code: "input_changed",
        detail:
          "Expected the bytes that were there when the job was submitted, but `file` has been uploaded anew since. Submit it again.",
      },
    });
    expect(world.messages).toEqual([]);
  });

  it("fails a job whose input is gone", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    world.objects.delete("in/a.tif");
    await runOne(world.worker("one"));
    expect(world.job(id)).toMatchObject({ status: "failed", error: { code: "input_not_found" } });
  });
});

describe("result", () => {
  it("notes the version it wrote, and the object names job, model and input", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    await runOne(world.worker("one"));
    const { result, input } = world.job(id);
    const object = world.output("a.tif");
    expect(result).toMatchObject({ etag: object?.etag, versionId: object?.versionId, bytes: object?.body.length });
    expect(object?.metadata).toEqual({
      "ddn-job": id,
      "ddn-sha256": result?.sha256,
      "ddn-input-sha256": input.sha256,
      "ddn-software": `ddn 0.1.0; model identity@0123456789ab; job ${id}`,
    });
  });

  it("overwrites what stood there at the start", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    world.putOutput("a.tif", "older", { "ddn-job": "other" });
    const id = world.submitToQueue("a.tif");
    await runOne(world.worker("one"));
    expect(world.output("a.tif")?.metadata["ddn-job"]).toBe(id);
  });

  it("tries again when another job wrote in between: the last to finish wins", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    let intruded = false;
    const worker = world.worker("one", {
      before: ({ action }) => {
        if (action !== "upload" || intruded) return;
        intruded = true;
        world.putOutput("a.tif", "other", { "ddn-job": "other" });
      },
    });
    await runOne(worker);
    expect(world.output("a.tif")?.metadata["ddn-job"]).toBe(id);
    expect(world.job(id).result?.etag).toBe(world.output("a.tif")?.etag);
  });

  it("is not put over another job's by a worker that was fenced while it tried", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const frozen = gate();
    const thaw = gate();
    const sleeper = world.worker("sleeper", {
      before: async ({ action }) => {
        if (action !== "upload") return;
        frozen.open();
        await thaw.opened;
      },
    });
    const run = await sleeper.receive();
    await frozen.opened;
    world.advance(61);
    const heir = world.worker("heir");
    await runOne(heir);
    const later = world.submitToQueue("a.tif");
    await runOne(heir);
    thaw.open();
    await run?.done;
    expect(world.output("a.tif")?.metadata["ddn-job"]).toBe(later);
    expect(world.job(id)).toMatchObject({ status: "succeeded", worker: "heir" });
  });

  it("takes what stands there as its own when it carries the job's name", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const worker = world.worker("one", {
      before: ({ action }) => {
        if (action === "upload") world.putOutput("a.tif", "mine", { "ddn-job": id, "ddn-sha256": "f00d" });
      },
    });
    await runOne(worker);
    expect(world.output("a.tif")?.body.toString()).toBe("mine");
    expect(world.job(id)).toMatchObject({
      status: "succeeded",
      result: { bytes: 4, sha256: "f00d", etag: world.output("a.tif")?.etag },
    });
  });
});

describe("end", () => {
  it("writes the record first, deletes the message after it, and then tells the topic", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const calls: Call[] = [];
    const worker = world.worker("one", {
      before: (call) => {
        if (call.action === "remove") {
          expect(world.job(id).status).toBe("succeeded");
          expect(world.notices).toEqual([]);
        }
        calls.push(call);
      },
    });
    await runOne(worker);
    expect(calls.at(-1)?.action).toBe("remove");
    expect(recordWrites(calls, "succeeded")).toHaveLength(1);
    expect(world.notices.map((job) => job.id)).toEqual([id]);
  });

  it("sits out trouble with S3 while it writes the end", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    let refusals = 3;
    const worker = world.worker("one", {
      times: { recordEvery: 1 },
      before: ({ action, body }) => {
        if (action === "writeText" && body?.includes('"succeeded"') && refusals-- > 0) throw new Error("SlowDown");
      },
    });
    await runOne(worker);
    expect(world.job(id).status).toBe("succeeded");
    expect(world.job(id).attempts).toBe(1);
  });

  it("knows its end again when S3 took it but did not say so", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    let lost = 2;
    const worker = world.worker("one", {
      times: { recordEvery: 1 },
      after: ({ action, body }) => {
        if (action === "writeText" && body?.includes('"succeeded"') && lost-- > 0) throw new Error("timeout");
      },
    });
    await runOne(worker);
    expect(world.messages).toEqual([]);
    expect(world.notices.map((job) => job.id)).toEqual([id]);
  });

  it("counts the ended job", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    world.submitToQueue("a.tif");
    const worker = world.worker("one");
    await runOne(worker);
    const text = await worker.metrics.render();
    expect(text).toContain('ddn_jobs_total{status="succeeded",code=""} 1');
    expect(text).toContain("ddn_tiles_total 4");
    expect(text).toContain("ddn_pixels_total 32");
    expect(text).toContain("ddn_jobs_in_flight 0");
  });
});

describe("a worker that dies", () => {
  const crashPoints: readonly (readonly [string, (call: Call) => boolean, when: "before" | "after"])[] = [
    ["before it takes the record", ({ body }) => body?.includes('"running"') ?? false, "before"],
    ["after it took the record", ({ body }) => body?.includes('"running"') ?? false, "after"],
    ["before it reads the input", ({ action }) => action === "download", "before"],
    ["after it read the input", ({ action }) => action === "download", "after"],
    ["before it writes the result", ({ action }) => action === "upload", "before"],
    ["after it wrote the result", ({ action }) => action === "upload", "after"],
    ["before it writes the end", ({ body }) => body?.includes('"succeeded"') ?? false, "before"],
    ["after it wrote the end", ({ body }) => body?.includes('"succeeded"') ?? false, "after"],
    ["before it deletes the message", ({ action }) => action === "remove", "before"],
  ];

  it.each(crashPoints)("%s is followed by another, and the job succeeds once", async (_, matches, when) => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const died = gate();
    const die = (call: Call): void => {
      if (!matches(call)) return;
      doomed.crash();
      died.open();
    };
    const doomed: TestWorker = world.worker("doomed", { [when]: die });
    void doomed.receive();
    await died.opened;
    world.advance(61);
    await runOne(world.worker("heir"));
    expect(world.job(id).status).toBe("succeeded");
    expect(world.job(id).result?.etag).toBe(world.output("a.tif")?.etag);
    expect(world.messages).toEqual([]);
  });

  it("in the middle of a request is followed by another that meets the insurance message", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const died = gate();
    const doomed: TestWorker = world.worker("doomed", {
      onTile: (done) => {
        if (done === 1) died.open();
        return done === 1 ? new Promise(() => {}) : undefined;
      },
    });
    const answer = await doomed.submit({ request: request(), waitSeconds: 0 });
    if (!answer.ok) throw new Error(answer.problem.detail);
    await died.opened;
    doomed.crash();
    world.advance(61);
    await runOne(world.worker("heir"));
    expect(world.job(answer.value.id)).toMatchObject({ status: "succeeded", worker: "heir", attempts: 2 });
  });

  it("and comes back to life is fenced: the heir's result and record stand", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const frozen = gate();
    const thaw = gate();
    const sleeper = world.worker("sleeper", {
      onTile: async (done) => {
        if (done !== 2) return;
        frozen.open();
        await thaw.opened;
      },
    });
    const run = await sleeper.receive();
    await frozen.opened;
    world.advance(61);
    await runOne(world.worker("heir"));
    const result = world.output("a.tif");
    thaw.open();
    await run?.done;
    expect(world.output("a.tif")).toBe(result);
    expect(world.job(id)).toMatchObject({ status: "succeeded", worker: "heir", attempts: 2 });
  });
});

describe("platform error", () => {
  it("gives job and message back, with the attempt counted and a pause", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const worker = world.worker("one", {
      onTile: () => {
        throw new EngineError("engine_unavailable", "The engine is gone.");
      },
    });
    await runOne(worker);
    expect(world.job(id)).toMatchObject({ status: "queued", attempts: 1, progress: { done: 0, total: 0 } });
    expect(world.job(id).worker).toBeUndefined();
    expect(world.messages[0].visibleAt).toBe(2);
    expect(worker.logged).toContain("engine trouble");
    expect(world.notices).toEqual([]);
  });

  it("of a request sends a message, since its insurance is not in hand", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    let broken = true;
    const worker = world.worker("one", {
      onTile: () => {
        if (!broken) return;
        broken = false;
        throw new TypeError("a fault of the server");
      },
    });
    const answer = worker.submit({ request: request(), waitSeconds: 5 });
    while (world.messages.length < 2) await new Promise(setImmediate);
    world.advance(2);
    await runOne(worker);
    expect(await answer).toMatchObject({ ok: true, value: { status: "succeeded", attempts: 2 } });
  });

  it("F06 on every attempt ends with attempts_exhausted instead of a sixth, and the message lies in the dead-letter queue", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    let tried = 0;
    const worker = world.worker("one", {
      onTile: () => {
        tried += 1;
        throw new EngineError("engine_timeout", "The engine took too long.");
      },
    });
    for (let round = 0; round < 6; round++) {
      await runOne(worker);
      world.advance(61);
    }
    expect(tried).toBe(5);
    expect(world.job(id)).toMatchObject({ status: "failed", attempts: 5, error: { code: "attempts_exhausted" } });
    expect(world.deadLetters).toEqual([JSON.stringify({ job: id })]);
    expect(world.messages).toEqual([]);
    expect(world.notices.map((job) => job.status)).toEqual(["failed"]);
  });

  it.each([
    ["before it buries the message", "bury", "before"],
    ["after it buried the message", "bury", "after"],
    ["before it writes the end", "writeText", "before"],
    ["after it wrote the end", "writeText", "after"],
  ] as const)("F20 ends with a dead letter although its worker dies %s", async (_, action, when) => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif", { attempts: 5 });
    const doomed: TestWorker = world.worker("doomed", {
      [when]: (call: Call) => {
        if (call.action === action) doomed.crash();
      },
    });
    void doomed.receive();
    await new Promise(setImmediate);
    world.advance(60);
    expect(await world.worker("heir").receive()).toBeUndefined();
    expect(world.job(id)).toMatchObject({ status: "failed", error: { code: "attempts_exhausted" } });
    expect(world.deadLetters).toContain(JSON.stringify({ job: id }));
    expect(world.messages).toEqual([]);
  });

  it("counts a worker that died five times over, too", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    world.writeJob({ ...taken(world.job(id), "dead", new Date()), attempts: 5 });
    world.advance(61);
    expect(await world.worker("one").receive()).toBeUndefined();
    expect(world.job(id)).toMatchObject({ status: "failed", error: { code: "attempts_exhausted" } });
    expect(world.deadLetters).toHaveLength(1);
  });
});

describe("input error", () => {
  it("ends the job with the image's code and deletes the message", async () => {
    const world = createWorld();
    world.putInput("a.tif", "corrupt");
    const id = world.submitToQueue("a.tif");
    await runOne(world.worker("one"));
    expect(world.job(id)).toMatchObject({
      status: "failed",
      attempts: 1,
      error: { code: "image_corrupt", title: "The image file is damaged", detail: "Expected an image." },
    });
    expect(world.messages).toEqual([]);
    expect(world.output("a.tif")).toBeUndefined();
  });

  it("refuses a file above the limit before it is read", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const calls: Call[] = [];
    await runOne(world.worker("one", { maxBytes: 5, before: (call) => void calls.push(call) }));
    expect(world.job(id)).toMatchObject({
      status: "failed",
      error: { code: "image_too_large", detail: "Expected at most 5 bytes for `file` but received 6." },
    });
    expect(calls.some(({ action }) => action === "download")).toBe(false);
  });
});

describe("drain", () => {
  it("hands a run back without counting the attempt, and the message is visible at once", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const worker: TestWorker = world.worker("one", {
      onTile: (done) => {
        if (done === 2) worker.runs.find(id)?.lease.stop("drained");
      },
    });
    await runOne(worker);
    expect(world.job(id)).toMatchObject({ status: "queued", attempts: 0 });
    expect(world.messages[0].visibleAt).toBe(0);
    await runOne(world.worker("two"));
    expect(world.job(id)).toMatchObject({ status: "succeeded", attempts: 1, worker: "two" });
  });

  it("begins no new job, and waits for none that runs elsewhere", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const hold = gate();
    const other = world.worker("other", { onTile: () => hold.opened });
    const ask = (worker: TestWorker, waitSeconds: number, idempotencyKey?: string) =>
      worker.submit({ request: request(), waitSeconds, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) });
    await ask(other, 0, "k");
    const draining = world.worker("one", { isDraining: () => true });
    expect(await ask(draining, 3600, "k")).toMatchObject({ ok: true, value: { status: "running", worker: "other" } });
    expect(await ask(draining, 3600)).toMatchObject({ ok: false, problem: { code: "draining" } });
    const runs = other.runs.all().map((run) => run.done);
    hold.open();
    await Promise.all(runs);
  });

  it("hands a request's run back by a message of its own", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const worker: TestWorker = world.worker("one", {
      onTile: () => {
        for (const run of worker.runs.all()) run.lease.stop("drained");
      },
    });
    const answer = await worker.submit({ request: request(), waitSeconds: 0 });
    if (!answer.ok) throw new Error(answer.problem.detail);
    await worker.runs.find(answer.value.id)?.done;
    expect(world.messages.map(({ visibleAt }) => visibleAt)).toEqual([60, 0]);
    await runOne(world.worker("two"));
    expect(world.job(answer.value.id)).toMatchObject({ status: "succeeded", attempts: 1, worker: "two" });
  });
});
