// Does not prove that CloudWatch has these metrics; what each alarm reads stands here as the documentation names it.
import { describe, expect, it } from "vitest";
import { alarmDefinitions, alarmThresholds } from "./alarms";
import { platformMetrics } from "./platformMetrics";
import { platformNames } from "./testing/platformNames";

const definitions = (sleeps = false) => alarmDefinitions(platformMetrics(platformNames), alarmThresholds(sleeps));

const queue = { namespace: "AWS/SQS", treatMissingData: "notBreaching", evaluationPeriods: 1 };

describe("alarmDefinitions", () => {
  it.each([
    [
      "dead-letters",
      {
        ...queue,
        metricName: "ApproximateNumberOfMessagesVisible",
        dimensions: { QueueName: "jobs-dead" },
        statistic: "Maximum",
        period: 60,
        comparisonOperator: "GreaterThanOrEqualToThreshold",
        threshold: 1,
      },
    ],
    [
      "queue-age",
      {
        ...queue,
        metricName: "ApproximateAgeOfOldestMessage",
        dimensions: { QueueName: "jobs-queue" },
        statistic: "Maximum",
        period: 300,
        comparisonOperator: "GreaterThanOrEqualToThreshold",
        threshold: 1800,
      },
    ],
    [
      "server-errors",
      {
        namespace: "AWS/ApiGateway",
        metricName: "5xx",
        dimensions: { ApiId: "a1b2c3d4e5" },
        statistic: "Sum",
        period: 300,
        evaluationPeriods: 1,
        comparisonOperator: "GreaterThanOrEqualToThreshold",
        threshold: 5,
        treatMissingData: "notBreaching",
      },
    ],
    [
      "provisioning",
      {
        namespace: "AWS/ECS/ManagedScaling",
        metricName: "CapacityProviderReservation",
        dimensions: { CapacityProviderName: "ddn-capacity", ClusterName: "ddn-cluster" },
        statistic: "Minimum",
        period: 300,
        evaluationPeriods: 2,
        comparisonOperator: "GreaterThanThreshold",
        threshold: 100,
        treatMissingData: "notBreaching",
      },
    ],
  ] as const)("%s reads one metric, with its exact dimensions", (name, expected) => {
    const { alarmDescription, ...definition } = definitions()[name];
    expect(definition).toEqual(expected);
    expect(alarmDescription).toMatch(/\.$/);
  });

  it("unhealthy goes off only while instances are wanted and tasks need them", () => {
    expect(definitions().unhealthy).toEqual({
      metricQueries: [
        {
          id: "breaching",
          expression: "IF(wanted > 0 AND needed > 0 AND FILL(healthy, 0) < 1, 1, 0)",
          returnData: true,
        },
        {
          id: "wanted",
          metric: {
            namespace: "AWS/AutoScaling",
            metricName: "GroupDesiredCapacity",
            dimensions: { AutoScalingGroupName: "ddn-gpu" },
            stat: "Minimum",
            period: 300,
          },
          returnData: false,
        },
        {
          id: "needed",
          metric: {
            namespace: "AWS/ECS/ManagedScaling",
            metricName: "CapacityProviderReservation",
            dimensions: { CapacityProviderName: "ddn-capacity", ClusterName: "ddn-cluster" },
            stat: "Minimum",
            period: 300,
          },
          returnData: false,
        },
        {
          id: "healthy",
          metric: {
            namespace: "AWS/ApplicationELB",
            metricName: "HealthyHostCount",
            dimensions: {
              LoadBalancer: "app/ddn/0123456789abcdef",
              TargetGroup: "targetgroup/ddn/0123456789abcdef",
            },
            stat: "Maximum",
            period: 300,
          },
          returnData: false,
        },
      ],
      comparisonOperator: "GreaterThanOrEqualToThreshold",
      threshold: 1,
      evaluationPeriods: 2,
      treatMissingData: "notBreaching",
      alarmDescription: "A server should run, but none is healthy. The service's events and the task's log say why.",
    });
  });

  // The expression, read as CloudWatch reads it: a value that is missing counts as 0 where another one is there.
  it.each<readonly [string, wanted: number, needed: number, healthy: number | undefined, breaching: boolean]>([
    ["asleep: nothing wanted, nothing runs", 0, 100, undefined, false],
    ["waking: an instance is wanted, none runs", 1, 200, undefined, true],
    ["awake, but no server is healthy", 1, 100, 0, true],
    ["awake and healthy", 1, 100, 1, false],
    ["falling asleep: the task went, its instance lingers", 1, 0, undefined, false],
    ["one of two instances is no longer needed, the other one's server is ill", 2, 50, 0, true],
  ])("unhealthy: %s", (_name, wanted, needed, healthy, breaching) => {
    const { metricQueries } = definitions().unhealthy;
    const [{ expression }] = metricQueries as unknown as readonly [{ readonly expression: string }];
    const source = expression
      .replace(/^IF\((.*), 1, 0\)$/, "$1")
      .replaceAll(" AND ", " && ")
      .replace("FILL(healthy, 0)", "(healthy ?? 0)");
    const evaluate = new Function("wanted", "needed", "healthy", `return ${source}`);
    expect(evaluate(wanted, needed, healthy)).toBe(breaching);
  });

  it("throttles sums over every function of the API", () => {
    const { metricQueries, ...rest } = definitions().throttles;
    const of = (id: string) => ({
      id,
      metric: {
        namespace: "AWS/Lambda",
        metricName: "Throttles",
        dimensions: { FunctionName: `${id}-1` },
        stat: "Sum",
        period: 300,
      },
      returnData: false,
    });
    expect(metricQueries).toEqual([
      { id: "breaching", expression: "SUM(METRICS())", returnData: true },
      of("ping"),
      of("presign"),
      of("jobs"),
      of("document"),
    ]);
    expect(rest).toMatchObject({ threshold: 1, evaluationPeriods: 1, treatMissingData: "notBreaching" });
  });

  it("leaves a stack that sleeps the time to wake", () => {
    expect(definitions(true).unhealthy.evaluationPeriods).toBe(5);
    expect(definitions(true)["queue-age"].threshold).toBe(2700);
  });
});
