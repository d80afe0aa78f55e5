import { type Props, type Resource, type Rule, resourceRule, stackRule, told } from "../rule";

const queue = "aws:sqs/queue:Queue";

/** Days that a production stack keeps its logs. */
const yearOfLogs = 365;

/** Lengths and characters that AWS takes for names; autonaming adds eight characters to a logical name. */
const names: Readonly<Record<string, { readonly pattern: RegExp; readonly input?: string }>> = {
  "aws:apigatewayv2/vpcLink:VpcLink": { pattern: /^.{1,128}$/ },
  "aws:cloudwatch/logGroup:LogGroup": { pattern: /^[\w./#-]{1,512}$/ },
  "aws:ecr/repository:Repository": {
    pattern: /^(?=.{2,256}$)(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/,
  },
  "aws:ecs/cluster:Cluster": { pattern: /^[\w-]{1,255}$/ },
  "aws:iam/role:Role": { pattern: /^[\w+=,.@-]{1,64}$/ },
  "aws:lambda/function:Function": { pattern: /^[\w-]{1,64}$/ },
  "aws:lb/loadBalancer:LoadBalancer": { pattern: /^(?!internal-)(?!-)[a-zA-Z0-9-]{1,32}(?<!-)$/ },
  "aws:lb/targetGroup:TargetGroup": { pattern: /^(?!-)[a-zA-Z0-9-]{1,32}(?<!-)$/ },
  "aws:s3/bucket:Bucket": { pattern: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, input: "bucket" },
  "aws:sns/topic:Topic": { pattern: /^[\w-]{1,256}$/ },
  "aws:sqs/queue:Queue": { pattern: /^[\w-]{1,80}$/ },
};

const nameFault = ({ type, name, props }: Resource): string | false => {
  const limit = names[type];
  if (limit === undefined) return false;
  const physical = (props[limit.input ?? "name"] as string | undefined) ?? `${name}-0000000`;
  return !limit.pattern.test(physical) && `would be named ${physical}, which AWS does not take`;
};

const budgetFaults = ({ notifications = [] }: Props<"aws:budgets/budget:Budget">): readonly (string | false)[] =>
  (
    [
      ["ACTUAL", 80],
      ["ACTUAL", 100],
      ["FORECASTED", 100],
    ] as const
  ).map(
    ([kind, percent]) =>
      !notifications.some(
        ({ notificationType, threshold, subscriberEmailAddresses: mails, subscriberSnsTopicArns: topics }) =>
          notificationType === kind && threshold === percent && [...(mails ?? []), ...(topics ?? [])].length > 0,
      ) && `tells nobody of ${kind} ${percent} %`,
  );

export const operationRules: readonly Rule[] = [
  resourceRule(
    queue,
    { name: "queue-encrypted", description: "Messages are encrypted at rest (FSBP SQS.1)." },
    ({ sqsManagedSseEnabled, kmsMasterKeyId }) => [
      sqsManagedSseEnabled !== true && kmsMasterKeyId === undefined && "is not encrypted",
    ],
  ),
  stackRule(
    { name: "queue-has-dead-letters", description: "A message that nobody can take is kept aside, not lost." },
    (resources) => {
      const queues = resources.filter(({ type }) => type === queue);
      const feeds = (from: Resource, to: Resource): boolean =>
        from.propertyDependencies.redrivePolicy?.includes(to.urn) === true;
      return queues
        .filter((each) => !queues.some((other) => feeds(each, other) || feeds(other, each)))
        .flatMap((each) => told(each, ["has no dead-letter queue"]));
    },
  ),
  resourceRule(
    "aws:sns/topic:Topic",
    { name: "topic-uses-own-key", description: "Notices are encrypted with the stack's own key.", production: true },
    ({ kmsMasterKeyId = "alias/aws/sns" }) => [
      kmsMasterKeyId.startsWith("alias/aws/") && "is not encrypted with the stack's own key",
    ],
  ),
  resourceRule(
    "aws:cloudwatch/logGroup:LogGroup",
    { name: "log-expires", description: "Every log group says how long it keeps what it has." },
    ({ retentionInDays }) => [(retentionInDays ?? 0) === 0 && "keeps everything for ever"],
  ),
  resourceRule(
    "aws:cloudwatch/logGroup:LogGroup",
    {
      name: "log-kept-a-year",
      description: "Logs are kept for a year, encrypted with the stack's own key (FSBP CloudWatch.16).",
      production: true,
    },
    ({ retentionInDays, kmsKeyId }) => [
      (retentionInDays ?? 0) < yearOfLogs && `keeps what it has for ${retentionInDays} days`,
      kmsKeyId === undefined && "is not encrypted with the stack's own key",
    ],
  ),
  resourceRule(
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    { name: "alarm-acts", description: "Every alarm does something (FSBP CloudWatch.15)." },
    ({ alarmActions = [], actionsEnabled }) => [
      (alarmActions.length === 0 || actionsEnabled === false) && "does nothing",
    ],
  ),
  stackRule(
    {
      name: "budget-warns",
      description: "Whoever hears of alarms hears of 80 % of the budget, of 100 %, and of a forecast that passes it.",
    },
    (resources) => {
      const heard = resources.some(({ type }) => type === "aws:sns/topicSubscription:TopicSubscription");
      return resources
        .filter(({ type }) => type === "aws:budgets/budget:Budget" && heard)
        .flatMap((budget) => told(budget, budgetFaults(budget.props)));
    },
  ),
  {
    name: "name-fits",
    description: "Every name is one that AWS takes.",
    production: false,
    scope: "resource",
    check: (resources) => resources.flatMap((resource) => told(resource, [nameFault(resource)])),
  },
];
