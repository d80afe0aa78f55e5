import { accountId, region } from "./cloud";
import type { StackName } from "./stackConfig";

const digest = `@sha256:${"0".repeat(64)}`;

const both = {
  "ddn:inRetentionDays": 7,
  "ddn:outRetentionDays": 14,
  "ddn:corsOrigins": ["https://console.example.com"],
  "ddn:encryption": "kms",
  "ddn:accessLogs": true,
  "ddn:uploadPrefix": "in/",
  "ddn:requireSize": true,
  "ddn:maxBytes": 2 ** 30,
  "ddn:maxPixels": 2 ** 24,
  "ddn:tensorRt": true,
  "ddn:instanceTypes": ["g4dn.2xlarge", "g4dn.xlarge"],
  "ddn:spot": true,
  "ddn:maxInstances": 3,
  "ddn:rootVolumeGib": 120,
  "ddn:authMode": "jwt",
  "ddn:jwtIssuer": "https://login.example.com",
  "ddn:jwtAudience": ["ddn"],
  "ddn:rateLimit": 20,
  "ddn:burstLimit": 40,
  "ddn:domainName": "ddn.example.com",
  "ddn:certificateArn": `arn:aws:acm:${region}:${accountId}:certificate/1`,
  "ddn:alarmEmails": ["a@example.com", "b@example.com"],
  "ddn:monthlyBudgetUsd": 100,
  "ddn:logRetentionDays": 365,
};

/**
 * As much as a stack can be asked for at once: what sleeps and a network of its own in dev; in prod, which has neither,
 * an endpoint in the adopted network. Images are given in prod and built in dev.
 */
export const everyOption: Readonly<Record<StackName, Readonly<Record<string, unknown>>>> = {
  dev: {
    ...both,
    "ddn:vpcCidr": "10.50.0.0/16",
    "ddn:natGateways": "onePerZone",
    "ddn:interfaceEndpoints": true,
    "ddn:flowLogs": true,
    "ddn:networkMode": "awsvpc",
    "ddn:wakeSchedule": "cron(0 8 ? * MON-FRI *)",
    "ddn:sleepSchedule": "cron(0 19 ? * MON-FRI *)",
    "ddn:scheduleTimeZone": "UTC",
  },
  prod: {
    ...both,
    "ddn:routeTableIds": ["rtb-0123456789abcdef0"],
    "ddn:apiImage": `${accountId}.dkr.ecr.${region}.amazonaws.com/deepdenoising-api${digest}`,
    "ddn:tritonImage": `${accountId}.dkr.ecr.${region}.amazonaws.com/deepdenoising-triton${digest}`,
    "ddn:gpuAmiId": "ami-0123456789abcdef0",
  },
};
