import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
// The one file to take along into a repository of one's own; it needs nothing but @pulumi/pulumi.
import { readOutputs } from "../../outputs";

const ddn = readOutputs(new pulumi.StackReference(new pulumi.Config().require("platform")));

/** A line scanner on EC2 that has its images denoised: it uploads, submits, asks how far they are, and downloads. */
const scanner = new aws.iam.Role("scanner", {
  assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: "ec2.amazonaws.com" }),
});
const calls = ["GET/presign", "POST/jobs", "GET/jobs/*"];
new aws.iam.RolePolicy("scanner", {
  role: scanner.id,
  policy: pulumi.jsonStringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: "execute-api:Invoke",
        Resource: calls.map((call) => pulumi.interpolate`${ddn("apiExecutionArn")}/*/${call}`),
      },
    ],
  }),
});

export const scannerRoleArn = scanner.arn;
export const presignUrl = pulumi.interpolate`${ddn("apiUrl")}/presign`;
