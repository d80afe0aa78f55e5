import { createHash } from "node:crypto";

/**
 * What AWS would answer, as far as the program reads it: shared by the mocks and by the provider that stands in for AWS
 * behind the real engine.
 */

export const region = "ap-northeast-2";
export const accountId = "123456789012";

export type Properties = Readonly<Record<string, unknown>>;

/** The type of policy document statements as `aws.iam.getPolicyDocument` takes them. */
interface StatementInput {
  readonly sid?: string;
  readonly effect?: string;
  readonly actions?: readonly string[];
  readonly notActions?: readonly string[];
  readonly resources?: readonly string[];
  readonly notResources?: readonly string[];
  readonly principals?: readonly { readonly type: string; readonly identifiers: readonly string[] }[];
  readonly conditions?: readonly {
    readonly test: string;
    readonly variable: string;
    readonly values: readonly string[];
  }[];
}

const hash = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Deterministic, so that a second run finds what the first one made. */
export const physicalName = (type: string, name: string): string => `${name}-${hash(`${type} ${name}`).slice(0, 7)}`;

/** `aws:ecs/service:Service` → `ecs`. */
const serviceOf = (type: string): string => type.split(":")[1]?.split("/")[0] ?? type;

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

const arn = (service: string, resource: string): string => `arn:aws:${service}:${region}:${accountId}:${resource}`;

type Outputs = (id: string, inputs: Properties) => Properties;

const identified =
  (prefix: string, service = "ec2"): Outputs =>
  (id) => {
    const own = `${prefix}-${hash(id).slice(0, 17)}`;
    return { id: own, arn: arn(service, `${prefix}/${own}`) };
  };

/** What each type computes beyond its inputs; `id` overrides the resource's id. */
const computed: Readonly<Record<string, Outputs>> = {
  "aws:s3/bucket:Bucket": (id) => ({
    bucket: id,
    arn: `arn:aws:s3:::${id}`,
    bucketRegionalDomainName: `${id}.s3.${region}.amazonaws.com`,
  }),
  "aws:ecr/repository:Repository": (id) => ({
    arn: arn("ecr", `repository/${id}`),
    repositoryUrl: `${accountId}.dkr.ecr.${region}.amazonaws.com/${id}`,
    registryId: accountId,
  }),
  "aws:sqs/queue:Queue": (id) => {
    const url = `https://sqs.${region}.amazonaws.com/${accountId}/${id}`;
    return { id: url, url, name: id, arn: arn("sqs", id) };
  },
  "aws:sns/topic:Topic": (id) => ({ id: arn("sns", id), name: id, arn: arn("sns", id) }),
  "aws:kms/key:Key": (id) => {
    const keyId = hash(id).slice(0, 32);
    return { id: keyId, keyId, arn: arn("kms", `key/${keyId}`) };
  },
  "aws:kms/alias:Alias": (id) => ({ arn: arn("kms", id) }),
  "aws:iam/role:Role": (id) => ({ name: id, arn: `arn:aws:iam::${accountId}:role/${id}` }),
  "aws:iam/instanceProfile:InstanceProfile": (id) => ({
    name: id,
    arn: `arn:aws:iam::${accountId}:instance-profile/${id}`,
  }),
  "aws:iam/openIdConnectProvider:OpenIdConnectProvider": (_, { url }) => ({
    arn: `arn:aws:iam::${accountId}:oidc-provider/${String(url).replace("https://", "")}`,
  }),
  "aws:cloudwatch/logGroup:LogGroup": (id) => ({ name: id, arn: arn("logs", `log-group:${id}`) }),
  "aws:cloudwatch/dashboard:Dashboard": (id) => ({
    dashboardArn: `arn:aws:cloudwatch::${accountId}:dashboard/${id}`,
  }),
  "aws:ec2/securityGroup:SecurityGroup": identified("sg"),
  "aws:ec2/vpc:Vpc": identified("vpc"),
  "aws:ec2/subnet:Subnet": identified("subnet"),
  "aws:ec2/routeTable:RouteTable": identified("rtb"),
  "aws:ec2/launchTemplate:LaunchTemplate": (id) => ({
    ...identified("lt")(id, {}),
    name: id,
    latestVersion: 1,
    defaultVersion: 1,
  }),
  "aws:ecs/cluster:Cluster": (id) => ({ name: id, id: arn("ecs", `cluster/${id}`), arn: arn("ecs", `cluster/${id}`) }),
  "aws:ecs/taskDefinition:TaskDefinition": (_, { family }) => ({
    id: family,
    arn: arn("ecs", `task-definition/${family}:1`),
    arnWithoutRevision: arn("ecs", `task-definition/${family}`),
    revision: 1,
  }),
  "aws:ecs/service:Service": (id) => ({ name: id, id: arn("ecs", `service/${id}`), arn: arn("ecs", `service/${id}`) }),
  "aws:lb/loadBalancer:LoadBalancer": (id) => ({
    name: id,
    arn: arn("elasticloadbalancing", `loadbalancer/app/${id}/0123456789abcdef`),
    arnSuffix: `app/${id}/0123456789abcdef`,
    dnsName: `internal-${id}.${region}.elb.amazonaws.com`,
    zoneId: "ZWKZPGTI48KDX",
  }),
  "aws:lb/targetGroup:TargetGroup": (id) => ({
    name: id,
    arn: arn("elasticloadbalancing", `targetgroup/${id}/0123456789abcdef`),
    arnSuffix: `targetgroup/${id}/0123456789abcdef`,
  }),
  "aws:lb/listener:Listener": (id) => {
    const own = arn("elasticloadbalancing", `listener/app/${id}/0123456789abcdef/0123456789abcdef`);
    return { id: own, arn: own };
  },
  "aws:lambda/function:Function": (id) => ({
    name: id,
    arn: arn("lambda", `function:${id}`),
    invokeArn: `arn:aws:apigateway:${region}:lambda:path/2015-03-31/functions/${arn("lambda", `function:${id}`)}/invocations`,
  }),
  "aws:apigatewayv2/api:Api": (id) => {
    const own = hash(id).slice(0, 10);
    return {
      id: own,
      arn: `arn:aws:apigateway:${region}::/apis/${own}`,
      apiEndpoint: `https://${own}.execute-api.${region}.amazonaws.com`,
      executionArn: arn("execute-api", own),
    };
  },
  "aws:apigatewayv2/domainName:DomainName": (_, { domainName }) => ({
    id: domainName,
    domainNameConfiguration: { targetDomainName: `d-0123456789.execute-api.${region}.amazonaws.com` },
  }),
  "aws:ssm/parameter:Parameter": (_, { name }) => ({ id: name, arn: arn("ssm", `parameter${name}`) }),
  "aws:ec2/vpcEndpoint:VpcEndpoint": (id) => ({ ...identified("vpce")(id, {}), prefixListId: "pl-78a54011" }),
  "awsx:ec2:Vpc": (id, { subnetSpecs = [] }) => {
    const own = (prefix: string, type: string): string[] =>
      (subnetSpecs as { type: string }[]).some((spec) => spec.type === type)
        ? ["a", "c"].map((zone) => `${prefix}-${hash(`${id} ${type} ${zone}`).slice(0, 17)}`)
        : [];
    return {
      vpcId: `vpc-${hash(id).slice(0, 17)}`,
      publicSubnetIds: own("subnet", "Public"),
      privateSubnetIds: own("subnet", "Private"),
      isolatedSubnetIds: own("subnet", "Isolated"),
      routeTables: ["Public", "Private", "Isolated"]
        .flatMap((type) => own("rtb", type))
        .map((table) => ({ id: table })),
    };
  },
  "docker-build:index:Image": (id, { tags }) => ({
    digest: `sha256:${hash(id)}`,
    ref: `${Array.isArray(tags) ? String(tags[0]).replace(/:[^:/]*$/, "") : id}@sha256:${hash(id)}`,
    contextHash: hash(id),
  }),
};

/** The input that carries the physical name, for the types that are not named by `name`. */
const nameInput: Readonly<Record<string, string>> = {
  "aws:s3/bucket:Bucket": "bucket",
  "aws:cloudwatch/dashboard:Dashboard": "dashboardName",
};

/** What AWS holds once it made a resource: the inputs, an id, and what it computes. */
export const created = (type: string, name: string, inputs: Properties): { id: string; state: Properties } => {
  const named = text(inputs[nameInput[type] ?? "name"]) ?? physicalName(type, name);
  const state = {
    arn: arn(serviceOf(type), named),
    ...(type.startsWith("aws:") ? { name: named } : {}),
    ...inputs,
    ...computed[type]?.(named, inputs),
  };
  return { id: text((state as Properties).id) ?? named, state };
};

const list = (values: readonly string[] | undefined): unknown =>
  values === undefined || values.length === 0 ? undefined : values.length === 1 ? values[0] : values;

/** As the provider renders it. Source: https://www.pulumi.com/registry/packages/aws/api-docs/iam/getpolicydocument/ */
const policyDocument = ({ statements = [] }: { statements?: readonly StatementInput[] }): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: statements.map((statement) => ({
      Sid: statement.sid,
      Effect: statement.effect ?? "Allow",
      Action: list(statement.actions),
      NotAction: list(statement.notActions),
      Resource: list(statement.resources),
      NotResource: list(statement.notResources),
      Principal: statement.principals?.some(({ type }) => type === "*")
        ? "*"
        : statement.principals &&
          Object.fromEntries(statement.principals.map(({ type, identifiers }) => [type, list(identifiers)])),
      Condition: statement.conditions?.reduce<Record<string, Record<string, unknown>>>(
        (all, { test, variable, values }) => {
          all[test] = { ...all[test], [variable]: list(values) };
          return all;
        },
        {},
      ),
    })),
  });

type Call = (inputs: Properties) => Properties;

const calls: Readonly<Record<string, Call>> = {
  "aws:iam/getPolicyDocument:getPolicyDocument": (inputs) => ({ json: policyDocument(inputs) }),
  "aws:index/getRegion:getRegion": () => ({ id: region, region, name: region }),
  "aws:index/getCallerIdentity:getCallerIdentity": () => ({ accountId, id: accountId }),
  "aws:index/getPartition:getPartition": () => ({ partition: "aws", dnsSuffix: "amazonaws.com" }),
  "aws:index/getAvailabilityZones:getAvailabilityZones": () => ({ names: [`${region}a`, `${region}c`] }),
  "aws:ec2/getVpc:getVpc": ({ id }) => ({ id, cidrBlock: "172.31.0.0/16" }),
  "aws:ec2/getSubnet:getSubnet": ({ id }) => ({
    id,
    availabilityZone: `${region}${id === "subnet-05fea229a7abfb9a8" ? "c" : "a"}`,
    mapPublicIpOnLaunch: true,
  }),
  "aws:ec2/getRouteTables:getRouteTables": () => ({ ids: ["rtb-0123456789abcdef0"] }),
  "aws:ec2/getRouteTable:getRouteTable": ({ routeTableId }) => ({
    routeTableId,
    associations: [{ main: true }],
    routes: [{ cidrBlock: "0.0.0.0/0", gatewayId: "igw-0123456789abcdef0" }],
  }),
  "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": () => ({
    instanceTypes: ["g4dn.xlarge", "g4dn.xlarge", "g4dn.2xlarge", "g4dn.2xlarge"],
    locations: [`${region}a`, `${region}c`, `${region}a`, `${region}c`],
  }),
  "aws:servicequotas/getServiceQuota:getServiceQuota": () => ({ value: 64 }),
  "aws:ssm/getParameter:getParameter": ({ name }) => ({ value: "ami-0123456789abcdef0", name }),
  "aws:ecr/getAuthorizationToken:getAuthorizationToken": () => ({
    userName: "AWS",
    password: "none",
    proxyEndpoint: `https://${accountId}.dkr.ecr.${region}.amazonaws.com`,
  }),
};

/** @throws Error on a call that is not foreseen here */
export const called = (token: string, inputs: Properties): Properties => {
  const call = calls[token];
  if (call === undefined) throw new Error(`Expected a call that is foreseen but received ${token}.`);
  return { id: token, ...inputs, ...call(inputs) };
};
