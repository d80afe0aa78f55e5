import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { expected } from "../contract/problem";
import { type GpuCapacity, gpuCapacity } from "./gpuCapacity";
import type { NetworkMode } from "./gpuContainers";
import { instanceTypesProblem } from "./gpuInstanceTypes";
import { type GpuLoadBalancer, gpuLoadBalancer } from "./gpuLoadBalancer";
import { type DeploymentPercents, deploymentPercents, deploymentProblem } from "./gpuRollout";
import { boundsProblem, type GpuSchedule, gpuScaling } from "./gpuScaling";
import { type GpuTask, gpuTask, type TaskQueue, type TaskStorage } from "./gpuTask";
import { ports } from "./ports";

/** Where the service lives, as the network component names it. */
export interface GpuServiceNetwork {
  readonly vpcId: pulumi.Input<string>;
  /** In two zones at least. */
  readonly subnetIds: pulumi.Input<string[]>;
  readonly loadBalancerSecurityGroupId: pulumi.Input<string>;
  /** Of the instances, and of tasks that have an address of their own. */
  readonly serviceSecurityGroupId: pulumi.Input<string>;
  /** Whether tasks that have an address of their own reach AWS. */
  readonly internetRoute: boolean;
}

export interface GpuServiceArgs {
  /** Names the stack in the platform's own metrics. */
  readonly stack: string;
  readonly network: GpuServiceNetwork;
  readonly storage: TaskStorage;
  readonly jobQueue: TaskQueue;
  /** Both by digest. */
  readonly images: { readonly apiImage: pulumi.Input<string>; readonly tritonImage: pulumi.Input<string> };
  /** Added to the fixed names. @default "" */
  readonly nameSuffix?: string;
  /** One GPU each and all the same, the preferred first. @default ["g4dn.xlarge", "g4dn.2xlarge"] */
  readonly instanceTypes?: readonly string[];
  /** @default false */
  readonly spot?: boolean;
  /** Instances that always run; 0 sleeps when there is no work. @default 0 */
  readonly minInstances?: number;
  /** @default 1 */
  readonly maxInstances?: number;
  /** GiB. @default 100 */
  readonly rootVolumeGib?: number;
  /** @default the GPU AMI that AWS recommends for ECS */
  readonly amiId?: pulumi.Input<string>;
  /** @default "bridge" */
  readonly networkMode?: NetworkMode;
  /** When a stack that sleeps stays awake. @default never */
  readonly schedule?: GpuSchedule;
  /** How many tasks run while one version replaces another. @default what the GPUs allow without idle ones */
  readonly deployment?: DeploymentPercents;
  /** Most pixels of a page. @default 268435456 */
  readonly maxPixels?: number;
  /** Largest image file, bytes. @default 5 GiB */
  readonly maxBytes?: number;
  /** What jobs are charged for the GPU, USD an hour. @default not known, and no job says what it cost */
  readonly gpuUsdPerHour?: number;
  /** @default 30 */
  readonly logRetentionDays?: number;
  /** Key that encrypts buckets, queues, topic and logs. @default AWS's own keys */
  readonly keyArn?: pulumi.Input<string>;
  /** Whether destroying stops at what runs or is protected, rather than taking it along. @default true */
  readonly keepData?: boolean;
  /** Of the instances and their volumes, which the provider's default tags do not reach. @default {} */
  readonly tags?: Readonly<Record<string, string>>;
}

/** From the start of a task until its model serves, at the worst: image pull, model load, the golden test. */
const gracePeriodSeconds = 900;

/**
 * The server and Triton on GPU instances: a cluster whose capacity provider starts an instance for each task, a service
 * behind an internal load balancer, and what moves the number of tasks with the queue.
 */
export class GpuService extends pulumi.ComponentResource {
  public readonly clusterName: pulumi.Output<string>;
  public readonly serviceName: pulumi.Output<string>;
  public readonly capacityProviderName: pulumi.Output<string>;
  public readonly autoScalingGroupName: pulumi.Output<string>;
  public readonly loadBalancerDnsName: pulumi.Output<string>;
  public readonly loadBalancerArnSuffix: pulumi.Output<string>;
  public readonly targetGroupArnSuffix: pulumi.Output<string>;
  /** What API Gateway integrates with. */
  public readonly listenerArn: pulumi.Output<string>;
  public readonly logGroupName: pulumi.Output<string>;

  constructor(name: string, args: GpuServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("ddn:index:GpuService", name, {}, opts);

    const settings = withDefaults(args);
    const { network, maxInstances, networkMode, keepData } = settings;
    const problem = argsProblem(settings);
    if (problem !== undefined) throw new pulumi.ResourceError(problem, this, true);

    const { subnetIds, serviceSecurityGroupId, loadBalancerSecurityGroupId } = network;
    const cluster = gpuCluster(name, maxInstances, this);
    const logGroup = taskLogGroup(name, settings, this);
    const capacity = gpuCapacity(
      name,
      { ...settings, cluster, subnetIds, securityGroupId: serviceSecurityGroupId, forceDelete: !keepData },
      this,
    );
    const balancing = gpuLoadBalancer(
      name,
      { ...network, networkMode, securityGroupId: loadBalancerSecurityGroupId, deletionProtection: keepData },
      this,
    );
    const task = gpuTask(name, { ...settings, clusterArn: cluster.arn, logGroup, settings }, this);
    const service = ecsService(name, { settings, cluster, capacity, balancing, task }, this);
    gpuScaling(name, { ...settings, queueName: args.jobQueue.queueName, cluster, service }, this);

    this.clusterName = cluster.name;
    this.serviceName = service.name;
    this.capacityProviderName = capacity.provider.name;
    this.autoScalingGroupName = capacity.autoScalingGroup.name;
    this.loadBalancerDnsName = balancing.loadBalancer.dnsName;
    this.loadBalancerArnSuffix = balancing.loadBalancer.arnSuffix;
    this.targetGroupArnSuffix = balancing.targetGroup.arnSuffix;
    this.listenerArn = balancing.listener.arn;
    this.logGroupName = logGroup.name;
    this.registerOutputs({
      clusterName: this.clusterName,
      serviceName: this.serviceName,
      capacityProviderName: this.capacityProviderName,
      autoScalingGroupName: this.autoScalingGroupName,
      loadBalancerDnsName: this.loadBalancerDnsName,
      loadBalancerArnSuffix: this.loadBalancerArnSuffix,
      targetGroupArnSuffix: this.targetGroupArnSuffix,
      listenerArn: this.listenerArn,
      logGroupName: this.logGroupName,
    });
  }
}

type Settings = ReturnType<typeof withDefaults>;

const withDefaults = ({
  nameSuffix = "",
  instanceTypes = ["g4dn.xlarge", "g4dn.2xlarge"],
  spot = false,
  minInstances = 0,
  maxInstances = 1,
  rootVolumeGib = 100,
  amiId,
  networkMode = "bridge",
  schedule,
  deployment = deploymentPercents(maxInstances),
  maxPixels = 2 ** 28,
  maxBytes = 5 * 2 ** 30,
  gpuUsdPerHour,
  logRetentionDays = 30,
  keyArn,
  keepData = true,
  tags = {},
  ...required
}: GpuServiceArgs) => ({
  ...required,
  nameSuffix,
  instanceTypes,
  spot,
  minInstances,
  maxInstances,
  rootVolumeGib,
  amiId,
  networkMode,
  schedule,
  deployment,
  maxPixels,
  maxBytes,
  gpuUsdPerHour,
  logRetentionDays,
  keyArn,
  keepData,
  tags,
});

const networkProblem = ({ networkMode, network }: Settings): string | undefined =>
  networkMode === "awsvpc" && !network.internetRoute
    ? expected(
        "bridge",
        "networkMode",
        networkMode,
        "A task with an address of its own has no public one: set natGateways or interfaceEndpoints.",
      )
    : undefined;

const argsProblem = (settings: Settings): string | undefined => {
  const { instanceTypes, minInstances, maxInstances, schedule, deployment } = settings;
  return (
    instanceTypesProblem(instanceTypes) ??
    boundsProblem(minInstances, maxInstances, schedule) ??
    deploymentProblem(deployment, maxInstances) ??
    networkProblem(settings)
  );
};

const gpuCluster = (name: string, maxInstances: number, parent: pulumi.Resource): aws.ecs.Cluster =>
  new aws.ecs.Cluster(
    name,
    // Container Insights costs by the metric; only scaling beyond one task asks for one, the number of tasks wanted.
    { settings: [{ name: "containerInsights", value: maxInstances > 1 ? "enabled" : "disabled" }] },
    { parent },
  );

const taskLogGroup = (name: string, settings: Settings, parent: pulumi.Resource): aws.cloudwatch.LogGroup =>
  new aws.cloudwatch.LogGroup(
    `${name}-task`,
    {
      name: `/ecs/ddn-triton-task${settings.nameSuffix}`,
      retentionInDays: settings.logRetentionDays,
      kmsKeyId: settings.keyArn,
    },
    { parent },
  );

interface ServiceParts {
  readonly settings: Settings;
  readonly cluster: aws.ecs.Cluster;
  readonly capacity: GpuCapacity;
  readonly balancing: GpuLoadBalancer;
  readonly task: GpuTask;
}

const ecsService = (name: string, parts: ServiceParts, parent: pulumi.Resource): aws.ecs.Service => {
  const { settings, cluster, capacity, balancing, task } = parts;
  const { network, networkMode, deployment, minInstances, keepData } = settings;
  const ownAddress = {
    networkConfiguration: { subnets: network.subnetIds, securityGroups: [network.serviceSecurityGroupId] },
  };
  return new aws.ecs.Service(
    `${name}-service`,
    {
      cluster: cluster.arn,
      taskDefinition: task.definition.arn,
      desiredCount: minInstances,
      capacityProviderStrategies: [{ capacityProvider: capacity.provider.name, weight: 1 }],
      deploymentCircuitBreaker: { enable: true, rollback: true },
      deploymentMinimumHealthyPercent: deployment.minimumHealthyPercent,
      deploymentMaximumPercent: deployment.maximumPercent,
      // Evening out the zones would take one GPU more for a while, and end a task that works.
      // Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html
      availabilityZoneRebalancing: "DISABLED",
      healthCheckGracePeriodSeconds: gracePeriodSeconds,
      loadBalancers: [{ targetGroupArn: balancing.targetGroup.arn, containerName: "api", containerPort: ports.api }],
      ...(networkMode === "awsvpc" ? ownAddress : {}),
      enableEcsManagedTags: true,
      propagateTags: "SERVICE",
      waitForSteadyState: true,
      forceDelete: !keepData,
    },
    {
      parent,
      // ECS takes a target group only behind a listener and a provider only of the cluster; and tasks keep their rights, and
      // the instances they run on, until they have stopped.
      dependsOn: [balancing.listener, capacity.association, ...task.policies],
      // Autoscaling decides how many there are.
      ignoreChanges: ["desiredCount"],
      // An instance, an image of 16 GiB and a model; an update also waits for the jobs that run.
      customTimeouts: { create: "30m", update: "60m", delete: "30m" },
    },
  );
};
