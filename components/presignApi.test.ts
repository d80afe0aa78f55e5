// Does not prove that AWS takes the arguments, that a policy has its effect there, nor what the handlers answer (functions/).
import { rm } from "node:fs/promises";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { permissions } from "../contract/permissions";
import { apiCors, type FunctionName, routes } from "../contract/routes";
import type { ApiEvent } from "../functions/event";
import { bodyOf, eventOf } from "../functions/testing/events";
import { packLambda, unpackLambdas, withoutEngine } from "../functions/testing/lambdaPackage";
import { startLambda } from "../functions/testing/lambdaProcess";
import { nativeRequire } from "../functions/testing/nativeProgram";
import { authorizationType } from "./apiRoutes";
import type { PresignApiArgs } from "./presignApi";
import { type RecordedGraph, type RecordedResource, recordGraph } from "./testing/graph";

const names: readonly FunctionName[] = ["presign", "jobs", "ping", "document"];

const storage = {
  inBucketName: "in-bucket",
  inBucketArn: "arn:aws:s3:::in-bucket",
  outBucketName: "out-bucket",
  outBucketArn: "arn:aws:s3:::out-bucket",
};
const jobQueue = {
  queueUrl: "https://sqs/jobs",
  queueArn: "arn:aws:sqs:::jobs",
  deadLetterQueueArn: "arn:aws:sqs:::dead",
  jobTopicArn: "arn:aws:sns:::ended",
};
const server = { listenerArn: "arn:listener", subnetIds: ["subnet-1", "subnet-2"], securityGroupId: "sg-link" };
const keyArn = "arn:aws:kms:::key/1";
const issuer = "https://issuer.example.com";
const domain = { name: "ddn.example.com", certificateArn: "arn:aws:acm:::certificate/1" };

const record = (args: Partial<PresignApiArgs> = {}): Promise<RecordedGraph> =>
  recordGraph(() => {
    const { PresignApi } = nativeRequire()("./components/presignApi") as typeof import("./presignApi");
    const { apiUrl, apiExecutionArn, apiId, ...api } = new PresignApi("ddn-presign-api", {
      storage,
      jobQueue,
      stackName: "dev",
      ...args,
    });
    const { presignFunctionName, functionNames, domainTarget } = api;
    return { apiUrl, apiExecutionArn, apiId, presignFunctionName, functionNames, domainTarget };
  });

/** A stack that sleeps, for callers that sign; and one that never sleeps, with all there is. */
let asleep: RecordedGraph;
let awake: RecordedGraph;

beforeAll(async () => {
  asleep = await record({ nameSuffix: "-dev" });
  awake = await record({
    server,
    keyArn,
    domain,
    auth: { mode: "jwt", issuer, audience: ["ddn", "ddn-tools"] },
    corsOrigins: ["https://console.example.com"],
    stackName: "prod",
    rateLimit: 7,
    burstLimit: 9,
    maxBytes: 1000,
    requireSize: true,
    reservedConcurrency: 20,
    logRetentionDays: 365,
  });
}, 180_000);

const all = ({ resources }: RecordedGraph, type: string): readonly RecordedResource[] =>
  resources.filter((resource) => resource.type === type);

const one = (graph: RecordedGraph, type: string, name: string): RecordedResource => {
  const found = all(graph, type).filter((resource) => resource.name === `ddn-presign-api${name}`);
  expect(found.length, `${type} ${name}`).toBe(1);
  return found[0];
};

const lambda = "aws:lambda/function:Function";
const route = "aws:apigatewayv2/route:Route";
const integration = "aws:apigatewayv2/integration:Integration";

const stage = "aws:apigatewayv2/stage:Stage";

const statements = (graph: RecordedGraph, name: FunctionName) => {
  const { policy } = one(graph, "aws:iam/rolePolicy:RolePolicy", `-${name}`).props;
  return (JSON.parse(String(policy)) as { Statement: { Effect: string; Action: string[]; Resource: string[] }[] })
    .Statement;
};

describe("PresignApi", () => {
  it("has a route for each of the contract, and no other", () => {
    for (const graph of [asleep, awake]) {
      const keys = all(graph, route).map(({ props }) => props.routeKey);
      expect(keys.sort()).toEqual(routes.map(({ key }) => key).sort());
    }
  });

  it.each([
    ["GET /ping", "ping"],
    ["GET /presign", "presign"],
    ["POST /inference", "jobs"],
    ["POST /jobs", "jobs"],
    ["GET /jobs/{id}", "jobs"],
    ["DELETE /jobs/{id}", "jobs"],
    ["GET /openapi.json", "document"],
    ["$default", "document"],
  ] as const)("on a stack that may sleep serves %s by %s", (key, name) => {
    const found = all(asleep, route).find(({ props }) => props.routeKey === key);
    const target = all(asleep, integration).find(({ urn }) => found?.propertyDependencies.target?.includes(urn));
    expect(found?.props.target).toBe(`integrations/${target?.name}-${String(found?.props.target).split("-").at(-1)}`);
    expect(target?.props).toEqual({
      apiId: asleep.outputs.apiId,
      integrationType: "AWS_PROXY",
      integrationUri: expect.stringContaining(String((asleep.outputs.functionNames as Record<string, string>)[name])),
      payloadFormatVersion: "2.0",
      timeoutMilliseconds: 30_000,
    });
  });

  it("on a stack that never sleeps sends POST /inference through a VPC link to the load balancer, and nothing else", () => {
    const found = one(awake, route, "-post-inference");
    const target = one(awake, integration, "-server");
    const link = one(awake, "aws:apigatewayv2/vpcLink:VpcLink", "-server");

    expect(found.propertyDependencies.target).toEqual([target.urn]);
    expect(target.propertyDependencies.connectionId).toEqual([link.urn]);
    expect(target.props).toEqual({
      apiId: awake.outputs.apiId,
      integrationType: "HTTP_PROXY",
      integrationMethod: "POST",
      integrationUri: "arn:listener",
      connectionType: "VPC_LINK",
      connectionId: expect.any(String),
      payloadFormatVersion: "1.0",
      timeoutMilliseconds: 30_000,
      requestParameters: { "overwrite:path": "/inference" },
    });
    expect(link.props).toEqual({ subnetIds: ["subnet-1", "subnet-2"], securityGroupIds: ["sg-link"] });
    const others = all(awake, route).filter(({ urn }) => urn !== found.urn);
    expect(others.every(({ propertyDependencies }) => !propertyDependencies.target?.includes(target.urn))).toBe(true);
  });

  it("makes neither VPC link nor domain name nor authorizer where nobody asked for one", () => {
    const types = ["vpcLink:VpcLink", "domainName:DomainName", "apiMapping:ApiMapping", "authorizer:Authorizer"];
    for (const type of types) expect(all(asleep, `aws:apigatewayv2/${type}`)).toEqual([]);
  });

  it("keeps the names of the system before, with the stack's suffix, and fixes no other", () => {
    for (const [graph, suffix] of [
      [asleep, "-dev"],
      [awake, ""],
    ] as const) {
      const named = graph.resources.filter(({ props, type }) => props.name !== undefined && type !== stage);
      expect(named.map(({ type, props }) => [type, props.name]).sort()).toEqual([
        ["aws:apigatewayv2/api:Api", `ddn-presign-api${suffix}`],
        ["aws:cloudwatch/logGroup:LogGroup", `/aws/lambda/ddn-presign-lambda${suffix}`],
        [lambda, `ddn-presign-lambda${suffix}`],
      ]);
    }
  });

  it("makes its parts its own children", () => {
    for (const graph of [asleep, awake]) {
      const own = one(graph, "ddn:index:PresignApi", "");
      const parts = graph.resources.filter(({ custom, type }) => custom && type.startsWith("aws:"));
      expect(parts.length).toBeGreaterThan(30);
      expect(parts.filter(({ parent }) => parent !== own.urn)).toEqual([]);
    }
  });

  it("tells where it is and what its functions are called", () => {
    expect(asleep.outputs).toMatchObject({
      apiUrl: expect.stringMatching(/^https:\/\/[0-9a-f]+\.execute-api\.ap-northeast-2\.amazonaws\.com$/),
      apiExecutionArn: expect.stringMatching(/^arn:aws:execute-api:/),
      presignFunctionName: "ddn-presign-lambda-dev",
    });
    expect(Object.keys(asleep.outputs.functionNames as object)).toEqual(names);
  });

  it("is called by its own domain name, with TLS 1.2 at least", () => {
    const name = one(awake, "aws:apigatewayv2/domainName:DomainName", "");
    expect(name.props).toEqual({
      domainName: domain.name,
      domainNameConfiguration: {
        certificateArn: domain.certificateArn,
        endpointType: "REGIONAL",
        securityPolicy: "TLS_1_2",
      },
    });
    const mapping = one(awake, "aws:apigatewayv2/apiMapping:ApiMapping", "");
    expect(mapping.propertyDependencies).toMatchObject({
      apiId: [one(awake, "aws:apigatewayv2/api:Api", "").urn],
      domainName: [name.urn],
      stage: [one(awake, stage, "").urn],
    });
    expect(awake.outputs).toMatchObject({
      apiUrl: "https://ddn.example.com",
      domainTarget: "d-0123456789.execute-api.ap-northeast-2.amazonaws.com",
    });
  });
});

describe("PresignApi refuses", () => {
  it.each([
    [{ rateLimit: 0 }, "Expected a number from 1 for `rateLimit` but received 0. 0 lets no request in."],
    [{ burstLimit: Number.NaN }, "Expected a number from 1 for `burstLimit` but received NaN. 0 lets no request in."],
  ])("%o", async (args, message) => {
    await withoutEngine();
    const { PresignApi } = nativeRequire()("./components/presignApi") as typeof import("./presignApi");
    expect(() => new PresignApi("ddn-presign-api", { storage, jobQueue, stackName: "dev", ...args })).toThrow(message);
    await pulumi.runtime.disconnect();
  });
});

describe("who may call", () => {
  const authOf = (graph: RecordedGraph): Record<string, unknown> =>
    Object.fromEntries(all(graph, route).map(({ props }) => [props.routeKey, props.authorizationType]));

  const expectedAuth = (type: string): Record<string, string> =>
    Object.fromEntries(routes.map(({ key, open }) => [key, open ? "NONE" : type]));

  it("is checked on every route but the open ones: signed by IAM unless said otherwise", () => {
    expect(authOf(asleep)).toEqual(expectedAuth("AWS_IAM"));
    expect(routes.filter(({ open }) => open).map(({ key }) => key)).toEqual([
      "GET /ping",
      "GET /openapi.json",
      "$default",
    ]);
  });

  it("is checked by tokens of one issuer", () => {
    expect(authOf(awake)).toEqual(expectedAuth("JWT"));
    const authorizer = one(awake, "aws:apigatewayv2/authorizer:Authorizer", "");
    expect(authorizer.props).toEqual({
      apiId: awake.outputs.apiId,
      authorizerType: "JWT",
      identitySources: ["$request.header.Authorization"],
      jwtConfiguration: { issuer, audiences: ["ddn", "ddn-tools"] },
    });
    for (const { props, propertyDependencies } of all(awake, route)) {
      const checkedBy = props.authorizationType === "JWT" ? [authorizer.urn] : undefined;
      expect(propertyDependencies.authorizerId, String(props.routeKey)).toEqual(checkedBy);
    }
  });

  it.each([
    ["jwt", "JWT"],
    ["iam", "AWS_IAM"],
    ["none", "NONE"],
  ] as const)("with %s is told to the gateway as %s; an open route is open to all", (mode, type) => {
    const auth = mode === "jwt" ? { mode, issuer, audience: ["ddn"] } : { mode };
    expect([authorizationType(false, auth), authorizationType(true, auth)]).toEqual([type, "NONE"]);
  });

  it("may be a page of the origins that are given, never one with credentials of a browser", () => {
    expect(one(awake, "aws:apigatewayv2/api:Api", "").props).toEqual({
      name: "ddn-presign-api",
      protocolType: "HTTP",
      corsConfiguration: {
        allowOrigins: ["https://console.example.com"],
        allowMethods: apiCors.methods,
        allowHeaders: apiCors.allowHeaders,
        exposeHeaders: apiCors.exposeHeaders,
        maxAge: 3600,
      },
    });
    expect(one(asleep, "aws:apigatewayv2/api:Api", "").props).toEqual({
      name: "ddn-presign-api-dev",
      protocolType: "HTTP",
    });
  });

  it("has no route for OPTIONS, which the gateway answers by itself", () => {
    expect(routes.filter(({ key }) => /^(OPTIONS|ANY) /.test(key))).toEqual([]);
  });
});

describe("the stage", () => {
  it.each([
    ["the usual limits", () => asleep, 50, 100, 30, undefined],
    ["those that are given", () => awake, 7, 9, 365, keyArn],
  ])("throttles every route by %s, and waits for the routes", (_, graphOf, rate, burst, retentionInDays, kmsKeyId) => {
    const graph = graphOf();
    const { props, dependencies } = one(graph, stage, "");
    const throttle = { throttlingRateLimit: rate, throttlingBurstLimit: burst };

    expect(props).toMatchObject({ name: "$default", autoDeploy: true, defaultRouteSettings: throttle });
    expect(props.routeSettings).toEqual(routes.map(({ key }) => ({ routeKey: key, ...throttle })));
    expect(dependencies).toEqual(expect.arrayContaining(all(graph, route).map(({ urn }) => urn)));
    const logGroup = one(graph, "aws:cloudwatch/logGroup:LogGroup", "-access").props;
    expect(logGroup).toEqual({ retentionInDays, ...(kmsKeyId === undefined ? {} : { kmsKeyId }) });
  });

  it("logs every request as JSON, without queries, paths, bodies and credentials", () => {
    const { destinationArn, format } = one(asleep, stage, "").props.accessLogSettings as Record<string, string>;
    const values: string[] = Object.values(JSON.parse(format));

    expect(destinationArn).toContain(":log-group:");
    expect(values).toEqual(
      expect.arrayContaining([
        "$context.requestId",
        "$context.routeKey",
        "$context.status",
        "$context.identity.sourceIp",
      ]),
    );
    expect(format).not.toMatch(/\$context\.(path|protocol|request)\b|querystring|body|\$request|header|token/i);
  });
});

describe("the functions", () => {
  it.each([
    ["presign", 512, 10],
    ["jobs", 512, 30],
    ["ping", 512, 10],
    ["document", 256, 10],
  ] as const)(
    "%s runs on Node 24 and arm64 with %i MiB for %i s, and logs to a group of its own",
    (name, memory, time) => {
      for (const graph of [asleep, awake]) {
        const { props, propertyDependencies, dependencies } = one(graph, lambda, `-${name}`);
        const logGroup = one(graph, "aws:cloudwatch/logGroup:LogGroup", `-${name}`);

        expect(props).toMatchObject({
          runtime: "nodejs24.x",
          architectures: ["arm64"],
          handler: "__index.handler",
          memorySize: memory,
          timeout: time,
          loggingConfig: { logFormat: "JSON" },
        });
        expect(propertyDependencies.loggingConfig).toEqual([logGroup.urn]);
        expect(propertyDependencies.role).toEqual([one(graph, "aws:iam/role:Role", `-${name}`).urn]);
        expect(dependencies).toContain(one(graph, "aws:iam/rolePolicy:RolePolicy", `-${name}`).urn);
      }
    },
  );

  it("keep their logs as long as is said, encrypted by the stack's key where it has one", () => {
    for (const name of names) {
      const groups = [asleep, awake].map((graph) => one(graph, "aws:cloudwatch/logGroup:LogGroup", `-${name}`).props);
      expect(groups).toEqual([
        expect.objectContaining({ retentionInDays: 30 }),
        expect.objectContaining({ retentionInDays: 365, kmsKeyId: keyArn }),
      ]);
      expect(groups[0]).not.toHaveProperty("kmsKeyId");
    }
  });

  it("are limited in number only where that is said", () => {
    for (const name of names) {
      expect(one(asleep, lambda, `-${name}`).props).not.toHaveProperty("reservedConcurrentExecutions");
      expect(one(awake, lambda, `-${name}`).props.reservedConcurrentExecutions).toBe(20);
    }
  });

  it.each([
    ["presign", { DDN_IN_BUCKET: "in-bucket", DDN_OUT_BUCKET: "out-bucket" }, {}, { DDN_REQUIRE_SIZE: "true" }],
    [
      "jobs",
      { DDN_IN_BUCKET: "in-bucket", DDN_OUT_BUCKET: "out-bucket", DDN_QUEUE_URL: "https://sqs/jobs" },
      { DDN_STACK: "dev", DDN_WAKE_SECONDS: "300" },
      { DDN_STACK: "prod" },
    ],
  ] as const)("%s reads its settings from its environment", (name, both, sleeping, waking) => {
    const usual = name === "presign" ? { DDN_REQUIRE_SIZE: "false" } : {};
    expect(one(asleep, lambda, `-${name}`).props.environment).toEqual({
      variables: { ...both, DDN_MAX_BYTES: "5368709120", ...usual, ...sleeping },
    });
    expect(one(awake, lambda, `-${name}`).props.environment).toEqual({
      variables: { ...both, DDN_MAX_BYTES: "1000", ...waking },
    });
  });

  it("ping knows no input bucket, and document nothing at all", () => {
    expect(one(awake, lambda, "-ping").props.environment).toEqual({
      variables: { DDN_OUT_BUCKET: "out-bucket", DDN_QUEUE_URL: "https://sqs/jobs" },
    });
    expect(one(awake, lambda, "-document").props).not.toHaveProperty("environment");
  });

  it("may be called by the gateway, for their own routes alone", () => {
    const { apiExecutionArn, functionNames } = asleep.outputs;
    const permitted = all(asleep, "aws:lambda/permission:Permission").map(({ props }) => {
      expect(props).toMatchObject({ action: "lambda:InvokeFunction", principal: "apigateway.amazonaws.com" });
      return [props.function, String(props.sourceArn).replace(String(apiExecutionArn), "")];
    });
    const physical = functionNames as Record<FunctionName, string>;
    expect(permitted.sort()).toEqual(
      [
        [physical.ping, "/*/GET/ping"],
        [physical.presign, "/*/GET/presign"],
        [physical.jobs, "/*/POST/inference"],
        [physical.jobs, "/*/POST/jobs"],
        [physical.jobs, "/*/GET/jobs/*"],
        [physical.jobs, "/*/DELETE/jobs/*"],
        [physical.document, "/*/GET/openapi.json"],
        [physical.document, "/*/$default"],
      ].sort(),
    );
    const served = all(awake, "aws:lambda/permission:Permission").map(({ name }) => name);
    expect(served).not.toContain("ddn-presign-api-post-inference");
    expect(served).toHaveLength(7);
  });
});

describe("the roles", () => {
  const arns: Readonly<Record<string, string>> = {
    in: storage.inBucketArn,
    out: storage.outBucketArn,
    queue: jobQueue.queueArn,
  };

  /** `s3:GetObject arn:…`, one for each action and resource. */
  const pairs = (list: readonly { readonly Action: readonly string[]; readonly Resource: readonly string[] }[]) =>
    list
      .flatMap(({ Action, Resource }) => Action.flatMap((action) => Resource.map((each) => `${action} ${each}`)))
      .sort();

  it.each(names)("of %s may do what the contract's table says and write its own log, no more", (name) => {
    const table = (name === "document" ? [] : permissions[name]).map(({ actions, resources }) => ({
      Action: actions,
      Resource: resources.map((each) => each.replace(/^[a-z]+/, (place) => arns[place] ?? place)),
    }));
    const key: Readonly<Record<FunctionName, readonly string[]>> = {
      presign: ["kms:Decrypt", "kms:GenerateDataKey"],
      jobs: ["kms:Decrypt", "kms:GenerateDataKey"],
      ping: ["kms:Decrypt"],
      document: [],
    };
    for (const graph of [asleep, awake]) {
      const logGroup = one(graph, "aws:cloudwatch/logGroup:LogGroup", `-${name}`);
      const own = { Action: ["logs:CreateLogStream", "logs:PutLogEvents"], Resource: [expect.anything()] };
      const found = statements(graph, name);
      const log = found.at(-1);
      expect(log).toEqual({ Effect: "Allow", ...own });
      expect(log?.Resource[0]).toMatch(/:log-group:.*:\*$/);
      expect(one(graph, "aws:iam/rolePolicy:RolePolicy", `-${name}`).propertyDependencies.policy).toEqual([
        logGroup.urn,
      ]);
      const withKey = graph === awake ? [{ Action: key[name], Resource: [keyArn] }] : [];
      expect(pairs(found.slice(0, -1))).toEqual(pairs([...table, ...withKey]));
      expect(found.every(({ Effect }) => Effect === "Allow")).toBe(true);
    }
  });

  it("are one for each function, taken by Lambda alone, with no other policy", () => {
    for (const graph of [asleep, awake]) {
      const roles = all(graph, "aws:iam/role:Role");
      expect(roles.map(({ name }) => name).sort()).toEqual(names.map((name) => `ddn-presign-api-${name}`).sort());
      for (const { props } of roles) {
        const Principal = { Service: "lambda.amazonaws.com" };
        const statement = expect.objectContaining({ Effect: "Allow", Action: "sts:AssumeRole", Principal });
        expect(props).toEqual({ assumeRolePolicy: expect.objectContaining({ Statement: [statement] }) });
      }
      expect(all(graph, "aws:iam/rolePolicyAttachment:RolePolicyAttachment")).toEqual([]);
      const policies = names.flatMap((name) => statements(graph, name));
      expect(policies.flatMap(({ Action, Resource }) => [...Action, ...Resource])).not.toContain("*");
    }
  });
});

describe("what is uploaded", () => {
  interface Packed {
    readonly text: string;
    readonly packages: readonly string[];
  }
  let packed: Record<FunctionName, Packed>;
  const directories: string[] = [];

  const unpack = async ({ props }: RecordedResource): Promise<Packed> => {
    const assets = await (props.code as pulumi.asset.AssetArchive).assets;
    const text = await (assets["__index.js"] as pulumi.asset.StringAsset).text;
    return { text, packages: Object.keys(assets).filter((file) => file !== "__index.js") };
  };

  beforeAll(async () => {
    const archives = names.map(async (name) => [name, await unpack(one(asleep, lambda, `-${name}`))] as const);
    packed = Object.fromEntries(await Promise.all(archives)) as Record<FunctionName, Packed>;
  });
  afterAll(() => Promise.all(directories.map((each) => rm(each, { recursive: true, force: true }))));

  it("is the very text that functions/serialized.test.ts runs, whatever the stack", async () => {
    await withoutEngine();
    const { callbacks } = nativeRequire()("./functions/callbacks") as typeof import("../functions/callbacks");
    for (const name of names) {
      expect(packed[name].text, name).toBe((await packLambda(name, callbacks[name])).text);
      expect((await unpack(one(awake, lambda, `-${name}`))).text, name).toBe(packed[name].text);
    }
  }, 180_000);

  it.each([
    ["presign", ["client-s3", "s3-request-presigner"], ["client-sqs", "middleware-sdk-sqs"]],
    ["jobs", ["client-s3", "client-sqs"], ["s3-request-presigner"]],
    ["ping", ["client-s3", "client-sqs"], ["s3-request-presigner"]],
  ] as const)("for %s holds %j with what they need, and not %j", (name, present, absent) => {
    const { packages } = packed[name];
    for (const each of present) expect(packages).toContain(`node_modules/@aws-sdk/${each}`);
    for (const each of absent) expect(packages).not.toContain(`node_modules/@aws-sdk/${each}`);
    const foreign = packages.filter(
      (each) => !/^node_modules\/(@aws-sdk\/|@smithy\/|@aws\/|bowser$|tslib$)/.test(each),
    );
    expect(foreign).toEqual([]);
  });

  it("for document holds no package at all", () => {
    expect(packed.document.packages).toEqual([]);
  });

  const signed = { rawQueryString: "file=a.tif&mode=upload" };
  it.each([
    ["presign", eventOf("GET /presign", signed), 200, { mode: "upload", method: "PUT" }],
    ["jobs", eventOf("POST /jobs", { body: "" }), 400, { code: "body_empty" }],
    ["ping", eventOf("GET /ping"), 200, { status: "ok", unavailable: ["s3", "sqs"] }],
    ["document", eventOf("$default"), 404, { code: "route_not_found" }],
  ] as const)("for %s runs with the packages of its own archive alone", async (name, event, status, body) => {
    const directory = await unpackLambdas({ [name]: packed[name] });
    directories.push(directory);
    const { environment } = one(asleep, lambda, `-${name}`).props;
    const { variables = {} } = (environment ?? {}) as { variables?: Record<string, string> };
    const nowhere = "http://127.0.0.1:1";
    const running = startLambda(path.join(directory, `${name}.js`), {
      AWS_REGION: "ap-northeast-2",
      AWS_ACCESS_KEY_ID: "AKIATEST",
      AWS_SECRET_ACCESS_KEY: "secret",
      AWS_ENDPOINT_URL_S3: nowhere,
      AWS_ENDPOINT_URL_SQS: nowhere,
      ...variables,
    });
    const result = await running.invoke(event as ApiEvent).finally(() => running.stop());
    expect(result.statusCode, result.body).toBe(status);
    expect(bodyOf(result)).toMatchObject(body);
  });
});
