// Does not prove that the organization, the repository or a branch is there.
import { describe, expect, it } from "vitest";
import { loadDeliveryConfig } from "./config";
import { byGithub, byPulumi, declaredConfig, deliveryConfig } from "./testing/deliveryConfig";

const load = (values: Readonly<Record<string, unknown>>) => {
  deliveryConfig(values);
  return loadDeliveryConfig();
};

describe("what is delivered", () => {
  it("by Pulumi Deployments: dev after main, prod after its own branch, drift every night, dev stays", () => {
    expect(load(byPulumi)).toEqual({
      service: "pulumi",
      organization: "acme",
      repository: "acme/denoising",
      stacks: ["dev", "prod"],
      mainBranch: "main",
      prodBranch: "prod",
      previews: true,
      driftSchedule: "0 21 * * *",
      devLife: { endsAt: undefined, downSchedule: undefined, upSchedule: undefined },
      identityProviderArn: undefined,
    });
  });

  it("by GitHub Actions: no organization, no branches, no schedules", () => {
    expect(load({ ...byGithub, repositoryIds: "12/345" })).toEqual({
      service: "github",
      repository: "acme/denoising",
      repositoryIds: { owner: "12", repository: "345" },
      stacks: ["dev", "prod"],
      identityProviderArn: undefined,
    });
  });

  it("of dev: that it goes every evening and comes back", () => {
    const life = { devDownSchedule: "0 11 * * 1-5", devUpSchedule: "0 23 * * 0-4", devEndsAt: "2027-01-31T09:00:00Z" };
    expect(load({ ...byPulumi, ...life })).toMatchObject({
      devLife: { endsAt: "2027-01-31T09:00:00Z", downSchedule: "0 11 * * 1-5", upSchedule: "0 23 * * 0-4" },
    });
  });
});

describe("Pulumi.yaml", () => {
  it("gives every key a type, a description and a default", () => {
    for (const [key, { type, description, default: standard }] of Object.entries(declaredConfig())) {
      expect([key, type, (description ?? "").length > 10, standard !== undefined]).toEqual([key, type, true, true]);
      expect(["string", "array", "boolean"]).toContain(type);
    }
  });
});

describe("what is refused", () => {
  const prodAndPr =
    'Expected prod or pr, not both for `ddn-delivery:stacks` but received ["dev","prod","pr"]. A review stack runs what nobody has reviewed yet; give it another AWS account, with a stack of its own.';
  it.each([
    [
      { ...byPulumi, service: "jenkins" },
      'Expected one of pulumi, github for `ddn-delivery:service` but received "jenkins".',
    ],
    [
      { repository: "acme/denoising" },
      'Expected the name of a Pulumi organization for `ddn-delivery:organization` but received "". pulumi config set organization …',
    ],
    [
      { ...byPulumi, organization: "acme:project:*" },
      'Expected the name of a Pulumi organization for `ddn-delivery:organization` but received "acme:project:*". pulumi config set organization …',
    ],
    [
      { organization: "acme" },
      'Expected a repository as owner/name for `ddn-delivery:repository` but received "". pulumi config set repository …',
    ],
    [
      { ...byGithub, repository: "acme/*" },
      'Expected a repository as owner/name for `ddn-delivery:repository` but received "acme/*". pulumi config set repository …',
    ],
    [
      { ...byGithub, repositoryIds: "12" },
      'Expected two numbers such as 123456/456789, or nothing for `ddn-delivery:repositoryIds` but received "12".',
    ],
    [
      { ...byPulumi, mainBranch: "ma in" },
      'Expected the name of a branch for `ddn-delivery:mainBranch` but received "ma in". pulumi config set mainBranch …',
    ],
    [{ ...byPulumi, stacks: [] }, "Expected one stack at least for `ddn-delivery:stacks` but received []."],
    [
      { ...byPulumi, stacks: ["dev", "test"] },
      'Expected stacks of dev, prod, pr for `ddn-delivery:stacks` but received "test".',
    ],
    [
      { ...byPulumi, stacks: ["dev", "dev"] },
      'Expected each stack once for `ddn-delivery:stacks` but received ["dev","dev"].',
    ],
    [{ ...byPulumi, stacks: ["dev", "prod", "pr"] }, prodAndPr],
    [
      { ...byGithub, stacks: ["dev", "pr"] },
      'Expected stacks without pr for `ddn-delivery:stacks` but received ["dev","pr"]. Review stacks are a feature of Pulumi Deployments.',
    ],
    [
      { ...byPulumi, driftSchedule: "daily" },
      'Expected a cron expression of five fields such as 0 21 * * *, or nothing for `ddn-delivery:driftSchedule` but received "daily".',
    ],
    [
      { ...byPulumi, devEndsAt: "2027-01-31" },
      'Expected a time in UTC such as 2027-01-31T09:00:00Z, or nothing for `ddn-delivery:devEndsAt` but received "2027-01-31".',
    ],
    [
      { ...byPulumi, devDownSchedule: "0 11 * * 1-5" },
      'Expected when dev comes back for `ddn-delivery:devUpSchedule` but received "". devDownSchedule destroys it; to do so once, set devEndsAt.',
    ],
    [
      { ...byPulumi, identityProviderArn: "api.pulumi.com/oidc" },
      'Expected the ARN of an identity provider, or nothing for `ddn-delivery:identityProviderArn` but received "api.pulumi.com/oidc".',
    ],
  ])("%j", (values, message) => {
    expect(() => load(values)).toThrow(message);
  });
});
