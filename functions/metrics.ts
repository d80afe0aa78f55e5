import { jobsSubmittedMetric, metricNamespace, stackDimension } from "../contract/metrics";

/**
 * Logs a count in CloudWatch's embedded metric format, which makes it a metric.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export const logJobsSubmitted = (stack: string, count: number): void => {
  const metric = {
    Namespace: metricNamespace,
    Dimensions: [[stackDimension]],
    Metrics: [{ Name: jobsSubmittedMetric, Unit: "Count" }],
  };
  const line = {
    _aws: { Timestamp: Date.now(), CloudWatchMetrics: [metric] },
    [stackDimension]: stack,
    [jobsSubmittedMetric]: count,
  };
  // Under the JSON log format Lambda's console wraps what it logs, and then CloudWatch finds no metric in it.
  // Source: https://github.com/awslabs/aws-embedded-metrics-node/pull/158
  process.stdout.write(`${JSON.stringify(line)}\n`);
};
