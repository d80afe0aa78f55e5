import type * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";

/** A resource as a rule sees it: recorded under mocks, or handed over by the engine. */
export interface Resource {
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  readonly props: Readonly<Record<string, unknown>>;
  /** URNs of the resources that an input is computed from. */
  readonly propertyDependencies: Readonly<Record<string, readonly string[]>>;
}

export interface Violation {
  readonly urn: string;
  readonly message: string;
}

export interface Rule {
  /** Kebab case; what a policy config names. */
  readonly name: string;
  readonly description: string;
  /** Off unless the stack's policy config turns it on: it costs money or gets in the way of a stack made to be thrown away. */
  readonly production: boolean;
  /** Whether one resource suffices to judge; such a rule stops a resource before it is made. */
  readonly scope: "resource" | "stack";
  readonly check: (resources: readonly Resource[]) => readonly Violation[];
}

/** The types that rules read, with their inputs. */
interface Inputs {
  "aws:apigatewayv2/route:Route": aws.apigatewayv2.RouteArgs;
  "aws:apigatewayv2/stage:Stage": aws.apigatewayv2.StageArgs;
  "aws:autoscaling/group:Group": aws.autoscaling.GroupArgs;
  "aws:budgets/budget:Budget": aws.budgets.BudgetArgs;
  "aws:cloudwatch/logGroup:LogGroup": aws.cloudwatch.LogGroupArgs;
  "aws:cloudwatch/metricAlarm:MetricAlarm": aws.cloudwatch.MetricAlarmArgs;
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": aws.ec2.DefaultSecurityGroupArgs;
  "aws:ec2/launchTemplate:LaunchTemplate": aws.ec2.LaunchTemplateArgs;
  "aws:ec2/securityGroup:SecurityGroup": aws.ec2.SecurityGroupArgs;
  "aws:ecr/lifecyclePolicy:LifecyclePolicy": aws.ecr.LifecyclePolicyArgs;
  "aws:ecr/repository:Repository": aws.ecr.RepositoryArgs;
  "aws:ecs/service:Service": aws.ecs.ServiceArgs;
  "aws:ecs/taskDefinition:TaskDefinition": aws.ecs.TaskDefinitionArgs;
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment": aws.iam.RolePolicyAttachmentArgs;
  "aws:kms/key:Key": aws.kms.KeyArgs;
  "aws:lambda/function:Function": aws.lambda.FunctionArgs;
  "aws:lambda/functionUrl:FunctionUrl": aws.lambda.FunctionUrlArgs;
  "aws:lambda/permission:Permission": aws.lambda.PermissionArgs;
  "aws:lb/loadBalancer:LoadBalancer": aws.lb.LoadBalancerArgs;
  "aws:lb/targetGroup:TargetGroup": aws.lb.TargetGroupArgs;
  "aws:s3/bucket:Bucket": aws.s3.BucketArgs;
  "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration": aws.s3.BucketCorsConfigurationArgs;
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": aws.s3.BucketLifecycleConfigurationArgs;
  "aws:s3/bucketLogging:BucketLogging": aws.s3.BucketLoggingArgs;
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls": aws.s3.BucketOwnershipControlsArgs;
  "aws:s3/bucketPolicy:BucketPolicy": aws.s3.BucketPolicyArgs;
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": aws.s3.BucketPublicAccessBlockArgs;
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": aws.s3.BucketServerSideEncryptionConfigurationArgs;
  "aws:s3/bucketVersioning:BucketVersioning": aws.s3.BucketVersioningArgs;
  "aws:sns/topic:Topic": aws.sns.TopicArgs;
  "aws:sqs/queue:Queue": aws.sqs.QueueArgs;
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": aws.vpc.SecurityGroupIngressRuleArgs;
}

export type Type = keyof Inputs;
export type Props<T extends Type> = Partial<pulumi.Unwrap<Inputs[T]>>;

const isOf =
  (type: Type) =>
  (resource: Resource): boolean =>
    resource.type === type;

const propsOf = <T extends Type>(_type: T, resource: Resource): Props<T> => resource.props as unknown as Props<T>;

interface RuleText {
  readonly name: string;
  readonly description: string;
  readonly production?: true;
}

/** A rule that looks at one resource at a time. `faults` says what is wrong, each in words that follow the resource's name. */
export const resourceRule = <T extends Type>(
  type: T,
  text: RuleText,
  faults: (props: Props<T>, resource: Resource) => readonly (string | false)[],
): Rule => ({
  production: false,
  ...text,
  scope: "resource",
  check: (resources) =>
    resources.filter(isOf(type)).flatMap((resource) => told(resource, faults(propsOf(type, resource), resource))),
});

/** A rule that needs to see more than one resource. */
export const stackRule = (text: RuleText, check: (resources: readonly Resource[]) => readonly Violation[]): Rule => ({
  production: false,
  ...text,
  scope: "stack",
  check,
});

/** A rule that every bucket (or repository…) has something beside it that `isRight`. */
export const companionRule = <T extends Type>(
  of: Type,
  type: T,
  /** The companion's input that names its owner. */
  input: string,
  text: RuleText & { readonly lacks: string; readonly except?: (owner: Resource, all: readonly Resource[]) => boolean },
  isRight: (props: Props<T>, owner: Resource, companion: Resource) => boolean,
): Rule => {
  const { lacks, except, ...rest } = text;
  return stackRule(rest, (resources) =>
    resources
      .filter(isOf(of))
      .filter((owner) => except?.(owner, resources) !== true)
      .filter(
        (owner) =>
          !resources
            .filter(isOf(type))
            .filter((companion) => companion.propertyDependencies[input]?.includes(owner.urn) === true)
            .some((companion) => isRight(propsOf(type, companion), owner, companion)),
      )
      .flatMap((owner) => told(owner, [`lacks ${lacks}`])),
  );
};

export const told = (resource: Resource, faults: readonly (string | false)[]): Violation[] =>
  faults
    .filter((fault) => fault !== false)
    .map((fault) => ({ urn: resource.urn, message: `${resource.name} ${fault}` }));
