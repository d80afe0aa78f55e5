import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { PlatformConfig } from "../config";
import { costTable, estimateMonthlyCost } from "./cost";
import {
  type Finding,
  gpuQuota,
  mailFindings,
  quotaFindings,
  reaches,
  type SubnetFacts,
  subnetFindings,
  warning,
  wayOut,
  zoneFindings,
} from "./findings";
import { interfaceServices } from "./vpcEndpoints";

export type PreflightConfig = Pick<PlatformConfig, "network" | "storage" | "gpu" | "operations">;

const quotaCheck = async ({ gpu }: PreflightConfig, region: string): Promise<readonly Finding[]> => {
  // The data source gives the default where the account has no value of its own.
  const { value } = await aws.servicequotas.getServiceQuota({ serviceCode: "ec2", quotaCode: gpuQuota(gpu.spot).code });
  return quotaFindings(value, gpu, region);
};

const adoptedZones = async (subnetIds: readonly string[]): Promise<readonly string[]> =>
  Promise.all(subnetIds.map(async (id) => (await aws.ec2.getSubnet({ id })).availabilityZone));

/** The first two of the region, as awsx takes them. */
const createdZones = async (): Promise<readonly string[]> => (await aws.getAvailabilityZones()).names.slice(0, 2);

const zoneCheck = async ({ network, gpu }: PreflightConfig): Promise<readonly Finding[]> => {
  const zones = network.mode === "adopt" ? await adoptedZones(network.subnetIds) : await createdZones();
  const { instanceTypes, locations } = await aws.ec2.getInstanceTypeOfferings({
    locationType: "availability-zone",
    filters: [{ name: "instance-type", values: [...gpu.instanceTypes] }],
  });
  const offered = Object.fromEntries(
    gpu.instanceTypes.map((type) => [type, locations.filter((_, index) => instanceTypes[index] === type).sort()]),
  );
  return zoneFindings(gpu.instanceTypes, [...new Set(zones)], offered);
};

type Adopted = Extract<PlatformConfig["network"], { mode: "adopt" }>;

const subnetFacts = async ({ vpcId, subnetIds }: Adopted): Promise<readonly SubnetFacts[]> => {
  const { ids } = await aws.ec2.getRouteTables({ vpcId });
  const tables = await Promise.all(ids.map((routeTableId) => aws.ec2.getRouteTable({ routeTableId })));
  // A subnet without a table of its own has the VPC's main one.
  const main = tables.find(({ associations }) => associations.some((each) => each.main));
  return Promise.all(
    subnetIds.map(async (id) => {
      const { availabilityZone, mapPublicIpOnLaunch } = await aws.ec2.getSubnet({ id });
      const own = tables.find(({ associations }) => associations.some(({ subnetId }) => subnetId === id));
      const table = own ?? main;
      return {
        id,
        zone: availabilityZone,
        routeTableId: table?.routeTableId ?? "<id>",
        wayOut: wayOut(table?.routes ?? []),
        publicAddresses: mapPublicIpOnLaunch,
      };
    }),
  );
};

/** The look-up fails for an endpoint that is not there. */
const lacksEndpoint = (vpcId: string, serviceName: string): Promise<boolean> =>
  aws.ec2.getVpcEndpoint({ vpcId, serviceName, state: "available" }).then(
    () => false,
    () => true,
  );

/** What a task needs; a shell on the instance (SSM) it does without. */
const neededServices = ["s3", ...interfaceServices.filter((service) => !service.startsWith("ssm"))];

const missingEndpoints = async (vpcId: string, region: string): Promise<readonly string[]> => {
  const lacks = await Promise.all(
    neededServices.map((service) => lacksEndpoint(vpcId, `com.amazonaws.${region}.${service}`)),
  );
  return neededServices.filter((_, index) => lacks[index]);
};

const subnetCheck = async ({ network, gpu }: PreflightConfig, region: string): Promise<readonly Finding[]> => {
  if (network.mode === "create") return [];
  const { vpcId } = network;
  const { networkMode } = gpu;
  const subnets = await subnetFacts(network);
  const allReach = subnets.every((subnet) => reaches(subnet, networkMode));
  const missing = allReach ? [] : await missingEndpoints(vpcId, region);
  return subnetFindings({ vpcId, region, networkMode, subnets, missingEndpoints: missing });
};

/** A check that AWS does not answer says so, and stops nothing: whoever previews may have fewer rights than a deployment. */
const answered = (what: string, check: Promise<readonly Finding[]>): Promise<readonly Finding[]> =>
  check.catch((cause: unknown) => [
    warning(`${what} could not be checked: ${cause instanceof Error ? cause.message : String(cause)}`),
  ]);

/** What the account lacks for this configuration, as far as AWS lets it be seen. */
export const preflightFindings = async (config: PreflightConfig): Promise<readonly Finding[]> => {
  const { region } = await aws.getRegion();
  const findings = await Promise.all([
    answered("The GPU quota", quotaCheck(config, region)),
    answered("The zones of the instance types", zoneCheck(config)),
    answered("The adopted subnets", subnetCheck(config, region)),
  ]);
  return [...findings.flat(), ...mailFindings(config.operations.alarmEmails)];
};

/**
 * Before anything is made: tells what it will cost, warns of what will not work in full, and fails on what cannot work at
 * all. Does nothing when the resources are being made, since a preview has gone before.
 * @throws pulumi.RunError with every error found
 */
export const preflight = async (config: PreflightConfig): Promise<void> => {
  if (!pulumi.runtime.isDryRun()) return;
  await pulumi.log.info(costTable(estimateMonthlyCost(config)));
  const findings = await preflightFindings(config);
  const messages = (severity: Finding["severity"]): readonly string[] =>
    findings.filter((finding) => finding.severity === severity).map(({ message }) => message);
  for (const message of messages("warning")) await pulumi.log.warn(message);
  const errors = messages("error");
  if (errors.length > 0) throw new pulumi.RunError(errors.join("\n"));
};
