// Does not prove that anybody writes these records by conditional puts; the functions' and the server's tests do.
import { describe, expect, it } from "vitest";
import {
  cancelled,
  cancelRequested,
  failed,
  handedBack,
  hasEnded,
  isJobId,
  type Job,
  type JobStatus,
  jobKey,
  queuedJob,
  serviceKey,
  serviceKeyPrefix,
  taken,
} from "./job";
import { problem } from "./problem";

const id = "0123456789abcdefghijklmnop";
const noon = new Date("2026-11-23T12:00:00Z");
const later = new Date("2026-11-23T12:00:05Z");
const request = { file: "a.tif", output: "b.tif", options: { strength: 1 } };
const fresh = queuedJob(id, request, { bytes: 9, etag: '"e"' }, noon);

describe("a job's record", () => {
  it("begins in the queue", () => {
    expect(fresh).toEqual({
      id,
      file: "a.tif",
      output: "b.tif",
      options: { strength: 1 },
      status: "queued",
      progress: { done: 0, total: 0 },
      attempts: 0,
      createdAt: "2026-11-23T12:00:00.000Z",
      input: { bytes: 9, etag: '"e"' },
    });
    expect(queuedJob(id, request, { bytes: 9, etag: '"e"' }, noon, "hash")).toEqual({ ...fresh, requestHash: "hash" });
  });

  it("counts an attempt when a worker takes it, and starts its progress anew", () => {
    const before: Job = { ...fresh, etaSeconds: 9, attempts: 1, progress: { done: 3, total: 4 } };
    expect(taken(before, "server-1", later)).toEqual({
      ...fresh,
      status: "running",
      worker: "server-1",
      attempts: 2,
      startedAt: "2026-11-23T12:00:05.000Z",
    });
  });

  it("is as before when the worker hands it back", () => {
    expect(handedBack(taken(fresh, "server-1", later))).toEqual(fresh);
    expect(handedBack(fresh).attempts).toBe(0);
  });

  it("ends at once when it waits and somebody cancels it", () => {
    const at = "2026-11-23T12:00:05.000Z";
    expect(cancelRequested(fresh, later)).toEqual({
      ...fresh,
      status: "cancelled",
      cancelRequestedAt: at,
      finishedAt: at,
    });
  });

  it("only notes the first wish to cancel while it runs", () => {
    const running = taken(fresh, "server-1", noon);
    const asked = cancelRequested(running, noon);
    expect(asked).toEqual({ ...running, cancelRequestedAt: "2026-11-23T12:00:00.000Z" });
    expect(cancelRequested(asked, later)).toEqual(asked);
  });

  it("ends failed with the problem's code, title and detail", () => {
    expect(failed({ ...fresh, etaSeconds: 9 }, problem("image_corrupt", "It ends early.", "/x"), later)).toEqual({
      ...fresh,
      status: "failed",
      finishedAt: "2026-11-23T12:00:05.000Z",
      error: { code: "image_corrupt", title: "The image file is damaged", detail: "It ends early." },
    });
  });

  it("ends cancelled", () => {
    expect(cancelled({ ...fresh, etaSeconds: 9 }, later)).toEqual({
      ...fresh,
      status: "cancelled",
      finishedAt: "2026-11-23T12:00:05.000Z",
    });
  });

  it.each([
    ["queued", false],
    ["running", false],
    ["succeeded", true],
    ["failed", true],
    ["cancelled", true],
  ] as const)("that is %s has ended: %s", (status: JobStatus, ended) => {
    expect(hasEnded({ ...fresh, status })).toBe(ended);
  });
});

describe("ids and keys", () => {
  it.each([
    [id, true],
    [id.slice(1), false],
    [`${id}0`, false],
    [id.toUpperCase(), false],
    ["../../../../../../etc/passw", false],
    [`${id}\n`, false],
    [undefined, false],
    [Number.MAX_SAFE_INTEGER, false],
  ])("%j is an id: %s", (value, is) => {
    expect(isJobId(value)).toBe(is);
  });

  it("lie in the platform's own folder", () => {
    expect(jobKey(id)).toBe(`.ddn/jobs/${id}.json`);
    expect(serviceKey("server-1")).toBe(".ddn/service/server-1.json");
    expect(serviceKey("server-1").startsWith(serviceKeyPrefix)).toBe(true);
  });
});
