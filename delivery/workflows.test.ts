// Does not prove that GitHub runs these workflows, nor that a commit is what its tag says.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { projectRoot } from "../functions/testing/nativeProgram";
import { deploymentHours } from "./deployPolicies";
import { pathFilters } from "./pathFilters";

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly uses?: string;
  readonly if?: string;
  readonly needs?: string;
  readonly permissions: Readonly<Record<string, string>>;
  readonly environment?: string;
  readonly concurrency?: Readonly<Record<string, unknown>>;
  readonly "timeout-minutes"?: number;
  readonly strategy?: { readonly matrix: Readonly<Record<string, unknown>> };
  readonly steps?: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, { readonly branches?: string[]; readonly paths?: string[] } | null>>;
  readonly permissions: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

const text = (file: string): string => readFileSync(path.join(projectRoot, ".github", file), "utf8");
const action: { readonly runs: { readonly steps: readonly Step[] } } = parse(text("actions/pulumi/action.yml"));
const files = readdirSync(path.join(projectRoot, ".github/workflows"));
const workflows = Object.fromEntries(files.map((file) => [file, parse(text(`workflows/${file}`)) as Workflow]));
const jobs = Object.entries(workflows).flatMap(([file, { jobs: all }]) =>
  Object.entries(all).map(([name, job]) => ({ name: `${file} ${name}`, job })),
);
const steps = [...jobs.flatMap(({ job }) => job.steps ?? []), ...action.runs.steps];
/** As a workflow names a value that GitHub puts in. */
const expression = (value: string): string => `$\{{ ${value} }}`;
const pulumiAction = "./.github/actions/pulumi";
const withOf = (job: Job): Readonly<Record<string, unknown>> | undefined =>
  job.steps?.find(({ uses }) => uses === pulumiAction)?.with;

describe("every workflow", () => {
  it("is known to these tests", () => {
    expect(files.sort()).toEqual(["check.yml", "deploy.yml", "model.yml", "preview.yml"]);
  });

  it("takes others' actions by commit, with the tag beside it", () => {
    const lines = ["actions/pulumi/action.yml", ...files.map((file) => `workflows/${file}`)]
      .flatMap((file) => text(file).split("\n"))
      .filter((line) => /^\s*(- )?uses:/.test(line));
    const foreign = lines.filter((line) => !line.includes("uses: ./"));
    expect(foreign.length).toBe(10);
    for (const line of foreign) expect(line).toMatch(/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it("may do nothing but what each job says, which is to read, and to prove who it is where it takes a role", () => {
    for (const { permissions } of Object.values(workflows)) expect(permissions).toEqual({});
    for (const { name, job } of jobs) {
      const takesRole = withOf(job) !== undefined;
      const expected = takesRole ? { contents: "read", "id-token": "write" } : { contents: "read" };
      expect([name, job.permissions]).toEqual([name, expected]);
    }
  });

  it("never runs a stranger's code with rights of this repository, and knows no secret", () => {
    for (const [file, { on }] of Object.entries(workflows)) {
      expect([file, Object.keys(on)]).toEqual([
        file,
        Object.keys(on).filter((event) => event !== "pull_request_target"),
      ]);
      expect(text(`workflows/${file}`)).not.toMatch(/secrets\b/);
    }
    expect(text("actions/pulumi/action.yml")).not.toMatch(/secrets\b/);
  });

  it("puts no text of an event into a command", () => {
    for (const { run } of steps) expect(run ?? "").not.toContain("${{");
  });

  it("leaves no token in the checkout, no cache, and Node at 22 or newer but where all that are promised are tried", () => {
    for (const { uses = "", with: inputs } of steps) {
      if (uses.startsWith("actions/checkout@")) expect(inputs).toEqual({ "persist-credentials": false });
      if (uses.startsWith("actions/setup-node@")) {
        expect(inputs?.["package-manager-cache"]).toBe(false);
        const version = inputs?.["node-version"];
        if (version === expression("matrix.node-version")) continue;
        expect(version).toBeGreaterThanOrEqual(22);
      }
    }
  });

  it("checks on every Node that is promised", () => {
    expect(workflows["check.yml"].jobs.check.strategy?.matrix["node-version"]).toEqual([20, 22, 24]);
  });

  it("ends in time", () => {
    for (const { name, job } of jobs) {
      if (job.steps !== undefined) expect([name, (job["timeout-minutes"] ?? 1e9) <= 120]).toEqual([name, true]);
    }
  });
});

describe("preview", () => {
  const { on, jobs: all } = workflows["preview.yml"];

  it("runs for pull requests of this repository that change what is deployed, as the role that only looks", () => {
    expect(on).toEqual({ pull_request: { branches: ["main"], paths: pathFilters("dev", "prod") } });
    expect(all.preview.if).toBe(
      "vars.DDN_BACKEND_URL != '' && github.event.pull_request.head.repo.full_name == github.repository",
    );
    expect(withOf(all.preview)).toMatchObject({ command: "preview", role: expression("vars.DDN_PLAN_ROLE_ARN") });
    // An environment would change the subject of its token.
    expect(all.preview.environment).toBeUndefined();
  });
});

describe("deploy", () => {
  const { on, jobs: all } = workflows["deploy.yml"];

  it("runs for what reaches main and is deployed, or when somebody asks", () => {
    expect(on).toEqual({
      push: { branches: ["main"], paths: pathFilters("dev", "prod") },
      workflow_dispatch: null,
    });
  });

  it("checks, then deploys dev, then prod, each in its environment and none cut off by the next", () => {
    expect(Object.keys(all)).toEqual(["check", "dev", "prod"]);
    expect(all.check.uses).toBe("./.github/workflows/check.yml");
    expect([all.dev.needs, all.prod.needs]).toEqual(["check", "dev"]);
    for (const stack of ["dev", "prod"]) {
      expect(all[stack].environment).toBe(stack);
      expect(all[stack].concurrency).toEqual({ group: `deploy-${stack}` });
      expect(withOf(all[stack])).toEqual({
        command: "up",
        stack,
        role: expression("vars.DDN_DEPLOY_ROLE_ARN"),
        "session-seconds": deploymentHours * 3600,
        region: expression("vars.AWS_REGION"),
        backend: expression("vars.DDN_BACKEND_URL"),
      });
    }
  });
});

describe("the Pulumi action", () => {
  it("runs the version of the SDK, with the policies of this repository", () => {
    const { version } = require("@pulumi/pulumi/package.json") as { version: string };
    const { with: inputs } = action.runs.steps.find(({ uses }) => uses?.startsWith("pulumi/actions@")) as Step;
    expect(inputs).toMatchObject({
      "pulumi-version": version,
      policyPacks: "policy",
      policyPackConfigs: `policy/${expression("inputs.stack")}.json`,
    });
    expect(readdirSync(path.join(projectRoot, "policy"))).toEqual(expect.arrayContaining(["dev.json", "prod.json"]));
  });
});
