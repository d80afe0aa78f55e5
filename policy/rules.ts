import type { Rule } from "./rule";
import { apiRules } from "./rules/api";
import { containerRules } from "./rules/containers";
import { identityRules } from "./rules/identity";
import { imageRules } from "./rules/images";
import { instanceRules } from "./rules/instances";
import { networkRules } from "./rules/network";
import { operationRules } from "./rules/operations";
import { storageRules } from "./rules/storage";

/** The security rules of the platform; those of production are off until a policy config turns them on. */
export const rules: readonly Rule[] = [
  ...storageRules,
  ...imageRules,
  ...containerRules,
  ...instanceRules,
  ...networkRules,
  ...apiRules,
  ...identityRules,
  ...operationRules,
];
