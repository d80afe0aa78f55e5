import * as pulumi from "@pulumi/pulumi";
import { permissions, type Resource, type Role } from "../contract/permissions";

/** One statement of an IAM policy, resolved. */
export interface PolicyStatement {
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
}

/** ARNs of what the table of permissions speaks of. */
export interface RoleResources {
  readonly inBucketArn: string;
  readonly outBucketArn: string;
  readonly queueArn: string;
  readonly deadLetterQueueArn: string;
  readonly jobTopicArn: string;
  /** The key that encrypts buckets, queues and topic, where the stack has an own one. */
  readonly keyArn?: string;
  /** The cluster whose tasks the worker protects; only for the worker. */
  readonly clusterArn?: string;
}

const resourceArn = (resource: Resource, resources: RoleResources): string => {
  const [place, ...path] = resource.split("/");
  const roots: Readonly<Record<string, string>> = {
    in: resources.inBucketArn,
    out: resources.outBucketArn,
    queue: resources.queueArn,
    deadLetterQueue: resources.deadLetterQueueArn,
    jobTopic: resources.jobTopicArn,
  };
  return [roots[place], ...path].join("/");
};

/**
 * Who writes objects, messages or notices needs a data key; who writes in parts or reads needs Decrypt.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html,
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
 */
const keyActions: Readonly<Record<Role, readonly string[]>> = {
  presign: ["kms:GenerateDataKey", "kms:Decrypt"],
  jobs: ["kms:GenerateDataKey", "kms:Decrypt"],
  ping: ["kms:Decrypt"],
  worker: ["kms:GenerateDataKey", "kms:Decrypt"],
};

const allow = (actions: readonly string[], resources: readonly string[]): PolicyStatement => ({
  Effect: "Allow",
  Action: actions,
  Resource: resources,
});

/** All tasks of a cluster: the ARN of a task begins as its cluster's does. */
const tasksOf = (clusterArn: string): string => `${clusterArn.replace(":cluster/", ":task/")}/*`;

/** What a role may do: the contract's table, the key where there is one, and for the worker the protection of its task. */
export const policyStatements = (role: Role, resources: RoleResources): readonly PolicyStatement[] => {
  const { keyArn, clusterArn } = resources;
  return [
    ...permissions[role].map((grant) =>
      allow(
        grant.actions,
        grant.resources.map((resource) => resourceArn(resource, resources)),
      ),
    ),
    ...(keyArn === undefined ? [] : [allow(keyActions[role], [keyArn])]),
    ...(clusterArn === undefined ? [] : [allow(["ecs:UpdateTaskProtection"], [tasksOf(clusterArn)])]),
  ];
};

/** The same as the JSON of a policy. */
export const rolePolicy = (
  role: Role,
  resources: { readonly [Name in keyof RoleResources]: pulumi.Input<Exclude<RoleResources[Name], undefined>> },
): pulumi.Output<string> =>
  pulumi
    .output(resources as pulumi.Input<RoleResources>)
    .apply((arns) => JSON.stringify({ Version: "2012-10-17", Statement: policyStatements(role, arns) }));
