import type * as pulumi from "@pulumi/pulumi";
import { jobsSubmittedMetric, metricNamespace, stackDimension } from "../contract/metrics";
import type { Metric } from "./platformMetrics";

export interface ScalingBounds {
  readonly minTasks: number;
  readonly maxTasks: number;
}

/** What the alarms look at. */
export interface ScalingNames {
  readonly stack: string;
  readonly queueName: pulumi.Input<string>;
  readonly clusterName: pulumi.Input<string>;
  readonly serviceName: pulumi.Input<string>;
}

export type Direction = "wake" | "up" | "down";

interface StepScaling {
  readonly adjustmentType: "ExactCapacity" | "ChangeInCapacity";
  readonly scalingAdjustment: number;
  readonly cooldown: number;
  /** Which side of the alarm's threshold counts. */
  readonly bound: { readonly metricIntervalLowerBound: "0" } | { readonly metricIntervalUpperBound: "0" };
}

/** Instance, image and model need about so long until one task more is of use. */
const startSeconds = 600;

/**
 * Exactly one wakes, however often it is asked for; up goes one by one; down goes to whatever the least is just then.
 * Source: https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html
 */
export const stepScaling: Readonly<Record<Direction, StepScaling>> = {
  wake: {
    adjustmentType: "ExactCapacity",
    scalingAdjustment: 1,
    cooldown: 60,
    bound: { metricIntervalLowerBound: "0" },
  },
  up: {
    adjustmentType: "ChangeInCapacity",
    scalingAdjustment: 1,
    cooldown: startSeconds,
    bound: { metricIntervalLowerBound: "0" },
  },
  down: {
    adjustmentType: "ExactCapacity",
    scalingAdjustment: 0,
    cooldown: 60,
    bound: { metricIntervalUpperBound: "0" },
  },
};

interface ScalingMetric extends Metric {
  readonly stat: "Sum" | "Maximum";
}

/** An alarm that moves the service. */
export interface ScalingAlarm {
  readonly name: string;
  readonly direction: Direction;
  readonly description: string;
  /** By the id that `expression` calls them. */
  readonly metrics: Readonly<Record<string, ScalingMetric>>;
  /** Over the metrics; none where the one metric is looked at itself. */
  readonly expression?: string;
  readonly comparisonOperator: "GreaterThanOrEqualToThreshold" | "LessThanOrEqualToThreshold";
  readonly threshold: number;
  /** Minutes in a row. */
  readonly minutes: number;
}

/** Messages that wait for each task for five minutes until there is one task more. */
const messagesPerTask = 10;
/** As long as SQS may take to report on a queue that slept. Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-monitoring-using-cloudwatch.html */
const quietMinutes = 15;

/** The tasks wanted, the last number known standing in for one that is late. */
const tasks = "FILL(FILL(desired, REPEAT), 0)";

/**
 * The alarms that move a service between its bounds.
 *
 * Wake: somebody submitted a job, or a message waits. SQS reports nothing on a queue that slept for up to 15 minutes, so the
 * jobs function counts what it submits. Where more than one task may run, only a service without tasks is woken: exactly one
 * would otherwise be fewer than there are.
 *
 * Down: nothing waits, runs, is delayed, or was submitted for 15 minutes. What was submitted counts because a queue that has
 * just been woken still looks empty, and would be sent back to sleep.
 */
export const scalingAlarms = (bounds: ScalingBounds, names: ScalingNames): readonly ScalingAlarm[] => {
  const { minTasks, maxTasks } = bounds;
  const queue = (name: string): ScalingMetric => ({
    namespace: "AWS/SQS",
    name,
    dimensions: { QueueName: names.queueName },
    stat: "Maximum",
  });
  const visible = queue("ApproximateNumberOfMessagesVisible");
  const submitted: ScalingMetric = {
    namespace: metricNamespace,
    name: jobsSubmittedMetric,
    dimensions: { [stackDimension]: names.stack },
    stat: "Sum",
  };
  const desired: ScalingMetric = {
    namespace: "ECS/ContainerInsights",
    name: "DesiredTaskCount",
    dimensions: { ClusterName: names.clusterName, ServiceName: names.serviceName },
    stat: "Maximum",
  };
  const atLeast = "GreaterThanOrEqualToThreshold";
  const wake = (name: string, description: string, id: string, metric: ScalingMetric): ScalingAlarm => ({
    name,
    direction: "wake",
    description,
    ...(maxTasks === 1
      ? { metrics: { [id]: metric } }
      : { metrics: { [id]: metric, desired }, expression: `IF(${tasks} > 0, 0, FILL(${id}, 0))` }),
    comparisonOperator: atLeast,
    threshold: 1,
    minutes: 1,
  });
  const wakes = [
    wake("wake-submitted", "A job was submitted, and no task may run", "submitted", submitted),
    wake("wake-waiting", "A message waits, and no task may run", "visible", visible),
  ];
  const up: ScalingAlarm = {
    name: "up",
    direction: "up",
    description: `${messagesPerTask} messages wait for each task`,
    metrics: { visible, desired },
    expression: `IF(${tasks} > 0, visible / ${tasks}, visible)`,
    comparisonOperator: atLeast,
    threshold: messagesPerTask,
    minutes: 5,
  };
  const down: ScalingAlarm = {
    name: "down",
    direction: "down",
    description: `Nothing to do for ${quietMinutes} minutes`,
    metrics: {
      visible,
      inFlight: queue("ApproximateNumberOfMessagesNotVisible"),
      delayed: queue("ApproximateNumberOfMessagesDelayed"),
      submitted,
    },
    expression: "FILL(visible, 0) + FILL(inFlight, 0) + FILL(delayed, 0) + FILL(submitted, 0)",
    comparisonOperator: "LessThanOrEqualToThreshold",
    threshold: 0,
    minutes: quietMinutes,
  };
  return [
    ...(minTasks === 0 ? wakes : []),
    ...(maxTasks > Math.max(1, minTasks) ? [up] : []),
    ...(maxTasks > minTasks ? [down] : []),
  ];
};
