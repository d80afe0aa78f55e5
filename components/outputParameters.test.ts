// Does not prove that AWS takes the names, nor who may read them.
import * as pulumi from "@pulumi/pulumi";
import { expect, it } from "vitest";
import { OutputParameters } from "./outputParameters";

it("gives every output a parameter, and none to what is not there", async () => {
  const made: unknown[] = [];
  await pulumi.runtime.setMocks({
    newResource: ({ type, name, inputs, custom }) => {
      if (custom) made.push({ type, name, inputs });
      return { id: name, state: inputs };
    },
    call: ({ token }) => {
      throw new Error(`Expected no call but received ${token}.`);
    },
  });

  new OutputParameters("ddn", {
    path: "/ddn/dev",
    outputs: { apiUrl: pulumi.output("https://api.example.com"), region: "ap-northeast-2", kmsKeyArn: undefined },
  });
  await pulumi.runtime.disconnect();

  const type = "aws:ssm/parameter:Parameter";
  expect(made).toHaveLength(2);
  expect(made).toEqual(
    expect.arrayContaining([
      {
        type,
        name: "ddn-apiUrl",
        inputs: { name: "/ddn/dev/apiUrl", type: "String", insecureValue: "https://api.example.com" },
      },
      {
        type,
        name: "ddn-region",
        inputs: { name: "/ddn/dev/region", type: "String", insecureValue: "ap-northeast-2" },
      },
    ]),
  );
});
