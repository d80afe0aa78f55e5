// Does not prove that Pulumi Cloud or AWS takes any of it: providers of the project's own stand in, and know no schema.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  closeEngine,
  type Engine,
  engineHome,
  missingCommands,
  startEngine,
} from "../components/testing/engine/engine";
import { byGithub, byPulumi } from "./testing/deliveryConfig";

const missing = missingCommands();
const runSeconds = 300;

describe.skipIf(missing.length > 0)("Pulumi's engine", { timeout: runSeconds * 1000 }, () => {
  let home: string;
  let delivery: Engine;

  beforeAll(async () => {
    home = await engineHome();
    delivery = await startEngine(home, "delivery");
    await delivery.init("main");
  }, runSeconds * 1000);

  afterAll(() => closeEngine(home));

  /** As `pulumi config set` would have it. */
  const preview = (values: Readonly<Record<string, unknown>>) =>
    delivery.run("main", ["preview"], {
      config: Object.fromEntries(Object.entries(values).map(([key, value]) => [`ddn-delivery:${key}`, value])),
    });

  it.each([
    ["Pulumi Deployments", byPulumi, 33],
    ["GitHub Actions", byGithub, 48],
  ])("finds the program beside its Pulumi.yaml, its defaults and the root's packages: %s", async (_, values, count) => {
    const { ok, text, resources } = await preview(values);
    expect([ok, ok ? "" : text]).toEqual([true, ""]);
    expect(resources).toEqual({ "to create": count });
  });

  it("says what is not set, and how to set it", async () => {
    const { ok, text } = await preview({});
    expect(ok).toBe(false);
    expect(text).toContain("pulumi config set repository …");
  });
});
