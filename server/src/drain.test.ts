// Does not prove the signal handling of main.ts (server.test.ts), nor that ECS waits 110 s.
import type { FastifyBaseLogger } from "fastify";
import pino from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { type Job, serviceKey } from "../../contract/job";
import { startServer } from "./server";
import { loadSettings } from "./settings";
import { gate } from "./testing/gate";
import { createWorld, longPolling, testEngine, testImaging } from "./testing/world";

const drains: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const drain of drains.splice(0)) await drain();
});

const start = async (
  world: ReturnType<typeof createWorld>,
  onTile: (done: number) => void | Promise<void>,
  drainSeconds: number,
) => {
  const { store, queue, temporaryFolder } = world.worker("outside");
  const settings = {
    ...loadSettings({
      AWS_REGION: "x",
      DDN_IN_BUCKET: "in",
      DDN_OUT_BUCKET: "out",
      DDN_QUEUE_URL: "http://127.0.0.1/q",
      DDN_DEAD_LETTER_QUEUE_URL: "http://127.0.0.1/d",
      HOST: "127.0.0.1",
      PORT: "0",
    }),
    instance: "one",
    drainSeconds,
  };
  const ready = gate();
  const server = await startServer({
    settings,
    store,
    queue: longPolling(queue),
    notify: async () => {},
    engine: testEngine,
    selfTest: async () => ready.open(),
    imaging: testImaging(onTile),
    temporaryFolder,
    log: pino({ enabled: false }) as FastifyBaseLogger,
  });
  await ready.opened;
  let drained: Promise<void> | undefined;
  const drain = (): Promise<void> => {
    drained ??= server.drain();
    return drained;
  };
  drains.push(drain);
  const post = (headers: Record<string, string> = {}) =>
    fetch(`${server.url}/inference`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: '{"file":"a.tif"}',
    });
  return { server, drain, post };
};

describe("drain", () => {
  it("lets the request in flight end, refuses the next as draining, and says that it is not ready", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const begun = gate();
    const hold = gate();
    const onTile = () => {
      begun.open();
      return hold.opened;
    };
    const { drain, post, server } = await start(world, onTile, 100);
    const first = post();
    await begun.opened;
    const draining = drain();
    const second = await post();
    expect(second.status).toBe(503);
    expect(second.headers.get("connection")).toBe("close");
    expect(await second.json()).toMatchObject({ code: "draining" });
    expect((await fetch(`${server.url}/healthz`)).status).toBe(503);
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    hold.open();
    const answer = await first;
    expect(answer.status).toBe(200);
    expect(answer.headers.get("connection")).toBe("close");
    await draining;
    expect(JSON.parse(world.output(serviceKey("one"))?.body.toString() ?? "")).toMatchObject({
      instance: "one",
      ready: false,
      reason: "The server is shutting down.",
    });
    await expect(post()).rejects.toThrow();
  });

  it("hands a queued job back when its time is over: queued, attempt not counted, message visible", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const id = world.submitToQueue("a.tif");
    const begun = gate();
    const { drain } = await start(
      world,
      () => {
        begun.open();
        return new Promise(() => {});
      },
      0,
    );
    await begun.opened;
    await drain();
    expect(world.job(id)).toMatchObject({ status: "queued", attempts: 0 });
    expect(world.messages[0].visibleAt).toBe(0);
    await (await world.worker("two").receive())?.done;
    expect(world.job(id)).toMatchObject({ status: "succeeded", worker: "two", attempts: 1 });
  });

  it("answers a request whose job it hands back with the queued job", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const begun = gate();
    const { drain, post } = await start(
      world,
      () => {
        begun.open();
        return new Promise(() => {});
      },
      0,
    );
    const asking = post();
    await begun.opened;
    const draining = drain();
    const answer = await asking;
    const job = (await answer.json()) as Job;
    expect(answer.status).toBe(202);
    expect(answer.headers.get("location")).toBe(`/jobs/${job.id}`);
    expect(job).toMatchObject({ status: "queued", attempts: 0 });
    await draining;
    expect(world.messages.map(({ visibleAt }) => visibleAt)).toEqual([60, 0]);
  });
});
