// Does not prove that these numbers fill any GPU; bench/ measures that.
import { describe, expect, it } from "vitest";
import { type Batch, createBatches, gpuLoad, singleLoad } from "./batches";
import type { Tile } from "./engine";

const params = { offset: 0, scale: 1, a: 0, b: 1 };
const tile = (size: number, value = 0): Tile => ({
  height: size,
  width: size,
  image: new Uint16Array(size * size).fill(value),
});
/** What is asked for in one turn of the event loop is sent in the next. */
const turn = async () => {
  for (let count = 0; count < 3; count++) await new Promise(setImmediate);
};

interface Sent {
  readonly batch: Batch;
  readonly signal: AbortSignal;
  answer(): void;
  fail(reason: Error): void;
}

/** Batches that are answered, with their own samples, when the test says so. */
const start = (maxTiles = 4, load = gpuLoad) => {
  const sent: Sent[] = [];
  const clock = { milliseconds: 0 };
  const batches = createBatches({
    ...load,
    maxTiles: () => maxTiles,
    now: () => clock.milliseconds,
    send: (batch, signal) =>
      new Promise((resolve, reject) => {
        const samples = new Uint16Array(batch.images.length * batch.height * batch.width);
        batch.images.forEach((image, index) => {
          samples.set(image, index * image.length);
        });
        sent.push({ batch, signal, answer: () => resolve(samples), fail: reject });
      }),
  });
  const ask = (size: number, value = 0, job = "", signal?: AbortSignal) =>
    batches.denoise(tile(size, value), params, signal, { job, urgent: false });
  const askUrgently = (size: number, value = 0) =>
    batches.denoise(tile(size, value), params, undefined, { job: `request ${value}`, urgent: true });
  /** Sizes and first samples of what was sent. */
  const told = () => sent.map(({ batch }) => [batch.height, batch.images.map(([first]) => first)]);
  return { sent, clock, batches, ask, askUrgently, told };
};

describe("batches of tiles", () => {
  it("are of one size, in the order asked for, and no larger than allowed", async () => {
    const { ask, told } = start(3);
    for (const [size, value] of [
      [64, 1],
      [128, 2],
      [64, 3],
      [64, 4],
      [64, 5],
      [128, 6],
    ])
      void ask(size, value);
    await turn();
    expect(told()).toEqual([
      [64, [1, 3, 4]],
      [128, [2, 6]],
      [64, [5]],
    ]);
  });

  it("give each its own samples", async () => {
    const { sent, ask } = start();
    const asked = [ask(64, 1), ask(64, 2)];
    await turn();
    sent[0].answer();
    expect(await Promise.all(asked)).toEqual([tile(64, 1).image, tile(64, 2).image]);
  });

  it("hold a megapixel at most, or one tile", async () => {
    const { ask, told } = start(100);
    for (const size of [512, 512, 512, 512, 512, 1536, 1536]) void ask(size);
    await turn();
    expect(told().map(([size, firsts]) => [size, (firsts as number[]).length])).toEqual([
      [512, 4],
      [512, 1],
      [1536, 1],
    ]);
  });

  it.each([
    [2048, 2],
    [1024, 4],
    [64, 8],
  ])("of %i² are under way %i at a time", async (size, requests) => {
    const { sent, ask } = start(1);
    for (let index = 0; index < 12; index++) void ask(size);
    await turn();
    expect(sent.length).toBe(requests);
    sent[0].answer();
    await turn();
    expect(sent.length).toBe(requests + 1);
  });

  it("wait for what comes in the same turn, once others are under way", async () => {
    const { sent, ask, told } = start(4);
    void ask(1024, 1);
    void ask(1024, 2);
    void ask(1024, 3);
    const fourth = ask(1024, 4);
    await turn();
    void ask(512, 5);
    void fourth.then(() => {
      void ask(512, 6);
      void ask(512, 7);
    });
    sent[3].answer();
    await turn();
    expect(told().slice(4)).toEqual([[512, [5, 6, 7]]]);
  });

  it("share out evenly between jobs, so that a small image need not wait for the rest of a large one", async () => {
    const { sent, ask } = start(1);
    for (let index = 0; index < 10; index++) void ask(2048, index, "large");
    await turn();
    void ask(64, 100, "small");
    void ask(2048, 200, "other");
    void ask(2048, 201, "other");
    for (let index = 0; index < 6; index++) {
      sent[index].answer();
      await turn();
    }
    expect(sent.map(({ batch }) => batch.images[0][0])).toEqual([0, 1, 100, 200, 2, 201, 3, 4]);
  });

  it("of who waits for the answer go first, besides those under way", async () => {
    const { sent, ask, askUrgently, told } = start(1);
    for (let index = 0; index < 4; index++) void ask(2048, index);
    await turn();
    void askUrgently(512, 100);
    void askUrgently(512, 101);
    await turn();
    expect(told()).toEqual([
      [2048, [0]],
      [2048, [1]],
      [512, [100]],
      [512, [101]],
    ]);
    for (const each of sent.slice(0, 4)) each.answer();
    await turn();
    expect(told().slice(4)).toEqual([[2048, [2]]]);
  });

  it("of others keep a quarter of what is computed while urgent ones never end", async () => {
    const { sent, ask, askUrgently } = start(1);
    for (let index = 0; index < 50; index++) {
      void askUrgently(1024, 1);
      void ask(1024, 2);
    }
    for (let index = 0; index < 40; index++) {
      await turn();
      sent[index].answer();
    }
    const urgent = sent.slice(0, 40).filter(({ batch }) => batch.images[0][0] === 1);
    expect(urgent.length).toBe(30);
  });

  it("go one request at a time for a minute after an urgent one, so that the next need not wait for two", async () => {
    const { sent, clock, ask, askUrgently, batches } = start(1);
    expect(batches.isServing()).toBe(false);
    void askUrgently(512, 1);
    await turn();
    sent[0].answer();
    await turn();
    for (let index = 0; index < 6; index++) void ask(1024, 2);
    await turn();
    expect(batches.isServing()).toBe(true);
    expect(sent.length).toBe(2);
    clock.milliseconds = 60_000;
    expect(batches.isServing()).toBe(false);
    sent[1].answer();
    await turn();
    expect(sent.length).toBe(6);
  });

  it("go one by one to an engine that takes but one, whoever waits", async () => {
    const { sent, ask, askUrgently, told } = start(4, singleLoad);
    void ask(64, 1);
    void ask(64, 2);
    await turn();
    void askUrgently(64, 3);
    for (let index = 0; index < 3; index++) {
      await turn();
      expect(sent.length).toBe(index + 1);
      sent[index].answer();
    }
    expect(told()).toEqual([
      [64, [1]],
      [64, [3]],
      [64, [2]],
    ]);
  });

  it("fail with what their request fails, and go on", async () => {
    const { sent, ask, batches } = start();
    const asked = Promise.allSettled([ask(64), ask(64)]);
    await turn();
    const reason = new Error("broken by the test");
    sent[0].fail(reason);
    expect(await asked).toEqual([
      { status: "rejected", reason },
      { status: "rejected", reason },
    ]);
    void ask(64);
    await turn();
    expect(sent.length).toBe(2);
    expect(batches.load()).toEqual({ waitingTiles: 0, sentTiles: 3, sentBatches: 2 });
  });

  it("are without the tiles that were aborted before", async () => {
    const { ask, told, batches } = start();
    const stop = new AbortController();
    const reason = new Error("aborted by the test");
    const asked = [ask(64, 1), ask(64, 2, "", stop.signal), ask(64, 3)];
    stop.abort(reason);
    await expect(asked[1]).rejects.toBe(reason);
    await expect(ask(64, 4, "", stop.signal)).rejects.toBe(reason);
    await turn();
    expect(told()).toEqual([[64, [1, 3]]]);
    expect(batches.load().waitingTiles).toBe(0);
  });

  it("go on for whoever still waits, and are stopped when nobody does", async () => {
    const { sent, ask } = start();
    const [one, other] = [new AbortController(), new AbortController()];
    const asked = Promise.allSettled([ask(64, 1, "", one.signal), ask(64, 2, "", other.signal)]);
    await turn();
    one.abort(new Error("first"));
    expect(sent[0].signal.aborted).toBe(false);
    other.abort(new Error("second"));
    expect(sent[0].signal.aborted).toBe(true);
    expect((await asked).map((each) => each.status === "rejected" && each.reason.message)).toEqual(["first", "second"]);
  });

  it("keep their place under way until they are answered, though nobody waits any more", async () => {
    const { sent, ask } = start();
    const stop = new AbortController();
    const asked = Promise.allSettled([ask(2048, 1, "", stop.signal), ask(2048, 2, "", stop.signal)]);
    await turn();
    stop.abort();
    await asked;
    void ask(2048, 3);
    await turn();
    expect(sent.length).toBe(2);
    sent[0].answer();
    await turn();
    expect(sent.length).toBe(3);
  });

  it("end with the reason for closing when they were not sent", async () => {
    const { sent, ask, batches } = start(1);
    const [first, , last] = [ask(2048, 1), ask(2048, 2), ask(2048, 3)];
    await turn();
    const reason = new Error("closed by the test");
    const rejected = expect(last).rejects.toBe(reason);
    batches.close(reason);
    await rejected;
    sent[0].answer();
    expect((await first)[0]).toBe(1);
  });
});
