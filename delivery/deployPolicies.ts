import type * as pulumi from "@pulumi/pulumi";
import { accessStatements, guardStatements } from "./accessStatements";
import { computeStatements } from "./computeStatements";
import { dataStatements } from "./dataStatements";
import type { Place } from "./place";
import { readStatements } from "./readStatements";
import { type StackName, stackRights } from "./stackRights";
import type { Statement } from "./statement";

/** Hours that a deployment may take: a first one waits for a GPU instance, its images and a model. */
export const deploymentHours = 2;

/** Sessions that may change something, where others take the same role. */
export interface ChangingSessions {
  /** Names the claim as AWS does, such as `api.pulumi.com/oidc:sub`. */
  readonly claim: string;
  readonly subjects: readonly string[];
}

/**
 * Denies all but looking to sessions that are not for changes, and to those that do not say what they are for. The claim
 * stays with a session: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
 */
export const lookOnly = (place: Place, { claim, subjects }: ChangingSessions): Statement => ({
  Sid: "OthersOnlyLook",
  Effect: "Deny",
  NotAction: [...new Set(readStatements(place).flatMap(({ Action = [] }) => Action))],
  Resource: ["*"],
  Condition: { StringNotEquals: { [claim]: subjects } },
});

/** All that whoever deploys a stack may do. AWS takes 6144 characters a policy, so there are several. */
export const deployPolicies = (
  place: pulumi.Output<Place>,
  stack: StackName,
  /** @default all */
  changing?: ChangingSessions,
): Readonly<Record<string, pulumi.Output<readonly Statement[]>>> => {
  const rights = stackRights[stack];
  return {
    read: place.apply(readStatements),
    data: place.apply((where) => dataStatements(where, rights)),
    compute: place.apply((where) => computeStatements(where, rights)),
    access: place.apply(accessStatements),
    guard: place.apply((where) => [
      ...guardStatements(where, stack),
      ...(changing === undefined ? [] : [lookOnly(where, changing)]),
    ]),
  };
};
