import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { ports } from "./ports";

export interface SecurityGroups {
  /** Of the VPC link that API Gateway reaches in by. */
  readonly link: aws.ec2.SecurityGroup;
  readonly loadBalancer: aws.ec2.SecurityGroup;
  /** Of instances and tasks. */
  readonly service: aws.ec2.SecurityGroup;
}

/** VPC link → load balancer → service, one port each; the service alone may call out, by HTTPS. */
export const securityGroups = (name: string, vpcId: pulumi.Input<string>, parent: pulumi.Resource): SecurityGroups => {
  const group = (role: string, description: string): aws.ec2.SecurityGroup =>
    new aws.ec2.SecurityGroup(`${name}-${role}`, { vpcId, description }, { parent });
  const link = group("link", "VPC link of the API");
  const loadBalancer = group("load-balancer", "Load balancer of the API server");
  const service = group("service", "API server and Triton");
  admit(`${name}-link-to-load-balancer`, link, loadBalancer, ports.loadBalancer, parent);
  admit(`${name}-load-balancer-to-service`, loadBalancer, service, ports.api, parent);
  new aws.vpc.SecurityGroupEgressRule(
    `${name}-service-to-aws`,
    {
      securityGroupId: service.id,
      description: "AWS, whose addresses change; how far this leads is for the routes to say",
      ipProtocol: "tcp",
      fromPort: 443,
      toPort: 443,
      cidrIpv4: "0.0.0.0/0",
    },
    { parent },
  );
  return { link, loadBalancer, service };
};

/** Opens one port between two groups, at both ends. */
export const admit = (
  name: string,
  from: aws.ec2.SecurityGroup,
  to: aws.ec2.SecurityGroup,
  port: number,
  parent: pulumi.Resource,
): void => {
  const rule = { ipProtocol: "tcp", fromPort: port, toPort: port };
  new aws.vpc.SecurityGroupEgressRule(
    name,
    { securityGroupId: from.id, referencedSecurityGroupId: to.id, ...rule },
    { parent },
  );
  new aws.vpc.SecurityGroupIngressRule(
    name,
    { securityGroupId: to.id, referencedSecurityGroupId: from.id, ...rule },
    { parent },
  );
};

/** Takes every rule out of the group that AWS gives to whatever names none. */
export const closeDefaultSecurityGroup = (
  name: string,
  vpcId: pulumi.Input<string>,
  parent: pulumi.Resource,
): aws.ec2.DefaultSecurityGroup =>
  new aws.ec2.DefaultSecurityGroup(`${name}-default`, { vpcId, ingress: [], egress: [] }, { parent });
