import { companionRule, type Rule, resourceRule } from "../rule";

const repository = "aws:ecr/repository:Repository";

export const imageRules: readonly Rule[] = [
  resourceRule(
    repository,
    { name: "repository-immutable", description: "A tag names one image for ever (FSBP ECR.2)." },
    ({ imageTagMutability }) => [imageTagMutability !== "IMMUTABLE" && "lets a tag be moved"],
  ),
  resourceRule(
    repository,
    { name: "repository-scanned", description: "Images are scanned when they are pushed (FSBP ECR.1)." },
    ({ imageScanningConfiguration }) => [
      imageScanningConfiguration?.scanOnPush !== true && "does not scan what is pushed",
    ],
  ),
  companionRule(
    repository,
    "aws:ecr/lifecyclePolicy:LifecyclePolicy",
    "repository",
    {
      name: "repository-expires",
      description: "Repositories let go of old images (FSBP ECR.3).",
      lacks: "a lifecycle policy",
    },
    () => true,
  ),
  resourceRule(
    repository,
    {
      name: "repository-uses-own-key",
      description: "Images are encrypted with the stack's own key (FSBP ECR.5).",
      production: true,
    },
    ({ encryptionConfigurations }) => [
      encryptionConfigurations?.some(
        ({ encryptionType, kmsKey }) => encryptionType === "KMS" && kmsKey !== undefined,
      ) !== true && "is not encrypted with the stack's own key",
    ],
  ),
];
