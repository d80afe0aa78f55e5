import * as pulumi from "@pulumi/pulumi";
import * as pulumiservice from "@pulumi/pulumiservice";
import type { DevLife } from "./config";
import { pathFilters } from "./pathFilters";
import type { StackName } from "./stackRights";

/**
 * Pulumi's image with Node 22, by the version of the SDK. It has no Docker: images are given by digest.
 * Source: https://www.pulumi.com/docs/iac/operations/docker-images/
 */
export const executorImage = "pulumi/pulumi-nodejs-22:3.270.0";

export interface StackDeploymentsArgs {
  readonly organization: string;
  readonly stack: StackName;
  /** GitHub repository as owner/name. */
  readonly repository: string;
  /** Branch that the stack follows. */
  readonly branch: string;
  /** Deploys each push to the branch. @default true */
  readonly deployPushes?: boolean;
  /** Previews each pull request into the branch. @default false */
  readonly previewPullRequests?: boolean;
  /** Makes a stack of its own, after this one's pattern, for each pull request into the branch. @default false */
  readonly reviewStacks?: boolean;
  /** Role that deployments take. */
  readonly roleArn: pulumi.Input<string>;
  /** How long they may take, hours. */
  readonly sessionHours: number;
  /** When to look for drift, as a cron expression in UTC. @default never */
  readonly driftSchedule?: string;
  /** When the stack comes and goes. @default it stays */
  readonly life?: DevLife;
}

/** How Pulumi Deployments runs one stack: from what, when, as whom. */
export class StackDeployments extends pulumi.ComponentResource {
  constructor(name: string, args: StackDeploymentsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("ddn:delivery:StackDeployments", name, {}, opts);

    const settings = new pulumiservice.DeploymentSettings(name, deploymentSettings(args), { parent: this });
    // Nothing runs on a schedule before the service knows how.
    const child = { parent: this, dependsOn: [settings] };
    const { organization, stack, driftSchedule, life } = args;
    const target = { organization, project: "ddn", stack };
    if (driftSchedule !== undefined) {
      // It reports; what to do about drift is for a person to say.
      const drift = { ...target, scheduleCron: driftSchedule, autoRemediate: false };
      new pulumiservice.DriftSchedule(`${name}-drift`, drift, child);
    }
    if (life?.endsAt !== undefined) {
      // Its history and settings stay.
      new pulumiservice.TtlSchedule(
        `${name}-end`,
        { ...target, timestamp: life.endsAt, deleteAfterDestroy: false },
        child,
      );
    }
    for (const [role, scheduleCron, pulumiOperation] of [
      ["down", life?.downSchedule, pulumiservice.PulumiOperation.Destroy],
      ["up", life?.upSchedule, pulumiservice.PulumiOperation.Update],
    ] as const) {
      if (scheduleCron === undefined) continue;
      new pulumiservice.DeploymentSchedule(`${name}-${role}`, { ...target, scheduleCron, pulumiOperation }, child);
    }

    this.registerOutputs();
  }
}

/**
 * What the service puts in its place, so that CloudTrail tells one deployment from another.
 * Source: https://www.pulumi.com/docs/deployments/guides/oidc/aws/#session-name
 */
const filledIn = (variable: string): string => `\${${variable}}`;

const deploymentSettings = (args: StackDeploymentsArgs): pulumiservice.DeploymentSettingsArgs => {
  const { organization, stack, repository, branch, roleArn, sessionHours } = args;
  const { deployPushes = true, previewPullRequests = false, reviewStacks = false } = args;
  return {
    organization,
    project: "ddn",
    stack,
    sourceContext: { git: { branch: `refs/heads/${branch}` } },
    vcs: {
      provider: "github",
      repository,
      deployCommits: deployPushes,
      previewPullRequests,
      pullRequestTemplate: reviewStacks,
      paths: [...pathFilters(stack)],
    },
    executorContext: { executorImage },
    operationContext: {
      // By the lock file, which the service's own installation may change. No cache of dependencies: what a pull request
      // puts into it would be deployed.
      preRunCommands: ["npm ci"],
      options: { skipInstallDependencies: true, skipIntermediateDeployments: true },
      oidc: {
        aws: {
          roleARN: roleArn,
          sessionName: `ddn-${filledIn("stack.name")}-${filledIn("operation")}-${filledIn("deployment.version")}`,
          duration: `${sessionHours}h0m0s`,
        },
      },
      environmentVariables: { PULUMI_SKIP_UPDATE_CHECK: "true" },
    },
  };
};
