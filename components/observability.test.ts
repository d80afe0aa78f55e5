// Does not prove that mails arrive, nor that CloudWatch takes the bodies; alarms.test.ts and dashboard.test.ts hold what they say.
import { describe, expect, it } from "vitest";
import { Observability, type ObservabilityArgs } from "./observability";
import { type RecordedGraph, recordGraph } from "./testing/graph";
import { platformNames } from "./testing/platformNames";

const keyArn = "arn:aws:kms:ap-northeast-2:123456789012:key/1234";

const record = (args: Partial<ObservabilityArgs> = {}): Promise<RecordedGraph> =>
  recordGraph(() => {
    const { dashboardUrl, alarmTopicArn } = new Observability("ddn", {
      names: platformNames,
      nameSuffix: "-dev",
      monthlyBudgetUsd: 150,
      ...args,
    });
    return { dashboardUrl, alarmTopicArn };
  });

const all = ({ resources }: RecordedGraph, type: string) => resources.filter((resource) => resource.type === type);

const only = (graph: RecordedGraph, type: string) => {
  const found = all(graph, type);
  expect(found.length, type).toBe(1);
  return found[0]?.props ?? {};
};

describe("Observability", () => {
  it("raises every alarm with the topic as its action, and tells when it is over", async () => {
    const graph = await record();
    const alarms = all(graph, "aws:cloudwatch/metricAlarm:MetricAlarm");
    const actions = [graph.outputs.alarmTopicArn];
    expect(alarms.map(({ name }) => name).sort()).toEqual([
      "ddn-dead-letters",
      "ddn-provisioning",
      "ddn-queue-age",
      "ddn-server-errors",
      "ddn-throttles",
      "ddn-unhealthy",
    ]);
    for (const { props } of alarms) expect(props).toMatchObject({ alarmActions: actions, okActions: actions });
  });

  it("mails to whom the configuration names", async () => {
    const graph = await record({ alarmEmails: ["a@example.com", "b@example.com"] });
    const subscriptions = all(graph, "aws:sns/topicSubscription:TopicSubscription");
    expect(subscriptions.map(({ props }) => props)).toEqual(
      ["a@example.com", "b@example.com"].map((endpoint) => ({
        topic: graph.outputs.alarmTopicArn,
        protocol: "email",
        endpoint,
      })),
    );
  });

  it("budgets the account's month, with mails at 80 and 100 % and when the forecast passes it", async () => {
    const { notifications, ...budget } = only(
      await record({ alarmEmails: ["a@example.com"] }),
      "aws:budgets/budget:Budget",
    );
    expect(budget).toEqual({
      budgetType: "COST",
      timeUnit: "MONTHLY",
      limitAmount: "150.0",
      limitUnit: "USD",
      costFilters: [{ name: "LinkedAccount", values: ["123456789012"] }],
    });
    const notice = (notificationType: string, threshold: number) => ({
      notificationType,
      threshold,
      thresholdType: "PERCENTAGE",
      comparisonOperator: "GREATER_THAN",
      subscriberEmailAddresses: ["a@example.com"],
    });
    expect(notifications).toEqual([notice("ACTUAL", 80), notice("ACTUAL", 100), notice("FORECASTED", 100)]);
  });

  it("has a budget and a topic without a subscriber where nobody is to hear of it", async () => {
    const graph = await record();
    expect(all(graph, "aws:sns/topicSubscription:TopicSubscription")).toEqual([]);
    expect(only(graph, "aws:budgets/budget:Budget").notifications).toEqual([]);
  });

  it("lets CloudWatch tell of this account's alarms, and nobody publish without TLS", async () => {
    const graph = await record();
    const { policy } = only(graph, "aws:sns/topicPolicy:TopicPolicy");
    expect(JSON.parse(String(policy))).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "OnlyTls",
          Effect: "Deny",
          Principal: "*",
          Action: "sns:Publish",
          Resource: graph.outputs.alarmTopicArn,
          Condition: { Bool: { "aws:SecureTransport": "false" } },
        },
        {
          Sid: "Alarms",
          Effect: "Allow",
          Principal: { Service: "cloudwatch.amazonaws.com" },
          Action: "sns:Publish",
          Resource: graph.outputs.alarmTopicArn,
          Condition: { StringEquals: { "aws:SourceAccount": "123456789012" } },
        },
      ],
    });
  });

  it("encrypts the topic with the stack's key and never with alias/aws/sns, which CloudWatch may not use", async () => {
    expect(only(await record({ keyArn }), "aws:sns/topic:Topic")).toEqual({ kmsMasterKeyId: keyArn });
    expect(only(await record(), "aws:sns/topic:Topic")).toEqual({});
  });

  it("names the dashboard after the stack and says where it is", async () => {
    const graph = await record();
    const { dashboardName, dashboardBody } = only(graph, "aws:cloudwatch/dashboard:Dashboard");
    expect(dashboardName).toBe("ddn-dev");
    expect(JSON.parse(String(dashboardBody)).widgets[0].properties.alarms).toHaveLength(6);
    expect(graph.outputs.dashboardUrl).toBe(
      "https://ap-northeast-2.console.aws.amazon.com/cloudwatch/home?region=ap-northeast-2#dashboards/dashboard/ddn-dev",
    );
  });

  it("takes the thresholds that it is given, and the usual ones for the rest", async () => {
    const alarms = all(await record({ thresholds: { serverErrors: 50 } }), "aws:cloudwatch/metricAlarm:MetricAlarm");
    const threshold = (name: string) => alarms.find((alarm) => alarm.name === name)?.props.threshold;
    expect([threshold("ddn-server-errors"), threshold("ddn-dead-letters")]).toEqual([50, 1]);
  });

  it("makes nothing without a parent", async () => {
    const { resources } = await record({ alarmEmails: ["a@example.com"] });
    const component = resources.find(({ type }) => type === "ddn:index:Observability");
    const children = resources.filter(({ type }) => type.startsWith("aws:"));
    expect(children.length).toBe(11);
    for (const { parent } of children) expect(parent).toBe(component?.urn);
  });
});
