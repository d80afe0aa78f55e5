import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

export interface FlowLogArgs {
  readonly logRetentionDays: number;
  readonly keyArn: pulumi.Input<string> | undefined;
}

/** Every connection in the VPC, made or refused, as a log group. */
export const flowLog = (
  name: string,
  vpcId: pulumi.Input<string>,
  { logRetentionDays, keyArn }: FlowLogArgs,
  parent: pulumi.Resource,
): aws.ec2.FlowLog => {
  const own = `${name}-flow-log`;
  const group = new aws.cloudwatch.LogGroup(own, { retentionInDays: logRetentionDays, kmsKeyId: keyArn }, { parent });
  const { accountId } = aws.getCallerIdentityOutput({}, { parent });
  const role = new aws.iam.Role(
    own,
    { assumeRolePolicy: pulumi.jsonStringify(accountId.apply(flowLogTrust)) },
    { parent },
  );
  const policy = new aws.iam.RolePolicy(
    own,
    { role: role.name, policy: pulumi.jsonStringify(group.arn.apply(flowLogPolicy)) },
    { parent },
  );
  return new aws.ec2.FlowLog(
    own,
    { vpcId, trafficType: "ALL", logDestination: group.arn, iamRoleArn: role.arn },
    // Records of the first minutes are lost while the role may not write.
    { parent, dependsOn: [policy] },
  );
};

export const flowLogTrust = (accountId: string): aws.iam.PolicyDocument => ({
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Principal: { Service: "vpc-flow-logs.amazonaws.com" },
      Action: "sts:AssumeRole",
      Condition: { StringEquals: { "aws:SourceAccount": accountId } },
    },
  ],
});

/** Source: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html; the group itself is made beforehand. */
export const flowLogPolicy = (logGroupArn: string): aws.iam.PolicyDocument => ({
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
      Resource: `${logGroupArn}:*`,
    },
    { Effect: "Allow", Action: "logs:DescribeLogGroups", Resource: logGroupArn.replace(/[^:]+$/, "*") },
  ],
});
