// Does not prove that AWS takes any of it: a provider of the project's own stands in for AWS, and knows no schema.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  closeEngine,
  type Engine,
  type EngineRun,
  engineHome,
  missingCommands,
  type RunOptions,
  startEngine,
} from "./components/testing/engine/engine";
import { everyOption } from "./components/testing/everyOption";
import { type RecordedGraph, recordGraph } from "./components/testing/graph";
import { type StackName, stackConfig, stacks } from "./components/testing/stackConfig";
import type { FunctionName } from "./contract/routes";
import { packLambda, withoutEngine } from "./functions/testing/lambdaPackage";
import { nativeRequire } from "./functions/testing/nativeProgram";

const missing = missingCommands();
if (missing.length > 0) {
  console.warn(
    `Pulumi's engine is not tested: ${missing.join(" and ")} not on PATH. Get it as https://www.pulumi.com/docs/install/ says.`,
  );
}

/** Several programs, each compiled, serialized and run as a process of its own. */
const runSeconds = 600;

const yes = ["--yes", "--skip-preview"];
const heldTo = (stack: StackName): string[] => [
  "--policy-pack",
  "policy",
  "--policy-pack-config",
  `policy/${stack}.json`,
];

describe.skipIf(missing.length > 0)("Pulumi's engine", { timeout: runSeconds * 1000 }, () => {
  let home: string;
  let platform: Engine;
  let consumer: Engine;
  const table: string[] = [];

  const run = async (
    engine: Engine,
    what: string,
    stack: string,
    command: readonly string[],
    options: RunOptions = {},
  ): Promise<EngineRun> => {
    const result = await engine.run(stack, command, options);
    const fates = Object.entries(result.resources).map(([fate, count]) => `${count} ${fate}`);
    table.push(`${what.padEnd(34)}${result.seconds.toFixed(1).padStart(6)} s  ${fates.join(", ")}`);
    return result;
  };

  const graphs: Partial<Record<StackName, RecordedGraph>> = {};

  beforeAll(async () => {
    for (const stack of stacks) {
      stackConfig(stack);
      graphs[stack] = await recordGraph("./index.ts", { stack });
    }
    home = await engineHome();
    platform = await startEngine(home, ".");
    consumer = await startEngine(home, "examples/consumer");
    for (const stack of stacks) await platform.init(stack);
    await consumer.init("team");
  }, runSeconds * 1000);

  afterAll(async () => {
    await closeEngine(home);
    console.log(table.join("\n"));
  });

  /** `type name` of what the program itself makes; the stand-in for awsx makes more by itself. */
  const recorded = (stack: StackName): string[] =>
    (graphs[stack]?.resources ?? [])
      .filter(({ custom, type }) => custom && !type.startsWith("pulumi:"))
      .map(({ type, name }) => `${type} ${name}`)
      .sort();
  const ofVpc = /^aws:ec2\/(vpc|subnet|routeTable|routeTableAssociation):/;
  const done = ({ operations }: EngineRun, does: "create" | "delete"): string[] =>
    operations
      .filter((operation) => operation.does === does && !ofVpc.test(operation.type))
      .map(({ type, name }) => `${type} ${name}`);

  describe.each([
    { stack: "dev", idle: "18.32", full: "507.90" },
    { stack: "prod", idle: "504.40", full: "993.98" },
  ] as const)("on $stack", ({ stack, idle, full }) => {
    let planned: number;

    it("previews all of it, says what it costs and what is amiss, and touches nothing", async () => {
      const preview = await run(platform, `${stack} preview`, stack, ["preview"]);
      expect(preview.ok, preview.text).toBe(true);
      expect(preview.operations).toEqual([]);
      expect(preview.text).toContain("Estimated cost, USD a month (ap-northeast-2");
      expect(preview.text).toMatch(new RegExp(`together +${idle} +${full}\n`));
      expect(preview.text).toContain("warning: Nobody hears of alarms and of the budget.");
      planned = preview.resources["to create"];
      const own = graphs[stack]?.resources ?? [];
      // The VPC itself, and a subnet with its route table and association in each of two zones.
      expect(planned).toBe(own.length + (stack === "dev" ? 7 : 0));
    });

    it("goes on after a failure where it stopped, held to the policies", async () => {
      const failed = await run(platform, `${stack} up, failing at the service`, stack, ["up", ...yes], {
        failAt: "aws:ecs/service:Service",
      });
      expect(failed.ok).toBe(false);
      expect(failed.text).toContain("ddn-service could not be made");

      const up = await run(platform, `${stack} up, with policies`, stack, ["up", ...yes, ...heldTo(stack)]);
      expect(up.ok, up.text).toBe(true);
      expect(up.text).toContain("✅ ddn@");
      expect(failed.resources.created + up.resources.created).toBe(planned);
      expect([...done(failed, "create"), ...done(up, "create")].sort()).toEqual(recorded(stack));
    });

    it("changes nothing when nothing has changed", async () => {
      const again = await run(platform, `${stack} up again`, stack, ["up", ...yes, "--expect-no-changes"]);
      expect(again.ok, again.text).toBe(true);
      expect(again.operations).toEqual([]);
      expect(again.resources).toEqual({ unchanged: planned });
    });

    it("exports what the mocks foretold", async () => {
      expect(await platform.outputs(stack)).toEqual(graphs[stack]?.outputs);
    });

    it("tells the provider where it is and how everything is tagged", async () => {
      const providers = (await platform.state(stack)).filter(({ type }) => type === "pulumi:providers:aws");
      expect(providers.length).toBeGreaterThan(0);
      for (const { inputs } of providers) {
        expect(inputs.region).toBe("ap-northeast-2");
        expect(JSON.parse(String(inputs.defaultTags))).toEqual({ tags: { project: "ddn", stack } });
      }
    });

    it("uploads the very text of the functions that functions/serialized.test.ts runs", async () => {
      await withoutEngine();
      const { callbacks } = nativeRequire()("./functions/callbacks") as typeof import("./functions/callbacks");
      const resources = await platform.state(stack);
      for (const name of ["presign", "jobs", "ping", "document"] satisfies FunctionName[]) {
        const uploaded = resources
          .filter(({ urn }) => urn.endsWith(`aws:lambda/function:Function::ddn-${name}`))
          .map(({ inputs }) => (inputs.code as { assets: Record<string, { text: string }> }).assets["__index.js"].text);
        expect(uploaded).toEqual([(await packLambda(name, callbacks[name])).text]);
      }
    });

    it("keeps no password of the registry in plain text", async () => {
      const images = (await platform.state(stack)).filter(({ type }) => type === "docker-build:index:Image");
      const passwords = images.flatMap(({ inputs }) => inputs.registries as { password: unknown }[]);
      expect(passwords.map(({ password }) => typeof password)).toEqual(["object", "object"]);
    });
  });

  it.each(stacks)("previews %s with every option at once", async (stack) => {
    const config = everyOption[stack];
    const preview = await run(platform, `${stack} preview, every option`, stack, ["preview"], { config });
    expect(preview.ok, preview.text).toBe(true);
    expect(preview.operations).toEqual([]);
    expect(preview.text).not.toContain("error:");
    expect(preview.text).not.toContain("Nobody hears of alarms");
  });

  it("lets another team's program read the outputs, and give its role leave to call", async () => {
    const config = { "aws:region": "ap-northeast-2", "ddn-consumer:platform": "organization/ddn/prod" };
    const up = await run(consumer, "consumer up", "team", ["up", ...yes], { config });
    expect(up.ok, up.text).toBe(true);
    const { apiUrl, apiExecutionArn } = await platform.outputs("prod");
    expect(await consumer.outputs("team")).toMatchObject({ presignUrl: `${apiUrl}/presign` });
    const policy = (await consumer.state("team")).find(({ type }) => type === "aws:iam/rolePolicy:RolePolicy");
    expect(JSON.parse(String(policy?.inputs.policy)).Statement[0].Resource[0]).toBe(`${apiExecutionArn}/*/GET/presign`);
  });

  it("stops at a configuration that breaks a policy", async () => {
    const config = { "ddn:authMode": "none", "ddn:allowAnonymous": true, "ddn:logRetentionDays": 30 };
    const preview = await run(platform, "prod preview, breaking policies", "prod", ["preview", ...heldTo("prod")], {
      config,
    });
    expect(preview.ok).toBe(false);
    expect(preview.text).toMatch(/\[mandatory\] +route-authorised +\(aws:apigatewayv2:Route: ddn-get-presign\)/);
    expect(preview.text).toContain("ddn-get-presign serves GET /presign to anybody");
    expect(preview.text).toMatch(/\[mandatory\] +log-kept-a-year +\(aws:cloudwatch:LogGroup: ddn-task\)/);
  });

  it("stops in preview at what the account cannot do", async () => {
    const config = { "ddn:minInstances": 17, "ddn:maxInstances": 17 };
    const preview = await run(platform, "prod preview, beyond the quota", "prod", ["preview"], { config });
    expect(preview.ok).toBe(false);
    expect(preview.text.replace(/\s+/g, " ")).toContain(
      "grants 64 vCPUs in ap-northeast-2, but minInstances 17 needs 68.",
    );
  });

  it("destroys dev to the last resource, tasks before instances before their cluster", async () => {
    const destroy = await run(platform, "dev destroy", "dev", ["destroy", ...yes]);
    expect(destroy.ok, destroy.text).toBe(true);
    // Built images go with their repository.
    const images = recorded("dev").filter((each) => each.startsWith("docker-build:"));
    expect([...done(destroy, "delete"), ...images].sort()).toEqual(recorded("dev"));
    expect(await platform.state("dev")).toEqual([]);
    const order = ["Target", "Service", "ClusterCapacityProviders", "CapacityProvider", "Group", "Cluster"];
    const kinds = destroy.operations
      .map(({ type }) => type.split(":").at(-1) ?? "")
      .filter((kind) => order.includes(kind));
    expect(kinds).toEqual(order);
  });

  it("destroys prod only once its data may go", async () => {
    const refused = await run(platform, "prod destroy, refused", "prod", ["destroy", "--yes"]);
    expect(refused.ok).toBe(false);
    expect(refused.text).toContain("cannot be deleted\n    because it is protected");
    expect(refused.operations).toEqual([]);

    const config = { "ddn:keepData": false };
    const released = await run(platform, "prod up, without keepData", "prod", ["up", ...yes], { config });
    expect(released.ok, released.text).toBe(true);
    expect(released.operations.filter(({ does }) => does !== "update")).toEqual([]);
    const destroy = await run(platform, "prod destroy", "prod", ["destroy", ...yes]);
    expect(destroy.ok, destroy.text).toBe(true);
    expect(await platform.state("prod")).toEqual([]);
  });
});
