import { readFileSync } from "node:fs";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import type { ConfigDeclaration } from "../../components/testing/stackConfig";

/** What the project's Pulumi.yaml declares, by key. */
export const declaredConfig = (): Readonly<Record<string, ConfigDeclaration>> => {
  const file: { readonly config: Record<string, ConfigDeclaration> } = parse(
    readFileSync(path.resolve(__dirname, "../Pulumi.yaml"), "utf8"),
  );
  return Object.fromEntries(Object.entries(file.config).filter(([key]) => !key.includes(":")));
};

const asText = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** What somebody has to set who takes the service's own deployments. */
export const byPulumi = { organization: "acme", repository: "acme/denoising" };

/** What somebody has to set who takes GitHub's. */
export const byGithub = { service: "github", repository: "acme/denoising" };

/** Sets the configuration that the engine would set: the defaults, overlaid by these values. @param values by key */
export const deliveryConfig = (values: Readonly<Record<string, unknown>>): void => {
  const defaults = Object.entries(declaredConfig()).map(([key, declared]) => [key, declared.default] as const);
  const all = { ...Object.fromEntries(defaults), ...values };
  pulumi.runtime.setAllConfig(
    Object.fromEntries(Object.entries(all).map(([key, value]) => [`ddn-delivery:${key}`, asText(value)])),
  );
};
