// Does not prove what AWS answers; preflight.test.ts asks it, as its data sources are documented.
import { describe, expect, it } from "vitest";
import {
  type AdoptedNetwork,
  mailFindings,
  quotaFindings,
  type SubnetFacts,
  subnetFindings,
  wayOut,
  zoneFindings,
} from "./findings";

const region = "ap-northeast-2";
const increase = (code: string, vCpus: number): string =>
  `aws service-quotas request-service-quota-increase --service-code ec2 --quota-code ${code} --desired-value ${vCpus} --region ${region}`;
const onDemand = `The quota "Running On-Demand G and VT instances" (L-DB2E81BA) grants`;

const gpu = { instanceTypes: ["g4dn.xlarge", "g4dn.2xlarge"], spot: false, minInstances: 0, maxInstances: 1 };

describe("quotaFindings", () => {
  it.each([
    ["enough for the most instances of the largest type", 8, gpu],
    ["a stack that always runs two, exactly", 16, { ...gpu, minInstances: 2, maxInstances: 2 }],
  ])("finds nothing: %s", (_name, allowed, asked) => {
    expect(quotaFindings(allowed, asked, region)).toEqual([]);
  });

  it.each<readonly [string, number, typeof gpu, string, string]>([
    [
      "no vCPU at all, for a stack that may sleep",
      0,
      gpu,
      "warning",
      `${onDemand} 0 vCPUs in ${region}, but maxInstances 1 may need 8; until then no instance starts and jobs wait. Ask for more: ${increase("L-DB2E81BA", 8)}`,
    ],
    [
      "enough for the preferred type only",
      4,
      gpu,
      "warning",
      `${onDemand} 4 vCPUs in ${region}, but maxInstances 1 may need 8; until then fewer or smaller ones run. Ask for more: ${increase("L-DB2E81BA", 8)}`,
    ],
    [
      "too few for the least instances",
      4,
      { ...gpu, minInstances: 2, maxInstances: 3 },
      "error",
      `${onDemand} 4 vCPUs in ${region}, but minInstances 2 needs 8. Ask for more: ${increase("L-DB2E81BA", 24)}`,
    ],
    [
      "spot instances have a quota of their own",
      0,
      { ...gpu, spot: true, minInstances: 1 },
      "error",
      `The quota "All G and VT Spot Instance Requests" (L-3819A6DF) grants 0 vCPUs in ${region}, but minInstances 1 needs 4. Ask for more: ${increase("L-3819A6DF", 8)}`,
    ],
  ])("%s", (_name, allowed, asked, severity, message) => {
    expect(quotaFindings(allowed, asked, region)).toEqual([{ severity, message }]);
  });
});

describe("zoneFindings", () => {
  const [a, b, c] = ["a", "b", "c"].map((zone) => `${region}${zone}`) as [string, string, string];

  it("finds nothing where every type is offered in every zone", () => {
    expect(zoneFindings(["g4dn.xlarge"], [a, c], { "g4dn.xlarge": [a, c] })).toEqual([]);
  });

  it.each<readonly [string, readonly string[], readonly string[], Record<string, string[]>, string, string]>([
    [
      "an error where no type is offered",
      ["g4dn.xlarge", "g4dn.2xlarge"],
      [b],
      { "g4dn.xlarge": [a, c] },
      "error",
      `None of g4dn.xlarge, g4dn.2xlarge is offered in ${b}. AWS offers g4dn.xlarge in ${a}, ${c}; g4dn.2xlarge nowhere in this region. Set ddn:subnetIds (with ddn:vpcId) to subnets of such zones, or ddn:instanceTypes to other types.`,
    ],
    [
      "a warning where one zone cannot serve",
      ["g4dn.xlarge"],
      [a, b],
      { "g4dn.xlarge": [a, c] },
      "warning",
      `Instances can start in ${a} alone, of ${a}, ${b}. AWS offers g4dn.xlarge in ${a}, ${c}.`,
    ],
    [
      "a warning where one type is of no use",
      ["g4dn.xlarge", "g4dn.2xlarge"],
      [a, c],
      { "g4dn.xlarge": [a, c], "g4dn.2xlarge": [b] },
      "warning",
      `g4dn.2xlarge is not offered in ${a}, ${c}; take it out of ddn:instanceTypes. AWS offers g4dn.xlarge in ${a}, ${c}; g4dn.2xlarge in ${b}.`,
    ],
  ])("%s", (_name, types, zones, offered, severity, message) => {
    expect(zoneFindings(types, zones, offered)).toEqual([{ severity, message }]);
  });
});

const noRoute = {
  cidrBlock: "",
  gatewayId: "",
  natGatewayId: "",
  transitGatewayId: "",
  networkInterfaceId: "",
  vpcEndpointId: "",
};

describe("wayOut", () => {
  const all = { ...noRoute, cidrBlock: "0.0.0.0/0" };
  it.each([
    ["only the VPC's own route", [{ ...noRoute, cidrBlock: "10.0.0.0/16", gatewayId: "local" }], "none"],
    ["an internet gateway", [noRoute, { ...all, gatewayId: "igw-1" }], "internet"],
    ["a NAT gateway", [{ ...all, natGatewayId: "nat-1" }], "gateway"],
    ["a NAT instance", [{ ...all, networkInterfaceId: "eni-1" }], "gateway"],
    ["a transit gateway", [{ ...all, transitGatewayId: "tgw-1" }], "gateway"],
    ["a VPN", [{ ...all, gatewayId: "vgw-1" }], "gateway"],
    ["a firewall's endpoint", [{ ...all, vpcEndpointId: "vpce-1" }], "gateway"],
    ["a default route to nothing", [all], "none"],
  ])("%s", (_name, routes, way) => {
    expect(wayOut(routes)).toBe(way);
  });
});

const subnet = (change: Partial<SubnetFacts> = {}): SubnetFacts => ({
  id: "subnet-1",
  zone: `${region}a`,
  routeTableId: "rtb-1",
  wayOut: "internet",
  publicAddresses: true,
  ...change,
});

const adopted = (change: Partial<AdoptedNetwork> = {}): AdoptedNetwork => ({
  vpcId: "vpc-1",
  region,
  networkMode: "bridge",
  subnets: [subnet(), subnet({ id: "subnet-2", zone: `${region}c` })],
  missingEndpoints: ["sqs"],
  ...change,
});

const second = subnet({ id: "subnet-2", zone: `${region}c`, wayOut: "gateway" });
const orEndpoints = "; or add the endpoints that vpc-1 lacks: sqs.";

describe("subnetFindings", () => {
  it.each<readonly [string, Partial<AdoptedNetwork>]>([
    ["public subnets and instances on the bridge", {}],
    [
      "a NAT gateway and tasks with addresses",
      { networkMode: "awsvpc", subnets: [{ ...second, id: "subnet-1", zone: "x" }, second] },
    ],
    ["no way out, but every endpoint", { missingEndpoints: [], subnets: [subnet({ wayOut: "none" }), second] }],
  ])("finds nothing: %s", (_name, change) => {
    expect(subnetFindings(adopted(change))).toEqual([]);
  });

  it.each<readonly [string, Partial<AdoptedNetwork>, string]>([
    [
      "both subnets in one zone",
      { subnets: [subnet(), subnet({ id: "subnet-2" })] },
      `A load balancer needs subnets in two zones, but all of ddn:subnetIds are in ${region}a. Choose among: aws ec2 describe-subnets --filters Name=vpc-id,Values=vpc-1 --query 'Subnets[].[SubnetId,AvailabilityZone]' --output text --region ${region}`,
    ],
    [
      "a subnet without a way out",
      { subnets: [subnet({ wayOut: "none" }), second] },
      `From subnet-1 instances do not reach AWS. Give it a way out: aws ec2 create-route --route-table-id rtb-1 --destination-cidr-block 0.0.0.0/0 --nat-gateway-id <id> --region ${region}${orEndpoints}`,
    ],
    [
      "a public subnet that gives no addresses",
      { subnets: [subnet({ publicAddresses: false }), second] },
      `From subnet-1 instances do not reach AWS. Let instances have public addresses: aws ec2 modify-subnet-attribute --subnet-id subnet-1 --map-public-ip-on-launch --region ${region}${orEndpoints}`,
    ],
    [
      "a public subnet for tasks that never get a public address",
      { networkMode: "awsvpc", subnets: [subnet(), second] },
      `From subnet-1 tasks do not reach AWS. Let tasks share the instance's address: pulumi config set ddn:networkMode bridge${orEndpoints}`,
    ],
  ])("%s is an error", (_name, change, message) => {
    expect(subnetFindings(adopted(change))).toEqual([{ severity: "error", message }]);
  });
});

describe("mailFindings", () => {
  it("asks for somebody who hears of alarms", () => {
    expect(mailFindings(["a@example.com"])).toEqual([]);
    expect(mailFindings([])).toEqual([
      {
        severity: "warning",
        message:
          "Nobody hears of alarms and of the budget. Name somebody: pulumi config set --path 'ddn:alarmEmails[0]' ops@example.com",
      },
    ]);
  });
});
