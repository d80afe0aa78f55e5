import { mkdir, mkdtemp, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type * as Aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { nativeRequire, projectRoot } from "./nativeProgram";

/** What Pulumi would upload for one function. */
export interface LambdaPackage {
  /** Of `__index.js`. */
  readonly text: string;
  /** The packages beside it, such as `node_modules/@aws-sdk/core`, sorted. */
  readonly packages: readonly string[];
}

/** Registers mocks, so that resources can be made without an engine; a call to AWS fails the test. */
export const withoutEngine = (): Promise<void> =>
  pulumi.runtime.setMocks(
    {
      newResource: ({ name, inputs }) => ({ id: `${name}-id`, state: { arn: `arn:mock:${name}`, ...inputs } }),
      call: ({ token }) => {
        throw new Error(`Expected no call but received ${token}.`);
      },
    },
    "ddn",
    "test",
    false,
  );

/** What a function's archive holds: that of the whole deployed function, or of the callback alone as `packLambda` makes it. */
export const packageOf = async (lambda: Pick<Aws.lambda.Function, "code">): Promise<LambdaPackage> => {
  const code = await new Promise<pulumi.asset.Archive>((resolve) => {
    lambda.code.apply((archive) => archive !== undefined && resolve(archive));
  });
  const assets = await (code as pulumi.asset.AssetArchive).assets;
  const index = assets["__index.js"] as pulumi.asset.StringAsset;
  return {
    text: await index.text,
    packages: Object.keys(assets)
      .filter((file) => file !== "__index.js")
      .sort(),
  };
};

/**
 * Packs a callback factory as `aws.lambda.CallbackFunction` does, under mocks.
 * @param callbackFactory loaded by `nativeRequire`
 */
export const packLambda = async (name: string, callbackFactory: () => unknown): Promise<LambdaPackage> => {
  // Within CallbackFunction a factory that cannot be serialised never answers; here it rejects and says why.
  await pulumi.runtime.serializeFunction(callbackFactory, { isFactoryFunction: true });
  const aws = nativeRequire()("@pulumi/aws") as typeof Aws;
  const lambda = new aws.lambda.CallbackFunction(name, {
    callbackFactory: callbackFactory as () => Aws.lambda.Callback<unknown, unknown>,
    role: "arn:aws:iam::000000000000:role/test",
    runtime: "nodejs22.x",
  });
  return packageOf(lambda);
};

/**
 * Lays the packages out in a new folder, far from this project's own node_modules, each text as `<name>.js` beside them.
 * The packages are links: run Node with `--preserve-symlinks`, or it finds what lies beside their targets.
 * @returns the folder
 */
export const unpackLambdas = async (lambdas: Readonly<Record<string, LambdaPackage>>): Promise<string> => {
  const directory = await mkdtemp(path.join(tmpdir(), "ddn-lambda-"));
  for (const each of new Set(Object.values(lambdas).flatMap(({ packages }) => packages))) {
    await mkdir(path.dirname(path.join(directory, each)), { recursive: true });
    await symlink(path.join(projectRoot, each), path.join(directory, each));
  }
  for (const [name, { text }] of Object.entries(lambdas)) await writeFile(path.join(directory, `${name}.js`), text);
  return directory;
};
