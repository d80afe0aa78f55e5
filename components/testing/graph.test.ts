// Does not prove that the engine registers alike; engine.test.ts compares the two.
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { recordGraph } from "./graph";

class Frame extends pulumi.ComponentResource {
  constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
    super("ddn:index:Frame", name, {}, opts);
    this.registerOutputs({});
  }
}

class Box extends pulumi.CustomResource {
  constructor(name: string, size: pulumi.Input<string>, opts?: pulumi.CustomResourceOptions) {
    super("test:index:Box", name, { size }, opts);
  }
}

const small = (): object => ({ id: new Box("small", "1", { parent: new Frame("frame") }).id });

const thrownBy = (program: () => object): Promise<unknown> =>
  recordGraph(program).then(
    () => undefined,
    (error: unknown) => error,
  );

/** Would wait forever, were it not noticed. */
const seconds = 20_000;

describe("a program that waits for itself", () => {
  it("fails by the names of the resources that never get their inputs", { timeout: seconds }, async () => {
    const circle = (): object => {
      let close: (size: pulumi.Input<string>) => void = () => undefined;
      const size = pulumi.output(new Promise<pulumi.Input<string>>((resolve) => (close = resolve)));
      const first = new Box("first", size);
      const second = new Box("second", first.id, { parent: new Frame("frame") });
      close(second.id);
      return {};
    };
    await expect(recordGraph(circle)).rejects.toThrow(
      "Expected every resource to be registered, but inputs of these never resolve: test:index:Box first, test:index:Box second.",
    );
    expect((await recordGraph(small)).resources.map(({ name }) => name)).toContain("small");
  });

  it("fails as well where only an output waits", { timeout: seconds }, async () => {
    const never = (): object => ({ ...small(), never: pulumi.output(new Promise(() => undefined)) });
    await expect(recordGraph(never)).rejects.toThrow("never resolve: none, only an output of the program.");
  });
});

describe("a program that throws", () => {
  const refused = (): object => {
    throw new pulumi.ResourceError("Expected 0 but received 1.", new Frame("frame"), true);
  };

  it("fails by its message, without the resource, which nobody can print in time", async () => {
    const error = await thrownBy(refused);
    expect(error).toEqual(new Error("Expected 0 but received 1."));
    expect(Object.keys(error as object)).toEqual([]);
  });

  it("leaves nothing behind: no rejection that nobody handles, and the next program runs", async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): number => unhandled.push(reason);
    process.on("unhandledRejection", listener);
    await thrownBy(refused);
    const { resources, outputs } = await recordGraph(small);
    process.off("unhandledRejection", listener);
    expect(unhandled).toEqual([]);
    expect(resources.map(({ name }) => name)).toEqual(["ddn-dev", "frame", "small"]);
    expect(outputs).toEqual({ id: expect.stringMatching(/^small-/) });
  });
});
