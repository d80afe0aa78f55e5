import * as pulumi from "@pulumi/pulumi";
import type { DeliveryConfig, PulumiDelivery } from "./config";
import { DeploymentRole, type DeploymentRoleArgs } from "./deploymentRole";
import { deploymentHours, deployPolicies } from "./deployPolicies";
import { type Operation, pulumiIssuer, pulumiSubject } from "./identity";
import { identityProvider } from "./identityProvider";
import { currentPlace, type Place } from "./place";
import { StackDeployments, type StackDeploymentsArgs } from "./stackDeployments";
import { type StackName, stackRights } from "./stackRights";

export type PulumiDeploymentsArgs = Extract<DeliveryConfig, PulumiDelivery>;

/** What changes something in AWS. */
const changing: readonly Operation[] = ["update", "destroy"];
/** What only looks. */
const looking: readonly Operation[] = ["refresh", "detect-drift"];

/** The stacks of this account run by Pulumi Deployments, each as a role of its own. */
export class PulumiDeployments extends pulumi.ComponentResource {
  /** By stack. */
  public readonly roleArns: Readonly<Record<string, pulumi.Output<string>>>;

  constructor(name: string, args: PulumiDeploymentsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("ddn:delivery:PulumiDeployments", name, {}, opts);

    const issuer = pulumiIssuer(args.organization);
    const trust = { issuer, providerArn: identityProvider(name, issuer, args.identityProviderArn, this) };
    const place = currentPlace(this);
    this.roleArns = Object.fromEntries(
      args.stacks.map((stack) => {
        const { roleArn } = deploymentRole(`${name}-deploy-${stack}`, stack, args, trust, place, this);
        const runs = { ...source(args, stack), stack, roleArn, sessionHours: deploymentHours };
        new StackDeployments(`${name}-${stack}`, runs, { parent: this });
        return [stack, roleArn];
      }),
    );

    this.registerOutputs({ roleArns: this.roleArns });
  }
}

/** One role for all operations of a stack, since its settings name one: the session's token tells what it is for. */
const deploymentRole = (
  name: string,
  stack: StackName,
  args: PulumiDeploymentsArgs,
  trust: Pick<DeploymentRoleArgs, "issuer" | "providerArn">,
  place: pulumi.Output<Place>,
  parent: pulumi.Resource,
): DeploymentRole => {
  const subjects = (operations: readonly Operation[]): readonly string[] =>
    operations.map((each) => pulumiSubject(args.organization, stackRights[stack].stackPattern, each));
  // No deployment of a review stack is a preview.
  const previews = args.previews && stack !== "pr";
  const changingSessions = { claim: `${trust.issuer.host}:sub`, subjects: subjects(changing) };
  return new DeploymentRole(
    name,
    {
      ...trust,
      subjects: subjects([...changing, ...looking, ...(previews ? (["preview"] as const) : [])]),
      policies: deployPolicies(place, stack, previews ? changingSessions : undefined),
      sessionHours: deploymentHours,
    },
    { parent },
  );
};

type Source = Omit<StackDeploymentsArgs, "stack" | "roleArn" | "sessionHours">;

const source = (args: PulumiDeploymentsArgs, stack: StackName): Source => {
  const { organization, repository, mainBranch, prodBranch, previews, driftSchedule, devLife } = args;
  const common = { organization, repository };
  const sources = {
    // Only dev previews pull requests: they run their own code with a token that administers the stack.
    // Source: https://www.pulumi.com/docs/deployments/operations/permissions/
    dev: { ...common, branch: mainBranch, previewPullRequests: previews, driftSchedule, life: devLife },
    prod: { ...common, branch: prodBranch, driftSchedule },
    // A template is never deployed itself.
    pr: { ...common, branch: mainBranch, deployPushes: false, reviewStacks: true },
  } satisfies Record<StackName, Source>;
  return sources[stack];
};
