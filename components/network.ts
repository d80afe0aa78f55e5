import * as pulumi from "@pulumi/pulumi";
import type { NetworkConfig } from "../config";
import { expected } from "../contract/problem";
import { flowLog } from "./flowLog";
import { closeDefaultSecurityGroup, securityGroups } from "./securityGroups";
import { adoptedVpc, createdVpc } from "./vpc";
import { interfaceEndpoints, s3Endpoint } from "./vpcEndpoints";

export interface NetworkArgs {
  /** Which VPC to adopt, or what to create. */
  readonly network: NetworkConfig;
  /** Days that the flow log of a created VPC is kept. @default 30 */
  readonly logRetentionDays?: number;
  /** Key that encrypts the flow log. @default CloudWatch's own encryption */
  readonly keyArn?: pulumi.Input<string>;
}

/**
 * Where everything lives and who may talk to whom there: VPC link → load balancer → API server. Nothing else has a way
 * in, whatever the subnets are. An adopted VPC gains security groups, and an S3 endpoint only where `routeTableIds` says
 * which route tables may change.
 */
export class Network extends pulumi.ComponentResource {
  public readonly vpcId: pulumi.Output<string>;
  /** Where instances, load balancer and VPC link live: two at least, in different zones. */
  public readonly subnetIds: pulumi.Output<string[]>;
  public readonly linkSecurityGroupId: pulumi.Output<string>;
  public readonly loadBalancerSecurityGroupId: pulumi.Output<string>;
  /** Of instances, and of tasks that have an address of their own. */
  public readonly serviceSecurityGroupId: pulumi.Output<string>;
  /**
   * Whether tasks that have an address of their own reach AWS, by NAT gateways or interface endpoints. Taken for granted
   * in an adopted VPC: only its routes can tell.
   */
  public readonly internetRoute: boolean;

  constructor(name: string, args: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super("ddn:index:Network", name, {}, opts);

    const { network, logRetentionDays = 30, keyArn } = args;
    if (network.mode === "adopt" && network.subnetIds.length < 2) {
      const remedy = "A load balancer spans two zones.";
      const message = expected("two subnets at least", "network.subnetIds", network.subnetIds, remedy);
      throw new pulumi.ResourceError(message, this, true);
    }

    const vpc = network.mode === "adopt" ? adoptedVpc(network, this) : createdVpc(name, network, this);
    const groups = securityGroups(name, vpc.vpcId, this);
    if (vpc.routeTableIds !== undefined) s3Endpoint(name, vpc, this);
    if (network.mode === "create") {
      closeDefaultSecurityGroup(name, vpc.vpcId, this);
      if (network.interfaceEndpoints) interfaceEndpoints(name, vpc, groups.service, this);
      if (network.flowLogs) flowLog(name, vpc.vpcId, { logRetentionDays, keyArn }, this);
    }

    this.vpcId = vpc.vpcId;
    this.subnetIds = vpc.subnetIds;
    this.linkSecurityGroupId = groups.link.id;
    this.loadBalancerSecurityGroupId = groups.loadBalancer.id;
    this.serviceSecurityGroupId = groups.service.id;
    this.internetRoute = network.mode === "adopt" || network.natGateways !== "none" || network.interfaceEndpoints;
    this.registerOutputs({
      vpcId: this.vpcId,
      subnetIds: this.subnetIds,
      linkSecurityGroupId: this.linkSecurityGroupId,
      loadBalancerSecurityGroupId: this.loadBalancerSecurityGroupId,
      serviceSecurityGroupId: this.serviceSecurityGroupId,
      internetRoute: this.internetRoute,
    });
  }
}
