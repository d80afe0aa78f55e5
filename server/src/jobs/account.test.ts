// Does not prove that a GPU costs what the setting says, nor how busy time is split (engines/busyTime.test.ts).
import { describe, expect, it } from "vitest";
import { createBusyTime } from "../engines/busyTime";
import type { Caller, Engine, Tile } from "../engines/engine";
import { testEngine } from "../testing/world";
import { createAccounts } from "./account";

const tile: Tile = { height: 64, width: 64, image: new Uint16Array(4096) };
const params = { offset: 0, scale: 1, a: 0, b: 1 };

/** An engine that is busy with each tile for two seconds of the test's own clock. */
const start = (usdPerHour?: number, denoise?: Engine["denoise"]) => {
  let time = 0;
  const callers: (Caller | undefined)[] = [];
  const engine: Engine = {
    ...testEngine,
    denoise: async (one, settings, signal, caller) => {
      callers.push(caller);
      time += 2;
      return denoise === undefined ? one.image : denoise(one, settings, signal, caller);
    },
  };
  const busyTime = createBusyTime(() => time);
  const openAccount = createAccounts(engine, busyTime, usdPerHour);
  return { open: (job: string) => openAccount({ job, urgent: job === "a" }), busyTime, callers };
};

describe("a run's account", () => {
  it("counts the engine's time, in seconds and in dollars", async () => {
    const { open } = start(0.526);
    const { engine, cost } = open("a");
    expect(cost(undefined)).toEqual({ gpuSeconds: 0, usd: 0 });
    await engine.denoise(tile, params);
    await engine.denoise(tile, params);
    expect(cost(undefined)).toEqual({ gpuSeconds: 4, usd: 0.000584444 });
  });

  it("goes on from what earlier runs had cost", async () => {
    const { open } = start(3600);
    const { engine, cost } = open("a");
    await engine.denoise(tile, params);
    expect(cost({ gpuSeconds: 1.5, usd: 1.25 })).toEqual({ gpuSeconds: 3.5, usd: 3.25 });
  });

  it("counts tiles that failed, and hands on why", async () => {
    const { open } = start(3600, () => Promise.reject(new Error("broken by the test")));
    const { engine, cost } = open("a");
    await expect(engine.denoise(tile, params)).rejects.toThrow("broken by the test");
    expect(cost(undefined)?.gpuSeconds).toBe(2);
  });

  it("tells the engine whose tile it is", async () => {
    const { open, callers } = start();
    await open("a").engine.denoise(tile, params);
    await open("b").engine.denoise(tile, params);
    expect(callers).toEqual([
      { job: "a", urgent: true },
      { job: "b", urgent: false },
    ]);
  });

  it("adds up with the others' to the busy time", async () => {
    const { open, busyTime } = start(3600);
    const accounts = ["a", "b", "c"].map(open);
    await Promise.all(accounts.map(({ engine }) => engine.denoise(tile, params)));
    const sum = accounts.reduce((total, { cost }) => total + (cost(undefined)?.gpuSeconds ?? 0), 0);
    expect(busyTime.seconds()).toBe(6);
    expect(sum).toBeCloseTo(6, 5);
  });

  it("charges nothing where there is no price", async () => {
    const { open } = start();
    const { engine, cost } = open("a");
    await engine.denoise(tile, params);
    expect(cost(undefined)).toBeUndefined();
  });
});
