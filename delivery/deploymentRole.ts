import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { type Issuer, trustPolicy } from "./identity";
import { policyDocument, type Statement } from "./statement";

export interface DeploymentRoleArgs {
  readonly issuer: Issuer;
  /** IAM's identity provider for the issuer. */
  readonly providerArn: pulumi.Input<string>;
  /** Subjects of the tokens that are let in; a pattern where one has a `*`. */
  readonly subjects: readonly string[];
  /** What the role may do, by the name of each policy. */
  readonly policies: Readonly<Record<string, pulumi.Input<readonly Statement[]>>>;
  /** How long credentials live, hours. @default 1 */
  readonly sessionHours?: number;
}

/** A role that deployments take for a while by a token of whoever runs them; there are no keys to keep. */
export class DeploymentRole extends pulumi.ComponentResource {
  public readonly roleArn: pulumi.Output<string>;

  constructor(name: string, args: DeploymentRoleArgs, opts?: pulumi.ComponentResourceOptions) {
    super("ddn:delivery:DeploymentRole", name, {}, opts);

    const { issuer, providerArn, subjects, policies, sessionHours = 1 } = args;
    const trust = pulumi.output(providerArn).apply((arn) => trustPolicy(issuer, arn, subjects));
    const role = new aws.iam.Role(
      name,
      { assumeRolePolicy: pulumi.jsonStringify(trust), maxSessionDuration: sessionHours * 3600 },
      { parent: this },
    );
    const attachments = Object.entries(policies).map(([own, statements]) =>
      attachedPolicy(`${name}-${own}`, role, statements, this),
    );

    // Known once the role may do what it is for.
    this.roleArn = pulumi.all([role.arn, ...attachments.map(({ id }) => id)]).apply(([arn]) => arn);
    this.registerOutputs({ roleArn: this.roleArn });
  }
}

const attachedPolicy = (
  name: string,
  role: aws.iam.Role,
  statements: pulumi.Input<readonly Statement[]>,
  parent: pulumi.Resource,
): aws.iam.RolePolicyAttachment => {
  const policy = new aws.iam.Policy(
    name,
    { policy: pulumi.output(statements).apply((all) => policyDocument(all as readonly Statement[])) },
    { parent },
  );
  return new aws.iam.RolePolicyAttachment(name, { role: role.name, policyArn: policy.arn }, { parent });
};
