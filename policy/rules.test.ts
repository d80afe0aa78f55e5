// Does not prove that AWS enforces what a rule asks for, nor how the engine calls the rules; engine.test.ts does that.
import { readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type RecordedResource, recordGraph } from "../components/testing/graph";
import { type StackName, stackConfig, stacks } from "../components/testing/stackConfig";
import type { Rule } from "./rule";
import { rules } from "./rules";

type Levels = Readonly<Record<string, "mandatory" | "disabled">>;

const levels = (stack: StackName): Levels => JSON.parse(readFileSync(path.join(__dirname, `${stack}.json`), "utf8"));

/** The rules that a stack is held to, as its policy config says. */
const rulesOf = (stack: StackName): readonly Rule[] => {
  const said = levels(stack);
  return rules.filter(
    ({ name, production }) => (said[name] ?? (production ? "disabled" : "mandatory")) === "mandatory",
  );
};

/** Somebody hears of alarms, so that the budget has somebody to warn. */
const heard = { "ddn:alarmEmails": ["ops@example.com"] };

const recorded: Partial<Record<StackName, readonly RecordedResource[]>> = {};
const graph = (stack: StackName): readonly RecordedResource[] => recorded[stack] as readonly RecordedResource[];

beforeAll(async () => {
  for (const stack of stacks) {
    stackConfig(stack, heard);
    recorded[stack] = (await recordGraph("./index.ts", { stack })).resources;
  }
}, 120_000);

describe("a policy config", () => {
  it.each(stacks)("of %s names rules that there are", (stack) => {
    const names = rules.map(({ name }) => name);
    for (const name of Object.keys(levels(stack))) expect(names).toContain(name);
  });

  it("of prod turns every production rule on, and none off", () => {
    const production = rules.filter((rule) => rule.production).map(({ name }) => [name, "mandatory"]);
    expect(levels("prod")).toEqual(Object.fromEntries(production));
  });

  it("of dev lets callers in who cannot sign, and nothing else", () => {
    expect(levels("dev")).toEqual({ "route-authorised": "disabled" });
  });
});

describe.each(stacks)("stack %s", (stack) => {
  it("keeps every rule that it is held to", () => {
    expect(rulesOf(stack).flatMap(({ check }) => check(graph(stack)))).toEqual([]);
  });
});

describe("names", () => {
  it("of rules are unique", () => {
    const names = rules.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});

// biome-ignore lint/suspicious/noExplicitAny: a mutation reaches into inputs of any shape
type Inputs = any;

/** A graph in which one resource is another. */
type Mutation = (resources: readonly RecordedResource[]) => readonly RecordedResource[];

const find = (resources: readonly RecordedResource[], type: string, name?: string): RecordedResource => {
  const found = resources.find((each) => each.type === type && (name === undefined || each.name === name));
  if (found === undefined) throw new Error(`Expected ${type} ${name ?? ""} among the resources.`);
  return found;
};

/** Of one resource of a type; of the first where no name is given. */
const one =
  (type: string, name: string | undefined, change: (props: Inputs) => void): Mutation =>
  (resources) => {
    const found = find(resources, type, name);
    const props = JSON.parse(JSON.stringify(found.props));
    change(props);
    return resources.map((each) => (each === found ? { ...found, props } : each));
  };

const without =
  (type: string, name?: string): Mutation =>
  (resources) => {
    const found = find(resources, type, name);
    return resources.filter((each) => each !== found);
  };

/** One more, that nothing refers to. */
const and =
  (type: string, name: string, props: Inputs): Mutation =>
  (resources) => [
    ...resources,
    { ...(resources[0] as RecordedResource), type, name, urn: name, props, propertyDependencies: {} },
  ];

/** Changes the JSON that an input carries. */
const json = (type: string, name: string | undefined, input: string, change: (document: Inputs) => void): Mutation =>
  one(type, name, (props) => {
    const document = typeof props[input] === "string" ? JSON.parse(props[input]) : props[input];
    change(document);
    props[input] = JSON.stringify(document);
  });

const container = (name: "api" | "triton", change: (definition: Inputs) => void): Mutation =>
  json("aws:ecs/taskDefinition:TaskDefinition", undefined, "containerDefinitions", (definitions) =>
    change(definitions.find((each: Inputs) => each.name === name)),
  );

const task = (change: (props: Inputs) => void) => one("aws:ecs/taskDefinition:TaskDefinition", undefined, change);
const launchTemplate = (change: (props: Inputs) => void) =>
  one("aws:ec2/launchTemplate:LaunchTemplate", undefined, change);
const ingress = (change: (props: Inputs) => void) =>
  one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "ddn-load-balancer-to-service", change);
const stage = (change: (props: Inputs) => void) => one("aws:apigatewayv2/stage:Stage", undefined, change);
const statement = (role: string, change: (first: Inputs) => void) =>
  json("aws:iam/rolePolicy:RolePolicy", role, "policy", ({ Statement: [first] }) => change(first));

/** What each rule says of a program that breaks it, after the name; of prod where no stack is given. */
const mutations: readonly (readonly [rule: string, mutation: Mutation, says: readonly string[], stack?: StackName])[] =
  [
    [
      "bucket-blocks-public-access",
      one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "ddn-in-bucket", (props) => {
        props.restrictPublicBuckets = false;
      }),
      ["lacks a public access block with all four settings"],
    ],
    [
      "bucket-owner-enforced",
      without("aws:s3/bucketOwnershipControls:BucketOwnershipControls", "ddn-out-bucket"),
      ["lacks the ownership BucketOwnerEnforced"],
    ],
    [
      "bucket-encrypted",
      without(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "ddn-log-bucket",
      ),
      ["lacks an encryption of its own"],
    ],
    [
      "bucket-uses-own-key",
      one(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "ddn-in-bucket",
        (props) => {
          props.rules[0].applyServerSideEncryptionByDefault = { sseAlgorithm: "AES256" };
        },
      ),
      ["lacks encryption by the stack's own key with a bucket key"],
    ],
    [
      "bucket-versioned",
      one("aws:s3/bucketVersioning:BucketVersioning", "ddn-out-bucket", (props) => {
        props.versioningConfiguration.status = "Suspended";
      }),
      ["lacks versioning"],
    ],
    [
      "bucket-expires",
      one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "ddn-in-bucket", (props) => {
        for (const rule of props.rules) delete rule.abortIncompleteMultipartUpload;
      }),
      ["lacks a lifecycle with an expiry and an end of unfinished uploads"],
    ],
    [
      "bucket-refuses-plain-http",
      json("aws:s3/bucketPolicy:BucketPolicy", "ddn-in-bucket", "policy", ({ Statement }) => {
        Statement.find((each: Inputs) => each.Condition?.Bool).Resource.pop();
      }),
      ["lacks a denial of requests without TLS"],
    ],
    [
      "bucket-refuses-old-signatures",
      json("aws:s3/bucketPolicy:BucketPolicy", "ddn-out-bucket", "policy", ({ Statement }) => {
        Statement.find((each: Inputs) => each.Condition?.NumericGreaterThan).Condition.NumericGreaterThan = {
          "s3:signatureAge": "3600001",
        };
      }),
      ["lacks a denial of signatures older than 3600000 ms"],
    ],
    [
      "bucket-upload-origins-named",
      one("aws:s3/bucketCorsConfiguration:BucketCorsConfiguration", "ddn-in-bucket", (props) => {
        props.corsRules[0].allowedOrigins = ["https://*.example.com"];
      }),
      ["lets any origin write"],
      "dev",
    ],
    [
      "bucket-kept",
      one("aws:s3/bucket:Bucket", "ddn-out-bucket", (props) => {
        props.forceDestroy = true;
      }),
      ["would be destroyed with what is in it"],
    ],
    ["bucket-access-logged", without("aws:s3/bucketLogging:BucketLogging", "ddn-in-bucket"), ["lacks access logs"]],
    [
      "repository-immutable",
      one("aws:ecr/repository:Repository", undefined, (props) => {
        props.imageTagMutability = "MUTABLE";
      }),
      ["lets a tag be moved"],
    ],
    [
      "repository-scanned",
      one("aws:ecr/repository:Repository", undefined, (props) => {
        props.imageScanningConfiguration.scanOnPush = false;
      }),
      ["does not scan what is pushed"],
    ],
    ["repository-expires", without("aws:ecr/lifecyclePolicy:LifecyclePolicy"), ["lacks a lifecycle policy"]],
    [
      "repository-uses-own-key",
      one("aws:ecr/repository:Repository", undefined, (props) => {
        props.encryptionConfigurations = [{ encryptionType: "KMS" }];
      }),
      ["is not encrypted with the stack's own key"],
    ],
    [
      "container-unprivileged",
      container("triton", (definition) => {
        definition.privileged = true;
      }),
      ["container triton is privileged"],
    ],
    [
      "container-user",
      container("api", (definition) => {
        definition.user = "0:0";
      }),
      ["container api runs as root"],
    ],
    [
      "container-root-read-only",
      container("triton", (definition) => {
        delete definition.readonlyRootFilesystem;
      }),
      ["container triton can write to its root file system"],
    ],
    [
      "container-drops-capabilities",
      container("api", (definition) => {
        definition.linuxParameters.capabilities.add = ["SYS_ADMIN"];
      }),
      ["container api keeps capabilities"],
    ],
    [
      "container-logs-never-block",
      container("api", (definition) => {
        definition.logConfiguration.options.mode = "blocking";
      }),
      ["container api has no awslogs in non-blocking mode with a buffer"],
    ],
    [
      "container-stops-in-time",
      container("triton", (definition) => {
        definition.stopTimeout = 120;
      }),
      ["container triton does not stop within 30 to 110 s"],
    ],
    [
      "container-image-by-digest",
      container("api", (definition) => {
        definition.image = "ddn-api:latest";
      }),
      ["container api names no image by digest"],
    ],
    [
      "container-environment-open",
      container("api", (definition) => {
        definition.environment.push({ name: "DDN_API_TOKEN", value: "x" });
      }),
      ["container api takes DDN_API_TOKEN from its environment"],
    ],
    [
      "container-inner-ports-closed",
      container("triton", (definition) => {
        definition.portMappings = [{ containerPort: 50201, hostPort: 0 }];
      }),
      ["container triton publishes port 50201"],
    ],
    [
      "task-apart-from-host",
      task((props) => {
        props.networkMode = "host";
      }),
      ["shares its host's network or does not say that it does not"],
    ],
    [
      "task-roles-differ",
      task((props) => {
        props.taskRoleArn = props.executionRoleArn;
      }),
      ["has no two roles of its own"],
    ],
    [
      "service-rolls-back",
      one("aws:ecs/service:Service", undefined, (props) => {
        props.deploymentCircuitBreaker.rollback = false;
      }),
      ["does not roll back"],
    ],
    [
      "service-without-public-address",
      one("aws:ecs/service:Service", undefined, (props) => {
        props.networkConfiguration = { subnets: [], assignPublicIp: true };
      }),
      ["gives its tasks public addresses"],
    ],
    [
      "instance-metadata-guarded",
      launchTemplate((props) => {
        props.metadataOptions = { httpTokens: "optional", httpPutResponseHopLimit: 2 };
      }),
      ["answers metadata requests without a session", "answers metadata requests from within containers"],
    ],
    [
      "volume-encrypted",
      launchTemplate((props) => {
        delete props.blockDeviceMappings[0].ebs.encrypted;
      }),
      ["has a volume that is not encrypted"],
    ],
    [
      "instance-without-key-pair",
      launchTemplate((props) => {
        props.keyName = "ops";
      }),
      ["has a key pair"],
    ],
    [
      "instance-volumes-tagged",
      launchTemplate((props) => {
        props.tagSpecifications = props.tagSpecifications.filter((each: Inputs) => each.resourceType !== "volume");
      }),
      ["leaves each volume without tags"],
    ],
    [
      "group-spans-zones",
      one("aws:autoscaling/group:Group", undefined, (props) => {
        props.vpcZoneIdentifiers = props.vpcZoneIdentifiers.slice(0, 1);
      }),
      ["has fewer than two subnets"],
    ],
    [
      "ingress-from-within",
      ingress((props) => {
        props.cidrIpv4 = "0.0.0.0/0";
      }),
      ["lets the whole world in"],
    ],
    [
      "ingress-spares-inner-ports",
      ingress((props) => {
        props.toPort = 50201;
      }),
      ["opens port 50201"],
    ],
    [
      "ingress-spares-inner-ports",
      and("aws:ec2/securityGroup:SecurityGroup", "shell", {
        ingress: [{ protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: ["10.0.0.0/8"] }],
      }),
      ["opens port 22"],
    ],
    [
      "load-balancer-internal",
      one("aws:lb/loadBalancer:LoadBalancer", undefined, (props) => {
        delete props.internal;
      }),
      ["faces the internet"],
    ],
    [
      "load-balancer-drops-invalid-headers",
      one("aws:lb/loadBalancer:LoadBalancer", undefined, (props) => {
        delete props.dropInvalidHeaderFields;
      }),
      ["passes malformed headers on"],
    ],
    [
      "load-balancer-kept",
      one("aws:lb/loadBalancer:LoadBalancer", undefined, (props) => {
        props.enableDeletionProtection = false;
      }),
      ["can be deleted by accident"],
    ],
    [
      "target-health-checked",
      one("aws:lb/targetGroup:TargetGroup", undefined, (props) => {
        props.healthCheck.path = "/livez";
      }),
      ["does not ask /healthz for 200"],
    ],
    [
      "target-drains",
      one("aws:lb/targetGroup:TargetGroup", undefined, (props) => {
        props.deregistrationDelay = 5;
      }),
      ["drains for less than the 30 s a request may take"],
    ],
    [
      "default-group-closed",
      without("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"),
      ["leaves its default security group open"],
      "dev",
    ],
    [
      "route-authorised",
      one("aws:apigatewayv2/route:Route", "ddn-get-presign", (props) => {
        props.authorizationType = "NONE";
      }),
      ["serves GET /presign to anybody"],
    ],
    [
      "stage-throttled",
      stage((props) => {
        const settings = props.routeSettings.find((each: Inputs) => each.routeKey === "POST /jobs");
        delete settings.throttlingRateLimit;
      }),
      ["does not throttle POST /jobs"],
    ],
    [
      "stage-logs-discreetly",
      stage((props) => {
        props.accessLogSettings.format = JSON.stringify({ query: "$request.querystring" });
      }),
      ["logs $request.querystring"],
    ],
    [
      "function-runtime-supported",
      one("aws:lambda/function:Function", "ddn-ping", (props) => {
        props.runtime = "nodejs20.x";
      }),
      ["runs on nodejs20.x"],
    ],
    [
      "function-environment-open",
      one("aws:lambda/function:Function", "ddn-presign", (props) => {
        props.environment.variables.SIGNING_KEY = "x";
      }),
      ["takes SIGNING_KEY from its environment"],
    ],
    [
      "function-caller-named",
      one("aws:lambda/permission:Permission", "ddn-get-presign", (props) => {
        props.principal = "*";
        delete props.sourceArn;
      }),
      ["lets * in from everywhere"],
    ],
    [
      "function-without-open-url",
      and("aws:lambda/functionUrl:FunctionUrl", "open", { authorizationType: "NONE" }),
      ["answers anybody"],
    ],
    [
      "role-actions-listed",
      statement("ddn-presign", (first) => {
        first.Action = "s3:DeleteObject";
      }),
      ["allows s3:DeleteObject"],
    ],
    [
      "role-actions-listed",
      statement("ddn-presign", (first) => {
        first.NotAction = first.Action;
        delete first.Action;
      }),
      ["allows all but something"],
    ],
    [
      "role-resources-named",
      statement("ddn-task", (first) => {
        first.Resource = ["*"];
      }),
      ["allows s3:GetObject on everything"],
    ],
    [
      "role-managed-policies-listed",
      one("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "ddn-instance-ssm", (props) => {
        props.policyArn = "arn:aws:iam::aws:policy/AdministratorAccess";
      }),
      ["attaches arn:aws:iam::aws:policy/AdministratorAccess"],
    ],
    [
      "resource-policy-names-callers",
      json("aws:sqs/queuePolicy:QueuePolicy", "ddn-jobs", "policy", ({ Statement }) => {
        Statement.push({ Effect: "Allow", Principal: "*", Action: "sqs:SendMessage", Resource: "*" });
      }),
      ["lets anybody in"],
    ],
    [
      "resource-policy-names-callers",
      json("aws:kms/key:Key", undefined, "policy", ({ Statement }) => {
        for (const each of Statement) if (each.Sid === "AlarmsToTopic") delete each.Condition;
      }),
      ["lets cloudwatch.amazonaws.com in on anybody's behalf"],
    ],
    [
      "role-trust-is-narrow",
      json("aws:iam/role:Role", "ddn-presign", "assumeRolePolicy", ({ Statement: [first] }) => {
        first.Principal = { AWS: "*" };
      }),
      ["is taken on by anybody"],
    ],
    [
      "key-rotates",
      one("aws:kms/key:Key", undefined, (props) => {
        props.enableKeyRotation = false;
      }),
      ["does not rotate"],
    ],
    [
      "queue-encrypted",
      one("aws:sqs/queue:Queue", "ddn-jobs", (props) => {
        delete props.kmsMasterKeyId;
      }),
      ["is not encrypted"],
    ],
    [
      "queue-has-dead-letters",
      and("aws:sqs/queue:Queue", "other", { sqsManagedSseEnabled: true }),
      ["has no dead-letter queue"],
    ],
    [
      "topic-uses-own-key",
      one("aws:sns/topic:Topic", "ddn-jobs-ended", (props) => {
        props.kmsMasterKeyId = "alias/aws/sns";
      }),
      ["is not encrypted with the stack's own key"],
    ],
    [
      "log-expires",
      one("aws:cloudwatch/logGroup:LogGroup", undefined, (props) => {
        delete props.retentionInDays;
      }),
      ["keeps everything for ever"],
    ],
    [
      "log-kept-a-year",
      one("aws:cloudwatch/logGroup:LogGroup", undefined, (props) => {
        props.retentionInDays = 30;
        delete props.kmsKeyId;
      }),
      ["keeps what it has for 30 days", "is not encrypted with the stack's own key"],
    ],
    [
      "alarm-acts",
      one("aws:cloudwatch/metricAlarm:MetricAlarm", undefined, (props) => {
        props.alarmActions = [];
      }),
      ["does nothing"],
    ],
    [
      "budget-warns",
      one("aws:budgets/budget:Budget", undefined, (props) => {
        props.notifications = props.notifications.filter((each: Inputs) => each.notificationType !== "FORECASTED");
      }),
      ["tells nobody of FORECASTED 100 %"],
    ],
    [
      "name-fits",
      one("aws:lb/loadBalancer:LoadBalancer", undefined, (props) => {
        props.name = "deep-denoising-platform-load-balancer";
      }),
      ["would be named deep-denoising-platform-load-balancer, which AWS does not take"],
    ],
  ];

describe("a rule that is broken says so", () => {
  it.each(mutations.map((each) => [each[0], each] as const))("%s", (name, [, mutate, says, stack = "prod"]) => {
    const rule = rules.find((each) => each.name === name) as Rule;
    const before = rule.check(graph(stack)).map(({ message }) => message);
    const after = rule.check(mutate(graph(stack))).map(({ message }) => message);
    const said = after.filter((message) => !before.includes(message));
    expect(said.map((message) => message.replace(/^\S+ /, ""))).toEqual(says);
  });

  it("and every rule was seen to be broken", () => {
    expect(new Set(mutations.map(([name]) => name))).toEqual(new Set(rules.map(({ name }) => name)));
  });
});
