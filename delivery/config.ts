import * as pulumi from "@pulumi/pulumi";
import { expected } from "../contract/problem";
import { type StackName, stackNames } from "./stackRights";

/** When dev comes and goes, where it does. Cron expressions in UTC. */
export interface DevLife {
  /** RFC 3339; then it is gone for good. */
  readonly endsAt: string | undefined;
  readonly downSchedule: string | undefined;
  readonly upSchedule: string | undefined;
}

export interface PulumiDelivery {
  readonly service: "pulumi";
  readonly organization: string;
  readonly mainBranch: string;
  readonly prodBranch: string;
  readonly previews: boolean;
  readonly driftSchedule: string | undefined;
  readonly devLife: DevLife;
}

export interface GithubDelivery {
  readonly service: "github";
  /** Where the repository's tokens carry them: numbers that no later repository of the same name has. */
  readonly repositoryIds: { readonly owner: string; readonly repository: string } | undefined;
}

export type DeliveryConfig = (PulumiDelivery | GithubDelivery) & {
  readonly repository: string;
  readonly stacks: readonly StackName[];
  readonly identityProviderArn: string | undefined;
};

const wrong = (what: string, name: string, value: unknown, remedy?: string): pulumi.RunError =>
  new pulumi.RunError(expected(what, `ddn-delivery:${name}`, value, remedy));

/** A text of the given form; empty means: not set. */
const optional = (config: pulumi.Config, name: string, pattern: RegExp, what: string): string | undefined => {
  const value = config.require(name);
  if (value === "") return undefined;
  if (!pattern.test(value)) throw wrong(`${what}, or nothing`, name, value);
  return value;
};

const needed = (config: pulumi.Config, name: string, pattern: RegExp, what: string): string => {
  const value = config.require(name);
  if (!pattern.test(value)) throw wrong(what, name, value, `pulumi config set ${name} …`);
  return value;
};

/** A branch as git takes it, less what nobody needs: it ends up in what a token is compared with. */
const branch = (config: pulumi.Config, name: string): string =>
  needed(config, name, /^[\w-][\w./-]*$/, "the name of a branch");

const cron = (config: pulumi.Config, name: string): string | undefined =>
  optional(config, name, /^\S+( \S+){4}$/, "a cron expression of five fields such as 0 21 * * *");

const stacks = (config: pulumi.Config): readonly StackName[] => {
  const values: unknown = config.requireObject("stacks");
  const known: readonly unknown[] = stackNames;
  if (!Array.isArray(values) || values.length === 0) throw wrong("one stack at least", "stacks", values);
  const stranger = values.find((value) => !known.includes(value));
  if (stranger !== undefined) throw wrong(`stacks of ${stackNames.join(", ")}`, "stacks", stranger);
  if (new Set(values).size < values.length) throw wrong("each stack once", "stacks", values);
  if (values.includes("pr") && values.includes("prod")) {
    const remedy =
      "A review stack runs what nobody has reviewed yet; give it another AWS account, with a stack of its own.";
    throw wrong("prod or pr, not both", "stacks", values, remedy);
  }
  return values as StackName[];
};

const devLife = (config: pulumi.Config): DevLife => {
  const life = {
    endsAt: optional(
      config,
      "devEndsAt",
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
      "a time in UTC such as 2027-01-31T09:00:00Z",
    ),
    downSchedule: cron(config, "devDownSchedule"),
    upSchedule: cron(config, "devUpSchedule"),
  };
  if (life.downSchedule !== undefined && life.upSchedule === undefined) {
    throw wrong(
      "when dev comes back",
      "devUpSchedule",
      "",
      "devDownSchedule destroys it; to do so once, set devEndsAt.",
    );
  }
  return life;
};

const pulumiDelivery = (config: pulumi.Config): PulumiDelivery => ({
  service: "pulumi",
  organization: needed(config, "organization", /^[a-zA-Z0-9][\w-]*$/, "the name of a Pulumi organization"),
  mainBranch: branch(config, "mainBranch"),
  prodBranch: branch(config, "prodBranch"),
  previews: config.requireBoolean("previews"),
  driftSchedule: cron(config, "driftSchedule"),
  devLife: devLife(config),
});

const githubDelivery = (config: pulumi.Config, served: readonly StackName[]): GithubDelivery => {
  if (served.includes("pr")) {
    throw wrong("stacks without pr", "stacks", served, "Review stacks are a feature of Pulumi Deployments.");
  }
  const ids = optional(config, "repositoryIds", /^\d+\/\d+$/, "two numbers such as 123456/456789")?.split("/");
  return {
    service: "github",
    repositoryIds: ids === undefined ? undefined : { owner: ids[0], repository: ids[1] },
  };
};

/**
 * How the stacks are delivered, checked. Defaults and descriptions stand in Pulumi.yaml.
 * @throws pulumi.RunError naming the key, what it should be, and what it is
 */
export const loadDeliveryConfig = (config = new pulumi.Config("ddn-delivery")): DeliveryConfig => {
  const service = config.require("service");
  if (service !== "pulumi" && service !== "github") throw wrong("one of pulumi, github", "service", service);
  const common = {
    repository: needed(config, "repository", /^[\w.-]+\/[\w.-]+$/, "a repository as owner/name"),
    stacks: stacks(config),
    identityProviderArn: optional(
      config,
      "identityProviderArn",
      /^arn:aws[\w-]*:iam::\d{12}:oidc-provider\/\S+$/,
      "the ARN of an identity provider",
    ),
  };
  return service === "pulumi"
    ? { ...common, ...pulumiDelivery(config) }
    : { ...common, ...githubDelivery(config, common.stacks) };
};
