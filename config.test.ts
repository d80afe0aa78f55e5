// Does not prove that AWS accepts a value, nor how the engine itself checks the types that Pulumi.yaml declares.
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { declaredConfig, type StackName, stackConfig, stackFile, stacks } from "./components/testing/stackConfig";
import { loadConfig, type PlatformConfig } from "./config";

const load = (stack: StackName, changes: Readonly<Record<string, unknown>> = {}): PlatformConfig => {
  stackConfig(stack, changes);
  return loadConfig(stack);
};

/** A configuration that notes the keys it is asked for. */
const noting = (read: Set<string>): pulumi.Config =>
  new Proxy(new pulumi.Config("ddn"), {
    get: (config, property) => {
      const value = Reflect.get(config, property);
      if (typeof value !== "function") return value;
      return (key: string) => {
        read.add(key);
        return value.call(config, key);
      };
    },
  });

const digest = `123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/ddn-api@sha256:${"0".repeat(64)}`;
const jwt = { "ddn:authMode": "auto", "ddn:jwtIssuer": "https://login.example.com", "ddn:jwtAudience": ["ddn"] };

describe("the stacks of the repository", () => {
  it("dev makes a network of its own, sleeps, keeps nothing and lets everybody in", () => {
    expect(load("dev")).toEqual({
      nameSuffix: "-dev",
      tags: { project: "ddn", stack: "dev" },
      network: {
        mode: "create",
        cidrBlock: "10.40.0.0/16",
        natGateways: "none",
        interfaceEndpoints: false,
        flowLogs: false,
      },
      storage: {
        inRetentionDays: 30,
        outRetentionDays: 90,
        encryption: "aes256",
        accessLogs: false,
        keepData: false,
        uploadPrefix: undefined,
      },
      corsOrigins: ["http://localhost:8080", "http://127.0.0.1:8080"],
      limits: { requireSize: false, maxBytes: 5 * 2 ** 30, maxPixels: 2 ** 28 },
      images: { apiImage: undefined, tritonImage: undefined, tensorRt: false },
      gpu: {
        instanceTypes: ["g4dn.xlarge", "g4dn.2xlarge"],
        spot: false,
        minInstances: 0,
        maxInstances: 1,
        rootVolumeGib: 100,
        amiId: undefined,
        networkMode: "bridge",
        schedule: undefined,
      },
      api: { auth: { mode: "none" }, rateLimit: 50, burstLimit: 100, domain: undefined },
      operations: { alarmEmails: [], monthlyBudgetUsd: 150, logRetentionDays: 14 },
    });
  });

  it("prod adopts the network and the names that are there, stays awake, encrypts with an own key and keeps everything", () => {
    const config = load("prod");
    expect(config.nameSuffix).toBe("");
    expect(config.network).toEqual({
      mode: "adopt",
      vpcId: "vpc-026400b6f5ea5c7f6",
      subnetIds: ["subnet-0b096afec739dc2a2", "subnet-05fea229a7abfb9a8"],
      routeTableIds: [],
    });
    expect(config.storage).toMatchObject({ encryption: "kms", accessLogs: true, keepData: true });
    expect(config.gpu).toMatchObject({ minInstances: 1, maxInstances: 2, spot: false });
    expect(config.api.auth).toEqual({ mode: "iam" });
    expect(config.operations.logRetentionDays).toBe(365);
  });

  it.each(stacks)("%s tags what it makes with the project and itself", (stack) => {
    expect(load(stack).tags).toEqual({ project: "ddn", stack });
  });

  it("a stack may do without tags", () => {
    expect(load("dev", { "aws:defaultTags": {} }).tags).toEqual({});
  });

  it("the configuration cannot be changed by who reads it", () => {
    const config = load("dev");
    expect(() => Object.assign(config.gpu, { spot: true })).toThrow(TypeError);
    expect(() => Object.assign(config.corsOrigins, { 0: "https://elsewhere.example.com" })).toThrow(TypeError);
  });
});

describe("Pulumi.yaml", () => {
  it("declares every key that is read, and every key it declares is read", () => {
    const read = new Set<string>();
    for (const [stack, changes] of [
      ["dev", {}],
      ["prod", jwt],
    ] as const) {
      stackConfig(stack, { ...changes, "ddn:wakeSchedule": "cron(0 8 ? * MON-FRI *)" });
      loadConfig(stack, noting(read));
    }
    expect([...read].sort()).toEqual(Object.keys(declaredConfig()).sort());
  });

  it.each(Object.entries(declaredConfig()))("gives %s a type, a description and a default", (_, declared) => {
    expect(Object.keys(declared)).toEqual(expect.arrayContaining(["type", "description", "default"]));
  });

  it.each(stacks)("is overlaid by %s with differences only", (stack) => {
    const declared = declaredConfig();
    for (const [key, value] of Object.entries(stackFile(stack))) {
      if (key.startsWith("aws:")) continue;
      const name = key.replace(/^ddn:/, "");
      expect(declared, key).toHaveProperty(name);
      expect(value, key).not.toEqual(declared[name]?.default);
    }
  });
});

describe("authMode auto", () => {
  it("is jwt where an issuer is set", () => {
    expect(load("prod", jwt).api.auth).toEqual({ mode: "jwt", issuer: "https://login.example.com", audience: ["ddn"] });
  });
});

describe("a schedule", () => {
  it("may wake, sleep or do both", () => {
    const wake = "cron(0 8 ? * MON-FRI *)";
    const sleep = "cron(0 19 ? * MON-FRI *)";
    const timeZone = "Asia/Seoul";
    expect(load("dev", { "ddn:wakeSchedule": wake }).gpu.schedule).toEqual({ wake, timeZone });
    expect(load("dev", { "ddn:sleepSchedule": sleep }).gpu.schedule).toEqual({ sleep, timeZone });
    expect(load("dev", { "ddn:wakeSchedule": wake, "ddn:sleepSchedule": sleep }).gpu.schedule).toEqual({
      wake,
      sleep,
      timeZone,
    });
  });
});

describe("what is set", () => {
  it("arrives where it is optional", () => {
    const config = load("dev", {
      "ddn:uploadPrefix": "line-3/",
      "ddn:apiImage": digest,
      "ddn:gpuAmiId": "ami-0123456789abcdef0",
      "ddn:domainName": "ddn.example.com",
      "ddn:certificateArn": "arn:aws:acm:ap-northeast-2:123456789012:certificate/1",
    });
    expect(config.storage.uploadPrefix).toBe("line-3/");
    expect(config.images.apiImage).toBe(digest);
    expect(config.gpu.amiId).toBe("ami-0123456789abcdef0");
    expect(config.api.domain).toEqual({
      name: "ddn.example.com",
      certificateArn: "arn:aws:acm:ap-northeast-2:123456789012:certificate/1",
    });
  });
});

describe("a wrong value is refused with one sentence", () => {
  const retention =
    "1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653";
  const cronWake = "Expected a cron expression such as cron(0 8 ? * MON-FRI *), or nothing for `ddn:wakeSchedule` but";
  const cronSleep =
    "Expected a cron expression such as cron(0 19 ? * MON-FRI *), or nothing for `ddn:sleepSchedule` but";

  it.each<[string, Record<string, unknown>, string]>([
    [
      "a VPC that is none",
      { "ddn:vpcId": "main" },
      'Expected the id of a VPC such as vpc-0123456789abcdef0, or nothing for `ddn:vpcId` but received "main".',
    ],
    ["subnets that are no list", { "ddn:subnetIds": "{}" }, "Expected a list for `ddn:subnetIds` but received {}."],
    [
      "a subnet that is none",
      { "ddn:subnetIds": ["subnet-1"] },
      'Expected ids of subnets for `ddn:subnetIds` but received "subnet-1".',
    ],
    [
      "a subnet that is no text",
      { "ddn:subnetIds": [7] },
      "Expected ids of subnets for `ddn:subnetIds` but received 7.",
    ],
    [
      "a route table that is none",
      { "ddn:routeTableIds": ["main"] },
      'Expected ids of route tables for `ddn:routeTableIds` but received "main".',
    ],
    [
      "a VPC with one subnet",
      { "ddn:vpcId": "vpc-026400b6f5ea5c7f6", "ddn:subnetIds": ["subnet-0b096afec739dc2a2"] },
      'Expected two subnets at least for `ddn:subnetIds` but received ["subnet-0b096afec739dc2a2"]. A load balancer spans two zones.',
    ],
    [
      "subnets without their VPC",
      { "ddn:subnetIds": ["subnet-0b096afec739dc2a2"] },
      'Expected the VPC of `subnetIds` and `routeTableIds` for `ddn:vpcId` but received "". Set it, or leave all three out to create a VPC.',
    ],
    [
      "route tables without their VPC",
      { "ddn:routeTableIds": ["rtb-0123456789abcdef0"] },
      'Expected the VPC of `subnetIds` and `routeTableIds` for `ddn:vpcId` but received "". Set it, or leave all three out to create a VPC.',
    ],
    [
      "a range too small for four subnets",
      { "ddn:vpcCidr": "10.0.0.0/28" },
      'Expected a range from /16 to /22, or nothing for `ddn:vpcCidr` but received "10.0.0.0/28".',
    ],
    [
      "NAT of an unknown kind",
      { "ddn:natGateways": "two" },
      'Expected one of none, single, onePerZone for `ddn:natGateways` but received "two".',
    ],
    [
      "no retention",
      { "ddn:inRetentionDays": 0 },
      "Expected a whole number from 1 to 3650 for `ddn:inRetentionDays` but received 0.",
    ],
    [
      "half a day of retention",
      { "ddn:outRetentionDays": 1.5 },
      "Expected a whole number from 1 to 3650 for `ddn:outRetentionDays` but received 1.5.",
    ],
    [
      "an unknown encryption",
      { "ddn:encryption": "rot13" },
      'Expected one of aes256, kms for `ddn:encryption` but received "rot13".',
    ],
    [
      "a prefix of the platform's own keys",
      { "ddn:uploadPrefix": ".ddn/" },
      'Expected a prefix of file names, or nothing for `ddn:uploadPrefix` but received ".ddn/".',
    ],
    [
      "every web origin",
      { "ddn:corsOrigins": ["*"] },
      'Expected an origin such as https://console.example.com; * would let any page upload, for `ddn:corsOrigins` but received "*".',
    ],
    [
      "an origin with a path",
      { "ddn:corsOrigins": ["https://example.com/console"] },
      'Expected an origin such as https://console.example.com; * would let any page upload, for `ddn:corsOrigins` but received "https://example.com/console".',
    ],
    [
      "a file larger than one PUT carries",
      { "ddn:maxBytes": 5368709121 },
      "Expected a whole number from 1 to 5368709120 for `ddn:maxBytes` but received 5368709121.",
    ],
    [
      "no pixels",
      { "ddn:maxPixels": 0 },
      "Expected a whole number from 1 to 1073741824 for `ddn:maxPixels` but received 0.",
    ],
    [
      "an API image by tag",
      { "ddn:apiImage": "ddn-api:latest" },
      'Expected an image by digest (…@sha256:…), or nothing for `ddn:apiImage` but received "ddn-api:latest".',
    ],
    [
      "a Triton image by tag",
      { "ddn:tritonImage": "ddn-triton:latest" },
      'Expected an image by digest (…@sha256:…), or nothing for `ddn:tritonImage` but received "ddn-triton:latest".',
    ],
    [
      "no instance type",
      { "ddn:instanceTypes": [] },
      "Expected one instance type at least for `ddn:instanceTypes` but received [].",
    ],
    [
      "an instance type that is none",
      { "ddn:instanceTypes": ["gpu"] },
      'Expected instance types such as g4dn.xlarge for `ddn:instanceTypes` but received "gpu".',
    ],
    [
      "more instances at least than at most",
      { "ddn:minInstances": 3, "ddn:maxInstances": 2 },
      "Expected a whole number from 0 to 2 for `ddn:minInstances` but received 3.",
    ],
    [
      "no instance at most",
      { "ddn:maxInstances": 0 },
      "Expected a whole number from 1 to 100 for `ddn:maxInstances` but received 0.",
    ],
    [
      "a volume that the images do not fit on",
      { "ddn:rootVolumeGib": 30 },
      "Expected a whole number from 60 to 1000 for `ddn:rootVolumeGib` but received 30.",
    ],
    [
      "an AMI that is none",
      { "ddn:gpuAmiId": "latest" },
      'Expected the id of an AMI, or nothing for `ddn:gpuAmiId` but received "latest".',
    ],
    [
      "a network mode that shares the host's ports",
      { "ddn:networkMode": "host" },
      'Expected one of bridge, awsvpc for `ddn:networkMode` but received "host".',
    ],
    ["a time to wake that is no cron expression", { "ddn:wakeSchedule": "8am" }, `${cronWake} received "8am".`],
    ["a time to sleep that is no cron expression", { "ddn:sleepSchedule": "7pm" }, `${cronSleep} received "7pm".`],
    [
      "an unknown way of authorisation",
      { "ddn:authMode": "basic" },
      'Expected one of auto, jwt, iam, none for `ddn:authMode` but received "basic".',
    ],
    [
      "an issuer without TLS",
      { "ddn:jwtIssuer": "http://login.example.com" },
      'Expected an https URL, or nothing for `ddn:jwtIssuer` but received "http://login.example.com".',
    ],
    ["an empty audience", { "ddn:jwtAudience": [""] }, 'Expected audiences for `ddn:jwtAudience` but received "".'],
    [
      "jwt without an issuer",
      { "ddn:authMode": "jwt" },
      'Expected the issuer of the tokens for `ddn:jwtIssuer` but received "". authMode is jwt.',
    ],
    [
      "jwt for nobody",
      { ...jwt, "ddn:jwtAudience": [] },
      "Expected one audience at least for `ddn:jwtAudience` but received []. authMode is jwt.",
    ],
    [
      "nobody asked who calls, and nobody said that this is meant",
      { "ddn:authMode": "none", "ddn:allowAnonymous": false },
      "Expected true with authMode none for `ddn:allowAnonymous` but received false. It lets everybody who knows the address in; use jwt or iam, or say that it is meant.",
    ],
    [
      "no request a second",
      { "ddn:rateLimit": 0 },
      "Expected a whole number from 1 to 10000 for `ddn:rateLimit` but received 0.",
    ],
    [
      "no burst",
      { "ddn:burstLimit": 0 },
      "Expected a whole number from 1 to 5000 for `ddn:burstLimit` but received 0.",
    ],
    [
      "a domain name that is an URL",
      { "ddn:domainName": "https://ddn.example.com" },
      'Expected a domain name, or nothing for `ddn:domainName` but received "https://ddn.example.com".',
    ],
    [
      "a certificate that is none",
      { "ddn:certificateArn": "mine" },
      'Expected the ARN of a certificate, or nothing for `ddn:certificateArn` but received "mine".',
    ],
    [
      "a domain name without its certificate",
      { "ddn:domainName": "ddn.example.com" },
      'Expected the certificate of `domainName` for `ddn:certificateArn` but received "".',
    ],
    [
      "a certificate without its domain name",
      { "ddn:certificateArn": "arn:aws:acm:ap-northeast-2:123456789012:certificate/1" },
      'Expected the domain name of `certificateArn` for `ddn:domainName` but received "".',
    ],
    [
      "an alarm for nobody's mailbox",
      { "ddn:alarmEmails": ["operator"] },
      'Expected mail addresses for `ddn:alarmEmails` but received "operator".',
    ],
    [
      "no budget",
      { "ddn:monthlyBudgetUsd": 0 },
      "Expected a whole number from 1 to 1000000 for `ddn:monthlyBudgetUsd` but received 0.",
    ],
    [
      "a retention that CloudWatch does not know",
      { "ddn:logRetentionDays": 10 },
      `Expected one of ${retention} for \`ddn:logRetentionDays\` but received 10.`,
    ],
    [
      "a number that is none",
      { "ddn:rateLimit": "many" },
      "Configuration 'ddn:rateLimit' value 'many' is not a valid number",
    ],
    [
      "a flag that is neither true nor false",
      { "ddn:spot": "yes" },
      "Configuration 'ddn:spot' value 'yes' is not a valid boolean",
    ],
    [
      "a list that is no JSON",
      { "ddn:alarmEmails": "a@example.com" },
      "Configuration 'ddn:alarmEmails' value 'a@example.com' is not a valid JSON object",
    ],
  ])("%s", (_, changes, message) => {
    expect(() => load("dev", changes)).toThrow(new pulumi.RunError(message));
  });
});
