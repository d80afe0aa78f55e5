// Does not prove that a deployed stack has these outputs; engine.test.ts reads them from one.
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { created } from "../../components/testing/cloud";
import { recordGraph } from "../../components/testing/graph";
import { inputsOf } from "../../components/testing/query";
import { routes } from "../../contract/routes";
import type { PlatformOutputs } from "../../outputs";

const platform: Partial<PlatformOutputs> = {
  apiUrl: "https://a1b2c3d4e5.execute-api.ap-northeast-2.amazonaws.com",
  apiExecutionArn: "arn:aws:execute-api:ap-northeast-2:123456789012:a1b2c3d4e5",
};

const record = () => {
  pulumi.runtime.setAllConfig({ "ddn-consumer:platform": "organization/ddn/prod" });
  return recordGraph("./examples/consumer/index.ts", {
    project: "ddn-consumer",
    create: (type, name, inputs) =>
      type === "pulumi:pulumi:StackReference"
        ? { id: name, state: { ...inputs, outputs: name === "organization/ddn/prod" ? platform : {} } }
        : created(type, name, inputs),
  });
};

describe("another team's program", () => {
  it("lets its role call what it needs of this platform's API, and nothing else", async () => {
    const { scanner } = inputsOf(await record(), "aws:iam/rolePolicy:RolePolicy");
    expect(JSON.parse(String(scanner.policy)).Statement).toEqual([
      {
        Effect: "Allow",
        Action: "execute-api:Invoke",
        Resource: ["GET/presign", "POST/jobs", "GET/jobs/*"].map((call) => `${platform.apiExecutionArn}/*/${call}`),
      },
    ]);
    const served = routes.map(({ key }) => key.replace(" ", "").replace(/\{\w+\}/, "*"));
    expect(served).toEqual(expect.arrayContaining(["GET/presign", "POST/jobs", "GET/jobs/*"]));
  });

  it("tells where URLs are to be had", async () => {
    const { outputs } = await record();
    expect(outputs.presignUrl).toBe(`${platform.apiUrl}/presign`);
  });
});
