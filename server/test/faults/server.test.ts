// Does not prove the signal handling of main.ts (process.test.ts), nor that S3's clock is right: the proxy sets it forward here.
import { symlinkSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Job } from "../../../contract/job";
import { jobIdForKey } from "../../../contract/jobId";
import { EngineError } from "../../src/engines/engine";
import { gate } from "../../src/testing/gate";
import type { Passing } from "./faultProxy";
import { eventually, type FaultyTwin, startFaultyTwin } from "./serverUnderFaults";

let twin: FaultyTwin;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  twin = await startFaultyTwin();
});
afterEach(async () => {
  twin.faults.s3.heal();
  twin.faults.sqs.heal();
  for (const close of closing.splice(0)) await close();
});
afterAll(async () => {
  await twin.close();
});

const start: FaultyTwin["start"] = async (options) => {
  const server = await twin.start(options);
  closing.push(server.drain);
  return server;
};

const isResult = ({ method, path }: Passing): boolean => method === "PUT" && /^\/twin-out\/[^.]/.test(path);
const isDeleted = ({ action }: Passing): boolean => action === "DeleteMessage";

describe("messages", () => {
  it("F03 of one job, many and out of order, run it once", async () => {
    await start();
    const ids = [await twin.queueJob("twice.tif"), await twin.queueJob("thrice.tif")];
    for (const id of [ids[1], ids[0], ids[1], ids[1], ids[0]]) await twin.sendMessage(JSON.stringify({ job: id }));
    const jobs = [await twin.expectSuccess(ids[0]), await twin.expectSuccess(ids[1])];
    expect(jobs.map(({ attempts }) => attempts)).toEqual([1, 1]);
    // One more, after the end of all: it is deleted unseen.
    const deleted = twin.faults.sqs.seen.filter(isDeleted).length;
    await twin.sendMessage(JSON.stringify({ job: ids[0] }));
    await eventually(() => twin.faults.sqs.seen.filter(isDeleted).length).toBeGreaterThan(deleted);
    expect([await twin.job(ids[0]), await twin.job(ids[1])]).toEqual(jobs);
  });

  it("F05 of a poison image end it at once and hold up nothing behind it", async () => {
    await start({ settings: { concurrency: 1 } });
    const poison = await twin.queueJob("corrupt.tif");
    const good = await twin.queueJob("behind.tif");
    await twin.expectSuccess(good);
    await eventually(async () => (await twin.job(poison)).status).toBe("failed");
    expect(await twin.job(poison)).toMatchObject({ status: "failed", attempts: 1, error: { code: "image_corrupt" } });
    expect(await twin.deadLetters()).toEqual([]);
  });
});

describe("a worker that S3 no longer hears", () => {
  it("F04 is followed by another after 60 s of S3's clock, and overwrites nothing when it is heard again", async () => {
    const upload = gate();
    await start({
      instance: "slow",
      settings: { concurrency: 1 },
      s3: { requestHandler: { socketTimeout: 60_000 } },
    });
    const held = twin.faults.s3.inject(isResult, { kind: "held", until: upload.opened }, 1);
    const id = await twin.queueJob("slow.tif");
    await held.met;
    twin.faults.s3.inject(({ method, path }) => method === "GET" && path.startsWith("/twin-out/.ddn/jobs/"), {
      kind: "dated",
      seconds: 61,
    });
    await start({ instance: "heir" });
    // The message itself is out of sight for 60 s; its twin is not.
    await twin.sendMessage(JSON.stringify({ job: id }));
    const job = await twin.expectSuccess(id);
    expect(job).toMatchObject({ worker: "heir", attempts: 2 });
    upload.open();
    const looks = ({ method, path }: Passing): boolean => method === "HEAD" && path === "/twin-out/slow.tif";
    await eventually(() => twin.faults.s3.seen.filter(looks).length).toBeGreaterThan(2);
    expect(await twin.expectSuccess(id)).toEqual(job);
  });
});

describe("an engine", () => {
  it("F14 that fails gives the job back with its attempt counted, and the job succeeds afterwards", async () => {
    let failures = 1;
    await start({
      onTile: () => {
        failures -= 1;
        if (failures >= 0) throw new EngineError("engine_unavailable", "The engine is gone.");
      },
    });
    expect((await twin.expectSuccess(await twin.queueJob("engine.tif"))).attempts).toBe(2);
  });

  it("F14 that hangs ends the run at its limit as engine_timeout and frees its slot", async () => {
    let hangs = true;
    const server = await start({
      settings: { concurrency: 1 },
      times: { runLimit: 200 },
      onTile: () => (hangs ? new Promise(() => {}) : undefined),
    });
    await twin.putInput("hang.tif");
    const answer = await server.infer("hang.tif");
    expect(answer.status).toBe(504);
    expect(await answer.json()).toMatchObject({ code: "engine_timeout" });
    await twin.expectClean(server);
    hangs = false;
    // A run may be over its limit on a busy machine, too.
    await eventually(async () => (await server.infer("hang.tif")).status).toBe(200);
  });

  it("F14 that does not answer is refused at once with Retry-After, until it is back", async () => {
    let lost: EngineError | undefined;
    const ready = async (): Promise<void> => {
      if (lost !== undefined) throw lost;
    };
    const server = await start({ engine: { ready } });
    await twin.putInput("down.tif");
    lost = new EngineError("engine_unavailable", "The engine does not answer.");
    expect((await fetch(`${server.url}/healthz`)).status).toBe(503);
    const refusal = await server.infer("down.tif");
    expect(refusal.status).toBe(503);
    expect(refusal.headers.get("retry-after")).toBe("10");
    expect(await refusal.json()).toMatchObject({ code: "engine_unavailable" });
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    lost = undefined;
    await eventually(async () => (await server.infer("down.tif")).status).toBe(200);
  });
});

describe("a disk", () => {
  it.each(["in", "out"])(
    "F15 that is full for the %sput gives the job back, and leaves the server serving",
    async (side) => {
      const server = await start();
      const key = `disk-${side}`;
      const id = jobIdForKey(key, 0);
      await twin.putInput(`${key}.tif`);
      symlinkSync("/dev/full", join(server.temporaryFolder, `${id}.1.${side}`));
      const job = (await (await server.infer(`${key}.tif`, { "idempotency-key": key })).json()) as Job;
      expect(job).toMatchObject({ id, status: "succeeded", attempts: 2 });
      await twin.expectSuccess(id);
      await twin.expectClean(server);
    },
  );
});

describe("a clock", () => {
  it.each([20, -20])("F16 that is %s minutes off keeps nothing from being signed and served", async (minutes) => {
    const server = await start({ s3: { systemClockOffset: minutes * 60_000 } });
    await twin.putInput("clock.tif");
    const job = (await (await server.infer("clock.tif")).json()) as Job;
    expect(job.status).toBe("succeeded");
    await twin.expectSuccess(job.id);
  });
});

describe("overload", () => {
  it("F18 is refused at once with Retry-After and leaves nothing behind, while what was let in is served", async () => {
    const hold = gate();
    const server = await start({ settings: { concurrency: 1 }, onTile: () => hold.opened });
    await twin.putInput("load.tif");
    const before = twin.faults.s3.seen.length;
    const waiting = Array.from({ length: 3 }, () => server.infer("load.tif", { prefer: "wait=0" }));
    const admitted = await Promise.all(waiting);
    expect(admitted.map(({ status }) => status)).toEqual([202, 202, 202]);
    const refusals = await Promise.all(Array.from({ length: 200 }, () => server.infer("load.tif")));
    expect(new Set(refusals.map(({ status }) => status))).toEqual(new Set([503]));
    expect(new Set(refusals.map(({ headers }) => headers.get("retry-after")))).toEqual(new Set(["5"]));
    const records = twin.faults.s3.seen
      .slice(before)
      .filter(({ method, path }) => method === "PUT" && path.includes("/jobs/"));
    expect(new Set(records.map(({ path }) => path)).size).toBe(3);
    hold.open();
    for (const answer of admitted) {
      const { id } = (await answer.json()) as Job;
      await eventually(async () => (await twin.job(id)).status).toBe("succeeded");
    }
    expect((await server.infer("load.tif")).status).toBe(200);
  });

  it("F18 in storms of ten times what fits is refused before any job ends, and holds no slot, memory or file afterwards", async () => {
    let hold = gate();
    let jobsInEngine = 0;
    const onTile = (done: number): Promise<void> => {
      if (done === 0) jobsInEngine += 1;
      return hold.opened;
    };
    // Two jobs at a time, and memory for two pages of 8 × 4 samples of 2 bytes in three copies each: neither may get lost.
    const server = await start({ settings: { concurrency: 2, memoryMiB: (2 * 8 * 4 * 2 * 3) / 2 ** 20 }, onTile });
    await twin.putInput("storm.tif");
    for (let storm = 0; storm < 5; storm += 1) {
      hold = gate();
      jobsInEngine = 0;
      const answered: Response[] = [];
      const asked = Array.from({ length: 60 }, async () => {
        const answer = await server.infer("storm.tif");
        answered.push(answer);
        return answer;
      });
      await eventually(() => [answered.length, jobsInEngine]).toEqual([54, 2]);
      const refusals = new Set(answered);
      expect(new Set(answered.map(({ status }) => status))).toEqual(new Set([503]));
      expect(new Set(answered.map(({ headers }) => headers.get("retry-after")))).toEqual(new Set(["5"]));
      hold.open();
      const served = (await Promise.all(asked)).filter((answer) => !refusals.has(answer));
      const jobs = await Promise.all(served.map(async (answer) => (await answer.json()) as Job));
      expect(jobs.map(({ status }) => status)).toEqual(Array(6).fill("succeeded"));
    }
    await twin.expectClean(server);
    expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(/^ddn_jobs_in_flight 0$/m);
  });
});

describe("a client", () => {
  const open = (url: string, text: string) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname, () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    return new Promise<string>((resolve, reject) => socket.on("close", () => resolve(answer)).on("error", reject));
  };

  it("F17 that never ends its headers or its body keeps nobody from being served, and is cut off", async () => {
    const server = await start();
    await twin.putInput("patient.tif");
    const slow = [
      ...Array.from({ length: 50 }, () => open(server.url, "POST /inference HTTP/1.1\r\nhost: a\r\nx-slow: ")),
      open(
        server.url,
        "POST /inference HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{",
      ),
    ];
    expect((await server.infer("patient.tif")).status).toBe(200);
    for (const answer of await Promise.all(slow)) expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });

  it("F17 that sends headers without end is answered 431", async () => {
    const server = await start();
    const answer = await open(server.url, `GET /livez HTTP/1.1\r\nhost: a\r\n${"x-long: aaaaaaaa\r\n".repeat(2000)}`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  });
});
