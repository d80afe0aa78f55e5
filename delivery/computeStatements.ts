import type { Place } from "./place";
import type { StackRights } from "./stackRights";
import { allow, type Statement, tagging } from "./statement";

/** The same for networks, instances, containers, functions, the load balancer and the gateway. */
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
        ...tagging,
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
        ...tagging,
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
        ...tagging,
        "UpdateFunctionCode",
        "UpdateFunctionConfiguration",
      ],
      [arn("lambda", "function:ddn-*")],
    ),
    // Gateways go by number.
    allow(
      "apigateway",
      ["DELETE", "PATCH", "POST", "PUT", ...tagging],
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
