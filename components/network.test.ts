// Does not prove that AWS routes the packets, nor what awsx makes of its arguments: under mocks its VPC is one resource.
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import type { NetworkConfig } from "../config";
import { flowLogPolicy, flowLogTrust } from "./flowLog";
import { Network, type NetworkArgs } from "./network";
import { accountId } from "./testing/cloud";
import { type RecordedGraph, type RecordOptions, recordGraph } from "./testing/graph";
import { countByType, inputsOf, ofType, waitsFor } from "./testing/query";
import { interfaceServices } from "./vpcEndpoints";

type Created = Extract<NetworkConfig, { mode: "create" }>;

const dev: Created = {
  mode: "create",
  cidrBlock: "10.40.0.0/16",
  natGateways: "none",
  interfaceEndpoints: false,
  flowLogs: false,
};
const prod: NetworkConfig = {
  mode: "adopt",
  vpcId: "vpc-026400b6f5ea5c7f6",
  subnetIds: ["subnet-0b096afec739dc2a2", "subnet-05fea229a7abfb9a8"],
  routeTableIds: [],
};

const record = (network: NetworkConfig, more?: Omit<NetworkArgs, "network">, options?: RecordOptions) =>
  recordGraph(() => {
    const { vpcId, subnetIds, internetRoute, ...groups } = new Network("ddn", { network, ...more });
    const { linkSecurityGroupId, loadBalancerSecurityGroupId, serviceSecurityGroupId } = groups;
    return {
      vpcId,
      subnetIds,
      internetRoute,
      linkSecurityGroupId,
      loadBalancerSecurityGroupId,
      serviceSecurityGroupId,
    };
  }, options);

const vpcType = "awsx:ec2:Vpc";
const groupType = "aws:ec2/securityGroup:SecurityGroup";
const ingressType = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const egressType = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule";
const endpointType = "aws:ec2/vpcEndpoint:VpcEndpoint";
const threeGroups = { [groupType]: 3, [ingressType]: 2, [egressType]: 3 };

describe("Network that adopts a VPC", () => {
  it("makes security groups and nothing else", async () => {
    const graph = await record(prod);
    expect(countByType(graph)).toEqual(threeGroups);
    expect(graph.outputs).toMatchObject({
      vpcId: "vpc-026400b6f5ea5c7f6",
      subnetIds: ["subnet-0b096afec739dc2a2", "subnet-05fea229a7abfb9a8"],
      internetRoute: true,
    });
  });

  it("looks up the VPC, and each subnet within it, so that a stranger is refused", async () => {
    const calls: unknown[] = [];
    await record(prod, undefined, {
      call: (token, { id, vpcId }) => {
        calls.push([token, id, vpcId]);
        return { id };
      },
    });
    expect(calls).toEqual([
      ["aws:ec2/getVpc:getVpc", "vpc-026400b6f5ea5c7f6", undefined],
      ["aws:ec2/getSubnet:getSubnet", "subnet-0b096afec739dc2a2", "vpc-026400b6f5ea5c7f6"],
      ["aws:ec2/getSubnet:getSubnet", "subnet-05fea229a7abfb9a8", "vpc-026400b6f5ea5c7f6"],
    ]);
  });

  it("adds an S3 endpoint to the route tables that may change, and to no other", async () => {
    const graph = await record({ ...prod, routeTableIds: ["rtb-0123456789abcdef0"] });
    expect(countByType(graph)).toEqual({ ...threeGroups, [endpointType]: 1 });
    expect(inputsOf(graph, endpointType)).toEqual({
      "ddn-s3": {
        vpcId: "vpc-026400b6f5ea5c7f6",
        serviceName: "com.amazonaws.ap-northeast-2.s3",
        vpcEndpointType: "Gateway",
        routeTableIds: ["rtb-0123456789abcdef0"],
      },
    });
  });

  it("refuses a single subnet", async () => {
    await pulumi.runtime.setMocks({ newResource: ({ name }) => ({ id: name, state: {} }), call: () => ({}) });
    const message =
      'Expected two subnets at least for `network.subnetIds` but received ["subnet-0b096afec739dc2a2"]. A load balancer spans two zones.';
    expect(() => new Network("ddn", { network: { ...prod, subnetIds: ["subnet-0b096afec739dc2a2"] } })).toThrow(
      expect.objectContaining({ message }),
    );
    await pulumi.runtime.disconnect();
  });
});

describe("Network that creates a VPC", () => {
  it.each<[string, Partial<Created>, string, string[], boolean]>([
    ["public subnets without a NAT gateway", {}, "None", ["Public"], false],
    ["private subnets behind one NAT gateway", { natGateways: "single" }, "Single", ["Private", "Public"], true],
    [
      "private subnets, each zone's NAT its own",
      { natGateways: "onePerZone" },
      "OnePerAz",
      ["Private", "Public"],
      true,
    ],
    ["isolated subnets with endpoints alone", { interfaceEndpoints: true }, "None", ["Isolated"], true],
    [
      "private subnets with both",
      { natGateways: "single", interfaceEndpoints: true },
      "Single",
      ["Private", "Public"],
      true,
    ],
  ])("puts instances into %s", async (_, changes, strategy, kinds, internetRoute) => {
    const graph = await record({ ...dev, ...changes }, undefined, {
      create: (_type, name, inputs) => ({
        id: name,
        state: {
          ...inputs,
          vpcId: "vpc-1",
          publicSubnetIds: ["Public"],
          privateSubnetIds: ["Private"],
          isolatedSubnetIds: ["Isolated"],
          routeTables: [],
        },
      }),
    });
    expect(inputsOf(graph, vpcType)).toEqual({
      ddn: {
        cidrBlock: "10.40.0.0/16",
        numberOfAvailabilityZones: 2,
        enableDnsHostnames: true,
        natGateways: { strategy },
        subnetStrategy: "Auto",
        subnetSpecs: kinds.map((type) => ({ type })),
      },
    });
    expect(graph.outputs).toMatchObject({ subnetIds: [kinds[0]], internetRoute });
  });

  it("makes no more than the VPC, its groups, a closed default group and the S3 endpoint in dev", async () => {
    const graph = await record(dev);
    expect(countByType(graph)).toEqual({
      ...threeGroups,
      [vpcType]: 1,
      [endpointType]: 1,
      "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": 1,
    });
    expect(inputsOf(graph, endpointType)["ddn-s3"]).toEqual({
      vpcId: graph.outputs.vpcId,
      serviceName: "com.amazonaws.ap-northeast-2.s3",
      vpcEndpointType: "Gateway",
      routeTableIds: [expect.stringMatching(/^rtb-/), expect.stringMatching(/^rtb-/)],
    });
  });

  it("closes the default security group", async () => {
    const graph = await record(dev);
    expect(inputsOf(graph, "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")).toEqual({
      "ddn-default": { vpcId: graph.outputs.vpcId, ingress: [], egress: [] },
    });
  });

  it("brings AWS into the VPC by interface endpoints that only the service reaches", async () => {
    const graph = await record({ ...dev, interfaceEndpoints: true });
    const { "ddn-s3": _, ...endpoints } = inputsOf(graph, endpointType);
    expect(Object.values(endpoints)).toEqual(
      interfaceServices.map((service) => ({
        vpcId: graph.outputs.vpcId,
        serviceName: `com.amazonaws.ap-northeast-2.${service}`,
        vpcEndpointType: "Interface",
        privateDnsEnabled: true,
        subnetIds: graph.outputs.subnetIds,
        securityGroupIds: [expect.stringMatching(/^sg-/)],
      })),
    );
    const groups = Object.values(endpoints).map(({ securityGroupIds }) => securityGroupIds);
    expect(inputsOf(graph, ingressType)["ddn-service-to-endpoints"]).toEqual({
      securityGroupId: (groups[0] as string[])[0],
      referencedSecurityGroupId: graph.outputs.serviceSecurityGroupId,
      ipProtocol: "tcp",
      fromPort: 443,
      toPort: 443,
    });
  });

  it("writes a flow log with a role of its own where asked", async () => {
    const keyArn = "arn:aws:kms:ap-northeast-2:123456789012:key/1";
    const graph = await record({ ...dev, flowLogs: true }, { keyArn, logRetentionDays: 365 });
    expect(inputsOf(graph, "aws:cloudwatch/logGroup:LogGroup")).toEqual({
      "ddn-flow-log": { retentionInDays: 365, kmsKeyId: keyArn },
    });
    const { "ddn-flow-log": log } = ofType(graph, "aws:ec2/flowLog:FlowLog");
    const groupArn = String(log.props.logDestination);
    expect(log.props).toEqual({
      vpcId: graph.outputs.vpcId,
      trafficType: "ALL",
      logDestination: expect.stringMatching(/^arn:aws:logs:/),
      iamRoleArn: expect.stringMatching(/^arn:aws:iam::123456789012:role\/ddn-flow-log-/),
    });
    expect(waitsFor(graph, log)).toContain("ddn-flow-log");
    expect(inputsOf(graph, "aws:iam/role:Role")).toEqual({
      "ddn-flow-log": { assumeRolePolicy: JSON.stringify(flowLogTrust(accountId)) },
    });
    expect(inputsOf(graph, "aws:iam/rolePolicy:RolePolicy")["ddn-flow-log"].policy).toBe(
      JSON.stringify(flowLogPolicy(groupArn)),
    );
  });

  it("lets the flow log write into its group alone", () => {
    expect(flowLogPolicy("arn:aws:logs:ap-northeast-2:123456789012:log-group:flow").Statement).toEqual([
      {
        Effect: "Allow",
        Action: ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
        Resource: "arn:aws:logs:ap-northeast-2:123456789012:log-group:flow:*",
      },
      {
        Effect: "Allow",
        Action: "logs:DescribeLogGroups",
        Resource: "arn:aws:logs:ap-northeast-2:123456789012:log-group:*",
      },
    ]);
    expect(flowLogTrust(accountId).Statement).toEqual([
      {
        Effect: "Allow",
        Principal: { Service: "vpc-flow-logs.amazonaws.com" },
        Action: "sts:AssumeRole",
        Condition: { StringEquals: { "aws:SourceAccount": accountId } },
      },
    ]);
  });
});

describe.each([
  ["an adopted VPC", prod],
  ["a VPC of its own", dev],
  ["a VPC of its own with everything", { ...dev, natGateways: "onePerZone", interfaceEndpoints: true, flowLogs: true }],
] as [string, NetworkConfig][])("Network in %s", (_, network) => {
  let graph: RecordedGraph;
  beforeAll(async () => {
    graph = await record(network);
  });

  it("opens VPC link → load balancer:80 → service:50101 at both ends", () => {
    const { outputs } = graph;
    const hop = (from: unknown, to: unknown, port: number) => ({
      ingress: {
        securityGroupId: to,
        referencedSecurityGroupId: from,
        ipProtocol: "tcp",
        fromPort: port,
        toPort: port,
      },
      egress: { securityGroupId: from, referencedSecurityGroupId: to, ipProtocol: "tcp", fromPort: port, toPort: port },
    });
    const first = hop(outputs.linkSecurityGroupId, outputs.loadBalancerSecurityGroupId, 80);
    const second = hop(outputs.loadBalancerSecurityGroupId, outputs.serviceSecurityGroupId, 50101);
    expect(inputsOf(graph, ingressType)).toMatchObject({
      "ddn-link-to-load-balancer": first.ingress,
      "ddn-load-balancer-to-service": second.ingress,
    });
    expect(inputsOf(graph, egressType)).toMatchObject({
      "ddn-link-to-load-balancer": first.egress,
      "ddn-load-balancer-to-service": second.egress,
      "ddn-service-to-aws": {
        securityGroupId: outputs.serviceSecurityGroupId,
        ipProtocol: "tcp",
        fromPort: 443,
        toPort: 443,
        cidrIpv4: "0.0.0.0/0",
      },
    });
  });

  it("lets nobody in from an address, from anywhere, or to a port of Triton's", () => {
    const rules = Object.values(inputsOf(graph, ingressType));
    expect(rules.filter(({ referencedSecurityGroupId }) => referencedSecurityGroupId === undefined)).toEqual([]);
    expect(rules.filter(({ cidrIpv4, cidrIpv6, prefixListId }) => cidrIpv4 ?? cidrIpv6 ?? prefixListId)).toEqual([]);
    const reaches = (port: number) =>
      rules.filter(({ fromPort, toPort }) => Number(fromPort) <= port && port <= Number(toPort));
    expect(reaches(50101).length).toBe(1);
    expect([...reaches(50201), ...reaches(58202), ...reaches(22)]).toEqual([]);
    for (const { ingress, egress } of Object.values(inputsOf(graph, groupType))) {
      expect([ingress, egress]).toEqual([undefined, undefined]);
    }
  });

  it("gives every resource a parent and leaves names to Pulumi", () => {
    const { resources } = graph;
    const own = resources.filter(({ type }) => type !== "pulumi:pulumi:Stack");
    const component = own.find(({ type }) => type === "ddn:index:Network");
    expect(own.filter((each) => each !== component && each.parent !== component?.urn)).toEqual([]);
    expect(own.filter(({ props }) => props.name !== undefined)).toEqual([]);
  });

  it("is destroyed from the outside in: rules before the groups that they name", () => {
    const { "ddn-load-balancer-to-service": rule } = ofType(graph, ingressType);
    expect(waitsFor(graph, rule)).toEqual(["ddn-load-balancer", "ddn-service"]);
  });
});
