import type { Place } from "./place";
import type { StackRights } from "./stackRights";
import { allow, type Statement, tagging } from "./statement";

/**
 * What makes, changes and destroys buckets, repositories, queues, topics, logs, alarms, parameters and keys of one stack, as
 * far as IAM can tell them from others: by the names that all of them begin with, by the stack where it is part of the name,
 * and by tags where AWS gives things no name.
 * Source of actions and resources: https://docs.aws.amazon.com/service-authorization/latest/reference/
 */
export const dataStatements = (place: Place, rights: StackRights): readonly Statement[] => {
  const { partition, region, accountId } = place;
  const arn = (service: string, resource: string, where = `${region}:${accountId}`): string =>
    `arn:${partition}:${service}:${where}:${resource}`;
  const buckets = [arn("s3", "ddn-*", ":")];
  return [
    allow(
      "s3",
      [
        "CreateBucket",
        "DeleteBucket",
        "DeleteBucketPolicy",
        "PutBucketCORS",
        "PutBucketLogging",
        "PutBucketNotification",
        "PutBucketOwnershipControls",
        "PutBucketPolicy",
        "PutBucketPublicAccessBlock",
        "PutBucketTagging",
        "PutBucketVersioning",
        "PutEncryptionConfiguration",
        "PutLifecycleConfiguration",
        ...tagging,
      ],
      buckets,
    ),
    // A bucket goes only when it is empty.
    ...(rights.keepsData
      ? []
      : [
          allow("s3", ["ListBucketVersions", "ListBucketMultipartUploads"], buckets),
          allow("s3", ["DeleteObject", "DeleteObjectVersion", "AbortMultipartUpload"], [arn("s3", "ddn-*/*", ":")]),
        ]),
    allow(
      "ecr",
      [
        "CreateRepository",
        "DeleteLifecyclePolicy",
        "PutImageScanningConfiguration",
        "PutImageTagMutability",
        "PutLifecyclePolicy",
        ...(rights.keepsData ? [] : ["DeleteRepository"]),
        ...tagging,
        "BatchCheckLayerAvailability",
        "BatchGetImage",
        "CompleteLayerUpload",
        "GetDownloadUrlForLayer",
        "InitiateLayerUpload",
        "PutImage",
        "UploadLayerPart",
      ],
      [arn("ecr", "repository/deepdenoising-*")],
    ),
    allow("sqs", ["CreateQueue", "DeleteQueue", "SetQueueAttributes", "TagQueue", "UntagQueue"], [arn("sqs", "ddn-*")]),
    allow("sns", ["CreateTopic", "DeleteTopic", "SetTopicAttributes", "Subscribe", ...tagging], [arn("sns", "ddn-*")]),
    allow("sns", ["Unsubscribe"], ["*"]),
    allow(
      "logs",
      [
        "AssociateKmsKey",
        "CreateLogGroup",
        "DeleteLogGroup",
        "DeleteRetentionPolicy",
        "DisassociateKmsKey",
        "PutRetentionPolicy",
        ...tagging,
      ],
      ["ddn-*", "/aws/lambda/ddn-*", "/ecs/ddn-*"].map((group) => arn("logs", `log-group:${group}`)),
    ),
    // How a gateway comes to write its access log.
    // Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
    allow(
      "logs",
      [
        "CreateLogDelivery",
        "DeleteLogDelivery",
        "DescribeResourcePolicies",
        "GetLogDelivery",
        "ListLogDeliveries",
        "PutResourcePolicy",
        "UpdateLogDelivery",
      ],
      ["*"],
    ),
    allow("cloudwatch", ["DeleteAlarms", "PutMetricAlarm", ...tagging], [arn("cloudwatch", "alarm:ddn-*")]),
    allow(
      "cloudwatch",
      ["DeleteDashboards", "PutDashboard"],
      ["ddn", "ddn-*"].map((each) => arn("cloudwatch", `dashboard/${each}`, `:${accountId}`)),
    ),
    allow("budgets", ["ModifyBudget", ...tagging], [arn("budgets", "budget/ddn-*", `:${accountId}`)]),
    allow(
      "ssm",
      ["AddTagsToResource", "DeleteParameter", "PutParameter", "RemoveTagsFromResource"],
      [arn("ssm", `parameter/ddn/${rights.stackPattern}/*`)],
    ),
    // A key has no name; once it is made, its tag tells whose it is.
    allow("kms", ["CreateKey", "CreateGrant", "EnableKeyRotation", "TagResource", "UpdateKeyDescription"], ["*"]),
    allow("kms", ["DisableKeyRotation", "PutKeyPolicy", "ScheduleKeyDeletion", "UntagResource"], ["*"], {
      StringEquals: { "aws:ResourceTag/project": "ddn" },
    }),
  ];
};
