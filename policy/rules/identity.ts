import { permissions } from "../../contract/permissions";
import { type Statement, statements } from "../document";
import { type Resource, type Rule, resourceRule, told } from "../rule";

/** Inputs that carry what a role may do. */
const rolePolicies: Readonly<Record<string, string>> = {
  "aws:iam/rolePolicy:RolePolicy": "policy",
  "aws:iam/policy:Policy": "policy",
};

/** Inputs that carry who may use a resource. */
const resourcePolicies: Readonly<Record<string, string>> = {
  "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
  "aws:kms/key:Key": "policy",
  "aws:kms/keyPolicy:KeyPolicy": "policy",
  "aws:s3/bucketPolicy:BucketPolicy": "policy",
  "aws:sns/topicPolicy:TopicPolicy": "policy",
  "aws:sqs/queuePolicy:QueuePolicy": "policy",
};

/** All that any role of the platform may do: the contract's table, keys, logs, images, and the protection of a task. */
const actions: ReadonlySet<string> = new Set([
  ...Object.values(permissions).flatMap((grants) => grants.flatMap((grant) => grant.actions)),
  "kms:GenerateDataKey",
  "kms:Decrypt",
  "logs:CreateLogStream",
  "logs:PutLogEvents",
  "ecr:GetAuthorizationToken",
  "ecr:BatchCheckLayerAvailability",
  "ecr:BatchGetImage",
  "ecr:GetDownloadUrlForLayer",
  "ecs:UpdateTaskProtection",
]);

/** Actions that AWS does not scope. Source: https://docs.aws.amazon.com/service-authorization/latest/reference/ */
const unscoped: ReadonlySet<string> = new Set(["ecr:GetAuthorizationToken"]);

/** What AWS itself keeps for instances. */
const managedPolicies: ReadonlySet<string> = new Set([
  "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role",
  "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
  "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
]);

const statementRule = (
  name: string,
  description: string,
  policies: Readonly<Record<string, string>>,
  faults: (statement: Statement, resource: Resource) => readonly (string | false)[],
): Rule => ({
  name,
  description,
  production: false,
  scope: "resource",
  check: (resources) =>
    resources.flatMap((resource) => {
      const input = policies[resource.type];
      if (input === undefined) return [];
      const allowed = statements(resource.props[input]).filter(({ effect }) => effect === "Allow");
      return told(
        resource,
        allowed.flatMap((statement) => faults(statement, resource)),
      );
    }),
});

/** Whether a condition ties a service to one account or source. */
const isTied = ({ conditions }: Statement): boolean =>
  Object.values(conditions)
    .flatMap((condition) => Object.keys(condition))
    .some((key) => /^(aws:Source(Account|Arn)|kms:EncryptionContext:.+)$/.test(key));

export const identityRules: readonly Rule[] = [
  statementRule(
    "role-actions-listed",
    "No role may do what the platform has no need of (FSBP IAM.1).",
    rolePolicies,
    (statement) => [
      statement.inverted && "allows all but something",
      ...statement.actions.filter((action) => !actions.has(action)).map((action) => `allows ${action}`),
    ],
  ),
  statementRule(
    "role-resources-named",
    "No role may act on everything (FSBP IAM.21).",
    rolePolicies,
    ({ actions: allowed, resources }) => [
      resources.some((resource) => /^(\*|arn:aws:[a-z0-9-]+:[^:]*:[^:]*:\*)$/.test(resource)) &&
        allowed.some((action) => !unscoped.has(action)) &&
        `allows ${allowed.join(", ")} on everything`,
    ],
  ),
  resourceRule(
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    {
      name: "role-managed-policies-listed",
      description: "No role carries a managed policy that was not thought about.",
    },
    ({ policyArn }) => [!managedPolicies.has(String(policyArn)) && `attaches ${policyArn}`],
  ),
  statementRule(
    "resource-policy-names-callers",
    "No resource lets anybody in, and no service on anybody's behalf (FSBP KMS.5, SQS.3).",
    resourcePolicies,
    (statement) =>
      statement.principals.map((principal) => {
        if (principal === "*") return "lets anybody in";
        return principal.endsWith(".amazonaws.com") && !isTied(statement) && `lets ${principal} in on anybody's behalf`;
      }),
  ),
  statementRule(
    "role-trust-is-narrow",
    "No role is taken on by anybody (FSBP IAM).",
    { "aws:iam/role:Role": "assumeRolePolicy" },
    ({ principals }) => [principals.includes("*") && "is taken on by anybody"],
  ),
  resourceRule(
    "aws:kms/key:Key",
    { name: "key-rotates", description: "Keys are renewed every year (FSBP KMS.4)." },
    ({ enableKeyRotation }) => [enableKeyRotation !== true && "does not rotate"],
  ),
];
