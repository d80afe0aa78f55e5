import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { expected } from "../contract/problem";
import { type ScalingAlarm, scalingAlarms, stepScaling } from "./gpuScalingAlarms";

/** When a stack that sleeps keeps one task whatever the queue says; both as AWS writes cron expressions. */
export interface GpuSchedule {
  readonly wake?: string;
  readonly sleep?: string;
  /** Such as `Asia/Seoul`. */
  readonly timeZone: string;
}

/** What is wrong with the bounds and their schedule, if anything is. */
export const boundsProblem = (
  minInstances: number,
  maxInstances: number,
  schedule: GpuSchedule | undefined,
): string | undefined => {
  if (!Number.isInteger(maxInstances) || maxInstances < 1) {
    return expected("a whole number from 1", "maxInstances", maxInstances);
  }
  if (!Number.isInteger(minInstances) || minInstances < 0 || minInstances > maxInstances) {
    return expected(`a whole number from 0 to maxInstances (${maxInstances})`, "minInstances", minInstances);
  }
  return schedule === undefined || minInstances === 0
    ? undefined
    : expected("0 where there is a schedule", "minInstances", minInstances, "A schedule wakes a stack that sleeps.");
};

const minute = 60;

const metricQueries = ({ metrics, expression }: ScalingAlarm): aws.types.input.cloudwatch.MetricAlarmMetricQuery[] => [
  ...Object.entries(metrics).map(([id, { namespace, name, dimensions, stat }]) => ({
    id,
    metric: { namespace, metricName: name, dimensions, stat, period: minute },
    returnData: expression === undefined,
  })),
  ...(expression === undefined ? [] : [{ id: "work", expression, returnData: true }]),
];

export interface GpuScalingArgs {
  readonly stack: string;
  readonly queueName: pulumi.Input<string>;
  readonly cluster: aws.ecs.Cluster;
  readonly service: aws.ecs.Service;
  readonly minInstances: number;
  readonly maxInstances: number;
  readonly schedule: GpuSchedule | undefined;
}

type Scaled = Pick<aws.appautoscaling.PolicyArgs, "serviceNamespace" | "scalableDimension" | "resourceId">;

/** Moves the service's task count between its bounds; the capacity provider follows with instances. */
export const gpuScaling = (name: string, args: GpuScalingArgs, parent: pulumi.Resource): void => {
  const { cluster, service, minInstances, maxInstances, schedule } = args;
  const target = new aws.appautoscaling.Target(
    `${name}-tasks`,
    {
      serviceNamespace: "ecs",
      scalableDimension: "ecs:service:DesiredCount",
      resourceId: pulumi.interpolate`service/${cluster.name}/${service.name}`,
      minCapacity: minInstances,
      maxCapacity: maxInstances,
    },
    // A schedule moves the least by day and by night.
    { parent, ignoreChanges: schedule === undefined ? [] : ["minCapacity"] },
  );
  const { serviceNamespace, scalableDimension, resourceId } = target;
  const scaled = { serviceNamespace, scalableDimension, resourceId };
  scaleByWork(name, scaled, args, parent);
  if (schedule !== undefined) scaleByClock(name, scaled, schedule, args, parent);
};

const scaleByWork = (name: string, scaled: Scaled, args: GpuScalingArgs, parent: pulumi.Resource): void => {
  const { stack, queueName, cluster, service, minInstances, maxInstances } = args;
  const alarms = scalingAlarms(
    { minTasks: minInstances, maxTasks: maxInstances },
    { stack, queueName, clusterName: cluster.name, serviceName: service.name },
  );
  for (const direction of new Set(alarms.map((alarm) => alarm.direction))) {
    const { adjustmentType, scalingAdjustment, cooldown, bound } = stepScaling[direction];
    const policy = new aws.appautoscaling.Policy(
      `${name}-${direction}`,
      {
        ...scaled,
        policyType: "StepScaling",
        stepScalingPolicyConfiguration: {
          adjustmentType,
          cooldown,
          metricAggregationType: "Maximum",
          stepAdjustments: [{ ...bound, scalingAdjustment }],
        },
      },
      { parent },
    );
    for (const alarm of alarms.filter((other) => other.direction === direction)) {
      new aws.cloudwatch.MetricAlarm(
        `${name}-${alarm.name}`,
        {
          alarmDescription: alarm.description,
          metricQueries: metricQueries(alarm),
          comparisonOperator: alarm.comparisonOperator,
          threshold: alarm.threshold,
          evaluationPeriods: alarm.minutes,
          // The expressions fill their own gaps; should that ever fail, better awake than asleep over work.
          treatMissingData: "notBreaching",
          alarmActions: [policy.arn],
        },
        { parent },
      );
    }
  }
};

const scaleByClock = (
  name: string,
  scaled: Scaled,
  { wake, sleep, timeZone }: GpuSchedule,
  { minInstances, maxInstances }: GpuScalingArgs,
  parent: pulumi.Resource,
): void => {
  const least = (role: string, schedule: string | undefined, minCapacity: number): void => {
    if (schedule === undefined) return;
    new aws.appautoscaling.ScheduledAction(
      `${name}-${role}-scheduled`,
      { ...scaled, schedule, timezone: timeZone, scalableTargetAction: { minCapacity, maxCapacity: maxInstances } },
      { parent },
    );
  };
  least("wake", wake, 1);
  least("sleep", sleep, minInstances);
};
