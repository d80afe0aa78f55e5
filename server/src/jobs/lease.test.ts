// Does not prove that 20 s and 60 s leave enough room on a busy machine.
import { expect, it } from "vitest";
import { taken } from "../../../contract/job";
import { type Call, createWorld } from "../testing/world";
import { holdLease } from "./lease";
import { defaultTimes } from "./times";

it("does not pile up writes while S3 is slow: what came meanwhile goes into the next one", async () => {
  const world = createWorld();
  world.putInput("a.tif", "pixels");
  const id = world.submitToQueue("a.tif");
  let blocked = (): void => {};
  let release = (): void => {};
  const isBlocked = new Promise<void>((resolve) => {
    blocked = resolve;
  });
  const isReleased = new Promise<void>((resolve) => {
    release = resolve;
  });
  const calls: Call[] = [];
  const { records, queue } = world.worker("one", {
    before: async (call) => {
      if (call.action !== "writeText") return;
      calls.push(call);
      if (calls.length !== 2) return;
      blocked();
      await isReleased;
    },
  });
  const stored = await records.read(id);
  const job = taken(world.job(id), "one", new Date());
  const etag = (await records.replace(job, stored?.etag ?? "")) ?? "";
  const times = { ...defaultTimes, heartbeat: 1, recordEvery: 1 };
  const lease = holdLease({ job, etag }, { records, queue, times, onTrouble: () => {} });
  await isBlocked;
  for (let done = 1; done <= 20; done++) {
    lease.update((current) => ({ ...current, progress: { done, total: 20 } }));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  release();
  expect(await lease.end((current) => ({ ...current, status: "succeeded" }))).toBe(true);
  expect(calls).toHaveLength(3);
  expect(world.job(id)).toMatchObject({ status: "succeeded", progress: { done: 20, total: 20 } });
});
