// Does not prove how long anybody waits.
import { describe, expect, it } from "vitest";
import { createSlots, type Slots } from "./slots";

const settled = () => new Promise(setImmediate);

/** Whether there is room that nobody waits for. */
const isFree = async (slots: Slots): Promise<boolean> => {
  const enough = new AbortController();
  const free = slots.whenFree(enough.signal).then(
    () => true,
    () => false,
  );
  await settled();
  enough.abort();
  return free;
};

describe("slots", () => {
  it("lets in as many as fit, and the next when one leaves", async () => {
    const slots = createSlots(2);
    const first = await slots.enter(false);
    await slots.enter(false);
    let third = false;
    const entering = slots.enter(false).then(() => {
      third = true;
    });
    await settled();
    expect(third).toBe(false);
    first();
    await entering;
    expect(third).toBe(true);
  });

  it("lets the urgent go first, in the order they came", async () => {
    const slots = createSlots(1);
    const release = await slots.enter(false);
    const order: string[] = [];
    const enter = (name: string, urgent: boolean) =>
      slots.enter(urgent).then((leave) => {
        order.push(name);
        leave();
      });
    const all = [enter("queued", false), enter("request 1", true), enter("request 2", true)];
    release();
    await Promise.all(all);
    expect(order).toEqual(["request 1", "request 2", "queued"]);
  });

  it("has no room to tell of while somebody waits", async () => {
    const slots = createSlots(1);
    const release = await slots.enter(false);
    expect(await isFree(slots)).toBe(false);
    const waiting = slots.enter(true);
    release();
    expect(await isFree(slots)).toBe(false);
    (await waiting)();
    expect(await isFree(slots)).toBe(true);
  });

  it("gives room back once, however often it is left", async () => {
    const slots = createSlots(1);
    const release = await slots.enter(false);
    release();
    await slots.enter(false);
    expect(await isFree(slots)).toBe(false);
  });

  it("forgets who stopped waiting", async () => {
    const slots = createSlots(1);
    const release = await slots.enter(false);
    const stop = new AbortController();
    const waiting = slots.enter(true, stop.signal);
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(slots.enter(true, stop.signal)).rejects.toThrow("enough");
    release();
    expect(await isFree(slots)).toBe(true);
  });

  it("lets one larger than everything in when it is alone", async () => {
    const slots = createSlots(100);
    const small = await slots.enter(false, undefined, 60);
    let alone = false;
    const large = slots.enter(false, undefined, 1000).then((release) => {
      alone = true;
      return release;
    });
    await settled();
    expect(alone).toBe(false);
    small();
    (await large)();
    expect(alone).toBe(true);
  });

  it("tells when there is room without taking it", async () => {
    const slots = createSlots(1);
    const release = await slots.enter(false);
    let free = false;
    const waiting = slots.whenFree(new AbortController().signal).then(() => {
      free = true;
    });
    await settled();
    expect(free).toBe(false);
    release();
    await waiting;
    expect(await isFree(slots)).toBe(true);
  });
});
