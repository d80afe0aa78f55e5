// Does not prove how AWS itself fails; waits of 30 s are cut to 0.3 s. What the SDK's own retries hide stays hidden.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Job } from "../../../contract/job";
import type { Fault, Passing } from "./faultProxy";
import { eventually, type FaultyTwin, type ServerUnderFaults, startFaultyTwin } from "./serverUnderFaults";

let twin: FaultyTwin;
let server: ServerUnderFaults;

beforeAll(async () => {
  twin = await startFaultyTwin();
  server = await twin.start();
});
afterEach(() => {
  twin.faults.s3.heal();
  twin.faults.sqs.heal();
});
afterAll(async () => {
  await twin.close();
});

const isRecord = ({ path }: Passing): boolean => path.startsWith("/twin-out/.ddn/jobs/");

const operations: Readonly<Record<string, (passing: Passing) => boolean>> = {
  "reading the record": (passing) => passing.method === "GET" && isRecord(passing),
  "writing the record": (passing) => passing.method === "PUT" && isRecord(passing),
  "looking for an earlier result": ({ method, path }) => method === "HEAD" && path.startsWith("/twin-out/"),
  "reading the input": ({ method, path }) => method === "GET" && path.startsWith("/twin-in/"),
  "writing the result": ({ method, path }) => method === "PUT" && /^\/twin-out\/[^.]/.test(path),
  "receiving a message": ({ action }) => action === "ReceiveMessage",
  "deleting a message": ({ action }) => action === "DeleteMessage",
};

const refused = (status: number, code: string): Fault => ({ kind: "refused", status, code });

type Row = readonly [id: string, name: string, fault: Fault];

const everywhere: readonly Row[] = [
  ["F08", "500 InternalError", refused(500, "InternalError")],
  ["F09", "503 SlowDown", refused(503, "SlowDown")],
  ["F11", "a reset before the question", { kind: "reset" }],
];
/** A receive that is not answered is a message that comes again after its visibility: the model's part. */
const unanswered: readonly Row[] = [["F11", "a reset instead of the answer", { kind: "unanswered" }]];
/** A long poll is silent by nature. */
const silence: readonly Row[] = [["F07", "silence", { kind: "silent" }]];
const halves: readonly Row[] = [
  ["F07", "half a body and then silence", { kind: "stalled" }],
  ["F11", "a body cut in the middle", { kind: "cut" }],
  ["F12", "half a body that says it is all", { kind: "shortened" }],
];

const small = "pixels";
/** Too many for one piece: a stream, which the SDK itself never sends twice. */
const large = "pixels ".repeat(300_000);

const table = Object.entries(operations).flatMap(([operation, matches]) =>
  [
    ...everywhere,
    ...(operation === "receiving a message" ? [] : unanswered),
    ...(operation.endsWith("message") ? [] : silence),
    ...(operation === "reading the input" ? halves : []),
  ].flatMap(([id, name, fault]) =>
    (operation === "reading the input" || operation === "writing the result" ? [small, large] : [small]).map(
      (text) => [id, name, operation, text.length, fault, matches, text] as const,
    ),
  ),
);

describe("trouble that passes is sat out within the attempt", () => {
  it.each(table)("%s %s twice on %s (%i bytes)", async (_id, _name, _operation, _bytes, fault, matches, text) => {
    const { s3, sqs } = twin.faults;
    const injected = [s3, sqs].map((proxy) => proxy.inject(matches, fault, 2));
    const job = await twin.expectSuccess(await twin.queueJob("a.tif", text));
    expect(job.attempts).toBe(1);
    await eventually(() => injected.reduce((sum, one) => sum + one.count(), 0)).toBe(2);
    await eventually(twin.countMessages).toBe(0);
    await twin.expectClean(server);
  });
});

/** As long as it lasts, the job's first attempt fails; the second is made 2 s later. */
const lasting: readonly (readonly [id: string, name: string, operation: string, fault: Fault])[] = [
  ["F08", "500 InternalError", "writing the result", refused(500, "InternalError")],
  ["F10", "403 AccessDenied", "reading the input", refused(403, "AccessDenied")],
  ["F10", "403 AccessDenied", "writing the result", refused(403, "AccessDenied")],
  ["F11", "a reset instead of the answer", "writing the result", { kind: "unanswered" }],
];

describe("trouble that lasts", () => {
  it.each(lasting)(
    "%s %s on %s gives the job back, and it succeeds afterwards",
    async (_id, _name, operation, fault) => {
      const injected = twin.faults.s3.inject(operations[operation], fault);
      const id = await twin.queueJob("b.tif");
      await injected.met;
      await eventually(async () => (await twin.job(id)).status).toBe("queued");
      expect(await twin.job(id)).toMatchObject({ attempts: 1, progress: { done: 0, total: 0 } });
      await twin.expectClean(server);
      twin.faults.s3.heal();
      expect((await twin.expectSuccess(id)).attempts).toBe(2);
      await eventually(twin.countMessages).toBe(0);
    },
  );

  it("F10 403 AccessDenied is asked once, answered 503 with Retry-After, and leaves nothing behind", async () => {
    await twin.putInput("c.tif");
    const injected = twin.faults.s3.inject(({ method }) => method === "HEAD", refused(403, "AccessDenied"));
    const from = twin.faults.s3.seen.length;
    const answer = await server.infer("c.tif");
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("5");
    expect(await answer.json()).toMatchObject({ code: "upstream_unavailable" });
    expect(injected.count()).toBe(1);
    expect(twin.faults.s3.seen.slice(from).filter(({ method }) => method === "PUT")).toEqual([]);
    twin.faults.s3.heal();
    expect((await server.infer("c.tif")).status).toBe(200);
  });

  it("F13 a queue that takes no message is answered 503, and the same request succeeds afterwards as the same job", async () => {
    await twin.putInput("d.tif");
    const injected = twin.faults.sqs.inject(({ action }) => action === "SendMessage", refused(500, "InternalError"));
    const key = { "idempotency-key": "d" };
    const refusal = await server.infer("d.tif", key);
    expect(refusal.status).toBe(503);
    expect(refusal.headers.get("retry-after")).toBe("5");
    expect(injected.count()).toBeGreaterThan(1);
    twin.faults.sqs.heal();
    const job = (await (await server.infer("d.tif", key)).json()) as Job;
    expect((await twin.expectSuccess(job.id)).attempts).toBe(1);
    await eventually(twin.countMessages).toBe(0);
  });

  it("F13 a queue that gives no message does not keep requests from being served, and is taken up again", async () => {
    const injected = twin.faults.sqs.inject(({ action }) => action === "ReceiveMessage", refused(403, "AccessDenied"));
    const id = await twin.queueJob("e.tif");
    await injected.met;
    await twin.putInput("f.tif");
    const job = (await (await server.infer("f.tif")).json()) as Job;
    expect(job.status).toBe("succeeded");
    twin.faults.sqs.heal();
    await twin.expectSuccess(id);
  });

  it("F13 a message that cannot be deleted comes again and starts nothing", async () => {
    await eventually(twin.countMessages).toBe(0);
    const injected = twin.faults.sqs.inject(operations["deleting a message"], refused(500, "InternalError"));
    const id = await twin.queueJob("g.tif");
    const job = await twin.expectSuccess(id);
    // As often as the SDK tries.
    await eventually(injected.count).toBe(3);
    twin.faults.sqs.heal();
    // That message is out of sight for 60 s; its twin is not.
    const deleted = () => twin.faults.sqs.seen.filter(operations["deleting a message"]).length;
    const before = deleted();
    await twin.sendMessage(JSON.stringify({ job: id }));
    await eventually(deleted).toBe(before + 1);
    expect(await twin.job(id)).toEqual(job);
  });
});
