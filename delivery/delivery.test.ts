// Does not prove that Pulumi Cloud, GitHub or AWS takes these settings.
import { describe, expect, it } from "vitest";
import { accountId, region } from "../components/testing/cloud";
import { type RecordedGraph, recordGraph } from "../components/testing/graph";
import { inputsOf, ofType, waitsFor } from "../components/testing/query";
import { pathFilters } from "./pathFilters";
import { byGithub, byPulumi, deliveryConfig } from "./testing/deliveryConfig";

const recorded = new Map<string, Promise<RecordedGraph>>();

/** Each configuration is run once. */
const record = (values: Readonly<Record<string, unknown>>): Promise<RecordedGraph> => {
  const key = JSON.stringify(values);
  const run = (): Promise<RecordedGraph> => {
    deliveryConfig(values);
    return recordGraph("./delivery/index.ts", { project: "ddn-delivery", stack: "main" });
  };
  const graph = recorded.get(key) ?? run();
  recorded.set(key, graph);
  return graph;
};

const settingsType = "pulumiservice:index:DeploymentSettings";
const roleType = "aws:iam/role:Role";
const policyType = "aws:iam/policy:Policy";

/** Who may take each role, by its name. */
const conditions = (graph: RecordedGraph): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(inputsOf(graph, roleType)).map(([name, { assumeRolePolicy }]) => {
      const { Statement } = JSON.parse(String(assumeRolePolicy));
      expect(Statement).toHaveLength(1);
      return [name, Statement[0].Condition];
    }),
  );

const counts = ({ resources }: RecordedGraph): Record<string, number> => {
  const all: Record<string, number> = {};
  for (const { type, custom } of resources) if (custom) all[type] = (all[type] ?? 0) + 1;
  return all;
};

const withoutPreviews = { ...byPulumi, previews: false };

const subject = (stack: string, operation: string): string =>
  `pulumi:deploy:org:acme:project:ddn:stack:${stack}:operation:${operation}:scope:write`;

/** Holds of every way. */
const sound = (graph: RecordedGraph): void => {
  const urns = graph.resources.map(({ urn }) => urn);
  for (const { name, parent, type, urn } of graph.resources) {
    if (type === "pulumi:pulumi:Stack") continue;
    expect([name, urns.includes(parent ?? "")]).toEqual([name, true]);
    // What deployments may touch is named ddn-…; who may deploy is not.
    expect(urn).toMatch(/::delivery[\w-]*$/);
  }
};

describe("by Pulumi Deployments", () => {
  it("each stack has a role, settings and a look for drift, and nothing else is made", async () => {
    const graph = await record(byPulumi);
    sound(graph);
    expect(counts(graph)).toEqual({
      "aws:iam/openIdConnectProvider:OpenIdConnectProvider": 1,
      [roleType]: 2,
      [policyType]: 10,
      "aws:iam/rolePolicyAttachment:RolePolicyAttachment": 10,
      [settingsType]: 2,
      "pulumiservice:index:DriftSchedule": 2,
    });
    expect(graph.outputs).toEqual({
      roleArns: {
        dev: expect.stringMatching(`^arn:aws:iam::${accountId}:role/delivery-deploy-dev-`),
        prod: expect.stringMatching(`^arn:aws:iam::${accountId}:role/delivery-deploy-prod-`),
      },
    });
  });

  it("dev follows main and previews pull requests; prod follows its own branch and runs no pull request's code", async () => {
    const settings = inputsOf(await record(byPulumi), settingsType);
    const common = {
      provider: "github",
      repository: "acme/denoising",
      deployCommits: true,
      pullRequestTemplate: false,
    };
    expect(settings["delivery-dev"]).toMatchObject({
      organization: "acme",
      project: "ddn",
      stack: "dev",
      sourceContext: { git: { branch: "refs/heads/main" } },
      vcs: { ...common, previewPullRequests: true, paths: pathFilters("dev") },
    });
    expect(settings["delivery-prod"]).toMatchObject({
      stack: "prod",
      sourceContext: { git: { branch: "refs/heads/prod" } },
      vcs: { ...common, previewPullRequests: false, paths: pathFilters("prod") },
    });
  });

  it("runs Node 22 with the packages of the lock file and credentials that end, and keeps no secret", async () => {
    const graph = await record(byPulumi);
    const { executorContext, operationContext } = inputsOf(graph, settingsType)["delivery-prod"];
    const { version } = require("@pulumi/pulumi/package.json") as { version: string };
    expect(executorContext).toEqual({ executorImage: `pulumi/pulumi-nodejs-22:${version}` });
    expect(operationContext).toEqual({
      preRunCommands: ["npm ci"],
      options: { skipInstallDependencies: true, skipIntermediateDeployments: true },
      oidc: {
        aws: {
          roleARN: (graph.outputs.roleArns as { prod: string }).prod,
          sessionName: `ddn-$\{stack.name}-$\{operation}-$\{deployment.version}`,
          duration: "2h0m0s",
        },
      },
      environmentVariables: { PULUMI_SKIP_UPDATE_CHECK: "true" },
    });
    expect(inputsOf(graph, roleType)["delivery-deploy-prod"].maxSessionDuration).toBe(7200);
  });

  it("lets each role be taken by deployments of its own stack, to the letter", async () => {
    const allowed = (stack: string, operations: readonly string[]) => ({
      StringEquals: {
        "api.pulumi.com/oidc:aud": "acme",
        "api.pulumi.com/oidc:sub": operations.map((operation) => subject(stack, operation)),
      },
    });
    const operations = ["update", "destroy", "refresh", "detect-drift"];
    expect(conditions(await record(byPulumi))).toEqual({
      "delivery-deploy-dev": allowed("dev", [...operations, "preview"]),
      "delivery-deploy-prod": allowed("prod", [...operations, "preview"]),
    });
    expect(conditions(await record(withoutPreviews))).toEqual({
      "delivery-deploy-dev": allowed("dev", operations),
      "delivery-deploy-prod": allowed("prod", operations),
    });
  });

  it("lets a session that previews look and no more", async () => {
    const guards = async (values: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> => {
      const policies = Object.entries(inputsOf(await record(values), policyType));
      return Object.fromEntries(
        policies.flatMap(([name, { policy }]) =>
          (JSON.parse(String(policy)).Statement as { Sid: string; Condition: unknown }[])
            .filter(({ Sid }) => Sid === "OthersOnlyLook")
            .map(({ Condition }) => [name, Condition]),
        ),
      );
    };
    const unless = (stack: string) => ({
      StringNotEquals: { "api.pulumi.com/oidc:sub": [subject(stack, "update"), subject(stack, "destroy")] },
    });
    expect(await guards(byPulumi)).toEqual({
      "delivery-deploy-dev-guard": unless("dev"),
      "delivery-deploy-prod-guard": unless("prod"),
    });
    expect(await guards(withoutPreviews)).toEqual({});
    const settings = inputsOf(await record(withoutPreviews), settingsType);
    expect(settings["delivery-dev"].vcs).toMatchObject({ previewPullRequests: false });
  });

  it("looks for drift and changes nothing about it", async () => {
    const drift = inputsOf(await record(byPulumi), "pulumiservice:index:DriftSchedule");
    expect(drift["delivery-prod-drift"]).toEqual({
      organization: "acme",
      project: "ddn",
      stack: "prod",
      scheduleCron: "0 21 * * *",
      autoRemediate: false,
    });
  });

  it("lets dev alone come and go, after its settings", async () => {
    const graph = await record({
      ...byPulumi,
      driftSchedule: "",
      devDownSchedule: "0 11 * * 1-5",
      devUpSchedule: "0 23 * * 0-4",
      devEndsAt: "2027-01-31T09:00:00Z",
    });
    const dev = { organization: "acme", project: "ddn", stack: "dev" };
    const schedules = ofType(graph, "pulumiservice:index:DeploymentSchedule");
    expect(Object.fromEntries(Object.entries(schedules).map(([name, { props }]) => [name, props]))).toEqual({
      "delivery-dev-down": { ...dev, pulumiOperation: "destroy", scheduleCron: "0 11 * * 1-5" },
      "delivery-dev-up": { ...dev, pulumiOperation: "update", scheduleCron: "0 23 * * 0-4" },
    });
    expect(waitsFor(graph, schedules["delivery-dev-down"])).toContain("delivery-dev");
    expect(inputsOf(graph, "pulumiservice:index:TtlSchedule")).toEqual({
      "delivery-dev-end": { ...dev, timestamp: "2027-01-31T09:00:00Z", deleteAfterDestroy: false },
    });
    expect(ofType(graph, "pulumiservice:index:DriftSchedule")).toEqual({});
  });

  it("makes review stacks after pr, which is itself never deployed, with the one trust by pattern", async () => {
    const graph = await record({ ...byPulumi, stacks: ["pr"] });
    sound(graph);
    expect(inputsOf(graph, settingsType)["delivery-pr"]).toMatchObject({
      stack: "pr",
      sourceContext: { git: { branch: "refs/heads/main" } },
      vcs: { deployCommits: false, previewPullRequests: false, pullRequestTemplate: true },
    });
    expect(conditions(graph)).toEqual({
      "delivery-deploy-pr": {
        StringEquals: { "api.pulumi.com/oidc:aud": "acme" },
        StringLike: {
          "api.pulumi.com/oidc:sub": ["update", "destroy", "refresh", "detect-drift"].map((operation) =>
            subject("pr-*", operation),
          ),
        },
      },
    });
    expect(ofType(graph, "pulumiservice:index:DriftSchedule")).toEqual({});
  });

  it("takes the identity provider that the account has", async () => {
    const identityProviderArn = `arn:aws:iam::${accountId}:oidc-provider/api.pulumi.com/oidc`;
    const graph = await record({ ...byPulumi, identityProviderArn });
    expect(ofType(graph, "aws:iam/openIdConnectProvider:OpenIdConnectProvider")).toEqual({});
    const { assumeRolePolicy } = inputsOf(graph, roleType)["delivery-deploy-dev"];
    expect(JSON.parse(String(assumeRolePolicy)).Statement[0].Principal).toEqual({ Federated: identityProviderArn });
  });
});

describe("by GitHub Actions", () => {
  it("previews and each stack have a role, and the state a bucket and a key that no deployment can lose", async () => {
    const graph = await record(byGithub);
    sound(graph);
    expect(counts(graph)).toEqual({
      "aws:iam/openIdConnectProvider:OpenIdConnectProvider": 1,
      [roleType]: 3,
      [policyType]: 14,
      "aws:iam/rolePolicyAttachment:RolePolicyAttachment": 14,
      "aws:kms/key:Key": 1,
      "aws:kms/alias:Alias": 1,
      "aws:s3/bucket:Bucket": 1,
      "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": 1,
      "aws:s3/bucketOwnershipControls:BucketOwnershipControls": 1,
      "aws:s3/bucketPolicy:BucketPolicy": 1,
      "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": 1,
      "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": 1,
      "aws:s3/bucketVersioning:BucketVersioning": 1,
    });
    expect(ofType(graph, "aws:s3/bucket:Bucket")["delivery-state"]).toMatchObject({
      protect: true,
      props: { forceDestroy: false },
    });
    expect(ofType(graph, "aws:kms/key:Key")["delivery-state"]).toMatchObject({
      protect: true,
      props: { enableKeyRotation: true },
    });
    expect(graph.outputs).toMatchObject({
      backendUrl: expect.stringMatching(`^s3://delivery-state-[0-9a-f]{7}\\?region=${region}$`),
      secretsProvider: `awskms://alias/delivery-state?region=${region}`,
      planRoleArn: expect.stringMatching(`^arn:aws:iam::${accountId}:role/delivery-plan-`),
    });
  });

  it("lets pull requests take the plan role and environments their own stack's, to the letter", async () => {
    const only = (context: string) => ({
      StringEquals: {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": [`repo:acme@12/denoising@345:${context}`],
      },
    });
    expect(conditions(await record({ ...byGithub, repositoryIds: "12/345" }))).toEqual({
      "delivery-plan": only("pull_request"),
      "delivery-deploy-dev": only("environment:dev"),
      "delivery-deploy-prod": only("environment:prod"),
    });
  });

  it("gives the plan role nothing but looking, at AWS and at the state", async () => {
    const graph = await record(byGithub);
    const plan = Object.entries(inputsOf(graph, policyType)).filter(([name]) => name.startsWith("delivery-plan-"));
    expect(plan.map(([name]) => name)).toEqual(["delivery-plan-read", "delivery-plan-state"]);
    const actions = plan.flatMap(([, { policy }]) =>
      (JSON.parse(String(policy)).Statement as { Action: string[] }[]).flatMap(({ Action }) => Action),
    );
    expect(actions.filter((action) => !/:(Describe|Get|List|View|GET$|Decrypt$)/.test(action))).toEqual([]);
  });
});
