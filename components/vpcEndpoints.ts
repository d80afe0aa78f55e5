import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { admit } from "./securityGroups";
import type { NetworkVpc } from "./vpc";

/**
 * What an instance and its task call besides S3.
 * Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html,
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html,
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/setup-create-vpc.html
 */
export const interfaceServices = [
  "ecr.api",
  "ecr.dkr",
  "ecs",
  "ecs-agent",
  "ecs-telemetry",
  "logs",
  "sns",
  "sqs",
  "ssm",
  "ssmmessages",
] as const;

const serviceName = (service: string, parent: pulumi.Resource): pulumi.Output<string> =>
  pulumi.interpolate`com.amazonaws.${aws.getRegionOutput({}, { parent }).region}.${service}`;

/** The way to S3, and to the layers of images, that costs nothing and passes no NAT gateway. */
export const s3Endpoint = (
  name: string,
  { vpcId, routeTableIds }: NetworkVpc,
  parent: pulumi.Resource,
): aws.ec2.VpcEndpoint =>
  new aws.ec2.VpcEndpoint(
    `${name}-s3`,
    { vpcId, serviceName: serviceName("s3", parent), vpcEndpointType: "Gateway", routeTableIds },
    { parent },
  );

/** AWS within the VPC, under the names that the SDKs use anyhow; open to the service alone. */
export const interfaceEndpoints = (
  name: string,
  { vpcId, subnetIds }: NetworkVpc,
  service: aws.ec2.SecurityGroup,
  parent: pulumi.Resource,
): void => {
  const group = new aws.ec2.SecurityGroup(
    `${name}-endpoints`,
    { vpcId, description: "Interface endpoints" },
    { parent },
  );
  admit(`${name}-service-to-endpoints`, service, group, 443, parent);
  for (const each of interfaceServices) {
    new aws.ec2.VpcEndpoint(
      `${name}-${each.replace(".", "-")}`,
      {
        vpcId,
        serviceName: serviceName(each, parent),
        vpcEndpointType: "Interface",
        privateDnsEnabled: true,
        subnetIds,
        securityGroupIds: [group.id],
      },
      { parent },
    );
  }
};
