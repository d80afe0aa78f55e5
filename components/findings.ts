import type * as aws from "@pulumi/aws";
import type { PlatformConfig } from "../config";
import { gpuInstanceTypes } from "./gpuInstanceTypes";

/** Something that the account lacks, and what mends it. */
export interface Finding {
  /** An error is what no deployment can succeed with. */
  readonly severity: "error" | "warning";
  readonly message: string;
}

type Gpu = Pick<PlatformConfig["gpu"], "instanceTypes" | "spot" | "minInstances" | "maxInstances">;

const error = (message: string): Finding => ({ severity: "error", message });
export const warning = (message: string): Finding => ({ severity: "warning", message });

/**
 * vCPUs that instances with a GPU may have together; new accounts often have none.
 * Source: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
 */
export const gpuQuota = (spot: boolean) =>
  spot
    ? { code: "L-3819A6DF", name: "All G and VT Spot Instance Requests" }
    : { code: "L-DB2E81BA", name: "Running On-Demand G and VT instances" };

/**
 * Too few for the least instances, each of the smallest type, is an error; for the most, each of the largest type, a warning.
 * @param allowed vCPUs that the quota grants
 */
export const quotaFindings = (allowed: number, gpu: Gpu, region: string): readonly Finding[] => {
  const vCpus = gpu.instanceTypes.map((name) => gpuInstanceTypes[name]?.vCpus ?? 0);
  const least = gpu.minInstances * Math.min(...vCpus);
  const most = gpu.maxInstances * Math.max(...vCpus);
  const { code, name } = gpuQuota(gpu.spot);
  const request = `aws service-quotas request-service-quota-increase --service-code ec2 --quota-code ${code} --desired-value ${most} --region ${region}`;
  const have = `The quota "${name}" (${code}) grants ${allowed} vCPUs in ${region}`;
  if (allowed < least) {
    return [error(`${have}, but minInstances ${gpu.minInstances} needs ${least}. Ask for more: ${request}`)];
  }
  if (allowed < most) {
    const until =
      allowed < Math.min(...vCpus)
        ? "until then no instance starts and jobs wait"
        : "until then fewer or smaller ones run";
    return [
      warning(`${have}, but maxInstances ${gpu.maxInstances} may need ${most}; ${until}. Ask for more: ${request}`),
    ];
  }
  return [];
};

/**
 * @param zones where instances may start
 * @param offered zones of the region by instance type
 */
export const zoneFindings = (
  instanceTypes: readonly string[],
  zones: readonly string[],
  offered: Readonly<Record<string, readonly string[]>>,
): readonly Finding[] => {
  const zonesOf = (type: string): readonly string[] => offered[type] ?? [];
  const elsewhere = (type: string): string =>
    zonesOf(type).length === 0 ? `${type} nowhere in this region` : `${type} in ${zonesOf(type).join(", ")}`;
  const where = `AWS offers ${instanceTypes.map(elsewhere).join("; ")}.`;
  const usable = zones.filter((zone) => instanceTypes.some((type) => zonesOf(type).includes(zone)));
  if (usable.length === 0) {
    return [
      error(
        `None of ${instanceTypes.join(", ")} is offered in ${zones.join(", ")}. ${where} Set ddn:subnetIds (with ddn:vpcId) to subnets of such zones, or ddn:instanceTypes to other types.`,
      ),
    ];
  }
  return [
    ...(usable.length < zones.length
      ? [warning(`Instances can start in ${usable.join(", ")} alone, of ${zones.join(", ")}. ${where}`)]
      : []),
    ...instanceTypes
      .filter((type) => !zones.some((zone) => zonesOf(type).includes(zone)))
      .map((type) =>
        warning(`${type} is not offered in ${zones.join(", ")}; take it out of ddn:instanceTypes. ${where}`),
      ),
  ];
};

/** How traffic leaves a subnet: straight to the internet, through a gateway that needs no address of its own, or not at all. */
export type WayOut = "internet" | "gateway" | "none";

export interface SubnetFacts {
  readonly id: string;
  readonly zone: string;
  readonly routeTableId: string;
  readonly wayOut: WayOut;
  /** Whether instances get a public address there. */
  readonly publicAddresses: boolean;
}

type Route = Pick<
  aws.types.output.ec2.GetRouteTableRoute,
  "cidrBlock" | "gatewayId" | "natGatewayId" | "transitGatewayId" | "networkInterfaceId" | "vpcEndpointId"
>;

/** Judged by the default route; whether the gateway behind it works no route tells. */
export const wayOut = (routes: readonly Route[]): WayOut => {
  const route = routes.find(({ cidrBlock }) => cidrBlock === "0.0.0.0/0");
  if (route === undefined) return "none";
  if (route.gatewayId.startsWith("igw-")) return "internet";
  const { gatewayId, natGatewayId, transitGatewayId, networkInterfaceId, vpcEndpointId } = route;
  const through = [gatewayId, natGatewayId, transitGatewayId, networkInterfaceId, vpcEndpointId];
  return through.some((id) => id !== "") ? "gateway" : "none";
};

export interface AdoptedNetwork {
  readonly vpcId: string;
  readonly region: string;
  readonly networkMode: "bridge" | "awsvpc";
  readonly subnets: readonly SubnetFacts[];
  /** Services such as `sqs` that the VPC has no endpoint for; looked up only where a subnet needs them. */
  readonly missingEndpoints: readonly string[];
}

/** Whether what runs in the subnet reaches AWS by its routes, without endpoints. */
export const reaches = (subnet: SubnetFacts, networkMode: AdoptedNetwork["networkMode"]): boolean =>
  // Tasks with an address of their own never get a public one.
  // Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-networking-awsvpc.html
  subnet.wayOut === "gateway" || (subnet.wayOut === "internet" && subnet.publicAddresses && networkMode === "bridge");

const routeRemedy = ({ id, routeTableId, wayOut }: SubnetFacts, { networkMode, region }: AdoptedNetwork): string => {
  if (wayOut === "none") {
    return `Give it a way out: aws ec2 create-route --route-table-id ${routeTableId} --destination-cidr-block 0.0.0.0/0 --nat-gateway-id <id> --region ${region}`;
  }
  return networkMode === "awsvpc"
    ? "Let tasks share the instance's address: pulumi config set ddn:networkMode bridge"
    : `Let instances have public addresses: aws ec2 modify-subnet-attribute --subnet-id ${id} --map-public-ip-on-launch --region ${region}`;
};

/** Of an adopted VPC: two zones for the load balancer, and a way to AWS for what runs there. */
export const subnetFindings = (network: AdoptedNetwork): readonly Finding[] => {
  const { vpcId, region, networkMode, subnets, missingEndpoints } = network;
  const zones = new Set(subnets.map(({ zone }) => zone));
  const stranded = missingEndpoints.length === 0 ? [] : subnets.filter((subnet) => !reaches(subnet, networkMode));
  return [
    ...(zones.size < 2
      ? [
          error(
            `A load balancer needs subnets in two zones, but all of ddn:subnetIds are in ${[...zones].join(", ")}. Choose among: aws ec2 describe-subnets --filters Name=vpc-id,Values=${vpcId} --query 'Subnets[].[SubnetId,AvailabilityZone]' --output text --region ${region}`,
          ),
        ]
      : []),
    ...stranded.map((subnet) =>
      error(
        `From ${subnet.id} ${networkMode === "bridge" ? "instances" : "tasks"} do not reach AWS. ${routeRemedy(subnet, network)}; or add the endpoints that ${vpcId} lacks: ${missingEndpoints.join(", ")}.`,
      ),
    ),
  ];
};

export const mailFindings = (emails: readonly string[]): readonly Finding[] =>
  emails.length > 0
    ? []
    : [
        warning(
          "Nobody hears of alarms and of the budget. Name somebody: pulumi config set --path 'ddn:alarmEmails[0]' ops@example.com",
        ),
      ];
