import * as pulumi from "@pulumi/pulumi";
import type { DeliveryConfig, GithubDelivery } from "./config";
import { DeploymentRole } from "./deploymentRole";
import { deploymentHours, deployPolicies } from "./deployPolicies";
import { githubIssuer, githubSubject } from "./identity";
import { identityProvider } from "./identityProvider";
import { currentPlace } from "./place";
import { readStatements } from "./readStatements";
import { readStateStatements, StateBackend, writeStateStatements } from "./stateBackend";

export type GithubActionsArgs = Extract<DeliveryConfig, GithubDelivery>;

/** The stacks of this account run by the workflows in .github/workflows, with their state in S3. */
export class GithubActions extends pulumi.ComponentResource {
  /** For previews of pull requests; it changes nothing. */
  public readonly planRoleArn: pulumi.Output<string>;
  /** By stack, each only for jobs in the environment of its name. */
  public readonly roleArns: Readonly<Record<string, pulumi.Output<string>>>;
  /** For PULUMI_BACKEND_URL. */
  public readonly backendUrl: pulumi.Output<string>;
  /** For `pulumi stack init --secrets-provider`. */
  public readonly secretsProvider: pulumi.Output<string>;

  constructor(name: string, args: GithubActionsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("ddn:delivery:GithubActions", name, {}, opts);

    const state = new StateBackend(`${name}-state`, { parent: this });
    const place = currentPlace(this);
    const trust = {
      issuer: githubIssuer,
      providerArn: identityProvider(name, githubIssuer, args.identityProviderArn, this),
    };
    const child = { parent: this };
    const stateArns = pulumi.all([state.bucketArn, state.keyArn]);
    const plan = new DeploymentRole(
      `${name}-plan`,
      {
        ...trust,
        subjects: [githubSubject(args, "pull_request")],
        policies: {
          read: place.apply(readStatements),
          state: stateArns.apply(([bucketArn, keyArn]) => readStateStatements(bucketArn, keyArn)),
        },
      },
      child,
    );
    this.roleArns = Object.fromEntries(
      args.stacks.map((stack) => {
        const policies = {
          ...deployPolicies(place, stack),
          state: stateArns.apply(([bucketArn, keyArn]) => writeStateStatements(bucketArn, keyArn, stack)),
        };
        const subjects = [githubSubject(args, `environment:${stack}`)];
        const role = new DeploymentRole(
          `${name}-deploy-${stack}`,
          { ...trust, subjects, policies, sessionHours: deploymentHours },
          child,
        );
        return [stack, role.roleArn];
      }),
    );

    this.planRoleArn = plan.roleArn;
    this.backendUrl = pulumi.interpolate`s3://${state.bucketName}?region=${place.region}`;
    this.secretsProvider = pulumi.interpolate`awskms://${state.keyAlias}?region=${place.region}`;
    this.registerOutputs({
      planRoleArn: this.planRoleArn,
      roleArns: this.roleArns,
      backendUrl: this.backendUrl,
      secretsProvider: this.secretsProvider,
    });
  }
}
