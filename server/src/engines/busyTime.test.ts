// Does not prove that anybody's GPU was busy for as long as tiles were in flight, only how that time is split.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBusyTime } from "./busyTime";

/** A clock that only the test moves. */
const clock = () => {
  let time = 1000;
  return {
    now: () => time,
    pass: (seconds: number) => {
      time += seconds;
    },
  };
};

describe("busy time", () => {
  it("is nobody's while nothing is in flight", () => {
    const { now, pass } = clock();
    const busy = createBusyTime(now);
    const share = busy.share();
    pass(7);
    share.begin(64)();
    pass(7);
    expect([busy.seconds(), share.seconds()]).toEqual([0, 0]);
  });

  it("is one's own while nobody else has pixels in flight, however many", () => {
    const { now, pass } = clock();
    const busy = createBusyTime(now);
    const share = busy.share();
    const first = share.begin(64);
    pass(2);
    const second = share.begin(4096);
    pass(3);
    first();
    pass(4);
    second();
    pass(5);
    expect([busy.seconds(), share.seconds()]).toEqual([9, 9]);
  });

  it("is split by pixels in flight, instant by instant", () => {
    const { now, pass } = clock();
    const busy = createBusyTime(now);
    const [large, small] = [busy.share(), busy.share()];
    const one = large.begin(3);
    pass(4);
    const other = small.begin(1);
    pass(4);
    one();
    pass(4);
    other();
    expect([large.seconds(), small.seconds(), busy.seconds()]).toEqual([4 + 3, 1 + 4, 12]);
  });

  it("counts up to now for what is still in flight", () => {
    const { now, pass } = clock();
    const busy = createBusyTime(now);
    const share = busy.share();
    share.begin(1);
    pass(2);
    expect([busy.seconds(), share.seconds()]).toEqual([2, 2]);
    pass(2);
    expect([busy.seconds(), share.seconds()]).toEqual([4, 4]);
  });

  it("ends once, however often it is told to", () => {
    const { now, pass } = clock();
    const busy = createBusyTime(now);
    const [one, other] = [busy.share(), busy.share()];
    const end = one.begin(5);
    other.begin(5);
    end();
    end();
    pass(2);
    expect([one.seconds(), other.seconds()]).toEqual([0, 2]);
  });

  it("adds up: the shares' sum is the busy time, whatever happens", () => {
    const step = fc.record({
      who: fc.nat(3),
      pixels: fc.constantFrom(64, 4096, 262_144, 4_194_304),
      ends: fc.boolean(),
      seconds: fc.integer({ min: 0, max: 1000 }),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const { now, pass } = clock();
        const busy = createBusyTime(now);
        const shares = Array.from({ length: 4 }, busy.share);
        const ending: (() => void)[] = [];
        let expected = 0;
        for (const { who, pixels, ends, seconds } of steps) {
          if (ends) ending.shift()?.();
          else ending.push(shares[who].begin(pixels));
          pass(seconds);
          if (ending.length > 0) expected += seconds;
        }
        expect(busy.seconds()).toBe(expected);
        expect(shares.reduce((sum, share) => sum + share.seconds(), 0)).toBeCloseTo(expected, 6);
      }),
    );
  });
});
