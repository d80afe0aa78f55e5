import type { Place } from "./place";
import { allow, type Statement } from "./statement";

/** Services that the platform hands its roles to: instances, tasks, functions and flow logs. */
const roleUsers = ["ec2", "ecs-tasks", "lambda", "vpc-flow-logs"];

/** Policies of AWS's own that instances get. */
const instancePolicies = ["service-role/AmazonEC2ContainerServiceforEC2Role", "AmazonSSMManagedInstanceCore"];

/** Services that make a role for themselves in an account that has not used them before. */
const selfServed = [
  "autoscaling",
  "ecs",
  "ecs.application-autoscaling",
  "elasticloadbalancing",
  "ops.apigateway",
  "spot",
];

/** The roles of the stack's own workloads: all named `ddn-…`, handed to a few services, with no policy of AWS's but two. */
export const accessStatements = ({ partition, accountId }: Place): readonly Statement[] => {
  const roles = [`arn:${partition}:iam::${accountId}:role/ddn-*`];
  const profiles = [`arn:${partition}:iam::${accountId}:instance-profile/ddn-*`];
  return [
    allow(
      "iam",
      [
        "CreateRole",
        "DeleteRole",
        "DeleteRolePolicy",
        "PutRolePolicy",
        "TagRole",
        "UntagRole",
        "UpdateAssumeRolePolicy",
        "UpdateRole",
      ],
      roles,
    ),
    allow("iam", ["AttachRolePolicy", "DetachRolePolicy"], roles, {
      ArnEquals: { "iam:PolicyARN": instancePolicies.map((policy) => `arn:${partition}:iam::aws:policy/${policy}`) },
    }),
    allow("iam", ["PassRole"], roles, {
      StringEquals: { "iam:PassedToService": roleUsers.map((service) => `${service}.amazonaws.com`) },
    }),
    allow("iam", ["AddRoleToInstanceProfile", "RemoveRoleFromInstanceProfile"], [...profiles, ...roles]),
    allow(
      "iam",
      ["CreateInstanceProfile", "DeleteInstanceProfile", "TagInstanceProfile", "UntagInstanceProfile"],
      profiles,
    ),
    allow("iam", ["CreateServiceLinkedRole"], [`arn:${partition}:iam::${accountId}:role/aws-service-role/*`], {
      StringEquals: { "iam:AWSServiceName": selfServed.map((service) => `${service}.amazonaws.com`) },
    }),
  ];
};

/**
 * What no policy that is added later may undo: a deployment leaves alone who may deploy, whatever bears another stack's
 * tag, and everything beyond this account.
 * @param stackTag as Pulumi.<stack>.yaml gives it
 */
export const guardStatements = (place: Place, stackTag: string): readonly Statement[] => [
  {
    Sid: "OtherStacks",
    Effect: "Deny",
    Action: ["*"],
    Resource: ["*"],
    Condition: {
      StringEquals: { "aws:ResourceTag/project": "ddn" },
      StringNotEquals: { "aws:ResourceTag/stack": stackTag },
    },
  },
  {
    Sid: "WhoMayDeploy",
    Effect: "Deny",
    Action: ["iam:*"],
    Resource: [
      ...["role", "policy"].map((kind) => `arn:${place.partition}:iam::${place.accountId}:${kind}/delivery-*`),
      ...["oidc-provider", "user", "group", "saml-provider"].map(
        (kind) => `arn:${place.partition}:iam::${place.accountId}:${kind}/*`,
      ),
    ],
  },
  {
    Sid: "BeyondThisAccount",
    Effect: "Deny",
    Action: ["account:*", "organizations:*", "sts:AssumeRole*", "sts:GetFederationToken"],
    Resource: ["*"],
  },
];
