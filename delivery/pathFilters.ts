import type { StackName } from "./stackRights";

/** Files that a deployment of any stack is made of. */
const sources = [
  "index.ts",
  "config.ts",
  "outputs.ts",
  "components/**",
  "contract/**",
  "functions/**",
  "server/**",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  ".dockerignore",
  ".npmrc",
  "Pulumi.yaml",
];

/**
 * Which changes deploy these stacks: what the program or its images are made of and no tests. Documents, the model's
 * training, benchmarks, client and twin stay out; the model itself is one of the server's files.
 * Source: https://www.pulumi.com/docs/deployments/concepts/settings/path-filtering/
 */
export const pathFilters = (...stacks: readonly StackName[]): readonly string[] => [
  ...sources,
  ...stacks.map((stack) => `Pulumi.${stack}.yaml`),
  "!**/*.test.ts",
  "!**/testing/**",
];
