// Does not prove what AWS answers; the data sources are played here as their documentation describes them.
import * as pulumi from "@pulumi/pulumi";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type PreflightConfig, preflight, preflightFindings } from "./preflight";

const region = "ap-northeast-2";
const gpu = { instanceTypes: ["g4dn.xlarge", "g4dn.2xlarge"], spot: false, minInstances: 0, maxInstances: 1 };

const noRoute = {
  cidrBlock: "",
  gatewayId: "",
  natGatewayId: "",
  transitGatewayId: "",
  networkInterfaceId: "",
  vpcEndpointId: "",
};

type Answers = Readonly<Record<string, (inputs: Record<string, unknown>) => Record<string, unknown>>>;

/** A VPC whose first subnet has the main route table and whose second has one of its own. */
const answers: Answers = {
  getRegion: () => ({ region }),
  getServiceQuota: () => ({ value: 64 }),
  getAvailabilityZones: () => ({ names: [`${region}a`, `${region}b`, `${region}c`] }),
  getInstanceTypeOfferings: () => ({
    instanceTypes: ["g4dn.xlarge", "g4dn.2xlarge", "g4dn.xlarge", "g4dn.2xlarge"],
    locations: [`${region}c`, `${region}a`, `${region}a`, `${region}c`],
  }),
  getSubnet: ({ id }) => ({
    id,
    availabilityZone: `${region}${id === "subnet-1" ? "a" : "c"}`,
    mapPublicIpOnLaunch: true,
  }),
  getRouteTables: () => ({ ids: ["rtb-other", "rtb-main", "rtb-own"] }),
  getRouteTable: ({ routeTableId }) => ({
    routeTableId,
    associations: [{ main: routeTableId === "rtb-main", subnetId: routeTableId === "rtb-own" ? "subnet-2" : "" }],
    routes: [
      routeTableId === "rtb-own"
        ? { ...noRoute, cidrBlock: "0.0.0.0/0", natGatewayId: "nat-1" }
        : { ...noRoute, cidrBlock: "0.0.0.0/0", gatewayId: routeTableId === "rtb-main" ? "igw-1" : "" },
    ],
  }),
};

const mock = async (changes: Answers, preview = true): Promise<string[]> => {
  const calls: string[] = [];
  const all = { ...answers, ...changes };
  await pulumi.runtime.setMocks(
    {
      newResource: () => {
        throw new Error("A preflight makes nothing.");
      },
      call: ({ token, inputs }) => {
        const name = token.split(":").at(-1) ?? "";
        calls.push(name);
        const answer = all[name];
        if (answer === undefined) throw new Error(`Expected a call that is foreseen but received ${token}.`);
        return answer(inputs);
      },
    },
    "ddn",
    "dev",
    preview,
  );
  return calls;
};

const config = (change: { network?: object; gpu?: object; emails?: string[] } = {}): PreflightConfig =>
  ({
    network: {
      mode: "adopt",
      vpcId: "vpc-1",
      subnetIds: ["subnet-1", "subnet-2"],
      routeTableIds: [],
      ...change.network,
    },
    storage: { encryption: "aes256" },
    gpu: { ...gpu, rootVolumeGib: 100, networkMode: "bridge", ...change.gpu },
    operations: { alarmEmails: change.emails ?? ["a@example.com"] },
  }) as unknown as PreflightConfig;

const created = { mode: "create", natGateways: "none", interfaceEndpoints: false };

describe("preflightFindings", () => {
  it("finds nothing in an account that has everything", async () => {
    await mock({});
    expect(await preflightFindings(config())).toEqual([]);
  });

  it("judges a subnet by its own route table, and by the main one where it has none", async () => {
    const calls = await mock({
      getVpcEndpoint: ({ serviceName }) => {
        if (serviceName === "com.amazonaws.ap-northeast-2.s3") return { id: "vpce-1" };
        throw new Error("no matching VPC endpoint found");
      },
    });
    const findings = await preflightFindings(config({ gpu: { networkMode: "awsvpc" } }));
    expect(findings).toEqual([{ severity: "error", message: expect.stringMatching(/^From subnet-1 tasks do not/) }]);
    expect(findings[0]?.message).toMatch(/lacks: ecr\.api, ecr\.dkr, ecs, ecs-agent, ecs-telemetry, logs, sns, sqs\.$/);
    expect(calls).toContain("getVpcEndpoint");
  });

  it("looks for no endpoint where the routes do", async () => {
    const calls = await mock({});
    await preflightFindings(config());
    expect(calls).not.toContain("getVpcEndpoint");
  });

  it("takes the first two zones of the region for a VPC that is to be created, and looks at no subnet", async () => {
    const calls = await mock({});
    expect(await preflightFindings(config({ network: created }))).toEqual([
      {
        severity: "warning",
        message: `Instances can start in ${region}a alone, of ${region}a, ${region}b. AWS offers g4dn.xlarge in ${region}a, ${region}c; g4dn.2xlarge in ${region}a, ${region}c.`,
      },
    ]);
    expect(calls.sort()).toEqual(["getAvailabilityZones", "getInstanceTypeOfferings", "getRegion", "getServiceQuota"]);
  });

  it("warns of a check that AWS refuses, and goes on with the others", async () => {
    await mock({
      getServiceQuota: () => {
        // As gRPC hands the engine's words over.
        throw Object.assign(new Error(), { details: "not authorized to perform servicequotas:GetServiceQuota" });
      },
    });
    expect(await preflightFindings(config())).toEqual([
      { severity: "warning", message: expect.stringMatching(/^The GPU quota could not be checked: .*GetServiceQuota/) },
    ]);
  });
});

describe("preflight", () => {
  const logged = { info: vi.spyOn(pulumi.log, "info"), warn: vi.spyOn(pulumi.log, "warn") };
  for (const spy of Object.values(logged)) spy.mockImplementation(async () => {});
  afterEach(() => {
    for (const spy of Object.values(logged)) spy.mockClear();
  });

  it("prints the estimate and the warnings, and lets the program go on", async () => {
    await mock({});
    await preflight(config({ emails: [] }));
    expect(logged.info.mock.calls[0]?.[0]).toMatch(/^Estimated cost, USD a month/);
    expect(logged.warn.mock.calls).toEqual([[expect.stringMatching(/^Nobody hears of alarms/)]]);
  });

  it("fails with all errors together", async () => {
    await mock({
      getServiceQuota: () => ({ value: 0 }),
      getInstanceTypeOfferings: () => ({ instanceTypes: [], locations: [] }),
    });
    const failure = await preflight(config({ gpu: { minInstances: 1 } })).catch((error: unknown) => error);
    expect(pulumi.RunError.isInstance(failure)).toBe(true);
    expect((failure as Error).message.split("\n").map((line) => line.slice(0, 40))).toEqual([
      'The quota "Running On-Demand G and VT in',
      "None of g4dn.xlarge, g4dn.2xlarge is off",
    ]);
  });

  it("asks AWS nothing while resources are being made", async () => {
    const calls = await mock({}, false);
    await preflight(config());
    expect(calls).toEqual([]);
    expect(logged.info).not.toHaveBeenCalled();
  });
});
