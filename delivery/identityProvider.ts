import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Issuer } from "./identity";

/** IAM's knowledge of the issuer: the account's own, or a new one; an account has one for each issuer. @returns its ARN */
export const identityProvider = (
  name: string,
  { host, audience }: Issuer,
  existingArn: string | undefined,
  parent: pulumi.Resource,
): pulumi.Output<string> => {
  if (existingArn !== undefined) return pulumi.output(existingArn);
  // AWS checks the issuer's certificate against its own list and needs no thumbprint.
  // Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html
  return new aws.iam.OpenIdConnectProvider(name, { url: `https://${host}`, clientIdLists: [audience] }, { parent }).arn;
};
