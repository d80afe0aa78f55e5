// Does not prove: how AWS spreads its buckets over hosts; there, limits are met approximately.
import { expect, it } from "vitest";
import { createThrottle } from "./throttle";

it("lets a burst through, then as many as the rate fills in, and never saves up more than a burst", () => {
  let nowMs = 0;
  const mayPass = createThrottle({ rate: 2, burst: 3 }, () => nowMs);
  const passedOf = (count: number): number => Array.from({ length: count }, mayPass).filter(Boolean).length;
  expect(passedOf(5)).toBe(3);
  nowMs = 499;
  expect(passedOf(1)).toBe(0);
  nowMs = 500;
  expect(passedOf(2)).toBe(1);
  nowMs = 60_000;
  expect(passedOf(5)).toBe(3);
});
