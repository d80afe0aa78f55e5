// Does not prove that 20 s and 60 s leave enough room on a busy machine.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Job, taken } from "../../../contract/job";
import { type Call, createWorld } from "../testing/world";
import { holdLease } from "./lease";
import { defaultTimes } from "./times";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A lease on a job taken just now, and the record's writes since. */
const hold = async (before: (write: number) => void | Promise<void> = () => {}) => {
  const world = createWorld();
  world.putInput("a.tif", "pixels");
  const id = world.submitToQueue("a.tif");
  const calls: Call[] = [];
  const troubles: unknown[] = [];
  const { records, queue } = world.worker("one", {
    before: async (call) => {
      if (call.action !== "writeText") return;
      calls.push(call);
      await before(calls.length);
    },
  });
  const job = taken(world.job(id), "one", new Date());
  world.writeJob(job);
  const etag = (await records.read(id))?.etag ?? "";
  const onTrouble = (error: unknown): void => void troubles.push(error);
  const lease = holdLease({ job, etag }, { records, queue, times: defaultTimes, onTrouble });
  const progress = (done: number): void => lease.update((current) => ({ ...current, progress: { done, total: 99 } }));
  return { world, lease, calls, troubles, progress };
};

const done = ({ body }: Call): number => (JSON.parse(body ?? "") as Job).progress.done;

describe("a lease", () => {
  it("writes the record every 20 s while nothing happens", async () => {
    const { lease, calls } = await hold();
    await vi.advanceTimersByTimeAsync(19_999);
    expect(calls).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(40_000);
    expect(calls).toHaveLength(3);
    lease.release();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls).toHaveLength(3);
  });

  it("writes progress at most once a second, the latest", async () => {
    const { lease, calls, progress } = await hold();
    for (let tile = 1; tile <= 25; tile++) {
      progress(tile);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(calls.map(done)).toEqual([10, 20]);
    await vi.advanceTimersByTimeAsync(500);
    expect(calls.map(done)).toEqual([10, 20, 25]);
    lease.release();
  });

  it("writes on when somebody sets the machine's clock back", async () => {
    const { lease, calls, progress } = await hold();
    vi.setSystemTime(Date.now() - 600_000);
    progress(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(calls.map(done)).toEqual([1]);
    lease.release();
  });

  it("does not pile up writes while S3 is slow: what came meanwhile goes into the next one", async () => {
    let release = (): void => {};
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { lease, calls, progress } = await hold((write) => (write === 1 ? slow : undefined));
    for (let tile = 1; tile <= 20; tile++) {
      progress(tile);
      await vi.advanceTimersByTimeAsync(1000);
    }
    release();
    await vi.advanceTimersByTimeAsync(999);
    expect(calls.map(done)).toEqual([1]);
    await vi.advanceTimersByTimeAsync(1);
    expect(calls.map(done)).toEqual([1, 20]);
    lease.release();
  });

  it("tries again after a second when S3 fails, and goes on", async () => {
    const { lease, calls, troubles } = await hold((write) => {
      if (write === 1) throw new Error("S3 is down");
    });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(troubles).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(calls).toHaveLength(2);
    expect(lease.signal.aborted).toBe(false);
    lease.release();
  });
});
