// Does not prove that CloudWatch evaluates the expressions as read here, nor that SQS reports in time.
import { describe, expect, it } from "vitest";
import { type ScalingAlarm, scalingAlarms, stepScaling } from "./gpuScalingAlarms";

const names = { stack: "dev", queueName: "jobs", clusterName: "gpus", serviceName: "triton" };

const alarm = (minTasks: number, maxTasks: number, name: string): ScalingAlarm => {
  const found = scalingAlarms({ minTasks, maxTasks }, names).find((other) => other.name === name);
  if (found === undefined) throw new Error(`no alarm ${name}`);
  return found;
};

const queue = (name: string) => ({
  namespace: "AWS/SQS",
  name,
  dimensions: { QueueName: "jobs" },
  stat: "Maximum",
});
const visible = queue("ApproximateNumberOfMessagesVisible");
const submitted = { namespace: "DDN", name: "JobsSubmitted", dimensions: { Stack: "dev" }, stat: "Sum" };
const desired = {
  namespace: "ECS/ContainerInsights",
  name: "DesiredTaskCount",
  dimensions: { ClusterName: "gpus", ServiceName: "triton" },
  stat: "Maximum",
};

/** CloudWatch's arithmetic as far as the expressions use it, for one minute; undefined is a gap. */
const evaluated = (expression: string, values: Readonly<Record<string, number | undefined>>): unknown => {
  const program = expression.replaceAll("IF(", "when(").replaceAll("FILL(", "fill(");
  const run = new Function("when", "fill", "REPEAT", ...Object.keys(values), `return ${program};`);
  const when = (condition: boolean, yes: number, no: number): number => (condition ? yes : no);
  const fill = (value: number | undefined, filler: number | undefined): number | undefined => value ?? filler;
  return run(when, fill, undefined, ...Object.values(values));
};

describe("scalingAlarms", () => {
  it.each([
    [0, 1, ["wake-submitted", "wake-waiting", "down"]],
    [0, 2, ["wake-submitted", "wake-waiting", "up", "down"]],
    [1, 2, ["up", "down"]],
    [1, 1, []],
    [2, 2, []],
  ])("between %i and %i tasks there are %j", (minTasks, maxTasks, expected) => {
    expect(scalingAlarms({ minTasks, maxTasks }, names).map(({ name }) => name)).toEqual(expected);
  });

  it("wakes within a minute on one job submitted or one message waiting, both looked at themselves", () => {
    const wake = { direction: "wake", comparisonOperator: "GreaterThanOrEqualToThreshold", threshold: 1, minutes: 1 };
    expect(alarm(0, 1, "wake-submitted")).toEqual({
      ...wake,
      name: "wake-submitted",
      description: "A job was submitted, and no task may run",
      metrics: { submitted },
    });
    expect(alarm(0, 1, "wake-waiting")).toEqual({
      ...wake,
      name: "wake-waiting",
      description: "A message waits, and no task may run",
      metrics: { visible },
    });
  });

  it("wakes only a service without tasks where more than one may run, known or not", () => {
    const { metrics, expression = "" } = alarm(0, 2, "wake-waiting");
    expect(metrics).toEqual({ visible, desired });
    expect(evaluated(expression, { visible: 7, desired: 0 })).toBe(7);
    expect(evaluated(expression, { visible: 7, desired: undefined })).toBe(7);
    expect(evaluated(expression, { visible: 7, desired: 2 })).toBe(0);
    expect(evaluated(expression, { visible: undefined, desired: 0 })).toBe(0);
  });

  it("goes up after five minutes of ten messages for each task, or ten where there is none yet", () => {
    const { metrics, expression = "", threshold, minutes, direction, comparisonOperator } = alarm(1, 2, "up");
    expect({ metrics, threshold, minutes, direction, comparisonOperator }).toEqual({
      metrics: { visible, desired },
      threshold: 10,
      minutes: 5,
      direction: "up",
      comparisonOperator: "GreaterThanOrEqualToThreshold",
    });
    expect(evaluated(expression, { visible: 30, desired: 2 })).toBe(15);
    expect(evaluated(expression, { visible: 30, desired: 0 })).toBe(30);
    expect(evaluated(expression, { visible: 30, desired: undefined })).toBe(30);
  });

  it("goes down after fifteen minutes without anything visible, in flight, delayed or submitted; a gap is zero", () => {
    const { metrics, expression = "", ...rest } = alarm(0, 1, "down");
    expect(rest).toEqual({
      name: "down",
      direction: "down",
      description: "Nothing to do for 15 minutes",
      comparisonOperator: "LessThanOrEqualToThreshold",
      threshold: 0,
      minutes: 15,
    });
    expect(metrics).toEqual({
      visible,
      inFlight: queue("ApproximateNumberOfMessagesNotVisible"),
      delayed: queue("ApproximateNumberOfMessagesDelayed"),
      submitted,
    });
    const none = { visible: undefined, inFlight: undefined, delayed: undefined, submitted: undefined };
    expect(evaluated(expression, none)).toBe(0);
    for (const id of Object.keys(none)) expect(evaluated(expression, { ...none, [id]: 1 })).toBe(1);
  });
});

describe("stepScaling", () => {
  it("wakes exactly one, goes up by one, and down to the least", () => {
    expect(stepScaling).toEqual({
      wake: {
        adjustmentType: "ExactCapacity",
        scalingAdjustment: 1,
        cooldown: 60,
        bound: { metricIntervalLowerBound: "0" },
      },
      up: {
        adjustmentType: "ChangeInCapacity",
        scalingAdjustment: 1,
        cooldown: 600,
        bound: { metricIntervalLowerBound: "0" },
      },
      down: {
        adjustmentType: "ExactCapacity",
        scalingAdjustment: 0,
        cooldown: 60,
        bound: { metricIntervalUpperBound: "0" },
      },
    });
  });
});
