// Does not prove that ids never collide: 134 bits make it unlikely beyond worry.
import { describe, expect, it } from "vitest";
import { isJobId } from "./job";
import { hashOfRequests, jobIdForKey, jobIdForUpload, randomJobId } from "./jobId";

describe("job ids", () => {
  it("are random, 26 characters of base 36", () => {
    const ids = Array.from({ length: 200 }, randomJobId);
    expect(ids.every(isJobId)).toBe(true);
    expect(new Set(ids).size).toBe(200);
  });

  it("follow from an Idempotency-Key and the place in a batch", () => {
    expect(jobIdForKey("key", 0)).toBe(jobIdForKey("key", 0));
    const ids = [jobIdForKey("key", 0), jobIdForKey("key", 1), jobIdForKey("key2", 0), jobIdForKey("1\nkey", 0)];
    expect(ids.every(isJobId)).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("of a key stay what they are from release to release, so that replays across one still match", () => {
    expect(jobIdForKey("nightly-2026-11-23", 7)).toBe("q3xi8x4wetq4xjc65kuc09uvpw");
  });

  it("follow from an upload's key, ETag and sequencer", () => {
    const ids = [
      jobIdForUpload("a.tif", "e", "s"),
      jobIdForUpload("b.tif", "e", "s"),
      jobIdForUpload("a.tif", "f", "s"),
      jobIdForUpload("a.tif", "e", "t"),
      jobIdForUpload("a.tif", "s", "e"),
      jobIdForKey("s\ne\na.tif", 0),
    ];
    expect(ids.every(isJobId)).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
    expect(jobIdForUpload("a.tif", "e", "s")).toBe(ids[0]);
  });
});

describe("the hash of requests", () => {
  it("tells requests apart", () => {
    const hashes = [[{ file: "a" }], [{ file: "b" }], [{ file: "a" }, { file: "b" }], []].map(hashOfRequests);
    expect(new Set(hashes).size).toBe(4);
    expect(hashes[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(hashOfRequests([{ file: "a" }])).toBe(hashes[0]);
  });
});
