import type * as aws from "@pulumi/aws";
import { jobTimes } from "../contract/job";
import { type FunctionName, routes } from "../contract/routes";
import type { Metric, PlatformMetrics } from "./platformMetrics";

/** When alarms go off: data, so that stacks differ by values alone. */
export interface AlarmThresholds {
  /** Messages in the dead-letter queue. */
  readonly deadLetters: number;
  /** How long a job may wait and run; a run takes 15 minutes at most. */
  readonly oldestMessageMinutes: number;
  /** Answers 5xx of the API in five minutes. */
  readonly serverErrors: number;
  /** How long nothing may serve while something should. */
  readonly unhealthyMinutes: number;
  /** How long tasks may wait for an instance. */
  readonly provisioningMinutes: number;
  /** Refused calls of functions in five minutes. */
  readonly throttles: number;
}

export type AlarmName = "dead-letters" | "queue-age" | "server-errors" | "unhealthy" | "provisioning" | "throttles";

/** An instance boots, pulls 16 GB of Triton and loads the model in about a quarter of an hour; a stack that sleeps often does. */
export const alarmThresholds = (sleeps: boolean): AlarmThresholds => ({
  deadLetters: 1,
  oldestMessageMinutes: sleeps ? 45 : 30,
  serverErrors: 5,
  unhealthyMinutes: sleeps ? 25 : 10,
  provisioningMinutes: 10,
  throttles: 1,
});

type Statistic = "Sum" | "Maximum" | "Minimum";
type Definition = aws.cloudwatch.MetricAlarmArgs;

/** Longer than metrics are late, so that the newest value of an expression is a whole one. */
const periodSeconds = 300;

const functions = [...new Set(routes.map(({ target }) => target))].filter(
  (target): target is FunctionName => target !== "server",
);

const inPeriods = (minutes: number): number => Math.ceil((minutes * 60) / periodSeconds);

const atLeast = (threshold: number): Pick<Definition, "comparisonOperator" | "threshold"> => ({
  comparisonOperator: "GreaterThanOrEqualToThreshold",
  threshold,
});

const single = ({ namespace, name, dimensions }: Metric, statistic: Statistic, period = periodSeconds): Definition => ({
  namespace,
  metricName: name,
  dimensions,
  statistic,
  period,
  evaluationPeriods: 1,
  // Queues and functions without traffic have no values, and that is fine.
  treatMissingData: "notBreaching",
});

const term = (id: string, { namespace, name, dimensions }: Metric, stat: Statistic) => ({
  id,
  metric: { namespace, metricName: name, dimensions, stat, period: periodSeconds },
  returnData: false,
});

/** @param terms the metrics that the expression speaks of, by id */
const calculated = (
  expression: string,
  terms: readonly (readonly [id: string, metric: Metric, statistic: Statistic])[],
): Definition => ({
  metricQueries: [
    { id: "breaching", expression, returnData: true },
    ...terms.map(([id, metric, stat]) => term(id, metric, stat)),
  ],
  evaluationPeriods: 1,
  treatMissingData: "notBreaching",
});

/** Every alarm of a stack, without its actions. */
export const alarmDefinitions = (
  metrics: PlatformMetrics,
  thresholds: AlarmThresholds,
): Readonly<Record<AlarmName, Definition>> => ({
  "dead-letters": {
    ...single(metrics.deadLetters, "Maximum", 60),
    ...atLeast(thresholds.deadLetters),
    alarmDescription: `Jobs failed on the platform's side, ${jobTimes.maxAttempts} times each. The server's log says why.`,
  },
  "queue-age": {
    ...single(metrics.oldestMessageSeconds, "Maximum"),
    ...atLeast(thresholds.oldestMessageMinutes * 60),
    alarmDescription: "A job waits too long: no server takes it, or maxInstances is too small for the work.",
  },
  "server-errors": {
    ...single(metrics.apiServerErrors, "Sum"),
    ...atLeast(thresholds.serverErrors),
    alarmDescription: "The API answers with 5xx. Its access log says on which routes.",
  },
  // Something should serve: instances are wanted and tasks need one. At 0 % the last task went and its instance only lingers.
  unhealthy: {
    ...calculated("IF(wanted > 0 AND needed > 0 AND FILL(healthy, 0) < 1, 1, 0)", [
      ["wanted", metrics.instancesWanted, "Minimum"],
      ["needed", metrics.capacityNeeded, "Minimum"],
      ["healthy", metrics.healthyTargets, "Maximum"],
    ]),
    ...atLeast(1),
    evaluationPeriods: inPeriods(thresholds.unhealthyMinutes),
    alarmDescription: "A server should run, but none is healthy. The service's events and the task's log say why.",
  },
  // ECS tells no count of tasks in PROVISIONING; that they need more instances than run is the same.
  // Source: https://aws.amazon.com/blogs/containers/deep-dive-on-amazon-ecs-cluster-auto-scaling/
  provisioning: {
    ...single(metrics.capacityNeeded, "Minimum"),
    comparisonOperator: "GreaterThanThreshold",
    threshold: 100,
    evaluationPeriods: inPeriods(thresholds.provisioningMinutes),
    alarmDescription:
      "Tasks wait for an instance that does not come. The Auto Scaling group's activity says why: the vCPU quota, or no capacity in these zones.",
  },
  throttles: {
    ...calculated(
      "SUM(METRICS())",
      functions.map((name) => [name, metrics.functionThrottles(name), "Sum"] as const),
    ),
    ...atLeast(thresholds.throttles),
    alarmDescription: "Lambda refuses calls: the account's concurrency is used up. Ask for more of quota L-B99A9384.",
  },
});
