import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { FunctionName } from "../contract/routes";
import { callbacks } from "../functions/callbacks";
import { policyStatements, type RoleResources } from "./rolePolicies";

/** What the functions work on. */
export interface FunctionResources {
  readonly inBucketName: pulumi.Input<string>;
  readonly inBucketArn: pulumi.Input<string>;
  readonly outBucketName: pulumi.Input<string>;
  readonly outBucketArn: pulumi.Input<string>;
  readonly queueUrl: pulumi.Input<string>;
  readonly queueArn: pulumi.Input<string>;
  readonly deadLetterQueueArn: pulumi.Input<string>;
  readonly jobTopicArn: pulumi.Input<string>;
  readonly keyArn?: pulumi.Input<string>;
}

/** What the functions are told beyond where things are. */
export interface FunctionSettings {
  /** The stack in metrics. */
  readonly stackName: string;
  /** The largest image file, bytes. */
  readonly maxBytes: number;
  /** Whether every upload must state its size. */
  readonly requireSize: boolean;
  /** Seconds until a sleeping stack has woken; absent on one that never sleeps. */
  readonly wakeSeconds?: number;
}

export interface ApiFunctionArgs {
  readonly name: FunctionName;
  /** Pulumi names the function where there is none. */
  readonly physicalName: string | undefined;
  readonly resources: FunctionResources;
  readonly settings: FunctionSettings;
  readonly logRetentionDays: number;
  readonly reservedConcurrency: number | undefined;
}

/** Every package that the functions together need; each ships its own ones alone. */
const shippable = ["@aws-sdk/client-s3", "@aws-sdk/client-sqs", "@aws-sdk/s3-request-presigner"];

interface Shape {
  readonly packages: readonly string[];
  /** Memory buys processor time: with less the SDK alone takes seconds to start. */
  readonly memoryMiB: number;
  readonly timeoutSeconds: number;
}

const shapes: Readonly<Record<FunctionName, Shape>> = {
  presign: {
    packages: ["@aws-sdk/client-s3", "@aws-sdk/s3-request-presigner"],
    memoryMiB: 512,
    timeoutSeconds: 10,
  },
  // POST /inference waits for the job up to 25 s.
  jobs: { packages: ["@aws-sdk/client-s3", "@aws-sdk/client-sqs"], memoryMiB: 512, timeoutSeconds: 30 },
  ping: { packages: ["@aws-sdk/client-s3", "@aws-sdk/client-sqs"], memoryMiB: 512, timeoutSeconds: 10 },
  document: { packages: [], memoryMiB: 256, timeoutSeconds: 10 },
};

type Variables = Readonly<Record<string, pulumi.Input<string>>>;

/** The environment that functions/settings.ts reads; the code itself captures nothing. */
const functionEnvironment = (
  name: FunctionName,
  resources: FunctionResources,
  settings: FunctionSettings,
): Variables => {
  const { inBucketName, outBucketName, queueUrl } = resources;
  const { stackName, maxBytes, requireSize, wakeSeconds } = settings;
  const environments: Readonly<Record<FunctionName, Variables>> = {
    presign: {
      DDN_IN_BUCKET: inBucketName,
      DDN_OUT_BUCKET: outBucketName,
      DDN_MAX_BYTES: String(maxBytes),
      DDN_REQUIRE_SIZE: String(requireSize),
    },
    jobs: {
      DDN_IN_BUCKET: inBucketName,
      DDN_OUT_BUCKET: outBucketName,
      DDN_QUEUE_URL: queueUrl,
      DDN_MAX_BYTES: String(maxBytes),
      DDN_STACK: stackName,
      ...(wakeSeconds === undefined ? {} : { DDN_WAKE_SECONDS: String(wakeSeconds) }),
    },
    ping: { DDN_OUT_BUCKET: outBucketName, DDN_QUEUE_URL: queueUrl },
    document: {},
  };
  return environments[name];
};

/** What a function's role may do: its row of the contract's table, and its own log. */
const functionPolicy = (name: FunctionName, resources: RoleResources, logGroupArn: string): aws.iam.PolicyDocument => ({
  Version: "2012-10-17",
  Statement: [
    ...(name === "document" ? [] : policyStatements(name, resources)).map(({ Action, Resource, ...statement }) => ({
      ...statement,
      Action: [...Action],
      Resource: [...Resource],
    })),
    { Effect: "Allow", Action: ["logs:CreateLogStream", "logs:PutLogEvents"], Resource: [`${logGroupArn}:*`] },
  ],
});

/** One function of the API: its log group first, a role that may do no more than it needs, and the code. */
export const apiFunction = (
  prefix: string,
  args: ApiFunctionArgs,
  parent: pulumi.Resource,
): aws.lambda.CallbackFunction<unknown, unknown> => {
  const name = `${prefix}-${args.name}`;
  const logGroup = functionLogGroup(name, args, parent);
  const role = new aws.iam.Role(
    name,
    { assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: "lambda.amazonaws.com" }) },
    { parent },
  );
  const policy = functionRolePolicy(name, args, role, logGroup, parent);
  const { packages, memoryMiB, timeoutSeconds } = shapes[args.name];
  const variables = functionEnvironment(args.name, args.resources, args.settings);
  return new aws.lambda.CallbackFunction<unknown, unknown>(
    name,
    {
      ...(args.physicalName === undefined ? {} : { name: args.physicalName }),
      callbackFactory: callbacks[args.name] as () => aws.lambda.Callback<unknown, unknown>,
      // Pulumi writes into this object: it must not be shared. Source: @pulumi/aws lambda/lambdaMixins
      codePathOptions: { extraExcludePackages: shippable.filter((each) => !packages.includes(each)) },
      role,
      runtime: aws.lambda.Runtime.NodeJS24dX,
      architectures: ["arm64"],
      memorySize: memoryMiB,
      timeout: timeoutSeconds,
      loggingConfig: { logFormat: "JSON", logGroup: logGroup.name },
      // AWS keeps no empty environment, and every later deployment would try to add it again.
      ...(Object.keys(variables).length === 0 ? {} : { environment: { variables } }),
      ...(args.reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: args.reservedConcurrency }),
    },
    // The first call finds its rights in place.
    { parent, dependsOn: [policy] },
  );
};

const functionLogGroup = (name: string, args: ApiFunctionArgs, parent: pulumi.Resource): aws.cloudwatch.LogGroup =>
  new aws.cloudwatch.LogGroup(
    name,
    {
      ...(args.physicalName === undefined ? {} : { name: `/aws/lambda/${args.physicalName}` }),
      retentionInDays: args.logRetentionDays,
      ...(args.resources.keyArn === undefined ? {} : { kmsKeyId: args.resources.keyArn }),
    },
    { parent },
  );

const functionRolePolicy = (
  name: string,
  { name: role, resources }: ApiFunctionArgs,
  { id }: aws.iam.Role,
  logGroup: aws.cloudwatch.LogGroup,
  parent: pulumi.Resource,
): aws.iam.RolePolicy => {
  const policy = pulumi
    .all([resources, logGroup.arn])
    .apply(([arns, logGroupArn]) => JSON.stringify(functionPolicy(role, arns, logGroupArn)));
  return new aws.iam.RolePolicy(name, { role: id, policy }, { parent });
};
