import type { Place } from "./place";
import type { StackRights } from "./stackRights";
import { allow, type Statement } from "./statement";

/** The same of each service's tagging. */
const tags = ["TagResource", "UntagResource"];

/**
 * What makes, changes and destroys the resources of one stack, as IAM allows it to be narrowed: by the names that all of
 * them begin with, by the stack where it is part of the name, and by tags where AWS gives things no name.
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
        ...tags,
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
        ...tags,
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
    allow("sns", ["CreateTopic", "DeleteTopic", "SetTopicAttributes", "Subscribe", ...tags], [arn("sns", "ddn-*")]),
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
        ...tags,
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
    allow("cloudwatch", ["DeleteAlarms", "PutMetricAlarm", ...tags], [arn("cloudwatch", "alarm:ddn-*")]),
    allow("cloudwatch", ["DeleteDashboards", "PutDashboard"], [arn("cloudwatch", "dashboard/ddn-*", `:${accountId}`)]),
    allow("budgets", ["ModifyBudget", ...tags], [arn("budgets", "budget/ddn-*", `:${accountId}`)]),
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

/** Networks, instances, containers and the load balancer. */
export const computeStatements = (place: Place, rights: StackRights): readonly Statement[] => {
  const { partition, region, accountId } = place;
  const arn = (service: string, resource: string): string =>
    `arn:${partition}:${service}:${region}:${accountId}:${resource}`;
  const here = { StringEquals: { "aws:RequestedRegion": region } };
  const ours = { StringEquals: { "aws:RequestedRegion": region, "aws:ResourceTag/project": "ddn" } };
  return [
    // What is not there yet has no name and no tag. RunInstances: Auto Scaling asks whether its caller may.
    // Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-launch-template-permissions.html
    allow(
      "ec2",
      [
        "AuthorizeSecurityGroupEgress",
        "AuthorizeSecurityGroupIngress",
        "CreateLaunchTemplate",
        "CreateSecurityGroup",
        "CreateTags",
        "CreateVpcEndpoint",
        "ModifySecurityGroupRules",
        "RunInstances",
        ...(rights.createsNetwork ? networkCreation : []),
      ],
      ["*"],
      here,
    ),
    allow(
      "ec2",
      [
        "CreateLaunchTemplateVersion",
        "DeleteLaunchTemplate",
        "DeleteLaunchTemplateVersions",
        "DeleteSecurityGroup",
        "DeleteTags",
        "DeleteVpcEndpoints",
        "ModifyLaunchTemplate",
        "ModifyVpcEndpoint",
        "RevokeSecurityGroupEgress",
        "RevokeSecurityGroupIngress",
        ...(rights.createsNetwork ? networkRemoval : []),
      ],
      ["*"],
      ours,
    ),
    allow(
      "autoscaling",
      [
        "CreateAutoScalingGroup",
        "CreateOrUpdateTags",
        "DeleteAutoScalingGroup",
        "DeleteTags",
        "DisableMetricsCollection",
        "EnableMetricsCollection",
        "ResumeProcesses",
        "SetInstanceProtection",
        "SuspendProcesses",
        "TerminateInstanceInAutoScalingGroup",
        "UpdateAutoScalingGroup",
      ],
      [arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/ddn-*")],
    ),
    allow(
      "ecs",
      [
        "CreateCapacityProvider",
        "CreateCluster",
        "CreateService",
        "DeleteCapacityProvider",
        "DeleteCluster",
        "DeleteService",
        "PutClusterCapacityProviders",
        "RegisterTaskDefinition",
        "UpdateCapacityProvider",
        "UpdateCluster",
        "UpdateClusterSettings",
        "UpdateService",
        ...tags,
      ],
      ["capacity-provider/ddn-*", "cluster/ddn-*", "service/ddn-*", "task-definition/ddn-*"].map((each) =>
        arn("ecs", each),
      ),
    ),
    allow("ecs", ["DeregisterTaskDefinition"], ["*"], here),
    allow(
      "elasticloadbalancing",
      [
        "AddTags",
        "CreateListener",
        "CreateLoadBalancer",
        "CreateTargetGroup",
        "DeleteListener",
        "DeleteLoadBalancer",
        "DeleteTargetGroup",
        "ModifyListener",
        "ModifyListenerAttributes",
        "ModifyLoadBalancerAttributes",
        "ModifyTargetGroup",
        "ModifyTargetGroupAttributes",
        "RemoveTags",
        "SetSecurityGroups",
        "SetSubnets",
      ],
      ["loadbalancer/app/ddn-*", "listener/app/ddn-*", "targetgroup/ddn-*"].map((each) =>
        arn("elasticloadbalancing", each),
      ),
    ),
    allow(
      "application-autoscaling",
      [
        "DeleteScalingPolicy",
        "DeleteScheduledAction",
        "DeregisterScalableTarget",
        "PutScalingPolicy",
        "PutScheduledAction",
        "RegisterScalableTarget",
        ...tags,
      ],
      [arn("application-autoscaling", "scalable-target/*")],
    ),
    allow(
      "lambda",
      [
        "AddPermission",
        "CreateFunction",
        "DeleteFunction",
        "DeleteFunctionConcurrency",
        "PutFunctionConcurrency",
        "RemovePermission",
        ...tags,
        "UpdateFunctionCode",
        "UpdateFunctionConfiguration",
      ],
      [arn("lambda", "function:ddn-*")],
    ),
    // Gateways go by number.
    allow(
      "apigateway",
      ["DELETE", "PATCH", "POST", "PUT", ...tags],
      ["/apis", "/apis/*", "/domainnames", "/domainnames/*", "/tags/*", "/vpclinks", "/vpclinks/*"].map(
        (path) => `arn:${partition}:apigateway:${region}::${path}`,
      ),
    ),
  ];
};

/** A default security group is there before its tag is: emptying it is part of making a VPC. */
const networkCreation = [
  "AllocateAddress",
  "AssociateRouteTable",
  "AttachInternetGateway",
  "CreateFlowLogs",
  "CreateInternetGateway",
  "CreateNatGateway",
  "CreateRoute",
  "CreateRouteTable",
  "CreateSubnet",
  "CreateVpc",
  "ModifySubnetAttribute",
  "ModifyVpcAttribute",
  "ReplaceRoute",
  "RevokeSecurityGroupEgress",
  "RevokeSecurityGroupIngress",
];

const networkRemoval = [
  "DeleteFlowLogs",
  "DeleteInternetGateway",
  "DeleteNatGateway",
  "DeleteRoute",
  "DeleteRouteTable",
  "DeleteSubnet",
  "DeleteVpc",
  "DetachInternetGateway",
  "DisassociateAddress",
  "DisassociateRouteTable",
  "ReleaseAddress",
];
