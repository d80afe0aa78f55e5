import * as pulumi from "@pulumi/pulumi";
import type { DeliveryConfig, PulumiDelivery } from "./config";
import { DeploymentRole } from "./deploymentRole";
import { deploymentHours, deployPolicies } from "./deployPolicies";
import { type Operation, pulumiIssuer, pulumiSubject } from "./identity";
import { identityProvider } from "./identityProvider";
import { currentPlace } from "./place";
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
    const providerArn = identityProvider(name, issuer, args.identityProviderArn, this);
    const place = currentPlace(this);
    this.roleArns = Object.fromEntries(
      args.stacks.map((stack) => {
        const subjects = (operations: readonly Operation[]): readonly string[] =>
          operations.map((each) => pulumiSubject(args.organization, stackRights[stack].stackPattern, each));
        const previews = previewsPullRequests(args, stack);
        const role = new DeploymentRole(
          `${name}-deploy-${stack}`,
          {
            issuer,
            providerArn,
            subjects: subjects([...changing, ...looking, ...(previews ? (["preview"] as const) : [])]),
            // One role serves all operations of a stack, so the session's token tells what it is for.
            policies: deployPolicies(
              place,
              stack,
              previews ? { claim: `${issuer.host}:sub`, subjects: subjects(changing) } : undefined,
            ),
            sessionHours: deploymentHours,
          },
          { parent: this },
        );
        new StackDeployments(
          `${name}-${stack}`,
          { ...source(args, stack), stack, roleArn: role.roleArn, sessionHours: deploymentHours },
          { parent: this },
        );
        return [stack, role.roleArn];
      }),
    );

    this.registerOutputs({ roleArns: this.roleArns });
  }
}

/** Only dev: a preview runs the pull request's code with a token that administers the stack. */
const previewsPullRequests = (args: PulumiDeploymentsArgs, stack: StackName): boolean =>
  stack === "dev" && args.previewPullRequests;

const source = (
  args: PulumiDeploymentsArgs,
  stack: StackName,
): Omit<StackDeploymentsArgs, "stack" | "roleArn" | "sessionHours"> => {
  const { organization, repository, mainBranch, prodBranch, driftSchedule, devLife } = args;
  const common = { organization, repository };
  const sources = {
    dev: {
      ...common,
      branch: mainBranch,
      previewPullRequests: previewsPullRequests(args, "dev"),
      driftSchedule,
      life: devLife,
    },
    prod: { ...common, branch: prodBranch, driftSchedule },
    // A template is never deployed itself.
    pr: { ...common, branch: mainBranch, deployPushes: false, reviewStacks: true },
  } satisfies Record<StackName, Omit<StackDeploymentsArgs, "stack" | "roleArn" | "sessionHours">>;
  return sources[stack];
};
