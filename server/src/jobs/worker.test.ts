// Does not prove what a run does once it began (stateTable.test.ts).
import { describe, expect, it } from "vitest";
import type { JobQueue } from "../store/queue";
import { gate } from "../testing/gate";
import { createWorld, type TestWorker, type WorkerOptions } from "../testing/world";
import { workQueue } from "./worker";

const settled = () => new Promise(setImmediate);

/** A worker's loop on a world; it ends by itself when the queue has nothing more to give. */
const work = (
  world: ReturnType<typeof createWorld>,
  options: WorkerOptions = {},
  whenReady: (signal: AbortSignal) => Promise<void> = async () => {},
) => {
  const stop = new AbortController();
  const worker: TestWorker = world.worker("one", options);
  const { take, slots, metrics } = worker;
  const receive: JobQueue["receive"] = async (most) => {
    const messages = await worker.queue.receive(most, stop.signal);
    if (messages.length === 0) stop.abort(new Error("nothing more"));
    return messages;
  };
  const looping = workQueue({ ...take, queue: { ...worker.queue, receive }, slots, metrics, whenReady }, stop.signal);
  return { worker, stop, looping };
};

describe("workQueue", () => {
  it("takes one message after another and runs no more jobs at a time than there are slots", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const ids = Array.from({ length: 5 }, () => world.submitToQueue("a.tif", { output: `${Math.random()}.tif` }));
    let most = 0;
    const { worker, looping } = work(world, {
      slots: 2,
      onTile: async () => {
        most = Math.max(most, worker.runs.all().length);
        await settled();
      },
    });
    await looping;
    await Promise.all(worker.runs.all().map((run) => run.done));
    expect(ids.map((id) => world.job(id).status)).toEqual(ids.map(() => "succeeded"));
    expect(most).toBe(2);
    expect(world.messages).toEqual([]);
  });

  it("takes nothing before the engine is ready", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    world.submitToQueue("a.tif");
    const ready = gate();
    const { worker, looping } = work(world, {}, () => ready.opened);
    await settled();
    expect(world.messages[0].receives).toBe(0);
    ready.open();
    await looping;
    await Promise.all(worker.runs.all().map((run) => run.done));
    expect(world.messages).toEqual([]);
  });

  it("asks for as many messages as there are free slots, and begins them side by side", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const ids = Array.from({ length: 12 }, () => world.submitToQueue("a.tif", { output: `${Math.random()}.tif` }));
    const begun = gate();
    let reads = 0;
    const { worker, looping } = work(world, {
      slots: 12,
      before: async ({ action, target }) => {
        if (action !== "readText" || !ids.some((id) => target.includes(id))) return;
        reads += 1;
        if (reads === ids.length) begun.open();
        await begun.opened;
      },
    });
    await looping;
    await Promise.all(worker.runs.all().map((run) => run.done));
    expect(world.messages).toEqual([]);
    expect(ids.map((id) => world.job(id).status)).toEqual(ids.map(() => "succeeded"));
  });

  it("F19 never waits for a slot with a message in hand: requests have their own", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    const ids = [world.submitToQueue("a.tif"), world.submitToQueue("a.tif", { output: "b.tif" })];
    const held = gate();
    const { worker, looping } = work(world, { slots: 1, onTile: () => held.opened });
    await settled();
    await settled();
    expect(world.messages.map(({ receives }) => receives)).toEqual([1, 0]);
    held.open();
    await looping;
    await Promise.all(worker.runs.all().map((run) => run.done));
    expect(ids.map((id) => world.job(id).status)).toEqual(["succeeded", "succeeded"]);
  });

  it("takes no message that came when it was already told to stop", async () => {
    const world = createWorld();
    world.putInput("a.tif", "pixels");
    world.submitToQueue("a.tif");
    const { worker, looping, stop } = work(world, {
      after: ({ action }) => void (action === "receive" && stop.abort(new Error("drain"))),
    });
    await looping;
    expect(world.messages[0].visibleAt).toBe(0);
    expect(worker.runs.all()).toEqual([]);
  });

  it("frees the slot of a message that needs no run", async () => {
    const world = createWorld();
    for (let index = 0; index < 3; index++) world.submitToQueue("a.tif", { status: "cancelled" });
    const { looping, worker } = work(world, { slots: 1 });
    await looping;
    expect(world.messages).toEqual([]);
    await expect(worker.slots.enter()).resolves.toBeDefined();
  });

  it("counts a queue that does not answer, frees the slot, and goes on until it is stopped", async () => {
    const world = createWorld();
    const { looping, worker, stop } = work(world, {
      before: ({ action }) => {
        if (action !== "receive") return;
        queueMicrotask(() => setImmediate(() => stop.abort(new Error("enough"))));
        throw new Error("SQS is down");
      },
    });
    await looping;
    expect(worker.logged).toEqual(["a message could not be taken"]);
    expect(await worker.metrics.render()).toContain("ddn_queue_receive_failures_total 1");
  });

  it("leaves the message to its visibility when S3 fails while it decides, and keeps no slot", async () => {
    const world = createWorld();
    world.submitToQueue("a.tif");
    const { looping, worker, stop } = work(world, {
      slots: 1,
      before: ({ action }) => {
        if (action !== "readText") return;
        setImmediate(() => stop.abort(new Error("enough")));
        throw new Error("S3 is down");
      },
    });
    await looping;
    expect(world.messages[0].visibleAt).toBe(60);
    await expect(worker.slots.enter()).resolves.toBeDefined();
  });
});
