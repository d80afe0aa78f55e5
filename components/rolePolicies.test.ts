// Does not prove that IAM grants what the statements say, nor that AWS needs no more.
import { describe, expect, it } from "vitest";
import type { Role } from "../contract/permissions";
import { policyStatements, type RoleResources } from "./rolePolicies";

const arn = (service: string, name: string): string => `arn:aws:${service}:ap-northeast-2:123456789012:${name}`;

const key = arn("kms", "key/k");
const queue = arn("sqs", "queue");
const deadLetters = arn("sqs", "dead");
const topic = arn("sns", "topic");

const resources: RoleResources = {
  inBucketArn: "arn:aws:s3:::in",
  outBucketArn: "arn:aws:s3:::out",
  queueArn: queue,
  deadLetterQueueArn: deadLetters,
  jobTopicArn: topic,
};

/** Every pair of action and resource that a role has, as lines that can be compared. */
const allowed = (role: Role, own: RoleResources = resources): string[] =>
  policyStatements(role, own)
    .flatMap(({ Action, Resource }) => Action.flatMap((action) => Resource.map((to) => `${action} ${to}`)))
    .sort();

const dataKey = [`kms:Decrypt ${key}`, `kms:GenerateDataKey ${key}`];

const table: Readonly<Record<Role, { readonly plain: readonly string[]; readonly withKey: readonly string[] }>> = {
  presign: {
    plain: [
      "s3:GetObject arn:aws:s3:::in/*",
      "s3:PutObject arn:aws:s3:::in/*",
      "s3:GetObject arn:aws:s3:::out/*",
      "s3:GetObjectVersion arn:aws:s3:::out/*",
      "s3:ListBucket arn:aws:s3:::in",
      "s3:ListBucket arn:aws:s3:::out",
    ],
    withKey: dataKey,
  },
  jobs: {
    plain: [
      "s3:GetObject arn:aws:s3:::in/*",
      "s3:GetObject arn:aws:s3:::out/.ddn/jobs/*",
      "s3:PutObject arn:aws:s3:::out/.ddn/jobs/*",
      "s3:GetObject arn:aws:s3:::out/.ddn/service/*",
      "s3:ListBucket arn:aws:s3:::in",
      "s3:ListBucket arn:aws:s3:::out",
      `sqs:SendMessage ${queue}`,
    ],
    withKey: dataKey,
  },
  ping: {
    plain: [
      "s3:GetObject arn:aws:s3:::out/.ddn/service/*",
      "s3:ListBucket arn:aws:s3:::out",
      `sqs:GetQueueAttributes ${queue}`,
    ],
    withKey: [`kms:Decrypt ${key}`],
  },
  worker: {
    plain: [
      "s3:GetObject arn:aws:s3:::in/*",
      "s3:GetObject arn:aws:s3:::out/*",
      "s3:PutObject arn:aws:s3:::out/*",
      "s3:ListBucket arn:aws:s3:::in",
      "s3:ListBucket arn:aws:s3:::out",
      `sqs:ReceiveMessage ${queue}`,
      `sqs:DeleteMessage ${queue}`,
      `sqs:ChangeMessageVisibility ${queue}`,
      `sqs:SendMessage ${queue}`,
      `sqs:GetQueueAttributes ${queue}`,
      `sqs:SendMessage ${deadLetters}`,
      `sns:Publish ${topic}`,
    ],
    withKey: dataKey,
  },
};

describe("policyStatements", () => {
  for (const role of Object.keys(table) as Role[]) {
    const { plain, withKey } = table[role];
    it(`allows ${role} exactly this`, () => {
      expect(allowed(role)).toEqual([...plain].sort());
    });
    it(`adds for ${role} exactly this where the stack has a key`, () => {
      expect(allowed(role, { ...resources, keyArn: key })).toEqual([...plain, ...withKey].sort());
    });
  }

  it("lets the worker protect the tasks of its own cluster and nothing else of ECS", () => {
    const own = { ...resources, clusterArn: arn("ecs", "cluster/ddn-0123456") };
    expect(allowed("worker", own).filter((line) => line.startsWith("ecs:"))).toEqual([
      `ecs:UpdateTaskProtection ${arn("ecs", "task/ddn-0123456/*")}`,
    ]);
  });

  it("only allows, and never an action or a resource by a wildcard alone", () => {
    for (const role of Object.keys(table) as Role[]) {
      for (const { Effect, Action, Resource } of policyStatements(role, { ...resources, keyArn: key })) {
        expect(Effect).toBe("Allow");
        expect(Action.filter((action) => action.includes("*"))).toEqual([]);
        expect(Resource.filter((to) => !to.startsWith("arn:aws:"))).toEqual([]);
      }
    }
  });
});
