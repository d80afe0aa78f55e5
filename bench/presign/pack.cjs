// Packs the presign function as `pulumi up` does and lays it out far from this project: prints the folder and the packages
// beside the code, as JSON. A process of plain Node, since the serialiser reads functions as Pulumi's own ts-node compiles
// them and must not meet another compiler's output.
const { createRequire } = require("node:module");
const path = require("node:path");
const { buildSync } = require("esbuild");

const testing = path.resolve(__dirname, "../../functions/testing");
const { outputFiles } = buildSync({
  stdin: { contents: 'export * from "./lambdaPackage"; export * from "./nativeProgram";', resolveDir: testing },
  bundle: true,
  write: false,
  platform: "node",
  packages: "external",
  define: { __dirname: JSON.stringify(testing) },
});
const packer = { exports: {} };
new Function("module", "require", outputFiles[0].text)(packer, createRequire(__filename));
const { nativeRequire, packageOf, unpackLambdas, withoutEngine } = packer.exports;

const main = async () => {
  await withoutEngine();
  const { apiFunction } = nativeRequire()("./components/apiFunctions");
  const deployed = apiFunction("bench", {
    name: "presign",
    resources: {
      ...{ inBucketName: "in", inBucketArn: "arn:in", outBucketName: "out", outBucketArn: "arn:out" },
      ...{ queueUrl: "https://queue", queueArn: "arn:queue", deadLetterQueueArn: "arn:dead", jobTopicArn: "arn:topic" },
    },
    settings: { stackName: "bench", maxBytes: 1, requireSize: false },
    logRetentionDays: 1,
  });
  const presign = await packageOf(deployed);
  process.stdout.write(JSON.stringify({ folder: await unpackLambdas({ presign }), packages: presign.packages }));
};

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
