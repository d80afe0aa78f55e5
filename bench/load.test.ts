// Does not prove that this process is fast enough to load a server.
import { describe, expect, it } from "vitest";
import { closedLoop, withoutFailures } from "./load";

describe("closedLoop", () => {
  it("keeps so many requests under way and no more, and asks for each index once", async () => {
    const waiting: (() => void)[] = [];
    const asked: number[] = [];
    let most = 0;
    const loading = closedLoop({
      atATime: 3,
      goOn: (begun) => begun < 7,
      ask: async (index) => {
        asked.push(index);
        await new Promise<void>((resolve) => waiting.push(resolve));
        return index;
      },
    });
    for (let answered = 0; answered < 7; answered++) {
      most = Math.max(most, waiting.length);
      waiting.shift()?.();
      await new Promise(setImmediate);
    }
    const { answers } = await loading;
    expect([asked, answers, most]).toEqual([[0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 4, 5, 6], 3]);
  });

  it("measures each answer, and the time until the last of them", async () => {
    let clock = 1000;
    const { latencies, seconds } = await closedLoop({
      atATime: 1,
      goOn: (_, elapsed) => elapsed < 0.05,
      ask: async (index) => {
        clock += 10 * (index + 1);
      },
      now: () => clock,
    });
    expect([latencies, seconds]).toEqual([[10, 20, 30], 0.06]);
  });

  it("goes on after a failure, having paused, and keeps its words", async () => {
    let pauses = 0;
    const loaded = await closedLoop({
      atATime: 2,
      goOn: (begun) => begun < 3,
      ask: async (index) => {
        if (index === 1) throw new Error("503 overloaded");
        return index;
      },
      pause: async () => {
        pauses += 1;
      },
    });
    expect([loaded.answers, loaded.failures, pauses]).toEqual([[0, 2], ["503 overloaded"], 1]);
    expect(() => withoutFailures(loaded)).toThrow(
      "Expected every request to be answered but 1 of 3 failed: 503 overloaded",
    );
    expect(withoutFailures({ ...loaded, failures: [] }).answers).toEqual([0, 2]);
  });
});
