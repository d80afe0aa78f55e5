import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

/** Folders of the instance that tasks write to: images on their way, and TensorRT's engines from one task to the next. */
export const hostFolders = {
  scratch: { hostPath: "/var/lib/ddn/scratch", containerPath: "/scratch" },
  engines: { hostPath: "/var/lib/ddn/engines", containerPath: "/var/cache/trt" },
} as const;

/**
 * What an instance runs when it starts, before the ECS agent does. Docker tells of no progress while it unpacks a layer of some
 * GiB, and the agent would give up after a minute.
 * Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-config.html,
 * https://github.com/aws/amazon-ecs-agent/pull/1607
 */
export const userData = (clusterName: string): string => `#!/bin/bash
set -euo pipefail
install -d -m 1777 ${Object.values(hostFolders)
  .map(({ hostPath }) => hostPath)
  .join(" ")}
cat >> /etc/ecs/ecs.config <<'CONFIG'
ECS_CLUSTER=${clusterName}
ECS_ENABLE_GPU_SUPPORT=true
ECS_ENABLE_SPOT_INSTANCE_DRAINING=true
ECS_IMAGE_PULL_BEHAVIOR=prefer-cached
ECS_IMAGE_PULL_INACTIVITY_TIMEOUT=10m
ECS_AWSVPC_BLOCK_IMDS=true
CONFIG
`;

/** The AMI that AWS recommends for GPU instances of ECS. Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/retrieve-ecs-optimized_AMI.html */
const recommendedAmi = "/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id";

/** For an ECS instance, and for a shell by Session Manager in place of SSH. */
const managedPolicies = {
  ecs: "service-role/AmazonEC2ContainerServiceforEC2Role",
  ssm: "AmazonSSMManagedInstanceCore",
};

const instanceProfile = (
  name: string,
  parent: pulumi.Resource,
): { profile: aws.iam.InstanceProfile; policies: aws.iam.RolePolicyAttachment[] } => {
  const role = new aws.iam.Role(
    `${name}-instance`,
    { assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: "ec2.amazonaws.com" }) },
    { parent },
  );
  const { partition } = aws.getPartitionOutput({}, { parent });
  const policies = Object.entries(managedPolicies).map(
    ([key, policy]) =>
      new aws.iam.RolePolicyAttachment(
        `${name}-instance-${key}`,
        { role: role.name, policyArn: partition.apply((own) => `arn:${own}:iam::aws:policy/${policy}`) },
        { parent },
      ),
  );
  const profile = new aws.iam.InstanceProfile(`${name}-instance`, { role: role.name }, { parent });
  return { profile, policies };
};

export interface GpuInstanceArgs {
  /** An Output, so that the cluster outlives the instances. */
  readonly clusterName: pulumi.Output<string>;
  readonly securityGroupId: pulumi.Input<string>;
  readonly rootVolumeGib: number;
  /** The recommended one where there is none. */
  readonly amiId: pulumi.Input<string> | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

/** How each instance is made: which image, who it is, what it may reach, and what it runs first. */
export const launchTemplate = (
  name: string,
  args: GpuInstanceArgs,
  parent: pulumi.Resource,
): aws.ec2.LaunchTemplate => {
  const { clusterName, securityGroupId, rootVolumeGib, amiId, tags } = args;
  const { profile, policies } = instanceProfile(name, parent);
  return new aws.ec2.LaunchTemplate(
    `${name}-instance`,
    {
      // Parameters read as secrets, and this one is none.
      imageId: amiId ?? pulumi.unsecret(aws.ssm.getParameterOutput({ name: recommendedAmi }, { parent }).value),
      userData: clusterName.apply((own) => Buffer.from(userData(own)).toString("base64")),
      iamInstanceProfile: { arn: profile.arn },
      vpcSecurityGroupIds: [securityGroupId],
      // Containers on the bridge are one hop further away, and have roles of their own.
      metadataOptions: { httpEndpoint: "enabled", httpTokens: "required", httpPutResponseHopLimit: 1 },
      blockDeviceMappings: [
        {
          deviceName: "/dev/xvda",
          ebs: { volumeType: "gp3", volumeSize: rootVolumeGib, encrypted: "true", deleteOnTermination: "true" },
        },
      ],
      // Neither the provider's tags nor those of the launch template itself reach what it launches.
      tagSpecifications: ["instance", "volume"].map((resourceType) => ({
        resourceType,
        tags: { Name: name, ...tags },
      })),
      updateDefaultVersion: true,
    },
    // An instance without its policies could neither join the cluster nor, at the end, drain.
    { parent, dependsOn: policies },
  );
};
