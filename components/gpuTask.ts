import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { type ContainerSettings, containerDefinitions } from "./gpuContainers";
import { hostFolders } from "./gpuInstance";
import { rolePolicy } from "./rolePolicies";

/** Where a task's AWS resources are. */
export interface Place {
  readonly partition: string;
  readonly region: string;
  readonly accountId: string;
}

/** Trusts ECS for the tasks of this account. Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html */
export const taskTrust = ({ partition, region, accountId }: Place): aws.iam.PolicyDocument => ({
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Principal: { Service: "ecs-tasks.amazonaws.com" },
      Action: "sts:AssumeRole",
      Condition: {
        StringEquals: { "aws:SourceAccount": accountId },
        ArnLike: { "aws:SourceArn": `arn:${partition}:ecs:${region}:${accountId}:*` },
      },
    },
  ],
});

/** The ECR repository of an image, or nothing where it lies elsewhere. */
const repositoryArn = (image: string, partition: string): string | undefined => {
  const [, account, region, repository] =
    /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^@:]+)[@:]/.exec(image) ?? [];
  return repository === undefined ? undefined : `arn:${partition}:ecr:${region}:${account}:repository/${repository}`;
};

/** What ECS itself does for a task: pulls these images and writes this log. */
export const executionPolicy = (
  images: readonly string[],
  logGroupArn: string,
  partition: string,
): aws.iam.PolicyDocument => {
  const repositories = images.flatMap((image) => repositoryArn(image, partition) ?? []);
  const pull: aws.iam.PolicyStatement[] =
    repositories.length === 0
      ? []
      : [
          // It takes no resource. Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
          { Effect: "Allow", Action: "ecr:GetAuthorizationToken", Resource: "*" },
          {
            Effect: "Allow",
            Action: ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
            Resource: [...new Set(repositories)],
          },
        ];
  return {
    Version: "2012-10-17",
    Statement: [
      ...pull,
      { Effect: "Allow", Action: ["logs:CreateLogStream", "logs:PutLogEvents"], Resource: `${logGroupArn}:*` },
    ],
  };
};

/** The buckets as the storage component names them. */
export interface TaskStorage {
  readonly inBucketName: pulumi.Input<string>;
  readonly inBucketArn: pulumi.Input<string>;
  readonly outBucketName: pulumi.Input<string>;
  readonly outBucketArn: pulumi.Input<string>;
}

/** The queues and the topic as the queue component names them. */
export interface TaskQueue {
  readonly queueUrl: pulumi.Input<string>;
  readonly queueArn: pulumi.Input<string>;
  readonly queueName: pulumi.Input<string>;
  readonly deadLetterQueueUrl: pulumi.Input<string>;
  readonly deadLetterQueueArn: pulumi.Input<string>;
  readonly jobTopicArn: pulumi.Input<string>;
}

export interface GpuTaskArgs {
  readonly nameSuffix: string;
  readonly clusterArn: pulumi.Input<string>;
  readonly logGroup: aws.cloudwatch.LogGroup;
  readonly storage: TaskStorage;
  readonly jobQueue: TaskQueue;
  readonly images: { readonly apiImage: pulumi.Input<string>; readonly tritonImage: pulumi.Input<string> };
  readonly keyArn: pulumi.Input<string> | undefined;
  readonly settings: Pick<
    ContainerSettings,
    "networkMode" | "spot" | "stack" | "maxPixels" | "maxBytes" | "gpuUsdPerHour"
  >;
}

export interface GpuTask {
  readonly definition: aws.ecs.TaskDefinition;
  /** What the containers may do; they need it to their last breath. */
  readonly policies: readonly aws.iam.RolePolicy[];
}

/** The task definition with its two roles: one for the containers, one for what ECS does to start them. */
export const gpuTask = (name: string, args: GpuTaskArgs, parent: pulumi.Resource): GpuTask => {
  const { nameSuffix, clusterArn, logGroup, storage, jobQueue, images, keyArn, settings } = args;
  const place = pulumi.output({
    partition: aws.getPartitionOutput({}, { parent }).partition,
    region: aws.getRegionOutput({}, { parent }).region,
    accountId: aws.getCallerIdentityOutput({}, { parent }).accountId,
  });
  const trust = pulumi.jsonStringify(place.apply(taskTrust));

  const taskRole = new aws.iam.Role(`${name}-task`, { assumeRolePolicy: trust }, { parent });
  const taskPolicy = new aws.iam.RolePolicy(
    `${name}-task`,
    {
      role: taskRole.id,
      policy: rolePolicy("worker", {
        inBucketArn: storage.inBucketArn,
        outBucketArn: storage.outBucketArn,
        queueArn: jobQueue.queueArn,
        deadLetterQueueArn: jobQueue.deadLetterQueueArn,
        jobTopicArn: jobQueue.jobTopicArn,
        clusterArn,
        ...(keyArn === undefined ? {} : { keyArn }),
      }),
    },
    { parent },
  );

  const executionRole = new aws.iam.Role(`${name}-execution`, { assumeRolePolicy: trust }, { parent });
  const executionDocument = pulumi
    .all([images.apiImage, images.tritonImage, logGroup.arn, place])
    .apply(([apiImage, tritonImage, logGroupArn, { partition }]) =>
      executionPolicy([apiImage, tritonImage], logGroupArn, partition),
    );
  const executionRolePolicy = new aws.iam.RolePolicy(
    `${name}-execution`,
    { role: executionRole.id, policy: pulumi.jsonStringify(executionDocument) },
    { parent },
  );

  const containers = pulumi
    .output({
      apiImage: images.apiImage,
      tritonImage: images.tritonImage,
      region: place.region,
      logGroupName: logGroup.name,
      inBucketName: storage.inBucketName,
      outBucketName: storage.outBucketName,
      queueUrl: jobQueue.queueUrl,
      deadLetterQueueUrl: jobQueue.deadLetterQueueUrl,
      jobTopicArn: jobQueue.jobTopicArn,
    })
    .apply((resolved) => containerDefinitions({ ...resolved, ...settings }));
  const definition = new aws.ecs.TaskDefinition(
    `${name}-task`,
    {
      family: `ddn-triton-task${nameSuffix}`,
      networkMode: settings.networkMode,
      requiresCompatibilities: ["EC2"],
      taskRoleArn: taskRole.arn,
      executionRoleArn: executionRole.arn,
      volumes: Object.entries(hostFolders).map(([volume, { hostPath }]) => ({ name: volume, hostPath })),
      containerDefinitions: pulumi.jsonStringify(containers),
    },
    { parent },
  );
  return { definition, policies: [taskPolicy, executionRolePolicy] };
};
