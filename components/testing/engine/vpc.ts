import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { ConstructResult } from "@pulumi/pulumi/provider";
import { region } from "../cloud";

const kinds = ["Public", "Private", "Isolated"] as const;
type Kind = (typeof kinds)[number];

/** As much of `awsx.ec2.Vpc` as the program asks for: a VPC with one subnet and route table per kind and zone. */
export const makeVpc = (
  name: string,
  inputs: pulumi.Inputs,
  options: pulumi.ComponentResourceOptions,
): ConstructResult => {
  const component = new pulumi.ComponentResource("awsx:ec2:Vpc", name, {}, options);
  const parent = { parent: component };
  const vpc = new aws.ec2.Vpc(
    name,
    { cidrBlock: inputs.cidrBlock, enableDnsHostnames: inputs.enableDnsHostnames },
    parent,
  );
  const asked = (inputs.subnetSpecs as readonly { type: Kind }[]).map(({ type }) => type);
  const subnets = asked.flatMap((kind) =>
    ["a", "c"].map((zone) => {
      const own = `${name}-${kind.toLowerCase()}-${zone}`;
      const subnet = new aws.ec2.Subnet(own, { vpcId: vpc.id, availabilityZone: `${region}${zone}` }, parent);
      const routeTable = new aws.ec2.RouteTable(own, { vpcId: vpc.id }, parent);
      new aws.ec2.RouteTableAssociation(own, { routeTableId: routeTable.id, subnetId: subnet.id }, parent);
      return { kind, subnet, routeTable };
    }),
  );
  const idsOf = (kind: Kind) => subnets.filter((each) => each.kind === kind).map(({ subnet }) => subnet.id);
  return {
    urn: component.urn,
    state: {
      vpcId: vpc.id,
      publicSubnetIds: idsOf("Public"),
      privateSubnetIds: idsOf("Private"),
      isolatedSubnetIds: idsOf("Isolated"),
      routeTables: subnets.map(({ routeTable }) => routeTable),
    },
  };
};
