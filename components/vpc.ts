import * as aws from "@pulumi/aws";
import * as awsx from "@pulumi/awsx";
import * as pulumi from "@pulumi/pulumi";
import type { NatGateways, NetworkConfig } from "../config";

/** As much of a VPC as the platform needs to know. */
export interface NetworkVpc {
  readonly vpcId: pulumi.Output<string>;
  readonly subnetIds: pulumi.Output<string[]>;
  /** Route tables that get an S3 endpoint; undefined where none may change. */
  readonly routeTableIds: pulumi.Input<string[]> | undefined;
}

type Adopted = Extract<NetworkConfig, { mode: "adopt" }>;
type Created = Extract<NetworkConfig, { mode: "create" }>;

/** A VPC that is there. The look-ups fail when it is not, or when a subnet belongs to another one. */
export const adoptedVpc = ({ vpcId, subnetIds, routeTableIds }: Adopted, parent: pulumi.Resource): NetworkVpc => ({
  vpcId: aws.ec2.getVpcOutput({ id: vpcId }, { parent }).id,
  subnetIds: pulumi.output(subnetIds.map((id) => aws.ec2.getSubnetOutput({ id, vpcId }, { parent }).id)),
  routeTableIds: routeTableIds.length === 0 ? undefined : [...routeTableIds],
});

const natStrategies = { none: "None", single: "Single", onePerZone: "OnePerAz" } as const satisfies Record<
  NatGateways,
  awsx.types.enums.ec2.NatGatewayStrategy
>;

type SubnetKind = "Public" | "Private" | "Isolated";

/**
 * Which subnets a VPC gets, the instances' first. Without a NAT gateway instances need an address of their own to reach
 * AWS, so they live in public subnets, where security groups let nobody in; unless endpoints bring AWS to them.
 */
export const subnetKinds = ({ natGateways, interfaceEndpoints }: Created): readonly SubnetKind[] => {
  if (natGateways !== "none") return ["Private", "Public"];
  return interfaceEndpoints ? ["Isolated"] : ["Public"];
};

/** A VPC of our own over two zones, which share its addresses evenly. */
export const createdVpc = (name: string, network: Created, parent: pulumi.Resource): NetworkVpc => {
  const kinds = subnetKinds(network);
  const vpc = new awsx.ec2.Vpc(
    name,
    {
      cidrBlock: network.cidrBlock,
      numberOfAvailabilityZones: 2,
      // Interface endpoints answer by the services' own names only with it.
      enableDnsHostnames: true,
      natGateways: { strategy: natStrategies[network.natGateways] },
      subnetStrategy: awsx.ec2.SubnetAllocationStrategy.Auto,
      subnetSpecs: kinds.map((type) => ({ type })),
    },
    { parent },
  );
  const subnetIds = { Public: vpc.publicSubnetIds, Private: vpc.privateSubnetIds, Isolated: vpc.isolatedSubnetIds };
  return {
    vpcId: vpc.vpcId,
    subnetIds: subnetIds[kinds[0]],
    routeTableIds: vpc.routeTables.apply((tables) => pulumi.all(tables.map(({ id }) => id))),
  };
};
