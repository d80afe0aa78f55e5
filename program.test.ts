// Does not prove that AWS takes any of it; what a component makes in detail, its own test says.
import { beforeAll, describe, expect, it } from "vitest";
import { created } from "./components/testing/cloud";
import { type RecordedGraph, type RecordedResource, recordGraph } from "./components/testing/graph";
import { inputsOf, ofType } from "./components/testing/query";
import { type StackName, stackConfig, stacks } from "./components/testing/stackConfig";
import { contractVersion } from "./contract/version";

const recorded: Partial<Record<StackName | "domain", RecordedGraph>> = {};
const graph = (stack: StackName | "domain"): RecordedGraph => recorded[stack] as RecordedGraph;

beforeAll(async () => {
  for (const stack of stacks) {
    stackConfig(stack);
    recorded[stack] = await recordGraph("./index.ts", { stack });
  }
  const certificateArn = "arn:aws:acm:ap-northeast-2:123456789012:certificate/0";
  stackConfig("dev", { "ddn:domainName": "ddn.example.com", "ddn:certificateArn": certificateArn });
  recorded.domain = await recordGraph("./index.ts", { stack: "dev" });
}, 120_000);

/** `Bucket ddn-in-bucket` */
const label = ({ type, name }: Pick<RecordedResource, "type" | "name">): string => `${type.split(":").at(-1)} ${name}`;

const labels = (resources: readonly RecordedResource[]): string[] => resources.map(label).sort();

describe("outputs", () => {
  const always = [
    "contractVersion",
    "apiUrl",
    "apiExecutionArn",
    "authMode",
    "inBucketName",
    "inBucketArn",
    "outBucketName",
    "outBucketArn",
    "queueUrl",
    "queueArn",
    "deadLetterQueueUrl",
    "jobTopicArn",
    "presignFunctionName",
    "apiRepositoryUrl",
    "tritonRepositoryUrl",
    "clusterName",
    "serviceName",
    "loadBalancerDnsName",
    "region",
    "dashboardUrl",
  ];

  it.each([
    ["dev", "dev", always],
    ["prod, which has an own key,", "prod", [...always, "kmsKeyArn"]],
    ["a stack with a domain name of its own", "domain", [...always, "domainTarget"]],
  ] as const)("of %s are those of the contract, each a text", (_, stack, names) => {
    const { outputs } = graph(stack);
    expect(Object.keys(outputs).sort()).toEqual([...names].sort());
    for (const value of Object.values(outputs)) expect(value).toEqual(expect.stringMatching(/./));
  });

  it.each(stacks)("of %s are also parameters, under the stack's name", (stack) => {
    const { outputs } = graph(stack);
    const parameters = Object.values(inputsOf(graph(stack), "aws:ssm/parameter:Parameter"));
    expect(Object.fromEntries(parameters.map(({ name, insecureValue }) => [name, insecureValue]))).toEqual(
      Object.fromEntries(Object.entries(outputs).map(([name, value]) => [`/ddn/${stack}/${name}`, value])),
    );
  });

  it("say what they say", () => {
    expect(graph("dev").outputs).toMatchObject({
      contractVersion,
      authMode: "none",
      region: "ap-northeast-2",
      presignFunctionName: "ddn-presign-lambda-dev",
    });
    expect(graph("prod").outputs).toMatchObject({ authMode: "iam", presignFunctionName: "ddn-presign-lambda" });
    expect(graph("domain").outputs).toMatchObject({
      apiUrl: "https://ddn.example.com",
      domainTarget: "d-0123456789.execute-api.ap-northeast-2.amazonaws.com",
    });
  });
});

describe.each(stacks)("the resources of %s", (stack) => {
  it("each belong to a component, and each component to the stack", () => {
    const { resources } = graph(stack);
    const byUrn = new Map(resources.map((resource) => [resource.urn, resource]));
    for (const resource of resources) {
      const parent = resource.parent === undefined ? undefined : byUrn.get(resource.parent);
      if (resource.type === "pulumi:pulumi:Stack") expect(resource.parent).toBe(undefined);
      else if (resource.custom) expect(parent?.type, label(resource)).toMatch(/^ddn:index:\w+$/);
      else expect(parent?.type, label(resource)).toMatch(/^(ddn:index:\w+|pulumi:pulumi:Stack)$/);
    }
  });

  it("are named by Pulumi, but for the names of the system before and what has no other key", () => {
    const suffix = stack === "prod" ? "" : "-dev";
    expect(fixedNames(graph(stack)).filter((name) => !name.startsWith("Parameter "))).toEqual([
      `Api ddn-presign-api${suffix}`,
      `Dashboard ddn${suffix}`,
      `Function ddn-presign-lambda${suffix}`,
      `LogGroup /aws/lambda/ddn-presign-lambda${suffix}`,
      `LogGroup /ecs/ddn-triton-task${suffix}`,
      `Repository deepdenoising-api${suffix}`,
      `Repository deepdenoising-triton${suffix}`,
      "Stage $default",
      `TaskDefinition ddn-triton-task${suffix}`,
    ]);
  });
});

/** The inputs by which AWS resources are named. */
const nameInputs = ["name", "namePrefix", "family", "dashboardName", "bucket", "bucketPrefix", "alias"];

/** Physical names that the program fixes, by kind; a companion's `bucket` is no name of its own. */
const fixedNames = ({ resources }: RecordedGraph): string[] =>
  resources
    .filter(({ custom, type }) => custom && !/^aws:s3\/bucket.+:/.test(type))
    .flatMap(({ type, props }) =>
      nameInputs
        .filter((input) => props[input] !== undefined)
        .map((input) => `${type.split(":").at(-1)} ${props[input]}`),
    )
    .sort();

describe("dev and prod", () => {
  it("can share an account: no name is fixed in both, but the stage of each one's own API", () => {
    const prod = new Set(fixedNames(graph("prod")));
    expect(fixedNames(graph("dev")).filter((name) => prod.has(name))).toEqual(["Stage $default"]);
  });
});

/** What each role may do where the stack has no own key, and what the key adds: `action resource`. */
const roles: Readonly<Record<string, { readonly may: readonly string[]; readonly withKey?: readonly string[] }>> = {
  "ddn-presign": {
    may: [
      "s3:PutObject Bucket ddn-in-bucket/*",
      "s3:GetObject Bucket ddn-in-bucket/*",
      "s3:ListBucket Bucket ddn-in-bucket",
      "s3:GetObject Bucket ddn-out-bucket/*",
      "s3:GetObjectVersion Bucket ddn-out-bucket/*",
      "s3:ListBucket Bucket ddn-out-bucket",
      "logs:CreateLogStream LogGroup ddn-presign:*",
      "logs:PutLogEvents LogGroup ddn-presign:*",
    ],
    withKey: ["kms:GenerateDataKey Key ddn", "kms:Decrypt Key ddn"],
  },
  "ddn-jobs": {
    may: [
      "s3:GetObject Bucket ddn-in-bucket/*",
      "s3:ListBucket Bucket ddn-in-bucket",
      "s3:GetObject Bucket ddn-out-bucket/.ddn/jobs/*",
      "s3:PutObject Bucket ddn-out-bucket/.ddn/jobs/*",
      "s3:GetObject Bucket ddn-out-bucket/.ddn/service/*",
      "s3:ListBucket Bucket ddn-out-bucket",
      "sqs:SendMessage Queue ddn-jobs",
      "logs:CreateLogStream LogGroup ddn-jobs:*",
      "logs:PutLogEvents LogGroup ddn-jobs:*",
    ],
    withKey: ["kms:GenerateDataKey Key ddn", "kms:Decrypt Key ddn"],
  },
  "ddn-ping": {
    may: [
      "s3:GetObject Bucket ddn-out-bucket/.ddn/service/*",
      "s3:ListBucket Bucket ddn-out-bucket",
      "sqs:GetQueueAttributes Queue ddn-jobs",
      "logs:CreateLogStream LogGroup ddn-ping:*",
      "logs:PutLogEvents LogGroup ddn-ping:*",
    ],
    withKey: ["kms:Decrypt Key ddn"],
  },
  "ddn-document": {
    may: ["logs:CreateLogStream LogGroup ddn-document:*", "logs:PutLogEvents LogGroup ddn-document:*"],
  },
  "ddn-task": {
    may: [
      "s3:GetObject Bucket ddn-in-bucket/*",
      "s3:ListBucket Bucket ddn-in-bucket",
      "s3:GetObject Bucket ddn-out-bucket/*",
      "s3:PutObject Bucket ddn-out-bucket/*",
      "s3:ListBucket Bucket ddn-out-bucket",
      "sqs:ReceiveMessage Queue ddn-jobs",
      "sqs:DeleteMessage Queue ddn-jobs",
      "sqs:ChangeMessageVisibility Queue ddn-jobs",
      "sqs:SendMessage Queue ddn-jobs",
      "sqs:GetQueueAttributes Queue ddn-jobs",
      "sqs:SendMessage Queue ddn-jobs-dead-letter",
      "sns:Publish Topic ddn-jobs-ended",
      "ecs:UpdateTaskProtection tasks of Cluster ddn/*",
    ],
    withKey: ["kms:GenerateDataKey Key ddn", "kms:Decrypt Key ddn"],
  },
  "ddn-execution": {
    may: [
      "ecr:GetAuthorizationToken *",
      ...["deepdenoising-api", "deepdenoising-triton"].flatMap((repository) => [
        `ecr:BatchCheckLayerAvailability Repository ${repository}`,
        `ecr:GetDownloadUrlForLayer Repository ${repository}`,
        `ecr:BatchGetImage Repository ${repository}`,
      ]),
      "logs:CreateLogStream LogGroup ddn-task:*",
      "logs:PutLogEvents LogGroup ddn-task:*",
    ],
  },
  "ddn-instance": {
    may: ["attached service-role/AmazonEC2ContainerServiceforEC2Role", "attached AmazonSSMManagedInstanceCore"],
  },
};

const trusted: Readonly<Record<string, string>> = {
  "ddn-presign": "lambda.amazonaws.com",
  "ddn-jobs": "lambda.amazonaws.com",
  "ddn-ping": "lambda.amazonaws.com",
  "ddn-document": "lambda.amazonaws.com",
  "ddn-task": "ecs-tasks.amazonaws.com",
  "ddn-execution": "ecs-tasks.amazonaws.com",
  "ddn-instance": "ec2.amazonaws.com",
};

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Principal?: unknown;
  readonly Condition?: unknown;
}

const statements = (document: unknown): readonly Statement[] =>
  (typeof document === "string" ? JSON.parse(document) : document).Statement;

/** ARNs of a graph's resources in words: `arn:aws:s3:::ddn-in-bucket-d9bf365/*` → `Bucket ddn-in-bucket/*`. */
const inWords = ({ resources }: RecordedGraph): ((arn: string) => string) => {
  const arns = resources
    .filter(({ custom }) => custom)
    .map((resource) => [String(created(resource.type, resource.name, resource.props).state.arn), label(resource)]);
  return (arn) => {
    const [prefix, own] = arn.includes(":task/") ? ["tasks of ", arn.replace(":task/", ":cluster/")] : ["", arn];
    const known = arns.find(([each]) => own === each || own.startsWith(`${each}/`) || own.startsWith(`${each}:`));
    return known === undefined ? arn : prefix + own.replace(known[0], known[1]);
  };
};

describe.each(stacks)("the roles of %s", (stack) => {
  /** By the role's name: what its policies allow, and which managed policies it carries. */
  const found = (): Record<string, string[]> => {
    const words = inWords(graph(stack));
    const all: Record<string, string[]> = Object.fromEntries(
      Object.keys(ofType(graph(stack), "aws:iam/role:Role")).map((name) => [name, []]),
    );
    const ownerOf = ({ propertyDependencies }: RecordedResource): string => {
      const owner = graph(stack).resources.find(({ urn }) => urn === propertyDependencies.role?.[0]);
      return owner?.name ?? "nobody";
    };
    for (const policy of Object.values(ofType(graph(stack), "aws:iam/rolePolicy:RolePolicy"))) {
      for (const { Effect, Action, Resource, ...conditions } of statements(policy.props.policy)) {
        expect({ Effect, ...conditions }).toEqual({ Effect: "Allow" });
        for (const action of [Action].flat()) {
          for (const resource of [Resource ?? []].flat()) all[ownerOf(policy)]?.push(`${action} ${words(resource)}`);
        }
      }
    }
    for (const attachment of Object.values(ofType(graph(stack), "aws:iam/rolePolicyAttachment:RolePolicyAttachment"))) {
      all[ownerOf(attachment)]?.push(`attached ${String(attachment.props.policyArn).split(":policy/")[1]}`);
    }
    return all;
  };

  it("may do what this table says, and nothing else", () => {
    const expected = Object.entries(roles).map(([name, { may, withKey = [] }]) => [
      name,
      [...may, ...(stack === "prod" ? withKey : [])].sort(),
    ]);
    const sorted = Object.entries(found()).map(([name, allowed]) => [name, allowed.sort()]);
    expect(Object.fromEntries(sorted)).toEqual(Object.fromEntries(expected));
  });

  it("are taken on by one service each, ECS's for tasks of this account alone", () => {
    const trust = Object.entries(inputsOf(graph(stack), "aws:iam/role:Role")).map(([name, { assumeRolePolicy }]) => {
      const [statement, ...more] = statements(assumeRolePolicy);
      expect(more).toEqual([]);
      const tied = (statement.Principal as { Service: string }).Service === "ecs-tasks.amazonaws.com";
      expect(statement.Condition !== undefined).toBe(tied);
      return [name, statement.Principal];
    });
    expect(Object.fromEntries(trust)).toEqual(
      Object.fromEntries(Object.entries(trusted).map(([name, Service]) => [name, { Service }])),
    );
  });

  it("are all there is: no users, groups, access keys or shared policies", () => {
    const identity = graph(stack).resources.map(({ type }) => type);
    expect([...new Set(identity.filter((type) => type.startsWith("aws:iam/")))].sort()).toEqual([
      "aws:iam/instanceProfile:InstanceProfile",
      "aws:iam/role:Role",
      "aws:iam/rolePolicy:RolePolicy",
      "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    ]);
  });
});

describe.each(stacks)("nothing of %s is public:", (stack) => {
  it("no address may come in, only one security group to the next", () => {
    const rules = Object.values(inputsOf(graph(stack), "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"));
    const ends = rules.map(({ fromPort, toPort, ipProtocol, ...rest }) => [ipProtocol, fromPort, toPort, rest]);
    const between = { referencedSecurityGroupId: expect.any(String), securityGroupId: expect.any(String) };
    expect(ends).toEqual([
      ["tcp", 80, 80, between],
      ["tcp", 50101, 50101, between],
    ]);
    for (const props of Object.values(inputsOf(graph(stack), "aws:ec2/securityGroup:SecurityGroup"))) {
      expect(props).not.toHaveProperty("ingress");
    }
    const balancers = Object.values(inputsOf(graph(stack), "aws:lb/loadBalancer:LoadBalancer"));
    expect(balancers.map(({ internal }) => internal)).toEqual([true]);
  });

  it("each bucket blocks it in all four ways, and has neither ACL nor web site", () => {
    const blocks = inputsOf(graph(stack), "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock");
    const buckets = ofType(graph(stack), "aws:s3/bucket:Bucket");
    expect(Object.keys(blocks)).toEqual(Object.keys(buckets));
    for (const { bucket, ...settings } of Object.values(blocks)) {
      expect(settings).toEqual({
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      });
    }
    for (const { props } of Object.values(buckets)) {
      expect(props).toEqual({ forceDestroy: stack === "dev" });
    }
    const kinds = graph(stack).resources.map(({ type }) => type);
    expect(kinds.filter((type) => /bucketAcl|bucketWebsite|accessPoint|functionUrl|accessKey/i.test(type))).toEqual([]);
  });

  it("no resource's own policy lets anybody in, nor a service on behalf of another account", () => {
    const allowed = graph(stack)
      .resources.filter(({ type, props }) => !type.startsWith("aws:iam/") && typeof props.policy === "string")
      .filter(({ type }) => type !== "aws:ecr/lifecyclePolicy:LifecyclePolicy")
      .flatMap((resource) =>
        statements(resource.props.policy).map((statement) => [label(resource), statement] as const),
      )
      .filter(([, { Effect }]) => Effect === "Allow");
    const root = { AWS: "arn:aws:iam::123456789012:root" };
    for (const [owner, { Principal, Condition }] of allowed) {
      if (JSON.stringify(Principal) === JSON.stringify(root)) continue;
      expect(Principal, owner).toEqual({ Service: expect.stringMatching(/^[a-z0-9.-]+\.amazonaws\.com$/) });
      expect(JSON.stringify(Condition), owner).toMatch(/123456789012/);
    }
    expect([...new Set(allowed.map(([owner]) => owner))].sort()).toEqual(
      stack === "dev"
        ? ["TopicPolicy ddn-alarms"]
        : ["BucketPolicy ddn-log-bucket", "Key ddn", "TopicPolicy ddn-alarms"],
    );
  });

  it("the API asks who calls, wherever the stack does not say that everybody may", () => {
    const open = Object.values(inputsOf(graph(stack), "aws:apigatewayv2/route:Route"))
      .filter(({ authorizationType }) => authorizationType === "NONE")
      .map(({ routeKey }) => routeKey);
    const always = ["$default", "GET /openapi.json", "GET /ping"];
    const anonymous = ["DELETE /jobs/{id}", "GET /jobs/{id}", "GET /presign", "POST /inference", "POST /jobs"];
    expect(open.sort()).toEqual([...always, ...(stack === "dev" ? anonymous : [])].sort());
  });
});

describe("destroying", () => {
  /** Everything that is destroyed after a resource: what it waits for, its parents, and what those wait for. */
  const destroyedAfter = ({ resources }: RecordedGraph, first: RecordedResource): Set<RecordedResource> => {
    const byUrn = new Map(resources.map((resource) => [resource.urn, resource]));
    const seen = new Set<RecordedResource>();
    const follow = ({ dependencies, parent }: RecordedResource): void => {
      for (const urn of [...dependencies, ...(parent === undefined ? [] : [parent])]) {
        const next = byUrn.get(urn);
        if (next === undefined || seen.has(next)) continue;
        seen.add(next);
        follow(next);
      }
    };
    follow(first);
    return seen;
  };

  const named = (stack: StackName, name: string): RecordedResource => {
    const found = graph(stack).resources.filter((resource) => label(resource) === name);
    expect(found.length, name).toBe(1);
    return found[0];
  };

  it.each(stacks)("of %s comes to an end: nothing waits for itself", (stack) => {
    const circular = graph(stack).resources.filter((resource) => destroyedAfter(graph(stack), resource).has(resource));
    expect(labels(circular)).toEqual([]);
  });

  it.each<[first: string, then: readonly string[], stack?: StackName]>([
    ["Target ddn-tasks", ["Service ddn-service"]],
    // Tasks that stop hand their jobs back, and ECS hears of it by the instances.
    [
      "Service ddn-service",
      [
        "Listener ddn-api",
        "ClusterCapacityProviders ddn-instances",
        "Group ddn-instances",
        "RolePolicy ddn-task",
        "RolePolicy ddn-execution",
        "SecurityGroupEgressRule ddn-service-to-aws",
        "VpcEndpoint ddn-s3",
        "Vpc ddn",
        "LogGroup ddn-task",
      ],
    ],
    ["ClusterCapacityProviders ddn-instances", ["CapacityProvider ddn-instances", "Cluster ddn"]],
    ["CapacityProvider ddn-instances", ["Group ddn-instances"]],
    // ECS refuses to delete a cluster that has instances; they learn its name from their launch template.
    [
      "Group ddn-instances",
      [
        "LaunchTemplate ddn-instance",
        "Cluster ddn",
        "InstanceProfile ddn-instance",
        "RolePolicyAttachment ddn-instance-ecs",
        "RolePolicyAttachment ddn-instance-ssm",
        "SecurityGroup ddn-service",
      ],
    ],
    ["Listener ddn-api", ["TargetGroup ddn-api", "LoadBalancer ddn-api"]],
    ["Stage ddn", ["Route ddn-get-presign", "Route ddn-post-inference", "LogGroup ddn-access"]],
    ["Route ddn-post-inference", ["Integration ddn-server"], "prod"],
    ["Integration ddn-server", ["VpcLink ddn-server", "Listener ddn-api"], "prod"],
    ["VpcLink ddn-server", ["SecurityGroup ddn-link"], "prod"],
    ["Function ddn-presign", ["LogGroup ddn-presign", "RolePolicy ddn-presign", "Role ddn-presign"]],
    ["RedriveAllowPolicy ddn-jobs-dead-letter", ["Queue ddn-jobs", "Queue ddn-jobs-dead-letter"]],
    ["Queue ddn-jobs", ["Queue ddn-jobs-dead-letter"]],
    ["BucketPolicy ddn-in-bucket", ["BucketPublicAccessBlock ddn-in-bucket"]],
    ["BucketLifecycleConfiguration ddn-in-bucket", ["BucketVersioning ddn-in-bucket"]],
    ["BucketLogging ddn-in-bucket", ["BucketPolicy ddn-log-bucket"], "prod"],
    ["Bucket ddn-in-bucket", []],
  ])("takes %s away before %j", (first, then, stack = "dev") => {
    const later = labels([...destroyedAfter(graph(stack), named(stack, first))]);
    expect(later).toEqual(expect.arrayContaining([...then]));
    for (const name of then) {
      expect(labels([...destroyedAfter(graph(stack), named(stack, name))]), `${name} before ${first}`).not.toContain(
        first,
      );
    }
  });

  it("of dev leaves nothing behind and is stopped by nothing", () => {
    const { resources } = graph("dev");
    expect(labels(resources.filter(({ protect }) => protect))).toEqual([]);
    // Built images go with their repository.
    expect(labels(resources.filter(({ retainOnDelete }) => retainOnDelete))).toEqual([
      "Image ddn-api",
      "Image ddn-triton",
    ]);
    const forced = resources.filter(({ props }) => props.forceDestroy === true || props.forceDelete === true);
    expect(labels(forced)).toEqual([
      "Bucket ddn-in-bucket",
      "Bucket ddn-out-bucket",
      "Group ddn-instances",
      "Repository deepdenoising-api",
      "Repository deepdenoising-triton",
      "Service ddn-service",
    ]);
    expect(named("dev", "LoadBalancer ddn-api").props.enableDeletionProtection).toBe(false);
  });

  it("of prod stops at all that holds data, and at the load balancer", () => {
    const { resources } = graph("prod");
    expect(labels(resources.filter(({ protect }) => protect))).toEqual([
      "Bucket ddn-in-bucket",
      "Bucket ddn-log-bucket",
      "Bucket ddn-out-bucket",
      "Key ddn",
      "Repository deepdenoising-api",
      "Repository deepdenoising-triton",
    ]);
    expect(labels(resources.filter(({ props }) => props.forceDestroy === true || props.forceDelete === true))).toEqual(
      [],
    );
    expect(named("prod", "LoadBalancer ddn-api").props.enableDeletionProtection).toBe(true);
  });

  it("and replacing make way first for what there can be only one of", () => {
    const single = graph("prod").resources.filter(({ deleteBeforeReplace }) => deleteBeforeReplace);
    expect(labels(single)).toEqual(["Repository deepdenoising-api", "Repository deepdenoising-triton"]);
  });
});

describe.each(stacks)("tags of %s", (stack) => {
  const tags = { Name: "ddn", project: "ddn", stack };

  it("reach instances and their volumes, which the provider's default tags do not", () => {
    const [group] = Object.values(inputsOf(graph(stack), "aws:autoscaling/group:Group"));
    const propagated = Object.entries({ AmazonECSManaged: "true", ...tags }).map(([key, value]) => ({
      key,
      value,
      propagateAtLaunch: true,
    }));
    expect(group?.tags).toEqual(propagated);
    const [template] = Object.values(inputsOf(graph(stack), "aws:ec2/launchTemplate:LaunchTemplate"));
    expect(template?.tagSpecifications).toEqual(["instance", "volume"].map((resourceType) => ({ resourceType, tags })));
  });

  it("reach tasks by their service", () => {
    const [service] = Object.values(inputsOf(graph(stack), "aws:ecs/service:Service"));
    expect(service).toMatchObject({ enableEcsManagedTags: true, propagateTags: "SERVICE" });
  });
});
