/** Where the platform's own metrics stand in CloudWatch, each with the stack as its one dimension. */
export const metricNamespace = "DDN";

export const stackDimension = "Stack";

/** Jobs put on the queue: wakes a stack that sleeps, since SQS's own metrics sleep with an idle queue. */
export const jobsSubmittedMetric = "JobsSubmitted";

/** Jobs that ended, one metric a status. */
export const endedMetrics = { succeeded: "JobsSucceeded", failed: "JobsFailed", cancelled: "JobsCancelled" } as const;

/** Where a succeeded job's time went, milliseconds. */
export const stageMetrics = {
  queueMs: "QueueTime",
  readMs: "ReadTime",
  decodeMs: "DecodeTime",
  inferMs: "InferTime",
  encodeMs: "EncodeTime",
  writeMs: "WriteTime",
  totalMs: "TotalTime",
} as const;

/** What a succeeded job was: tiles, pixels of all its pages, busy seconds of the GPU and what they cost (USD). */
export const workMetrics = { tiles: "Tiles", pixels: "Pixels", gpuSeconds: "GpuSeconds", usd: "JobCost" } as const;
