import * as pulumi from "@pulumi/pulumi";
import { expected } from "./contract/problem";

export type NatGateways = "none" | "single" | "onePerZone";

/** The network: either one that is there, or one of our own. */
export type NetworkConfig =
  | {
      readonly mode: "adopt";
      readonly vpcId: string;
      readonly subnetIds: readonly string[];
      readonly routeTableIds: readonly string[];
    }
  | {
      readonly mode: "create";
      readonly cidrBlock: string;
      readonly natGateways: NatGateways;
      readonly interfaceEndpoints: boolean;
      readonly flowLogs: boolean;
    };

export interface PlatformConfig {
  /** Added to every fixed physical name: empty, or `-<stack>`. */
  readonly nameSuffix: string;
  /** What the provider puts on all that it makes; instances and their volumes have to be told. */
  readonly tags: Readonly<Record<string, string>>;
  readonly network: NetworkConfig;
  readonly storage: {
    readonly inRetentionDays: number;
    readonly outRetentionDays: number;
    readonly encryption: "aes256" | "kms";
    readonly accessLogs: boolean;
    readonly keepData: boolean;
    readonly uploadPrefix: string | undefined;
  };
  readonly corsOrigins: readonly string[];
  readonly limits: { readonly requireSize: boolean; readonly maxBytes: number; readonly maxPixels: number };
  /** By digest; undefined where the image is to be built. */
  readonly images: {
    readonly apiImage: string | undefined;
    readonly tritonImage: string | undefined;
    readonly tensorRt: boolean;
  };
  readonly gpu: {
    readonly instanceTypes: readonly string[];
    readonly spot: boolean;
    readonly minInstances: number;
    readonly maxInstances: number;
    readonly rootVolumeGib: number;
    readonly amiId: string | undefined;
    readonly networkMode: "bridge" | "awsvpc";
    readonly schedule: { readonly wake?: string; readonly sleep?: string; readonly timeZone: string } | undefined;
  };
  readonly api: {
    readonly auth:
      | { readonly mode: "jwt"; readonly issuer: string; readonly audience: readonly string[] }
      | { readonly mode: "iam" | "none" };
    readonly rateLimit: number;
    readonly burstLimit: number;
    readonly domain: { readonly name: string; readonly certificateArn: string } | undefined;
  };
  readonly operations: {
    readonly alarmEmails: readonly string[];
    readonly monthlyBudgetUsd: number;
    readonly logRetentionDays: number;
  };
}

/** What CloudWatch accepts. Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const retentionDays = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

const wrong = (what: string, name: string, value: unknown, remedy?: string): pulumi.RunError =>
  new pulumi.RunError(expected(what, `ddn:${name}`, value, remedy));

const texts = (config: pulumi.Config, name: string, pattern: RegExp, what: string): readonly string[] => {
  const values: unknown = config.requireObject(name);
  if (!Array.isArray(values)) throw wrong("a list", name, values);
  const stranger = values.find((value) => typeof value !== "string" || !pattern.test(value));
  if (stranger !== undefined) throw wrong(what, name, stranger);
  return values as string[];
};

/** A text that may be empty; empty means: not set. */
const optional = (config: pulumi.Config, name: string, pattern: RegExp, what: string): string | undefined => {
  const value = config.require(name);
  if (value === "") return undefined;
  if (!pattern.test(value)) throw wrong(`${what}, or nothing`, name, value);
  return value;
};

const oneOf = <T extends string>(config: pulumi.Config, name: string, values: readonly T[]): T => {
  const value = config.require(name);
  if (!values.includes(value as T)) throw wrong(`one of ${values.join(", ")}`, name, value);
  return value as T;
};

const whole = (config: pulumi.Config, name: string, least: number, most: number): number => {
  const value = config.requireNumber(name);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw wrong(`a whole number from ${least} to ${most}`, name, value);
  }
  return value;
};

const network = (config: pulumi.Config): NetworkConfig => {
  const vpcId = optional(config, "vpcId", /^vpc-[0-9a-f]{8,17}$/, "the id of a VPC such as vpc-0123456789abcdef0");
  const subnetIds = texts(config, "subnetIds", /^subnet-[0-9a-f]{8,17}$/, "ids of subnets");
  const routeTableIds = texts(config, "routeTableIds", /^rtb-[0-9a-f]{8,17}$/, "ids of route tables");
  if (vpcId !== undefined) {
    if (subnetIds.length < 2)
      throw wrong("two subnets at least", "subnetIds", subnetIds, "A load balancer spans two zones.");
    return { mode: "adopt", vpcId, subnetIds, routeTableIds };
  }
  if (subnetIds.length > 0 || routeTableIds.length > 0) {
    throw wrong(
      "the VPC of `subnetIds` and `routeTableIds`",
      "vpcId",
      "",
      "Set it, or leave all three out to create a VPC.",
    );
  }
  return {
    mode: "create",
    cidrBlock:
      optional(config, "vpcCidr", /^\d{1,3}(\.\d{1,3}){3}\/(1[6-9]|2[0-2])$/, "a range from /16 to /22") ??
      "10.40.0.0/16",
    natGateways: oneOf(config, "natGateways", ["none", "single", "onePerZone"]),
    interfaceEndpoints: config.requireBoolean("interfaceEndpoints"),
    flowLogs: config.requireBoolean("flowLogs"),
  };
};

const auth = (config: pulumi.Config): PlatformConfig["api"]["auth"] => {
  const asked = oneOf(config, "authMode", ["auto", "jwt", "iam", "none"]);
  const issuer = optional(config, "jwtIssuer", /^https:\/\/\S+$/, "an https URL");
  const audience = texts(config, "jwtAudience", /\S/, "audiences");
  const mode = asked === "auto" ? (issuer === undefined ? "iam" : "jwt") : asked;
  if (mode === "jwt") {
    if (issuer === undefined) throw wrong("the issuer of the tokens", "jwtIssuer", "", "authMode is jwt.");
    if (audience.length === 0) throw wrong("one audience at least", "jwtAudience", audience, "authMode is jwt.");
    return { mode, issuer, audience };
  }
  if (mode === "none" && !config.requireBoolean("allowAnonymous")) {
    throw wrong(
      "true with authMode none",
      "allowAnonymous",
      false,
      "It lets everybody who knows the address in; use jwt or iam, or say that it is meant.",
    );
  }
  return { mode };
};

const domain = (config: pulumi.Config): PlatformConfig["api"]["domain"] => {
  const name = optional(config, "domainName", /^[a-z0-9-]+(\.[a-z0-9-]+)+$/, "a domain name");
  const certificateArn = optional(config, "certificateArn", /^arn:aws[\w-]*:acm:/, "the ARN of a certificate");
  if (name === undefined && certificateArn === undefined) return undefined;
  if (name === undefined) throw wrong("the domain name of `certificateArn`", "domainName", "");
  if (certificateArn === undefined) throw wrong("the certificate of `domainName`", "certificateArn", "");
  return { name, certificateArn };
};

const schedule = (config: pulumi.Config): PlatformConfig["gpu"]["schedule"] => {
  const cron = /^cron\(.+\)$/;
  const wake = optional(config, "wakeSchedule", cron, "a cron expression such as cron(0 8 ? * MON-FRI *)");
  const sleep = optional(config, "sleepSchedule", cron, "a cron expression such as cron(0 19 ? * MON-FRI *)");
  if (wake === undefined && sleep === undefined) return undefined;
  return {
    ...(wake === undefined ? {} : { wake }),
    ...(sleep === undefined ? {} : { sleep }),
    timeZone: config.require("scheduleTimeZone"),
  };
};

const gpu = (config: pulumi.Config): PlatformConfig["gpu"] => {
  const instanceTypes = texts(
    config,
    "instanceTypes",
    /^[a-z0-9-]+\.[a-z0-9-]+$/,
    "instance types such as g4dn.xlarge",
  );
  if (instanceTypes.length === 0) throw wrong("one instance type at least", "instanceTypes", instanceTypes);
  const maxInstances = whole(config, "maxInstances", 1, 100);
  return {
    instanceTypes,
    spot: config.requireBoolean("spot"),
    minInstances: whole(config, "minInstances", 0, maxInstances),
    maxInstances,
    rootVolumeGib: whole(config, "rootVolumeGib", 60, 1000),
    amiId: optional(config, "gpuAmiId", /^ami-[0-9a-f]{8,17}$/, "the id of an AMI"),
    networkMode: oneOf(config, "networkMode", ["bridge", "awsvpc"]),
    schedule: schedule(config),
  };
};

/** As `aws:defaultTags` of the stack says; the provider checks it. */
const defaultTags = (): Readonly<Record<string, string>> =>
  new pulumi.Config("aws").getObject<{ readonly tags?: Record<string, string> }>("defaultTags")?.tags ?? {};

const frozen = <T>(value: T): T => {
  if (typeof value === "object" && value !== null) for (const part of Object.values(Object.freeze(value))) frozen(part);
  return value;
};

/**
 * The stack's configuration, checked and frozen. Defaults and descriptions stand in Pulumi.yaml.
 * @throws pulumi.RunError naming the key, what it should be, and what it is
 */
export const loadConfig = (stack = pulumi.getStack(), config = new pulumi.Config("ddn")): PlatformConfig => {
  const digest = /@sha256:[0-9a-f]{64}$/;
  const logRetentionDays = config.requireNumber("logRetentionDays");
  if (!retentionDays.includes(logRetentionDays)) {
    throw wrong(`one of ${retentionDays.join(", ")}`, "logRetentionDays", logRetentionDays);
  }
  const corsOrigins = texts(
    config,
    "corsOrigins",
    /^https?:\/\/[^\s/*]+$/,
    "an origin such as https://console.example.com; * would let any page upload,",
  );
  return frozen({
    nameSuffix: config.requireBoolean("legacyNames") ? "" : `-${stack}`,
    tags: defaultTags(),
    network: network(config),
    storage: {
      inRetentionDays: whole(config, "inRetentionDays", 1, 3650),
      outRetentionDays: whole(config, "outRetentionDays", 1, 3650),
      encryption: oneOf(config, "encryption", ["aes256", "kms"]),
      accessLogs: config.requireBoolean("accessLogs"),
      keepData: config.requireBoolean("keepData"),
      uploadPrefix: optional(config, "uploadPrefix", /^[\p{L}\p{N}][^\\%]*$/u, "a prefix of file names"),
    },
    corsOrigins,
    limits: {
      requireSize: config.requireBoolean("requireSize"),
      maxBytes: whole(config, "maxBytes", 1, 5 * 2 ** 30),
      maxPixels: whole(config, "maxPixels", 1, 2 ** 30),
    },
    images: {
      apiImage: optional(config, "apiImage", digest, "an image by digest (…@sha256:…)"),
      tritonImage: optional(config, "tritonImage", digest, "an image by digest (…@sha256:…)"),
      tensorRt: config.requireBoolean("tensorRt"),
    },
    gpu: gpu(config),
    api: {
      auth: auth(config),
      rateLimit: whole(config, "rateLimit", 1, 10_000),
      burstLimit: whole(config, "burstLimit", 1, 5_000),
      domain: domain(config),
    },
    operations: {
      alarmEmails: texts(config, "alarmEmails", /^\S+@\S+$/, "mail addresses"),
      monthlyBudgetUsd: whole(config, "monthlyBudgetUsd", 1, 1_000_000),
      logRetentionDays,
    },
  });
};
