import { readFileSync } from "node:fs";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";

/** The stacks whose files lie in the repository. */
export const stacks = ["dev", "prod"] as const;
export type StackName = (typeof stacks)[number];

/** One key as Pulumi.yaml declares it. */
export interface ConfigDeclaration {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
}

const root = path.resolve(__dirname, "../..");

const yamlFile = (file: string): { readonly config?: Record<string, unknown> } =>
  parse(readFileSync(path.join(root, file), "utf8"));

/** What Pulumi.yaml declares, by key without its namespace. */
export const declaredConfig = (): Record<string, ConfigDeclaration> =>
  yamlFile("Pulumi.yaml").config as Record<string, ConfigDeclaration>;

/** What the stack's own file says, by full key such as `ddn:spot`. */
export const stackFile = (stack: StackName): Record<string, unknown> => yamlFile(`Pulumi.${stack}.yaml`).config ?? {};

/** As the engine hands values to a program: text as it is, anything else as JSON. */
const asText = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/**
 * Sets the configuration that the engine would set for a stack: the defaults of Pulumi.yaml, overlaid by the stack's file,
 * overlaid by what the test changes.
 * @param changes by full key
 */
export const stackConfig = (stack: StackName, changes: Readonly<Record<string, unknown>> = {}): void => {
  const defaults = Object.entries(declaredConfig()).map(([key, declared]) => [`ddn:${key}`, declared.default]);
  const values = { ...Object.fromEntries(defaults), ...stackFile(stack), ...changes };
  pulumi.runtime.setAllConfig(
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, asText(value)] as const)),
  );
};
