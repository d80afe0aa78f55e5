// Does not prove AWS's prices: they are second-hand, of the date that prices.ts names.
import { describe, expect, it } from "vitest";
import type { NetworkConfig } from "../config";
import { type CostConfig, costTable, estimateMonthlyCost, gpuUsdPerHour } from "./cost";
import { gpuInstanceTypes } from "./gpuInstanceTypes";

const created: NetworkConfig = {
  mode: "create",
  cidrBlock: "10.40.0.0/16",
  natGateways: "none",
  interfaceEndpoints: false,
  flowLogs: false,
};
const adopted: NetworkConfig = {
  mode: "adopt",
  vpcId: "vpc-1",
  subnetIds: ["subnet-1", "subnet-2"],
  routeTableIds: [],
};

interface Case {
  readonly network?: NetworkConfig;
  readonly encryption?: "aes256" | "kms";
  readonly min?: number;
  readonly max?: number;
  readonly types?: readonly string[];
}

const config = ({ network = created, encryption = "aes256", min = 0, max = 1, types = ["g4dn.xlarge"] }: Case) =>
  ({
    network,
    storage: { encryption },
    gpu: { instanceTypes: types, minInstances: min, maxInstances: max, rootVolumeGib: 100 },
  }) as unknown as CostConfig;

describe("estimateMonthlyCost", () => {
  it.each<readonly [string, Case, idle: number, full: number]>([
    ["dev, asleep and awake", {}, 18.325, 507.905],
    ["prod", { network: adopted, encryption: "kms", min: 1, max: 2 }, 504.405, 993.985],
    ["eight larger instances", { max: 8, types: ["g4dn.2xlarge"] }, 18.325, 5526.985],
    [
      "one NAT gateway instead of public addresses",
      { network: { ...created, natGateways: "single" } },
      65.045,
      550.975,
    ],
    ["a NAT gateway a zone", { network: { ...created, natGateways: "onePerZone" } }, 111.765, 597.695],
    ["interface endpoints instead", { network: { ...created, interfaceEndpoints: true } }, 208.125, 694.055],
  ])("%s", (_name, asked, idle, full) => {
    const estimate = estimateMonthlyCost(config(asked));
    expect(estimate.idle).toBeCloseTo(idle, 6);
    expect(estimate.full).toBeCloseTo(full, 6);
    expect(estimate.unpriced).toEqual((asked.max ?? 1) > 1 ? ["Container Insights"] : []);
  });

  it("says what it cannot price instead of taking it for free", () => {
    const estimate = estimateMonthlyCost(config({ types: ["g9.xlarge"] }));
    expect(estimate.unpriced).toEqual(["g9.xlarge"]);
    expect(costTable(estimate)).toContain("Not in it: g9.xlarge, whose price components/prices.ts does not know.");
  });

  it("knows the price of every instance type that a stack may have", () => {
    const allowed = Object.keys(gpuInstanceTypes).filter((name) => gpuInstanceTypes[name]?.gpus === 1);
    expect(allowed.filter((name) => gpuUsdPerHour([name]) === undefined)).toEqual([]);
  });

  it("counts an instance type at its own price, not at another's", () => {
    expect(gpuUsdPerHour(["g4dn.2xlarge", "g4dn.xlarge"])).toBe(0.925);
    expect(gpuUsdPerHour(["g9.xlarge", "g4dn.xlarge"])).toBeUndefined();
  });
});

describe("costTable", () => {
  it("is short, names the date of its prices and adds up", () => {
    const table = costTable(estimateMonthlyCost(config({ network: adopted, encryption: "kms", min: 1, max: 2 })));
    expect(table.split("\n")).toEqual([
      "Estimated cost, USD a month (ap-northeast-2, prices of 2026-10-01, on demand, before tax)",
      "                                          idle   full load",
      "1 to 2 × g4dn.xlarge                    472.31      944.62",
      "1 to 2 × 100 GiB gp3                      9.12       18.24",
      "1 to 2 × public address                   3.65        7.30",
      "load balancer                            16.43       16.43",
      "encryption key                            1.00        1.00",
      "alarms on 19 metrics                      1.90        1.90",
      "15 metrics of its own                     0.00        4.50",
      "together                                504.40      993.98",
      "By use on top: 0.025 a GiB kept, 0.0045 a thousand writes to S3, 0.76 a GiB of logs.",
      "Not in it: Container Insights, whose price components/prices.ts does not know.",
    ]);
  });
});
