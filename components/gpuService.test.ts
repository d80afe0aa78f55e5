// Does not prove that AWS takes the arguments, nor that an instance with a GPU is to be had; the graph is mocked.
import { describe, expect, it } from "vitest";
import { GpuService, type GpuServiceArgs } from "./gpuService";
import { policyStatements } from "./rolePolicies";
import { type RecordedGraph, recordGraph } from "./testing/graph";
import { countByType, inputsOf, ofType, waitsFor } from "./testing/query";

const digest = `@sha256:${"a".repeat(64)}`;
const registry = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com";
const keyArn = "arn:aws:kms:ap-northeast-2:123456789012:key/k";
const arns = {
  inBucketArn: "arn:aws:s3:::in",
  outBucketArn: "arn:aws:s3:::out",
  queueArn: "arn:aws:sqs:ap-northeast-2:123456789012:jobs",
  deadLetterQueueArn: "arn:aws:sqs:ap-northeast-2:123456789012:dead",
  jobTopicArn: "arn:aws:sns:ap-northeast-2:123456789012:ended",
};

/** As dev's config says: asleep without work, one GPU, bridge. */
const dev: GpuServiceArgs = {
  stack: "dev",
  nameSuffix: "-dev",
  network: {
    vpcId: "vpc-1",
    subnetIds: ["subnet-1", "subnet-2"],
    loadBalancerSecurityGroupId: "sg-load-balancer",
    serviceSecurityGroupId: "sg-service",
    internetRoute: false,
  },
  storage: { inBucketName: "in", outBucketName: "out", ...arns },
  jobQueue: { queueUrl: "https://sqs/jobs", queueName: "jobs", deadLetterQueueUrl: "https://sqs/dead", ...arns },
  images: { apiImage: `${registry}/ddn-api${digest}`, tritonImage: `${registry}/deepdenoising-triton${digest}` },
  gpuUsdPerHour: 0.647,
  logRetentionDays: 14,
  keepData: false,
  tags: { project: "ddn", stack: "dev" },
};

/** As prod's: always one, two at most, its own key, data kept. */
const prod: GpuServiceArgs = {
  ...dev,
  stack: "prod",
  nameSuffix: "",
  minInstances: 1,
  maxInstances: 2,
  keyArn,
  logRetentionDays: 365,
  keepData: true,
  tags: { project: "ddn", stack: "prod" },
};

const record = (args: GpuServiceArgs): Promise<RecordedGraph> =>
  recordGraph(() => {
    const service = new GpuService("ddn", args);
    return {
      clusterName: service.clusterName,
      serviceName: service.serviceName,
      capacityProviderName: service.capacityProviderName,
      autoScalingGroupName: service.autoScalingGroupName,
      loadBalancerDnsName: service.loadBalancerDnsName,
      loadBalancerArnSuffix: service.loadBalancerArnSuffix,
      targetGroupArnSuffix: service.targetGroupArnSuffix,
      listenerArn: service.listenerArn,
      logGroupName: service.logGroupName,
    };
  });

const recorded = new Map<GpuServiceArgs, Promise<RecordedGraph>>();
/** One run for each of the two. */
const graphOf = (args: GpuServiceArgs): Promise<RecordedGraph> => {
  const graph = recorded.get(args) ?? record(args);
  recorded.set(args, graph);
  return graph;
};

const types = {
  role: "aws:iam/role:Role",
  rolePolicy: "aws:iam/rolePolicy:RolePolicy",
  attachment: "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
  profile: "aws:iam/instanceProfile:InstanceProfile",
  cluster: "aws:ecs/cluster:Cluster",
  logGroup: "aws:cloudwatch/logGroup:LogGroup",
  template: "aws:ec2/launchTemplate:LaunchTemplate",
  group: "aws:autoscaling/group:Group",
  provider: "aws:ecs/capacityProvider:CapacityProvider",
  association: "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
  loadBalancer: "aws:lb/loadBalancer:LoadBalancer",
  targetGroup: "aws:lb/targetGroup:TargetGroup",
  listener: "aws:lb/listener:Listener",
  task: "aws:ecs/taskDefinition:TaskDefinition",
  service: "aws:ecs/service:Service",
  target: "aws:appautoscaling/target:Target",
  policy: "aws:appautoscaling/policy:Policy",
  scheduled: "aws:appautoscaling/scheduledAction:ScheduledAction",
  alarm: "aws:cloudwatch/metricAlarm:MetricAlarm",
} as const;

/** The only resource of a type. */
const only = (graph: RecordedGraph, type: keyof typeof types) => {
  const found = Object.values(ofType(graph, types[type]));
  if (found.length !== 1) throw new Error(`Expected one ${type} but there are ${found.length}.`);
  return found[0];
};

const propsOf = (graph: RecordedGraph, type: keyof typeof types) => only(graph, type).props;

const json = (value: unknown): unknown => JSON.parse(String(value));

describe("GpuService", () => {
  it("makes these resources for a stack that sleeps", async () => {
    expect(countByType(await graphOf(dev))).toEqual({
      [types.role]: 3,
      [types.rolePolicy]: 2,
      [types.attachment]: 2,
      [types.profile]: 1,
      [types.cluster]: 1,
      [types.logGroup]: 1,
      [types.template]: 1,
      [types.group]: 1,
      [types.provider]: 1,
      [types.association]: 1,
      [types.loadBalancer]: 1,
      [types.targetGroup]: 1,
      [types.listener]: 1,
      [types.task]: 1,
      [types.service]: 1,
      [types.target]: 1,
      [types.policy]: 2,
      [types.alarm]: 3,
    });
  });

  it("puts every resource below itself", async () => {
    for (const args of [dev, prod]) {
      const { resources } = await graphOf(args);
      const component = resources.find(({ type }) => type === "ddn:index:GpuService");
      const others = resources.filter(({ type }) => type.startsWith("aws:"));
      expect(others.filter(({ parent }) => parent !== component?.urn)).toEqual([]);
    }
  });

  it("fixes the names of the log and of the task, and no other", async () => {
    const graph = await graphOf(dev);
    const named = graph.resources.filter(({ type, props }) => type.startsWith("aws:") && (props.name ?? props.family));
    expect(named.map(({ props }) => props.name ?? props.family).sort()).toEqual([
      "/ecs/ddn-triton-task-dev",
      "ddn-triton-task-dev",
    ]);
    expect(propsOf(await graphOf(prod), "logGroup")).toMatchObject({ name: "/ecs/ddn-triton-task" });
    expect(propsOf(await graphOf(prod), "task")).toMatchObject({ family: "ddn-triton-task" });
  });

  it("tells others what to reach and to watch", async () => {
    const { outputs } = await graphOf(dev);
    expect(outputs).toMatchObject({ logGroupName: "/ecs/ddn-triton-task-dev" });
    expect(Object.values(outputs).filter((value) => typeof value !== "string" || value === "")).toEqual([]);
    expect(outputs.listenerArn).toMatch(/^arn:aws:elasticloadbalancing:.*:listener\/app\//);
    expect(outputs.loadBalancerArnSuffix).toMatch(/^app\//);
    expect(outputs.targetGroupArnSuffix).toMatch(/^targetgroup\//);
  });

  it("keeps logs as long as it is told, under the stack's key where there is one", async () => {
    expect(propsOf(await graphOf(dev), "logGroup")).toEqual({
      name: "/ecs/ddn-triton-task-dev",
      retentionInDays: 14,
    });
    expect(propsOf(await graphOf(prod), "logGroup")).toEqual({
      name: "/ecs/ddn-triton-task",
      retentionInDays: 365,
      kmsKeyId: keyArn,
    });
  });
});

describe("the instances", () => {
  it("start from the recommended AMI, with an encrypted volume, IMDSv2 one hop away, and tags of their own", async () => {
    const graph = await graphOf(dev);
    const { userData, iamInstanceProfile, ...rest } = propsOf(graph, "template");
    const tags = { Name: "ddn", project: "ddn", stack: "dev" };
    expect(rest).toEqual({
      imageId: "ami-0123456789abcdef0",
      vpcSecurityGroupIds: ["sg-service"],
      metadataOptions: { httpEndpoint: "enabled", httpTokens: "required", httpPutResponseHopLimit: 1 },
      blockDeviceMappings: [
        {
          deviceName: "/dev/xvda",
          ebs: { volumeType: "gp3", volumeSize: 100, encrypted: "true", deleteOnTermination: "true" },
        },
      ],
      tagSpecifications: [
        { resourceType: "instance", tags },
        { resourceType: "volume", tags },
      ],
      updateDefaultVersion: true,
    });
    expect(iamInstanceProfile).toEqual({ arn: expect.stringContaining(":instance-profile/") });
    const script = Buffer.from(String(userData), "base64").toString();
    expect(script).toContain(`ECS_CLUSTER=${graph.outputs.clusterName}\n`);
    expect(script).toContain("ECS_ENABLE_SPOT_INSTANCE_DRAINING=true\n");
  });

  it("start from the AMI that is pinned, and the recommended one is not even looked up", async () => {
    const called: string[] = [];
    const graph = await recordGraph(() => new GpuService("ddn", { ...dev, amiId: "ami-00000000000000001" }), {
      call: (token) => {
        called.push(token);
        return { partition: "aws", region: "ap-northeast-2", accountId: "123456789012" };
      },
    });
    expect(propsOf(graph, "template").imageId).toBe("ami-00000000000000001");
    expect(called.filter((token) => token.startsWith("aws:ssm"))).toEqual([]);
  });

  it("may join the cluster and be reached by Session Manager", async () => {
    const attached = inputsOf(await graphOf(dev), types.attachment);
    expect(Object.values(attached).map(({ policyArn }) => policyArn)).toEqual([
      "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role",
      "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
    ]);
  });

  it("are those of the list in its order, on demand, none without a task", async () => {
    const graph = await graphOf(dev);
    const { mixedInstancesPolicy, ...rest } = propsOf(graph, "group");
    expect(mixedInstancesPolicy).toEqual({
      launchTemplate: {
        launchTemplateSpecification: { launchTemplateId: expect.stringMatching(/^lt-/), version: "1" },
        overrides: [{ instanceType: "g4dn.xlarge" }, { instanceType: "g4dn.2xlarge" }],
      },
      instancesDistribution: {
        onDemandBaseCapacity: 0,
        onDemandPercentageAboveBaseCapacity: 100,
        onDemandAllocationStrategy: "prioritized",
      },
    });
    expect(rest).toEqual({
      minSize: 0,
      maxSize: 1,
      vpcZoneIdentifiers: ["subnet-1", "subnet-2"],
      capacityRebalance: false,
      suspendedProcesses: ["AZRebalance"],
      healthCheckType: "EC2",
      enabledMetrics: ["GroupDesiredCapacity", "GroupInServiceInstances"],
      forceDelete: true,
      tags: [
        { key: "AmazonECSManaged", value: "true", propagateAtLaunch: true },
        { key: "Name", value: "ddn", propagateAtLaunch: true },
        { key: "project", value: "ddn", propagateAtLaunch: true },
        { key: "stack", value: "dev", propagateAtLaunch: true },
      ],
    });
    expect(only(graph, "group").ignoreChanges).toEqual(["desiredCapacity"]);
    expect(propsOf(await graphOf(prod), "group")).toMatchObject({ maxSize: 2, forceDelete: false });
  });

  it("are spot throughout where that is wished, without capacity rebalancing", async () => {
    const props = propsOf(await record({ ...dev, spot: true }), "group");
    expect(props).toMatchObject({
      capacityRebalance: false,
      mixedInstancesPolicy: {
        instancesDistribution: {
          onDemandBaseCapacity: 0,
          onDemandPercentageAboveBaseCapacity: 0,
          spotAllocationStrategy: "capacity-optimized-prioritized",
        },
      },
    });
  });

  it("come and go one at a time, drained and never protected", async () => {
    const graph = await graphOf(dev);
    expect(propsOf(graph, "provider")).toEqual({
      autoScalingGroupProvider: {
        autoScalingGroupArn: expect.stringMatching(/^arn:aws:autoscaling:/),
        managedTerminationProtection: "DISABLED",
        managedDraining: "ENABLED",
        managedScaling: {
          status: "ENABLED",
          targetCapacity: 100,
          minimumScalingStepSize: 1,
          maximumScalingStepSize: 1,
          instanceWarmupPeriod: 300,
        },
      },
    });
    const { capacityProviderName, clusterName } = graph.outputs;
    expect(propsOf(graph, "association")).toEqual({
      clusterName,
      capacityProviders: [capacityProviderName],
      defaultCapacityProviderStrategies: [{ capacityProvider: capacityProviderName, weight: 1 }],
    });
  });
});

describe("the load balancer", () => {
  it("is internal, asks /healthz, and lets a target go after the longest request", async () => {
    const graph = await graphOf(dev);
    expect(propsOf(graph, "loadBalancer")).toEqual({
      internal: true,
      loadBalancerType: "application",
      subnets: ["subnet-1", "subnet-2"],
      securityGroups: ["sg-load-balancer"],
      idleTimeout: 60,
      dropInvalidHeaderFields: true,
      desyncMitigationMode: "defensive",
      enableDeletionProtection: false,
    });
    expect(propsOf(graph, "targetGroup")).toEqual({
      vpcId: "vpc-1",
      protocol: "HTTP",
      port: 50101,
      targetType: "instance",
      deregistrationDelay: 30,
      healthCheck: {
        path: "/healthz",
        matcher: "200",
        interval: 10,
        timeout: 5,
        healthyThreshold: 2,
        unhealthyThreshold: 3,
      },
    });
    expect(propsOf(graph, "listener")).toMatchObject({
      protocol: "HTTP",
      port: 80,
      defaultActions: [{ type: "forward", targetGroupArn: expect.stringContaining(":targetgroup/") }],
    });
  });

  it("is protected from deletion where data is kept", async () => {
    expect(propsOf(await graphOf(prod), "loadBalancer").enableDeletionProtection).toBe(true);
  });
});

describe("the task", () => {
  it("has two containers on the bridge, folders of the instance, and nothing of the host besides", async () => {
    const { containerDefinitions, taskRoleArn, executionRoleArn, ...rest } = propsOf(await graphOf(dev), "task");
    expect(rest).toEqual({
      family: "ddn-triton-task-dev",
      networkMode: "bridge",
      requiresCompatibilities: ["EC2"],
      volumes: [
        { name: "scratch", hostPath: "/var/lib/ddn/scratch" },
        { name: "engines", hostPath: "/var/lib/ddn/engines" },
      ],
    });
    expect(taskRoleArn).not.toBe(executionRoleArn);
    expect(json(containerDefinitions)).toMatchObject([
      {
        name: "api",
        image: dev.images.apiImage,
        environment: expect.arrayContaining([
          { name: "AWS_REGION", value: "ap-northeast-2" },
          { name: "DDN_STACK", value: "dev" },
          { name: "DDN_QUEUE_URL", value: "https://sqs/jobs" },
          { name: "DDN_MAX_PIXELS", value: "268435456" },
          { name: "DDN_MAX_BYTES", value: "5368709120" },
        ]),
        logConfiguration: { options: { "awslogs-group": "/ecs/ddn-triton-task-dev" } },
      },
      { name: "triton", image: dev.images.tritonImage },
    ]);
  });

  it("may do what a worker may, in its own cluster", async () => {
    const graph = await graphOf(prod);
    const cluster = `arn:aws:ecs:ap-northeast-2:123456789012:cluster/${graph.outputs.clusterName}`;
    expect(json(ofType(graph, types.rolePolicy)["ddn-task"].props.policy)).toEqual({
      Version: "2012-10-17",
      Statement: policyStatements("worker", { ...arns, keyArn, clusterArn: cluster }),
    });
    expect(json(ofType(await graphOf(dev), types.rolePolicy)["ddn-task"].props.policy)).not.toMatchObject({
      Statement: expect.arrayContaining([expect.objectContaining({ Resource: [keyArn] })]),
    });
  });

  it("is started by a role that pulls these two images and writes this one log", async () => {
    const { policy } = ofType(await graphOf(dev), types.rolePolicy)["ddn-execution"].props;
    const repository = (name: string): string => `arn:aws:ecr:ap-northeast-2:123456789012:repository/${name}`;
    expect(json(policy)).toMatchObject({
      Statement: [
        { Action: "ecr:GetAuthorizationToken", Resource: "*" },
        { Resource: [repository("ddn-api"), repository("deepdenoising-triton")] },
        { Resource: "arn:aws:logs:ap-northeast-2:123456789012:log-group:/ecs/ddn-triton-task-dev:*" },
      ],
    });
  });
});

describe("the service", () => {
  it("replaces the one task there is, rolls back, and waits for model and image", async () => {
    const graph = await graphOf(dev);
    const { cluster, taskDefinition, ...rest } = propsOf(graph, "service");
    expect(rest).toEqual({
      desiredCount: 0,
      capacityProviderStrategies: [{ capacityProvider: graph.outputs.capacityProviderName, weight: 1 }],
      deploymentCircuitBreaker: { enable: true, rollback: true },
      deploymentMinimumHealthyPercent: 0,
      deploymentMaximumPercent: 100,
      availabilityZoneRebalancing: "DISABLED",
      healthCheckGracePeriodSeconds: 900,
      loadBalancers: [
        { targetGroupArn: expect.stringContaining(":targetgroup/"), containerName: "api", containerPort: 50101 },
      ],
      enableEcsManagedTags: true,
      propagateTags: "SERVICE",
      waitForSteadyState: true,
      forceDelete: true,
    });
    expect(cluster).toMatch(/:cluster\//);
    expect(taskDefinition).toMatch(/:task-definition\/ddn-triton-task-dev/);
    expect(only(graph, "service").ignoreChanges).toEqual(["desiredCount"]);
  });

  it("keeps half of several tasks while it changes, and is not torn down by force where data is kept", async () => {
    expect(propsOf(await graphOf(prod), "service")).toMatchObject({
      desiredCount: 1,
      deploymentMinimumHealthyPercent: 50,
      deploymentMaximumPercent: 200,
      forceDelete: false,
    });
  });

  it("is made after, and destroyed before, all that its tasks need", async () => {
    const graph = await graphOf(dev);
    const service = only(graph, "service");
    expect(waitsFor(graph, service)).toEqual(
      expect.arrayContaining(["ddn", "ddn-api", "ddn-execution", "ddn-instances", "ddn-task"]),
    );
    const urns = (type: keyof typeof types) => Object.values(ofType(graph, types[type])).map(({ urn }) => urn);
    for (const type of ["listener", "association", "rolePolicy"] as const) {
      expect(service.dependencies).toEqual(expect.arrayContaining(urns(type)));
    }
  });

  it("lets autoscaling go first, then tasks, instances, and the cluster when nothing is left in it", async () => {
    const graph = await graphOf(dev);
    const byUrn = new Map(graph.resources.map((resource) => [resource.urn, resource]));
    /** Whether the first is destroyed before the second, however many stand between. */
    const goesFirst = (first: keyof typeof types, second: keyof typeof types): boolean => {
      const seen = new Set<string>();
      const leadsThere = (urn: string): boolean => {
        if (seen.has(urn)) return false;
        seen.add(urn);
        const { type, dependencies } = byUrn.get(urn) ?? { type: "", dependencies: [] };
        return type === types[second] || dependencies.some(leadsThere);
      };
      return only(graph, first).dependencies.some(leadsThere);
    };
    const order = ["target", "service", "association", "provider", "group", "template", "cluster"] as const;
    for (const [index, type] of order.slice(1).entries()) expect(goesFirst(order[index], type), type).toBe(true);
    expect(goesFirst("group", "attachment")).toBe(true);
    expect(goesFirst("service", "loadBalancer")).toBe(true);
    expect(goesFirst("cluster", "group")).toBe(false);
  });

  it("counts the tasks wanted only where there may be several", async () => {
    expect(propsOf(await graphOf(dev), "cluster")).toEqual({
      settings: [{ name: "containerInsights", value: "disabled" }],
    });
    expect(propsOf(await graphOf(prod), "cluster")).toEqual({
      settings: [{ name: "containerInsights", value: "enabled" }],
    });
  });

  it("gives the task an address of its own in awsvpc mode", async () => {
    const graph = await record({ ...dev, networkMode: "awsvpc", network: { ...dev.network, internetRoute: true } });
    expect(propsOf(graph, "service").networkConfiguration).toEqual({
      subnets: ["subnet-1", "subnet-2"],
      securityGroups: ["sg-service"],
    });
    expect(propsOf(graph, "targetGroup").targetType).toBe("ip");
    expect(propsOf(graph, "task").networkMode).toBe("awsvpc");
  });
});

describe("the scaling", () => {
  it("moves between the bounds, each alarm by its policy", async () => {
    const graph = await graphOf(dev);
    const { clusterName, serviceName } = graph.outputs;
    const scaled = {
      serviceNamespace: "ecs",
      scalableDimension: "ecs:service:DesiredCount",
      resourceId: `service/${clusterName}/${serviceName}`,
    };
    expect(propsOf(graph, "target")).toEqual({ ...scaled, minCapacity: 0, maxCapacity: 1 });
    expect(only(graph, "target").ignoreChanges).toEqual([]);
    expect(inputsOf(graph, types.policy)).toEqual({
      "ddn-wake": {
        ...scaled,
        policyType: "StepScaling",
        stepScalingPolicyConfiguration: {
          adjustmentType: "ExactCapacity",
          cooldown: 60,
          metricAggregationType: "Maximum",
          stepAdjustments: [{ metricIntervalLowerBound: "0", scalingAdjustment: 1 }],
        },
      },
      "ddn-down": {
        ...scaled,
        policyType: "StepScaling",
        stepScalingPolicyConfiguration: {
          adjustmentType: "ExactCapacity",
          cooldown: 60,
          metricAggregationType: "Maximum",
          stepAdjustments: [{ metricIntervalUpperBound: "0", scalingAdjustment: 0 }],
        },
      },
    });
    for (const [name, policy] of [
      ["ddn-wake-submitted", "ddn-wake"],
      ["ddn-wake-waiting", "ddn-wake"],
      ["ddn-down", "ddn-down"],
    ]) {
      const alarm = ofType(graph, types.alarm)[name];
      expect(alarm.propertyDependencies.alarmActions).toEqual([ofType(graph, types.policy)[policy].urn]);
    }
  });

  it("looks at one metric itself, or at an expression over several", async () => {
    const alarms = inputsOf(await graphOf(dev), types.alarm);
    expect(alarms["ddn-wake-submitted"]).toEqual({
      alarmDescription: "A job was submitted, and no task may run",
      metricQueries: [
        {
          id: "submitted",
          metric: {
            namespace: "DDN",
            metricName: "JobsSubmitted",
            dimensions: { Stack: "dev" },
            stat: "Sum",
            period: 60,
          },
          returnData: true,
        },
      ],
      comparisonOperator: "GreaterThanOrEqualToThreshold",
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: "notBreaching",
      alarmActions: [expect.any(String)],
    });
    expect(alarms["ddn-down"]).toMatchObject({ evaluationPeriods: 15, threshold: 0, treatMissingData: "notBreaching" });
    const queries = alarms["ddn-down"].metricQueries as { id: string; returnData: boolean; expression?: string }[];
    expect(queries.map(({ id, returnData }) => [id, returnData])).toEqual([
      ["visible", false],
      ["inFlight", false],
      ["delayed", false],
      ["submitted", false],
      ["work", true],
    ]);
  });

  it("goes up and down but wakes nothing where one task always runs", async () => {
    const graph = await graphOf(prod);
    expect(propsOf(graph, "target")).toMatchObject({ minCapacity: 1, maxCapacity: 2 });
    expect(Object.keys(ofType(graph, types.policy))).toEqual(["ddn-down", "ddn-up"]);
    expect(inputsOf(graph, types.policy)["ddn-up"].stepScalingPolicyConfiguration).toEqual({
      adjustmentType: "ChangeInCapacity",
      cooldown: 600,
      metricAggregationType: "Maximum",
      stepAdjustments: [{ metricIntervalLowerBound: "0", scalingAdjustment: 1 }],
    });
  });

  it("keeps one task by the clock where there is a schedule", async () => {
    const schedule = { wake: "cron(0 8 ? * MON-FRI *)", sleep: "cron(0 19 ? * MON-FRI *)", timeZone: "Asia/Seoul" };
    const graph = await record({ ...dev, schedule });
    const actions = inputsOf(graph, types.scheduled);
    expect(actions).toMatchObject({
      "ddn-wake-scheduled": {
        schedule: schedule.wake,
        timezone: "Asia/Seoul",
        scalableTargetAction: { minCapacity: 1, maxCapacity: 1 },
      },
      "ddn-sleep-scheduled": {
        schedule: schedule.sleep,
        timezone: "Asia/Seoul",
        scalableTargetAction: { minCapacity: 0, maxCapacity: 1 },
      },
    });
    expect(only(graph, "target").ignoreChanges).toEqual(["minCapacity"]);
    const { wake, timeZone } = schedule;
    const half = await record({ ...dev, schedule: { wake, timeZone } });
    expect(Object.keys(ofType(half, types.scheduled))).toEqual(["ddn-wake-scheduled"]);
  });
});

describe("GpuService refuses", () => {
  it.each<[string, Partial<GpuServiceArgs>, string]>([
    [
      "several GPUs in one instance",
      { instanceTypes: ["g4dn.12xlarge"] },
      'Expected types with one GPU for `instanceTypes` but received "g4dn.12xlarge". It has 4, and all but one would ' +
        "idle: a task takes one. Choose among g4dn.xlarge, g4dn.2xlarge, g4dn.4xlarge, g4dn.8xlarge, g4dn.16xlarge.",
    ],
    ["no GPU at all", { maxInstances: 0 }, "Expected a whole number from 1 for `maxInstances` but received 0."],
    [
      "a least above the most",
      { minInstances: 3, maxInstances: 2 },
      "Expected a whole number from 0 to maxInstances (2) for `minInstances` but received 3.",
    ],
    [
      "a schedule for a stack that never sleeps",
      { minInstances: 1, schedule: { wake: "cron(0 8 * * ? *)", timeZone: "Asia/Seoul" } },
      "Expected 0 where there is a schedule for `minInstances` but received 1. A schedule wakes a stack that sleeps.",
    ],
    [
      "a rollout that waits for a GPU for ever",
      { deployment: { minimumHealthyPercent: 100, maximumPercent: 200 } },
      "Expected percents that let 1 of 1 GPUs change to a new version for `deployment` but received " +
        '"100–200 %". Lower minimumHealthyPercent, or raise maximumPercent and maxInstances.',
    ],
    [
      "an address of its own without a way to AWS",
      { networkMode: "awsvpc" },
      'Expected bridge for `networkMode` but received "awsvpc". A task with an address of its own has no public one: ' +
        "set natGateways or interfaceEndpoints.",
    ],
  ])("%s", async (_, changes, message) => {
    let thrown: unknown;
    const graph = await recordGraph(() => {
      try {
        new GpuService("ddn", { ...dev, ...changes });
      } catch (error) {
        thrown = error;
      }
      return {};
    });
    expect((thrown as Error).message).toBe(message);
    expect(countByType(graph)).toEqual({});
  });
});
