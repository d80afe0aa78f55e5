import * as pulumi from "@pulumi/pulumi";
import { expected } from "../contract/problem";
import { type FunctionName, routes } from "../contract/routes";
import { apiFunction, type FunctionResources } from "./apiFunctions";
import {
  type ApiAuth,
  type ApiServer,
  apiRoute,
  functionIntegration,
  jwtAuthorizer,
  serverIntegration,
} from "./apiRoutes";
import { apiStage } from "./apiStage";
import { type ApiDomain, apiDomain, httpApi } from "./httpApi";

export interface PresignApiArgs {
  /** The buckets that the functions work on. */
  readonly storage: Pick<FunctionResources, "inBucketName" | "inBucketArn" | "outBucketName" | "outBucketArn">;
  /** Where jobs wait. */
  readonly jobQueue: Pick<FunctionResources, "queueUrl" | "queueArn" | "deadLetterQueueArn" | "jobTopicArn">;
  /** The stack as its metrics name it. */
  readonly stackName: string;
  /** Key that encrypts buckets, queue and logs. @default the services' own */
  readonly keyArn?: pulumi.Input<string>;
  /** Added to the names that the system before fixed: empty, or `-<stack>`. @default "" */
  readonly nameSuffix?: string;
  /** Serves `POST /inference`. @default none, as a stack needs that may scale to zero: the jobs function serves it */
  readonly server?: ApiServer;
  /** Seconds until a sleeping stack has woken, for the estimates of jobs that wait; only without `server`. @default 300 */
  readonly wakeSeconds?: number;
  /** @default signed requests of IAM */
  readonly auth?: ApiAuth;
  /** Requests a second that each route takes. @default 50 */
  readonly rateLimit?: number;
  /** Requests at once that each route takes. @default 100 */
  readonly burstLimit?: number;
  /** Web origins that may call the API. @default none */
  readonly corsOrigins?: readonly string[];
  /** @default the domain name that AWS gives */
  readonly domain?: ApiDomain;
  /** The largest image file, bytes. @default 5 GiB */
  readonly maxBytes?: number;
  /** Whether every upload must state its size. @default false */
  readonly requireSize?: boolean;
  /** Most calls of each function at a time. @default as many as the account allows */
  readonly reservedConcurrency?: number;
  /** @default 30 */
  readonly logRetentionDays?: number;
}

const functionNames = ["presign", "jobs", "ping", "document"] as const satisfies readonly FunctionName[];

/** The platform's HTTP API with the functions behind it. */
export class PresignApi extends pulumi.ComponentResource {
  /** Without a slash at the end. */
  public readonly apiUrl: pulumi.Output<string>;
  public readonly apiExecutionArn: pulumi.Output<string>;
  public readonly apiId: pulumi.Output<string>;
  public readonly presignFunctionName: pulumi.Output<string>;
  public readonly functionNames: Readonly<Record<FunctionName, pulumi.Output<string>>>;
  /** Where a CNAME record of the own domain name must point. */
  public readonly domainTarget: pulumi.Output<string> | undefined;

  constructor(name: string, args: PresignApiArgs, opts?: pulumi.ComponentResourceOptions) {
    super("ddn:index:PresignApi", name, {}, opts);
    const { stackName, nameSuffix = "", keyArn, server, wakeSeconds = 300, auth = { mode: "iam" } } = args;
    const { rateLimit = 50, burstLimit = 100, corsOrigins = [], domain, logRetentionDays = 30 } = args;
    const { maxBytes = 5 * 2 ** 30, requireSize = false, reservedConcurrency } = args;
    for (const [limit, value] of Object.entries({ rateLimit, burstLimit })) {
      if (!(value >= 1)) {
        throw new pulumi.ResourceError(expected("a number from 1", limit, value, "0 lets no request in."), this, true);
      }
    }

    const resources = functionResources(args);
    const settings = { stackName, maxBytes, requireSize, ...(server === undefined ? { wakeSeconds } : {}) };
    const functions = forEachFunction((each) => {
      const physicalName = each === "presign" ? `ddn-presign-lambda${nameSuffix}` : undefined;
      const common = { resources, settings, logRetentionDays, reservedConcurrency };
      return apiFunction(name, { name: each, physicalName, ...common }, this);
    });
    const api = httpApi(name, `ddn-presign-api${nameSuffix}`, corsOrigins, this);
    const authorizer = jwtAuthorizer(name, api, auth, this);
    const integrations = forEachFunction((each) => functionIntegration(`${name}-${each}`, api, functions[each], this));
    const apiRoutes = routes.map((route) => {
      if (route.target === "server" && server !== undefined) {
        const integration = serverIntegration(`${name}-server`, api, server, route.key, this);
        return apiRoute(name, route, { api, auth, authorizer, integration, handler: undefined }, this);
      }
      const target = route.target === "server" ? "jobs" : route.target;
      const [integration, handler] = [integrations[target], functions[target]];
      return apiRoute(name, route, { api, auth, authorizer, integration, handler }, this);
    });
    const stage = apiStage(name, { api, apiRoutes, rateLimit, burstLimit, logRetentionDays, keyArn }, this);
    const ownDomain = domain && apiDomain(name, api, stage, domain, this);

    this.apiUrl = domain === undefined ? api.apiEndpoint : pulumi.output(`https://${domain.name}`);
    this.apiExecutionArn = api.executionArn;
    this.apiId = api.id;
    this.presignFunctionName = functions.presign.name;
    this.functionNames = forEachFunction((each) => functions[each].name);
    this.domainTarget = ownDomain?.domainNameConfiguration.targetDomainName;
    this.registerOutputs({
      apiUrl: this.apiUrl,
      apiExecutionArn: this.apiExecutionArn,
      apiId: this.apiId,
      presignFunctionName: this.presignFunctionName,
      functionNames: this.functionNames,
      domainTarget: this.domainTarget,
    });
  }
}

const forEachFunction = <T>(make: (name: FunctionName) => T): Readonly<Record<FunctionName, T>> =>
  Object.fromEntries(functionNames.map((name) => [name, make(name)])) as Record<FunctionName, T>;

const functionResources = ({ storage, jobQueue, keyArn }: PresignApiArgs): FunctionResources => ({
  inBucketName: storage.inBucketName,
  inBucketArn: storage.inBucketArn,
  outBucketName: storage.outBucketName,
  outBucketArn: storage.outBucketArn,
  queueUrl: jobQueue.queueUrl,
  queueArn: jobQueue.queueArn,
  deadLetterQueueArn: jobQueue.deadLetterQueueArn,
  jobTopicArn: jobQueue.jobTopicArn,
  ...(keyArn === undefined ? {} : { keyArn }),
});
