// Does not prove what each option makes, its component's own test does; nor that AWS takes them all together.
import { beforeAll, describe, expect, it } from "vitest";
import { interfaceServices } from "../vpcEndpoints";
import { everyOption } from "./everyOption";
import { type RecordedGraph, recordGraph } from "./graph";
import { countByType, inputsOf } from "./query";
import { declaredConfig, type StackName, stackConfig, stackFile, stacks } from "./stackConfig";

const graphs: Partial<Record<StackName, RecordedGraph>> = {};
const graph = (stack: StackName): RecordedGraph => graphs[stack] as RecordedGraph;

beforeAll(async () => {
  for (const stack of stacks) {
    stackConfig(stack, everyOption[stack]);
    graphs[stack] = await recordGraph("./index.ts", { stack });
  }
}, 240_000);

describe("every option at once", () => {
  it("leaves no key of Pulumi.yaml at its default in both stacks", () => {
    const changed = new Set(stacks.flatMap((stack) => Object.keys({ ...stackFile(stack), ...everyOption[stack] })));
    const untouched = Object.entries(declaredConfig())
      .map(([key]) => key)
      .filter((key) => !changed.has(`ddn:${key}`));
    expect(untouched).toEqual([]);
    for (const stack of stacks) {
      for (const [key, value] of Object.entries(everyOption[stack])) {
        expect(value, `${stack} ${key}`).not.toEqual(declaredConfig()[key.replace("ddn:", "")]?.default);
      }
    }
  });

  it.each<[StackName, Readonly<Record<string, number>>]>([
    [
      "dev",
      {
        "aws:appautoscaling/scheduledAction:ScheduledAction": 2,
        "aws:ec2/flowLog:FlowLog": 1,
        "aws:ec2/vpcEndpoint:VpcEndpoint": interfaceServices.length + 1,
        "docker-build:index:Image": 2,
        "awsx:ec2:Vpc": 1,
      },
    ],
    [
      "prod",
      {
        "aws:appautoscaling/scheduledAction:ScheduledAction": 0,
        "aws:ec2/vpcEndpoint:VpcEndpoint": 1,
        "docker-build:index:Image": 0,
        "awsx:ec2:Vpc": 0,
      },
    ],
  ])("makes in %s what each asks for", (stack, own) => {
    const counts = countByType(graph(stack));
    const expected = {
      "aws:s3/bucketNotification:BucketNotification": 1,
      "aws:s3/bucket:Bucket": 3,
      "aws:kms/key:Key": 1,
      "aws:apigatewayv2/authorizer:Authorizer": 1,
      "aws:apigatewayv2/domainName:DomainName": 1,
      "aws:apigatewayv2/apiMapping:ApiMapping": 1,
      "aws:sns/topicSubscription:TopicSubscription": 2,
      ...own,
    };
    expect(Object.fromEntries(Object.keys(expected).map((type) => [type, counts[type] ?? 0]))).toEqual(expected);
  });

  it.each(stacks)("gives %s all outputs, each a text, and each a parameter", (stack) => {
    const { outputs } = graph(stack);
    expect(outputs).toMatchObject({ apiUrl: "https://ddn.example.com", authMode: "jwt" });
    expect(Object.keys(outputs)).toEqual(expect.arrayContaining(["kmsKeyArn", "domainTarget"]));
    for (const value of Object.values(outputs)) expect(value).toEqual(expect.stringMatching(/./));
    expect(Object.keys(inputsOf(graph(stack), "aws:ssm/parameter:Parameter"))).toHaveLength(
      Object.keys(outputs).length,
    );
  });

  it.each(stacks)("lets nothing in %s wait for itself", (stack) => {
    const { resources } = graph(stack);
    const byUrn = new Map(resources.map((resource) => [resource.urn, resource]));
    const done = new Set<string>();
    const waitsForItself = (urn: string, path: readonly string[]): boolean => {
      if (path.includes(urn)) return true;
      const resource = byUrn.get(urn);
      if (resource === undefined || done.has(urn)) return false;
      const next = [...resource.dependencies, ...(resource.parent === undefined ? [] : [resource.parent])];
      const circular = next.some((each) => waitsForItself(each, [...path, urn]));
      done.add(urn);
      return circular;
    };
    expect(resources.filter(({ urn }) => waitsForItself(urn, [])).map(({ name }) => name)).toEqual([]);
  });

  it("is refused where prod is told to wake though it never sleeps, by a message at once", async () => {
    stackConfig("prod", { ...everyOption.prod, "ddn:wakeSchedule": "cron(0 8 ? * MON-FRI *)" });
    await expect(recordGraph("./index.ts", { stack: "prod" })).rejects.toThrow(
      "Expected 0 where there is a schedule for `minInstances` but received 1. A schedule wakes a stack that sleeps.",
    );
  });
});
