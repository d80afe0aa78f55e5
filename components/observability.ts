import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { type AlarmName, type AlarmThresholds, alarmDefinitions, alarmThresholds } from "./alarms";
import { budgetArgs } from "./budget";
import { type DashboardArgs, dashboardBody } from "./dashboard";
import { type PlatformMetrics, type PlatformNames, platformMetrics } from "./platformMetrics";

export interface ObservabilityArgs {
  /** What AWS calls the parts that are watched. */
  readonly names: PlatformNames;
  /** Added to the dashboard's name: empty, or `-<stack>`. */
  readonly nameSuffix: string;
  /** Monthly limit of the account's spending, USD. */
  readonly monthlyBudgetUsd: number;
  /** Who hears of alarms and of the budget; each confirms a first mail. @default nobody */
  readonly alarmEmails?: readonly string[];
  /** Whether no instance may run for a while; alarms then leave time to wake. @default false */
  readonly sleeps?: boolean;
  /** @default those of {@link alarmThresholds} */
  readonly thresholds?: Partial<AlarmThresholds>;
  /** Price of an hour of an instance, USD. @default the dashboard shows no cost of instances */
  readonly gpuUsdPerHour?: number;
  /** Key that encrypts alarms on their way; its policy must let CloudWatch use it. @default no encryption by a key */
  readonly keyArn?: pulumi.Input<string>;
}

/** What tells how the stack does: a dashboard, alarms that mail, and a budget. Log groups belong to those that log. */
export class Observability extends pulumi.ComponentResource {
  public readonly dashboardUrl: pulumi.Output<string>;
  public readonly alarmTopicArn: pulumi.Output<string>;

  constructor(name: string, args: ObservabilityArgs, opts?: pulumi.ComponentResourceOptions) {
    super("ddn:index:Observability", name, {}, opts);

    const { names, nameSuffix, monthlyBudgetUsd, alarmEmails = [], sleeps = false, thresholds, gpuUsdPerHour } = args;
    const region = aws.getRegionOutput({}, { parent: this }).region;
    const accountId = aws.getCallerIdentityOutput({}, { parent: this }).accountId;
    const metrics = platformMetrics(names);

    const topic = alarmTopic(name, accountId, args.keyArn, this);
    subscribe(name, topic, alarmEmails, this);
    const alarms = raise(name, metrics, { ...alarmThresholds(sleeps), ...thresholds }, topic, this);
    const alarmArns = alarms.map(({ arn }) => arn);
    const board = dashboard(name, nameSuffix, { metrics, region, alarmArns, gpuUsdPerHour, monthlyBudgetUsd }, this);
    new aws.budgets.Budget(name, budgetArgs(accountId, monthlyBudgetUsd, alarmEmails), { parent: this });

    this.dashboardUrl = pulumi.interpolate`https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}#dashboards/dashboard/${board.dashboardName}`;
    this.alarmTopicArn = topic.arn;
    this.registerOutputs({ dashboardUrl: this.dashboardUrl, alarmTopicArn: this.alarmTopicArn });
  }
}

const alarmTopic = (
  name: string,
  accountId: pulumi.Input<string>,
  keyArn: pulumi.Input<string> | undefined,
  parent: pulumi.Resource,
): aws.sns.Topic => {
  const topic = new aws.sns.Topic(
    `${name}-alarms`,
    // Not the account's own key alias/aws/sns: its policy cannot let CloudWatch in, and alarms would be lost silently.
    // Source: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    keyArn === undefined ? {} : { kmsMasterKeyId: keyArn },
    { parent },
  );
  new aws.sns.TopicPolicy(
    `${name}-alarms`,
    { arn: topic.arn, policy: pulumi.jsonStringify(alarmTopicPolicy(topic.arn, accountId)) },
    { parent },
  );
  return topic;
};

const subscribe = (name: string, topic: aws.sns.Topic, emails: readonly string[], parent: pulumi.Resource): void => {
  for (const email of emails) {
    new aws.sns.TopicSubscription(
      `${name}-${email}`,
      { topic: topic.arn, protocol: "email", endpoint: email },
      { parent },
    );
  }
};

const raise = (
  name: string,
  metrics: PlatformMetrics,
  thresholds: AlarmThresholds,
  topic: aws.sns.Topic,
  parent: pulumi.Resource,
): readonly aws.cloudwatch.MetricAlarm[] => {
  const definitions = alarmDefinitions(metrics, thresholds);
  const actions = [topic.arn];
  return (Object.keys(definitions) as AlarmName[]).map(
    (alarm) =>
      new aws.cloudwatch.MetricAlarm(
        `${name}-${alarm}`,
        { ...definitions[alarm], alarmActions: actions, okActions: actions },
        { parent },
      ),
  );
};

const dashboard = (
  name: string,
  nameSuffix: string,
  args: DashboardArgs,
  parent: pulumi.Resource,
): aws.cloudwatch.Dashboard =>
  new aws.cloudwatch.Dashboard(
    name,
    { dashboardName: `ddn${nameSuffix}`, dashboardBody: pulumi.jsonStringify(dashboardBody(args)) },
    { parent },
  );

/** CloudWatch may tell of this account's alarms; beyond that roles alone say who may publish and subscribe. */
const alarmTopicPolicy = (topicArn: pulumi.Input<string>, accountId: pulumi.Input<string>): aws.iam.PolicyDocument => ({
  Version: "2012-10-17",
  Statement: [
    {
      Sid: "OnlyTls",
      Effect: "Deny",
      Principal: "*",
      Action: "sns:Publish",
      Resource: topicArn,
      Condition: { Bool: { "aws:SecureTransport": "false" } },
    },
    {
      Sid: "Alarms",
      Effect: "Allow",
      Principal: { Service: "cloudwatch.amazonaws.com" },
      Action: "sns:Publish",
      Resource: topicArn,
      Condition: { StringEquals: { "aws:SourceAccount": accountId } },
    },
  ],
});
