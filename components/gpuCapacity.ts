import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { launchTemplate } from "./gpuInstance";

export interface GpuCapacityArgs {
  readonly cluster: aws.ecs.Cluster;
  readonly subnetIds: pulumi.Input<string[]>;
  readonly securityGroupId: pulumi.Input<string>;
  readonly instanceTypes: readonly string[];
  readonly spot: boolean;
  readonly maxInstances: number;
  readonly rootVolumeGib: number;
  readonly amiId: pulumi.Input<string> | undefined;
  readonly forceDelete: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

export interface GpuCapacity {
  readonly autoScalingGroup: aws.autoscaling.Group;
  readonly provider: aws.ecs.CapacityProvider;
  /** Lets services of the cluster use the provider. */
  readonly association: aws.ecs.ClusterCapacityProviders;
}

/** Either all on demand in the order given, or all spot where interruptions are rarest, the order being a wish. */
const distribution = (spot: boolean): aws.types.input.autoscaling.GroupMixedInstancesPolicyInstancesDistribution => ({
  onDemandBaseCapacity: 0,
  onDemandPercentageAboveBaseCapacity: spot ? 0 : 100,
  onDemandAllocationStrategy: "prioritized",
  ...(spot ? { spotAllocationStrategy: "capacity-optimized-prioritized" } : {}),
});

/** Instances as tasks need them: the capacity provider starts one for each task and drains what is not needed. */
export const gpuCapacity = (name: string, args: GpuCapacityArgs, parent: pulumi.Resource): GpuCapacity => {
  const { cluster, subnetIds, securityGroupId, instanceTypes, spot, maxInstances, forceDelete, tags } = args;
  const template = launchTemplate(name, { ...args, clusterName: cluster.name, securityGroupId }, parent);
  const autoScalingGroup = new aws.autoscaling.Group(
    `${name}-instances`,
    {
      minSize: 0,
      maxSize: maxInstances,
      vpcZoneIdentifiers: subnetIds,
      mixedInstancesPolicy: {
        launchTemplate: {
          launchTemplateSpecification: {
            launchTemplateId: template.id,
            version: template.latestVersion.apply(String),
          },
          overrides: instanceTypes.map((instanceType) => ({ instanceType })),
        },
        instancesDistribution: distribution(spot),
      },
      // ECS drains on the interruption notice and gets none of a rebalance.
      // Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-instance-spot.html
      capacityRebalance: false,
      // Nor is a busy instance ended to even out the zones.
      suspendedProcesses: ["AZRebalance"],
      // ECS replaces tasks that fail; the instance is not to blame.
      healthCheckType: "EC2",
      enabledMetrics: ["GroupDesiredCapacity", "GroupInServiceInstances"],
      forceDelete,
      // ECS adds the first itself; named here, so that no later update takes it away.
      tags: Object.entries({ AmazonECSManaged: "true", Name: name, ...tags }).map(([key, value]) => ({
        key,
        value,
        propagateAtLaunch: true,
      })),
    },
    // The capacity provider decides how many there are.
    { parent, ignoreChanges: ["desiredCapacity"], customTimeouts: { delete: "30m" } },
  );
  const provider = new aws.ecs.CapacityProvider(
    `${name}-instances`,
    {
      autoScalingGroupProvider: {
        autoScalingGroupArn: autoScalingGroup.arn,
        // Draining instead of protection: what is protected from scale-in cannot be destroyed.
        // Source: https://github.com/hashicorp/terraform-provider-aws/issues/18849
        managedTerminationProtection: "DISABLED",
        managedDraining: "ENABLED",
        managedScaling: {
          status: "ENABLED",
          targetCapacity: 100,
          // One at a time: from zero, ECS would start two. Source: https://github.com/aws/containers-roadmap/issues/1716
          minimumScalingStepSize: 1,
          maximumScalingStepSize: 1,
          instanceWarmupPeriod: 300,
        },
      },
    },
    { parent },
  );
  const association = new aws.ecs.ClusterCapacityProviders(
    `${name}-instances`,
    {
      clusterName: cluster.name,
      capacityProviders: [provider.name],
      defaultCapacityProviderStrategies: [{ capacityProvider: provider.name, weight: 1 }],
    },
    { parent },
  );
  return { autoScalingGroup, provider, association };
};
