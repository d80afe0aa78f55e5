import { type Rule, resourceRule } from "../rule";

const launchTemplate = "aws:ec2/launchTemplate:LaunchTemplate";

export const instanceRules: readonly Rule[] = [
  resourceRule(
    launchTemplate,
    {
      name: "instance-metadata-guarded",
      description: "Instance metadata wants a session, and ends at the instance (FSBP EC2.8, AutoScaling.4).",
    },
    ({ metadataOptions }) => [
      metadataOptions?.httpTokens !== "required" && "answers metadata requests without a session",
      metadataOptions?.httpPutResponseHopLimit !== 1 && "answers metadata requests from within containers",
    ],
  ),
  resourceRule(
    launchTemplate,
    { name: "volume-encrypted", description: "Every volume of an instance is encrypted (FSBP EC2.3)." },
    ({ blockDeviceMappings = [] }) => [
      (blockDeviceMappings.length === 0 || blockDeviceMappings.some(({ ebs }) => String(ebs?.encrypted) !== "true")) &&
        "has a volume that is not encrypted",
    ],
  ),
  resourceRule(
    launchTemplate,
    {
      name: "instance-without-key-pair",
      description: "Nobody logs in with a key; Session Manager does that (FSBP SSM.1).",
    },
    ({ keyName }) => [keyName !== undefined && "has a key pair"],
  ),
  resourceRule(
    launchTemplate,
    {
      name: "instance-volumes-tagged",
      description: "Instances and volumes carry tags, which the provider's default tags do not reach.",
    },
    ({ tagSpecifications = [] }) =>
      (["instance", "volume"] as const).map(
        (kind) =>
          !tagSpecifications.some(
            ({ resourceType, tags }) => resourceType === kind && Object.keys(tags ?? {}).length > 0,
          ) && `leaves each ${kind} without tags`,
      ),
  ),
  resourceRule(
    "aws:autoscaling/group:Group",
    {
      name: "group-spans-zones",
      description: "GPU instances may come up in two subnets at least (FSBP AutoScaling.2).",
    },
    ({ vpcZoneIdentifiers = [] }) => [new Set(vpcZoneIdentifiers).size < 2 && "has fewer than two subnets"],
  ),
];
