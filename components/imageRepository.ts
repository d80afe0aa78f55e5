import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";

export interface ImageRepositoryArgs {
  readonly nameSuffix: string;
  readonly keepData: boolean;
  readonly keyArn: pulumi.Input<string> | undefined;
}

/** What ECR throws away. Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html */
export const repositoryLifecycle = {
  rules: [
    {
      rulePriority: 1,
      description: "Images without a tag go after a week",
      selection: { tagStatus: "untagged", countType: "sinceImagePushed", countUnit: "days", countNumber: 7 },
      action: { type: "expire" },
    },
    {
      rulePriority: 2,
      description: "The last twenty stay, so that a deployment can go back",
      selection: { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 20 },
      action: { type: "expire" },
    },
  ],
} as const;

/** A repository whose tags never move, scanned on every push; its name is fixed. */
export const imageRepository = (
  name: string,
  { nameSuffix, keepData, keyArn }: ImageRepositoryArgs,
  parent: pulumi.Resource,
): aws.ecr.Repository => {
  const repository = new aws.ecr.Repository(
    name,
    {
      name: `${name}${nameSuffix}`,
      imageTagMutability: "IMMUTABLE",
      imageScanningConfiguration: { scanOnPush: true },
      encryptionConfigurations: [
        keyArn === undefined ? { encryptionType: "AES256" } : { encryptionType: "KMS", kmsKey: keyArn },
      ],
      forceDelete: !keepData,
    },
    // There can be one of this name only.
    { parent, protect: keepData, deleteBeforeReplace: true },
  );
  new aws.ecr.LifecyclePolicy(
    name,
    { repository: repository.name, policy: JSON.stringify(repositoryLifecycle) },
    { parent },
  );
  return repository;
};
