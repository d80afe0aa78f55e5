import * as pulumi from "@pulumi/pulumi";
import { it } from "vitest";
import { nativeRequire } from "./testing/nativeProgram";

it("x", async () => {
  let t = Date.now();
  const lap = (s: string) => {
    console.log(s, Date.now() - t);
    t = Date.now();
  };
  await pulumi.runtime.setMocks(
    {
      newResource: (a) => ({ id: a.name, state: a.inputs }),
      call: (a) => {
        throw new Error(a.token);
      },
    },
    "ddn",
    "test",
    false,
  );
  const req = nativeRequire();
  const { callbacks } = req("./functions/testing/callbacks");
  lap("load");
  const aws = req("@pulumi/aws");
  lap("aws");
  for (const name of Object.keys(callbacks)) {
    const fn = new aws.lambda.CallbackFunction(name, {
      callbackFactory: callbacks[name],
      role: "arn:aws:iam::1:role/x",
      runtime: "nodejs22.x",
      timeout: 10,
      memorySize: 256,
      architectures: ["arm64"],
      codePathOptions: {},
    });
    const code: any = await new Promise((r) => fn.code.apply(r));
    const assets = await code.assets;
    const text = await (await assets["__index.js"]).text;
    lap(name);
    console.log(Object.keys(assets).length, text.length);
    require("node:fs").writeFileSync(`/tmp/fn-${name}.js`, text);
    if (name === "ping") console.log(Object.keys(assets).join(" "));
  }
});
