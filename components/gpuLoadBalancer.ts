import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { deregistrationSeconds, type NetworkMode } from "./gpuContainers";
import { ports } from "./ports";

export interface GpuLoadBalancerArgs {
  readonly vpcId: pulumi.Input<string>;
  readonly subnetIds: pulumi.Input<string[]>;
  readonly securityGroupId: pulumi.Input<string>;
  readonly networkMode: NetworkMode;
  readonly deletionProtection: boolean;
}

export interface GpuLoadBalancer {
  readonly loadBalancer: aws.lb.LoadBalancer;
  readonly targetGroup: aws.lb.TargetGroup;
  readonly listener: aws.lb.Listener;
}

/** Longer than the gateway waits, shorter than the server keeps a connection (65 s): nobody hangs up on an answer. */
const idleSeconds = 60;

/** The way in from the VPC link: never from the internet. */
export const gpuLoadBalancer = (name: string, args: GpuLoadBalancerArgs, parent: pulumi.Resource): GpuLoadBalancer => {
  const { vpcId, subnetIds, securityGroupId, networkMode, deletionProtection } = args;
  const loadBalancer = new aws.lb.LoadBalancer(
    `${name}-api`,
    {
      internal: true,
      loadBalancerType: "application",
      subnets: subnetIds,
      securityGroups: [securityGroupId],
      idleTimeout: idleSeconds,
      dropInvalidHeaderFields: true,
      desyncMitigationMode: "defensive",
      enableDeletionProtection: deletionProtection,
    },
    { parent },
  );
  const targetGroup = new aws.lb.TargetGroup(
    `${name}-api`,
    {
      vpcId,
      protocol: "HTTP",
      port: ports.api,
      // Tasks of awsvpc have an address of their own, those of bridge the instance's.
      targetType: networkMode === "awsvpc" ? "ip" : "instance",
      deregistrationDelay: deregistrationSeconds,
      healthCheck: {
        path: "/healthz",
        matcher: "200",
        interval: 10,
        timeout: 5,
        healthyThreshold: 2,
        unhealthyThreshold: 3,
      },
    },
    { parent },
  );
  const listener = new aws.lb.Listener(
    `${name}-api`,
    {
      loadBalancerArn: loadBalancer.arn,
      protocol: "HTTP",
      port: ports.loadBalancer,
      defaultActions: [{ type: "forward", targetGroupArn: targetGroup.arn }],
    },
    { parent },
  );
  return { loadBalancer, targetGroup, listener };
};
