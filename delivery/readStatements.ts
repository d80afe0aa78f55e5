import type { Place } from "./place";
import { allow, type Statement } from "./statement";

/**
 * What a preview asks AWS for, and what a look for drift reads: how things are set up, never what is in them. No object of
 * a bucket, no message, no line of a log.
 */
export const readStatements = ({ partition, region, accountId }: Place): readonly Statement[] => {
  const arn = (service: string, resource: string, where = `${region}:${accountId}`): string =>
    `arn:${partition}:${service}:${where}:${resource}`;
  return [
    // These take no resource, or none that a name would narrow.
    allow("application-autoscaling", ["Describe*", "ListTagsForResource"], ["*"]),
    allow("autoscaling", ["Describe*"], ["*"]),
    allow("budgets", ["ViewBudget", "ListTagsForResource"], ["*"]),
    allow("cloudwatch", ["DescribeAlarms", "GetDashboard", "ListTagsForResource"], ["*"]),
    allow("ec2", ["Describe*"], ["*"]),
    allow("ecr", ["DescribeRepositories", "GetAuthorizationToken"], ["*"]),
    allow("ecs", ["Describe*", "ListTagsForResource"], ["*"]),
    allow("elasticloadbalancing", ["Describe*"], ["*"]),
    allow("kms", ["DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListAliases", "ListResourceTags"], ["*"]),
    allow("logs", ["DescribeLogGroups", "ListTagsForResource"], ["*"]),
    allow("servicequotas", ["GetServiceQuota", "GetAWSDefaultServiceQuota"], ["*"]),
    allow("sns", ["GetSubscriptionAttributes"], ["*"]),
    allow("ssm", ["DescribeParameters"], ["*"]),
    allow("apigateway", ["GET"], [arn("apigateway", "/*", `${region}:`)]),
    allow(
      "ecr",
      ["GetLifecyclePolicy", "GetRepositoryPolicy", "ListTagsForResource", "DescribeImages"],
      [arn("ecr", "repository/deepdenoising-*")],
    ),
    allow(
      "iam",
      ["GetRole", "GetRolePolicy", "ListRolePolicies", "ListAttachedRolePolicies", "ListInstanceProfilesForRole"],
      [arn("iam", "role/ddn-*", `:${accountId}`)],
    ),
    allow("iam", ["GetInstanceProfile"], [arn("iam", "instance-profile/ddn-*", `:${accountId}`)]),
    allow(
      "lambda",
      [
        "GetFunction",
        "GetFunctionCodeSigningConfig",
        "GetFunctionConcurrency",
        "GetFunctionRecursionConfig",
        "GetPolicy",
        "ListTags",
        "ListVersionsByFunction",
      ],
      [arn("lambda", "function:ddn-*")],
    ),
    allow(
      "s3",
      [
        "GetAccelerateConfiguration",
        "GetBucket*",
        "GetEncryptionConfiguration",
        "GetLifecycleConfiguration",
        "GetReplicationConfiguration",
        // Asks whether the bucket is there; it shows the names in it as well.
        "ListBucket",
      ],
      [arn("s3", "ddn-*", ":")],
    ),
    allow("sns", ["GetTopicAttributes", "ListTagsForResource"], [arn("sns", "ddn-*")]),
    allow("sqs", ["GetQueueAttributes", "GetQueueUrl", "ListQueueTags"], [arn("sqs", "ddn-*")]),
    allow(
      "ssm",
      ["GetParameter", "GetParameters", "ListTagsForResource"],
      [
        arn("ssm", "parameter/ddn/*"),
        // Of the AMI that AWS recommends.
        arn("ssm", "parameter/aws/service/ecs/optimized-ami/*", `${region}:`),
      ],
    ),
  ];
};
