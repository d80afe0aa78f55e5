import type * as pulumi from "@pulumi/pulumi";
import { jobsSubmittedMetric, metricNamespace, stackDimension } from "../contract/metrics";
import type { FunctionName } from "../contract/routes";

/** What AWS calls the parts whose metrics are looked at. */
export interface PlatformNames {
  /** The stack as the platform's own metrics name it: `DDN_STACK` of server and functions. */
  readonly stack: pulumi.Input<string>;
  readonly apiId: pulumi.Input<string>;
  readonly functionNames: Readonly<Record<FunctionName, pulumi.Input<string>>>;
  readonly queueName: pulumi.Input<string>;
  readonly deadLetterQueueName: pulumi.Input<string>;
  readonly clusterName: pulumi.Input<string>;
  readonly serviceName: pulumi.Input<string>;
  readonly capacityProviderName: pulumi.Input<string>;
  readonly autoScalingGroupName: pulumi.Input<string>;
  readonly loadBalancerArnSuffix: pulumi.Input<string>;
  readonly targetGroupArnSuffix: pulumi.Input<string>;
}

/** A metric as CloudWatch finds it: a dimension too few or too many is another metric, without values. */
export interface Metric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, pulumi.Input<string>>>;
}

/**
 * The metrics of the platform, by what they mean.
 *
 * Sources: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html,
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html,
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html,
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-auto-scaling.html,
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html,
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
 */
export const platformMetrics = (names: PlatformNames) => {
  const metric =
    (namespace: string, dimensions: Metric["dimensions"]) =>
    (name: string): Metric => ({ namespace, name, dimensions });
  const queue = metric("AWS/SQS", { QueueName: names.queueName });
  const deadLetterQueue = metric("AWS/SQS", { QueueName: names.deadLetterQueueName });
  const api = metric("AWS/ApiGateway", { ApiId: names.apiId });
  const service = metric("AWS/ECS", { ClusterName: names.clusterName, ServiceName: names.serviceName });
  const cluster = metric("AWS/ECS", { ClusterName: names.clusterName });
  const capacity = metric("AWS/ECS/ManagedScaling", {
    CapacityProviderName: names.capacityProviderName,
    ClusterName: names.clusterName,
  });
  const instances = metric("AWS/AutoScaling", { AutoScalingGroupName: names.autoScalingGroupName });
  const targets = metric("AWS/ApplicationELB", {
    LoadBalancer: names.loadBalancerArnSuffix,
    TargetGroup: names.targetGroupArnSuffix,
  });
  const lambda = (name: FunctionName) => metric("AWS/Lambda", { FunctionName: names.functionNames[name] });
  return {
    /** The platform's own, by name. */
    own: metric(metricNamespace, { [stackDimension]: names.stack }),
    jobsSubmitted: metric(metricNamespace, { [stackDimension]: names.stack })(jobsSubmittedMetric),
    messagesWaiting: queue("ApproximateNumberOfMessagesVisible"),
    messagesInFlight: queue("ApproximateNumberOfMessagesNotVisible"),
    oldestMessageSeconds: queue("ApproximateAgeOfOldestMessage"),
    deadLetters: deadLetterQueue("ApproximateNumberOfMessagesVisible"),
    apiRequests: api("Count"),
    apiClientErrors: api("4xx"),
    apiServerErrors: api("5xx"),
    apiLatency: api("Latency"),
    serviceCpu: service("CPUUtilization"),
    serviceMemory: service("MemoryUtilization"),
    gpusReserved: cluster("GPUReservation"),
    /** Instances needed in percent of those that run; 200 where some are needed and none runs, 100 where neither is. */
    capacityNeeded: capacity("CapacityProviderReservation"),
    instancesWanted: instances("GroupDesiredCapacity"),
    instancesRunning: instances("GroupInServiceInstances"),
    healthyTargets: targets("HealthyHostCount"),
    functionThrottles: (name: FunctionName) => lambda(name)("Throttles"),
  };
};

export type PlatformMetrics = ReturnType<typeof platformMetrics>;
