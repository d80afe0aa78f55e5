import { hasEnded, type Job, type JobTimings } from "../../contract/job";
import { endedMetrics, metricNamespace, stackDimension, stageMetrics, workMetrics } from "../../contract/metrics";
import { jobPixels } from "./metrics";

type Unit = "Count" | "Milliseconds" | "Seconds" | "None";
type Measurement = readonly [name: string, unit: Unit, value: number];

const stages = Object.entries(stageMetrics) as (readonly [keyof JobTimings, string])[];

const measurements = (job: Job): readonly Measurement[] => {
  if (job.status !== "succeeded") return [];
  const { timings, cost } = job;
  return [
    ...(timings === undefined ? [] : stages.map(([key, name]): Measurement => [name, "Milliseconds", timings[key]])),
    [workMetrics.tiles, "Count", job.progress.done],
    [workMetrics.pixels, "Count", jobPixels(job.input)],
    ...(cost === undefined
      ? []
      : ([
          [workMetrics.gpuSeconds, "Seconds", cost.gpuSeconds],
          [workMetrics.usd, "None", cost.usd],
        ] as const)),
  ];
};

/**
 * An ended job as one line of CloudWatch's embedded metric format: its status as a count, and where its time went when it
 * succeeded. The job's id stands beside the metrics, so that a log query finds the job behind a point.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export const endedJobLine = (stack: string, job: Job, now: Date): string => {
  if (!hasEnded(job)) throw new Error(`Expected an ended job but received one that is ${job.status}.`);
  const status = endedMetrics[job.status as keyof typeof endedMetrics];
  const all: readonly Measurement[] = [[status, "Count", 1], ...measurements(job)];
  const directive = {
    Namespace: metricNamespace,
    Dimensions: [[stackDimension]],
    Metrics: all.map(([Name, Unit]) => ({ Name, Unit })),
  };
  const line = {
    _aws: { Timestamp: now.getTime(), CloudWatchMetrics: [directive] },
    [stackDimension]: stack,
    job: job.id,
    ...Object.fromEntries(all.map(([name, , value]) => [name, value])),
  };
  return `${JSON.stringify(line)}\n`;
};

/** Writes each ended job to the standard output, which the log driver carries to CloudWatch. */
export const cloudWatchWriter =
  (stack: string) =>
  (job: Job): void => {
    process.stdout.write(endedJobLine(stack, job, new Date()));
  };
