// Does not prove how long anybody waits.
import { describe, expect, it } from "vitest";
import { createSlots, type Slots } from "./slots";

const settled = () => new Promise(setImmediate);

/** Whether there is room that nobody waits for. */
const isFree = (slots: Slots): boolean => {
  const release = slots.tryEnter();
  release?.();
  return release !== undefined;
};

describe("slots", () => {
  it("let in as many as fit, and the next when one leaves", async () => {
    const slots = createSlots(2);
    const first = await slots.enter();
    await slots.enter();
    let third = false;
    const entering = slots.enter().then(() => {
      third = true;
    });
    await settled();
    expect(third).toBe(false);
    first();
    await entering;
    expect(third).toBe(true);
  });

  it("let the urgent go first, in the order they came", async () => {
    const slots = createSlots(1);
    const release = await slots.enter();
    const order: string[] = [];
    const enter = (name: string, urgent: boolean) =>
      slots.enter({ urgent }).then((leave) => {
        order.push(name);
        leave();
      });
    const all = [enter("queued", false), enter("request 1", true), enter("request 2", true)];
    release();
    await Promise.all(all);
    expect(order).toEqual(["request 1", "request 2", "queued"]);
  });

  it("let nobody wait for ever for small urgent ones that never end", async () => {
    const slots = createSlots(2);
    let leave = await slots.enter({ urgent: true });
    let served = false;
    const large = slots.enter({ size: 2 }).then(() => {
      served = true;
    });
    let urgent = 0;
    for (; urgent < 100; urgent++) {
      const next = slots.enter({ urgent: true });
      leave();
      await settled();
      if (served) break;
      leave = await next;
    }
    await large;
    expect(urgent).toBe(32);
  });

  it("have no room to tell of while somebody waits", async () => {
    const slots = createSlots(2);
    const release = await slots.enter({ size: 2 });
    expect(isFree(slots)).toBe(false);
    const waiting = slots.enter({ size: 2 });
    release();
    expect(isFree(slots)).toBe(false);
    (await waiting)();
    expect(isFree(slots)).toBe(true);
  });

  it("give room back once, however often it is left", async () => {
    const slots = createSlots(1);
    const release = await slots.enter();
    release();
    await slots.enter();
    release();
    expect(isFree(slots)).toBe(false);
  });

  it("forget who stopped waiting, and let in who waited behind", async () => {
    const slots = createSlots(2);
    await slots.enter();
    const stop = new AbortController();
    const waiting = slots.enter({ size: 2, signal: stop.signal });
    const behind = slots.enter();
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(slots.enter({ urgent: true, signal: stop.signal })).rejects.toThrow("enough");
    (await behind)();
    expect(isFree(slots)).toBe(true);
  });

  it("refuse what would never fit", async () => {
    const slots = createSlots(100);
    expect(slots.capacity).toBe(100);
    await expect(slots.enter({ size: 101 })).rejects.toThrow("Expected a size of at most 100 but got 101.");
  });
});
