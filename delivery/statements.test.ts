// Does not prove that AWS asks for these rights and no others; a deployment that lacks one names it.
import { describe, expect, it } from "vitest";
import { accountId, created, physicalName, region } from "../components/testing/cloud";
import { everyOption } from "../components/testing/everyOption";
import { type RecordedResource, recordGraph } from "../components/testing/graph";
import { type StackName as MainStack, stackConfig, stackFile, stacks } from "../components/testing/stackConfig";
import { loadConfig } from "../config";
import { accessStatements, guardStatements } from "./accessStatements";
import { computeStatements } from "./computeStatements";
import { dataStatements } from "./dataStatements";
import { lookOnly } from "./deployPolicies";
import { pulumiSubject } from "./identity";
import { readStatements } from "./readStatements";
import { stackNames, stackRights } from "./stackRights";
import { readStateStatements, writeStateStatements } from "./stateBackend";
import { policyDocument, type Statement } from "./statement";
import { isAllowed } from "./testing/iam";

const place = { partition: "aws", region, accountId };
const arn = (service: string, resource: string): string => `arn:aws:${service}:${region}:${accountId}:${resource}`;
const iamArn = (resource: string): string => `arn:aws:iam::${accountId}:${resource}`;
const bucketArn = (name: string): string => `arn:aws:s3:::${name}`;

const deploy = (stack: (typeof stackNames)[number]): readonly Statement[] => [
  ...dataStatements(place, stackRights[stack]),
  ...computeStatements(place, stackRights[stack]),
  ...accessStatements(place),
  ...guardStatements(place, stack),
];

/** What AWS asks for when it makes a resource of each type; `name` is the one it has there. */
const creation: Readonly<Record<string, (name: string) => readonly [action: string, resource: string]>> = {
  "aws:apigatewayv2/api:Api": () => ["apigateway:POST", `arn:aws:apigateway:${region}::/apis`],
  "aws:apigatewayv2/apiMapping:ApiMapping": () => [
    "apigateway:POST",
    `arn:aws:apigateway:${region}::/domainnames/a.example.com/apimappings`,
  ],
  "aws:apigatewayv2/authorizer:Authorizer": () => [
    "apigateway:POST",
    `arn:aws:apigateway:${region}::/apis/a/authorizers`,
  ],
  "aws:apigatewayv2/domainName:DomainName": () => ["apigateway:POST", `arn:aws:apigateway:${region}::/domainnames`],
  "aws:apigatewayv2/integration:Integration": () => [
    "apigateway:POST",
    `arn:aws:apigateway:${region}::/apis/a/integrations`,
  ],
  "aws:apigatewayv2/route:Route": () => ["apigateway:POST", `arn:aws:apigateway:${region}::/apis/a/routes`],
  "aws:apigatewayv2/stage:Stage": () => ["apigateway:POST", `arn:aws:apigateway:${region}::/apis/a/stages`],
  "aws:apigatewayv2/vpcLink:VpcLink": () => ["apigateway:POST", `arn:aws:apigateway:${region}::/vpclinks`],
  "aws:appautoscaling/policy:Policy": () => [
    "application-autoscaling:PutScalingPolicy",
    arn("application-autoscaling", "scalable-target/1"),
  ],
  "aws:appautoscaling/scheduledAction:ScheduledAction": () => [
    "application-autoscaling:PutScheduledAction",
    arn("application-autoscaling", "scalable-target/1"),
  ],
  "aws:appautoscaling/target:Target": () => [
    "application-autoscaling:RegisterScalableTarget",
    arn("application-autoscaling", "scalable-target/1"),
  ],
  "aws:autoscaling/group:Group": (name) => [
    "autoscaling:CreateAutoScalingGroup",
    arn("autoscaling", `autoScalingGroup:1:autoScalingGroupName/${name}`),
  ],
  "aws:budgets/budget:Budget": (name) => ["budgets:ModifyBudget", `arn:aws:budgets::${accountId}:budget/${name}`],
  "aws:cloudwatch/dashboard:Dashboard": (name) => [
    "cloudwatch:PutDashboard",
    `arn:aws:cloudwatch::${accountId}:dashboard/${name}`,
  ],
  "aws:cloudwatch/logGroup:LogGroup": (name) => ["logs:CreateLogGroup", arn("logs", `log-group:${name}`)],
  "aws:cloudwatch/metricAlarm:MetricAlarm": (name) => ["cloudwatch:PutMetricAlarm", arn("cloudwatch", `alarm:${name}`)],
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": () => [
    "ec2:RevokeSecurityGroupIngress",
    arn("ec2", "security-group/sg-1"),
  ],
  "aws:ec2/flowLog:FlowLog": () => ["ec2:CreateFlowLogs", arn("ec2", "vpc-flow-log/*")],
  "aws:ec2/launchTemplate:LaunchTemplate": () => ["ec2:CreateLaunchTemplate", arn("ec2", "launch-template/*")],
  "aws:ec2/securityGroup:SecurityGroup": () => ["ec2:CreateSecurityGroup", arn("ec2", "security-group/*")],
  "aws:ec2/vpcEndpoint:VpcEndpoint": () => ["ec2:CreateVpcEndpoint", arn("ec2", "vpc-endpoint/*")],
  "aws:ecr/lifecyclePolicy:LifecyclePolicy": () => [
    "ecr:PutLifecyclePolicy",
    arn("ecr", "repository/deepdenoising-triton-dev"),
  ],
  "aws:ecr/repository:Repository": (name) => ["ecr:CreateRepository", arn("ecr", `repository/${name}`)],
  "aws:ecs/capacityProvider:CapacityProvider": (name) => [
    "ecs:CreateCapacityProvider",
    arn("ecs", `capacity-provider/${name}`),
  ],
  "aws:ecs/cluster:Cluster": (name) => ["ecs:CreateCluster", arn("ecs", `cluster/${name}`)],
  "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": () => [
    "ecs:PutClusterCapacityProviders",
    arn("ecs", "cluster/ddn-1"),
  ],
  "aws:ecs/service:Service": (name) => ["ecs:CreateService", arn("ecs", `service/ddn-1/${name}`)],
  "aws:ecs/taskDefinition:TaskDefinition": () => [
    "ecs:RegisterTaskDefinition",
    arn("ecs", "task-definition/ddn-triton-task-dev:*"),
  ],
  "aws:iam/instanceProfile:InstanceProfile": (name) => [
    "iam:CreateInstanceProfile",
    iamArn(`instance-profile/${name}`),
  ],
  "aws:iam/role:Role": (name) => ["iam:CreateRole", iamArn(`role/${name}`)],
  "aws:iam/rolePolicy:RolePolicy": () => ["iam:PutRolePolicy", iamArn("role/ddn-task-1")],
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment": () => ["iam:AttachRolePolicy", iamArn("role/ddn-instance-1")],
  "aws:kms/key:Key": () => ["kms:CreateKey", "*"],
  "aws:lambda/function:Function": (name) => ["lambda:CreateFunction", arn("lambda", `function:${name}`)],
  "aws:lambda/permission:Permission": () => ["lambda:AddPermission", arn("lambda", "function:ddn-jobs-1")],
  "aws:lb/listener:Listener": () => [
    "elasticloadbalancing:CreateListener",
    arn("elasticloadbalancing", "loadbalancer/app/ddn-api-1/1"),
  ],
  "aws:lb/loadBalancer:LoadBalancer": (name) => [
    "elasticloadbalancing:CreateLoadBalancer",
    arn("elasticloadbalancing", `loadbalancer/app/${name}/1`),
  ],
  "aws:lb/targetGroup:TargetGroup": (name) => [
    "elasticloadbalancing:CreateTargetGroup",
    arn("elasticloadbalancing", `targetgroup/${name}/1`),
  ],
  "aws:s3/bucket:Bucket": (name) => ["s3:CreateBucket", bucketArn(name)],
  "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration": (name) => ["s3:PutBucketCORS", bucketArn(name)],
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": (name) => [
    "s3:PutLifecycleConfiguration",
    bucketArn(name),
  ],
  "aws:s3/bucketLogging:BucketLogging": (name) => ["s3:PutBucketLogging", bucketArn(name)],
  "aws:s3/bucketNotification:BucketNotification": (name) => ["s3:PutBucketNotification", bucketArn(name)],
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls": (name) => [
    "s3:PutBucketOwnershipControls",
    bucketArn(name),
  ],
  "aws:s3/bucketPolicy:BucketPolicy": (name) => ["s3:PutBucketPolicy", bucketArn(name)],
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": (name) => [
    "s3:PutBucketPublicAccessBlock",
    bucketArn(name),
  ],
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (name) => [
    "s3:PutEncryptionConfiguration",
    bucketArn(name),
  ],
  "aws:s3/bucketVersioning:BucketVersioning": (name) => ["s3:PutBucketVersioning", bucketArn(name)],
  "aws:sns/topic:Topic": (name) => ["sns:CreateTopic", arn("sns", name)],
  "aws:sns/topicPolicy:TopicPolicy": (name) => ["sns:SetTopicAttributes", arn("sns", name)],
  "aws:sns/topicSubscription:TopicSubscription": () => ["sns:Subscribe", arn("sns", "ddn-alarms-1")],
  "aws:sqs/queue:Queue": (name) => ["sqs:CreateQueue", arn("sqs", name)],
  "aws:sqs/queuePolicy:QueuePolicy": (name) => ["sqs:SetQueueAttributes", arn("sqs", name)],
  "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": (name) => ["sqs:SetQueueAttributes", arn("sqs", name)],
  "aws:ssm/parameter:Parameter": (name) => ["ssm:PutParameter", arn("ssm", `parameter${name}`)],
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": () => [
    "ec2:AuthorizeSecurityGroupEgress",
    arn("ec2", "security-group/sg-1"),
  ],
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": () => [
    "ec2:AuthorizeSecurityGroupIngress",
    arn("ec2", "security-group/sg-1"),
  ],
};

const nameOf = ({ type, name, props }: RecordedResource): string =>
  String((created(type, name, props).state as { name?: unknown }).name ?? physicalName(type, name));

const context = (resource: RecordedResource) => ({
  "aws:RequestedRegion": region,
  ...(typeof resource.props.policyArn === "string" ? { "iam:PolicyARN": resource.props.policyArn } : {}),
});

describe("whoever deploys a stack", () => {
  it.each(stacks)("may make everything that %s can be made of", async (stack) => {
    stackConfig(stack, everyOption[stack]);
    const { resources } = await recordGraph("./index.ts", { stack });
    const made = resources.filter(({ custom, type }) => custom && type.startsWith("aws:"));
    expect(made.length).toBeGreaterThan(100);
    const refused = made.filter((resource) => {
      const asked = creation[resource.type];
      if (asked === undefined) throw new Error(`Expected a type of the table but received ${resource.type}.`);
      const [action, target] = asked(nameOf(resource));
      return !isAllowed(deploy(stack), action, target, context(resource));
    });
    expect(refused.map(({ type, name }) => `${type} ${name}`)).toEqual([]);
  });

  it.each(stackNames)("%s is told apart by the tags and the rights that its file says", (stack) => {
    const file = stackFile(stack as MainStack);
    expect(file["aws:defaultTags"]).toEqual({ tags: { project: "ddn", stack } });
    expect(stackRights[stack].createsNetwork).toBe(file["ddn:vpcId"] === undefined);
    expect(stackRights[stack].keepsData).toBe(file["ddn:keepData"] !== false);
    stackConfig(stack as MainStack);
    expect(loadConfig(stack).storage.keepData).toBe(stackRights[stack].keepsData);
  });

  it.each([
    ["make a role under another name", "iam:CreateRole", iamArn("role/admin")],
    ["change who may deploy", "iam:UpdateAssumeRolePolicy", iamArn("role/delivery-deploy-prod-1")],
    ["change what that may do", "iam:CreatePolicyVersion", iamArn("policy/delivery-deploy-dev-access-1")],
    ["trust another issuer", "iam:CreateOpenIDConnectProvider", iamArn("oidc-provider/evil.example.com")],
    ["make a user", "iam:CreateUser", iamArn("user/ddn-user")],
    ["take another role", "sts:AssumeRole", iamArn("role/ddn-task-1")],
    ["read an image", "s3:GetObject", bucketArn("ddn-in-bucket-1/scan.tif")],
    ["write an image", "s3:PutObject", bucketArn("ddn-in-bucket-1/scan.tif")],
    ["make a bucket under another name", "s3:CreateBucket", bucketArn("payroll")],
    ["run a command on an instance", "ssm:SendCommand", arn("ec2", "instance/i-1")],
    ["read a secret", "secretsmanager:GetSecretValue", arn("secretsmanager", "secret:ddn-1")],
    ["read another team's parameter", "ssm:PutParameter", arn("ssm", "parameter/payroll/key")],
    ["stop the record of calls", "cloudtrail:StopLogging", arn("cloudtrail", "trail/all")],
    ["leave the organization", "organizations:LeaveOrganization", "*"],
  ])("may not %s", (_, action, resource) => {
    for (const stack of stackNames) {
      const statements = [...deploy(stack), ...readStatements(place)];
      expect(isAllowed(statements, action, resource, { "aws:RequestedRegion": region })).toBe(false);
    }
  });

  it("hands the stack's roles to the services of its workloads, and to no other", () => {
    const pass = (service: string): boolean =>
      isAllowed(accessStatements(place), "iam:PassRole", iamArn("role/ddn-task-1"), {
        "iam:PassedToService": `${service}.amazonaws.com`,
      });
    const services = ["ec2", "ecs-tasks", "lambda", "vpc-flow-logs", "cloudformation", "codebuild", "glue"];
    expect(services.filter(pass)).toEqual(["ec2", "ecs-tasks", "lambda", "vpc-flow-logs"]);
  });

  it("gives roles two policies of AWS's, and not the administrator's", () => {
    const attach = (policy: string): boolean =>
      isAllowed(accessStatements(place), "iam:AttachRolePolicy", iamArn("role/ddn-instance-1"), {
        "iam:PolicyARN": `arn:aws:iam::aws:policy/${policy}`,
      });
    expect(attach("AmazonSSMManagedInstanceCore")).toBe(true);
    expect(attach("AdministratorAccess")).toBe(false);
  });

  it("leaves alone what bears another stack's tag, whatever it is", () => {
    const destroy = (stack: string): boolean =>
      isAllowed(deploy("dev"), "sqs:DeleteQueue", arn("sqs", "ddn-jobs-1"), {
        "aws:ResourceTag/project": "ddn",
        "aws:ResourceTag/stack": stack,
      });
    expect(destroy("dev")).toBe(true);
    expect(destroy("prod")).toBe(false);
  });

  it("changes of a network only what the platform made", () => {
    const remove = (project: string): boolean =>
      isAllowed(deploy("prod"), "ec2:DeleteSecurityGroup", arn("ec2", "security-group/sg-1"), {
        "aws:RequestedRegion": region,
        "aws:ResourceTag/project": project,
        "aws:ResourceTag/stack": "prod",
      });
    expect(remove("ddn")).toBe(true);
    expect(remove("payroll")).toBe(false);
    for (const action of ["ec2:CreateVpc", "ec2:CreateRoute", "ec2:DeleteSubnet"]) {
      const ours = { "aws:RequestedRegion": region, "aws:ResourceTag/project": "ddn", "aws:ResourceTag/stack": "prod" };
      expect(isAllowed(deploy("prod"), action, arn("ec2", "vpc/vpc-1"), ours)).toBe(false);
    }
  });

  it("deletes images in dev, where they go with their bucket, and in prod never", () => {
    const object = bucketArn("ddn-out-bucket-1/scan.tif");
    expect(isAllowed(deploy("dev"), "s3:DeleteObjectVersion", object)).toBe(true);
    expect(isAllowed(deploy("prod"), "s3:DeleteObjectVersion", object)).toBe(false);
    const repository = arn("ecr", "repository/deepdenoising-triton");
    expect(isAllowed(deploy("prod"), "ecr:DeleteRepository", repository)).toBe(false);
  });
});

describe("whoever previews", () => {
  const read = readStatements(place);

  it.each([
    ["the GPU quota", "servicequotas:GetServiceQuota", "*"],
    ["zones and instance types", "ec2:DescribeInstanceTypeOfferings", "*"],
    ["routes", "ec2:DescribeRouteTables", "*"],
    ["the recommended AMI", "ssm:GetParameter", `arn:aws:ssm:${region}::parameter/aws/service/ecs/optimized-ami/a/b`],
    ["a login to ECR", "ecr:GetAuthorizationToken", "*"],
    ["a bucket's policy", "s3:GetBucketPolicy", bucketArn("ddn-in-bucket-1")],
  ])("sees %s", (_, action, resource) => {
    expect(isAllowed(read, action, resource)).toBe(true);
  });

  it("does nothing but look: every action reads", () => {
    const verbs = read.flatMap(({ Action = [] }) => Action.map((action) => action.split(":")[1]));
    expect(verbs.filter((verb) => !/^(Describe|Get|List|View|GET$)/.test(verb))).toEqual([]);
    expect(read.every(({ Effect }) => Effect === "Allow")).toBe(true);
  });

  it.each([
    ["an image", "s3:GetObject", bucketArn("ddn-in-bucket-1/scan.tif")],
    ["a message", "sqs:ReceiveMessage", arn("sqs", "ddn-jobs-1")],
    ["a log", "logs:GetLogEvents", arn("logs", "log-group:/ecs/ddn-triton-task:*")],
    ["the layers of an image", "ecr:GetDownloadUrlForLayer", arn("ecr", "repository/deepdenoising-api")],
    ["another team's bucket", "s3:ListBucket", bucketArn("payroll")],
    ["another team's parameter", "ssm:GetParameter", arn("ssm", "parameter/payroll/key")],
    ["what a key keeps secret", "kms:Decrypt", arn("kms", "key/1")],
  ])("does not see %s", (_, action, resource) => {
    expect(isAllowed(read, action, resource)).toBe(false);
  });
});

describe("the state", () => {
  const [bucket, key] = [bucketArn("delivery-state-1"), arn("kms", "key/1")];

  it("of a stack is written by its own deployments alone, and read by previews", () => {
    const may = (statements: readonly Statement[], action: string, stack: string): boolean =>
      isAllowed(statements, action, `${bucket}/.pulumi/stacks/ddn/${stack}.json`);
    const dev = writeStateStatements(bucket, key, "dev");
    expect(may(dev, "s3:PutObject", "dev")).toBe(true);
    expect(may(dev, "s3:PutObject", "prod")).toBe(false);
    const preview = readStateStatements(bucket, key);
    expect(may(preview, "s3:GetObject", "prod")).toBe(true);
    expect(may(preview, "s3:PutObject", "dev")).toBe(false);
  });
});

describe("a session of a role that previews as well", () => {
  const changing = { claim: "api.pulumi.com/oidc:sub", subjects: ["update", "destroy"] };
  const statements = [...readStatements(place), ...deploy("dev"), lookOnly(place, changing)];
  const may = (action: string, context: Readonly<Record<string, string>>): boolean =>
    isAllowed(statements, action, arn("sqs", "ddn-jobs-1"), context);

  it.each([["update"], ["destroy"]])("changes things for %s", (subject) => {
    expect(may("sqs:DeleteQueue", { [changing.claim]: subject })).toBe(true);
  });

  it.each([
    ["for a preview", { [changing.claim]: "preview" }],
    ["where AWS does not know what it is for", {}],
  ])("only looks %s", (_, context) => {
    expect(may("sqs:GetQueueAttributes", context)).toBe(true);
    expect(may("sqs:DeleteQueue", context)).toBe(false);
  });
});

describe("a policy", () => {
  it("fits into the 6144 characters that AWS takes", () => {
    const subjects = (["update", "destroy"] as const).map((each) => pulumiSubject("o".repeat(40), "prod", each));
    for (const stack of stackNames) {
      const policies = [
        readStatements(place),
        dataStatements(place, stackRights[stack]),
        computeStatements(place, stackRights[stack]),
        accessStatements(place),
        [...guardStatements(place, stack), lookOnly(place, { claim: "api.pulumi.com/oidc:sub", subjects })],
      ];
      expect(policies.map((statements) => policyDocument(statements).length).filter((size) => size > 6144)).toEqual([]);
    }
  });
});
