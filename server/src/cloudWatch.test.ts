// Does not prove that CloudWatch makes metrics of the lines; server.test.ts sees them leave the process.
import { describe, expect, it } from "vitest";
import { cancelled, failed, type Job, queuedJob } from "../../contract/job";
import { problem } from "../../contract/problem";
import { endedJobLine } from "./cloudWatch";

const now = new Date("2026-11-23T01:00:00Z");
const queued = queuedJob(
  "0".repeat(26),
  { file: "a.tif", output: "a.tif", options: { strength: 1 } },
  { bytes: 9, etag: '"e"' },
  now,
);
const succeeded: Job = {
  ...queued,
  status: "succeeded",
  progress: { done: 6, total: 6 },
  input: { ...queued.input, width: 100, height: 50, pages: 2 },
  timings: { queueMs: 1, readMs: 2, decodeMs: 3, inferMs: 4, encodeMs: 5, writeMs: 6, totalMs: 21 },
};

const milliseconds = (Name: string) => ({ Name, Unit: "Milliseconds" });

const line = (job: Job) => JSON.parse(endedJobLine("dev", job, now));

describe("endedJobLine", () => {
  it("tells of a succeeded job with its stages, tiles and pixels, with the stack as the one dimension", () => {
    expect(line(succeeded)).toEqual({
      _aws: {
        Timestamp: now.getTime(),
        CloudWatchMetrics: [
          {
            Namespace: "DDN",
            Dimensions: [["Stack"]],
            Metrics: [
              { Name: "JobsSucceeded", Unit: "Count" },
              milliseconds("QueueTime"),
              milliseconds("ReadTime"),
              milliseconds("DecodeTime"),
              milliseconds("InferTime"),
              milliseconds("EncodeTime"),
              milliseconds("WriteTime"),
              milliseconds("TotalTime"),
              { Name: "Tiles", Unit: "Count" },
              { Name: "Pixels", Unit: "Count" },
            ],
          },
        ],
      },
      Stack: "dev",
      job: succeeded.id,
      JobsSucceeded: 1,
      QueueTime: 1,
      ReadTime: 2,
      DecodeTime: 3,
      InferTime: 4,
      EncodeTime: 5,
      WriteTime: 6,
      TotalTime: 21,
      Tiles: 6,
      Pixels: 10_000,
    });
  });

  it("adds the GPU's seconds and their cost where they are known", () => {
    const told = line({ ...succeeded, cost: { gpuSeconds: 2.5, usd: 0.00045 } });
    expect(told).toMatchObject({ GpuSeconds: 2.5, JobCost: 0.00045 });
    expect(told._aws.CloudWatchMetrics[0].Metrics.slice(-2)).toEqual([
      { Name: "GpuSeconds", Unit: "Seconds" },
      { Name: "JobCost", Unit: "None" },
    ]);
  });

  it.each([
    ["failed", failed(queued, problem("image_corrupt", "Expected an image."), now), "JobsFailed"],
    ["cancelled", cancelled(queued, now), "JobsCancelled"],
  ] as const)("only counts a %s job", (_status, job, name) => {
    const told = line(job);
    expect(told._aws.CloudWatchMetrics[0].Metrics).toEqual([{ Name: name, Unit: "Count" }]);
    expect(Object.keys(told)).toEqual(["_aws", "Stack", "job", name]);
  });

  it("is one line", () => {
    expect(endedJobLine("dev", succeeded, now).indexOf("\n")).toBe(endedJobLine("dev", succeeded, now).length - 1);
  });

  it("refuses a job that has not ended", () => {
    expect(() => endedJobLine("dev", queued, now)).toThrow("Expected an ended job but received one that is queued.");
  });
});
