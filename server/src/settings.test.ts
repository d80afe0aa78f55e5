// Does not prove that the task definition sets these variables.
import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { loadSettings } from "./settings";

const environment = {
  AWS_REGION: "ap-northeast-2",
  DDN_IN_BUCKET: "in",
  DDN_OUT_BUCKET: "out",
  DDN_QUEUE_URL: "http://127.0.0.1:9324/jobs",
  DDN_DEAD_LETTER_QUEUE_URL: "https://sqs.ap-northeast-2.amazonaws.com/1/dead",
};

const hint = "The stack's outputs name it; `npm start` sets it for the twin.";

describe("loadSettings", () => {
  it("takes the contract's defaults for what is not set", () => {
    const settings = loadSettings(environment);
    expect(settings).toMatchObject({
      host: "0.0.0.0",
      port: 50101,
      region: "ap-northeast-2",
      inBucket: "in",
      outBucket: "out",
      queueUrl: environment.DDN_QUEUE_URL,
      deadLetterQueueUrl: environment.DDN_DEAD_LETTER_QUEUE_URL,
      engine: "onnx",
      tritonUrl: "http://127.0.0.1:50201",
      tritonProtocol: "http",
      threads: availableParallelism(),
      maxPixels: 268_435_456,
      maxPages: 1000,
      maxBytes: 5_368_709_120,
      concurrency: 2,
      drainSeconds: 100,
    });
    expect(settings.modelPath.endsWith("/server/triton/models/ddn/1/model.onnx")).toBe(true);
    expect(settings.jobTopicArn).toBeUndefined();
    expect(settings.gpuUsdPerHour).toBeUndefined();
    expect(settings.stack).toBeUndefined();
    expect(Object.isFrozen(settings)).toBe(true);
  });

  it("takes the stack's name from DDN_STACK, and an empty one for none", () => {
    expect(loadSettings({ ...environment, DDN_STACK: "dev" }).stack).toBe("dev");
    expect("stack" in loadSettings({ ...environment, DDN_STACK: "" })).toBe(false);
  });

  it("takes Triton as the engine, and the port of its protocol", () => {
    const triton = { ...environment, DDN_ENGINE: "triton", DDN_GPU_USD_PER_HOUR: "0.647" };
    expect(loadSettings(triton)).toMatchObject({ engine: "triton", gpuUsdPerHour: 0.647 });
    expect(loadSettings({ ...triton, TRITON_PROTOCOL: "grpc" })).toMatchObject({
      tritonUrl: "http://127.0.0.1:58202",
      tritonProtocol: "grpc",
    });
    expect(loadSettings({ ...triton, TRITON_URL: "http://triton:1" }).tritonUrl).toBe("http://triton:1");
  });

  it("names each process anew", () => {
    expect(loadSettings(environment).instance).not.toBe(loadSettings(environment).instance);
  });

  it.each([
    ["AWS_REGION", `Expected a region such as ap-northeast-2 for \`AWS_REGION\` but received nothing. ${hint}`],
    ["DDN_IN_BUCKET", `Expected the name of the input bucket for \`DDN_IN_BUCKET\` but received nothing. ${hint}`],
    ["DDN_OUT_BUCKET", `Expected the name of the output bucket for \`DDN_OUT_BUCKET\` but received nothing. ${hint}`],
    ["DDN_QUEUE_URL", `Expected the URL of a queue for \`DDN_QUEUE_URL\` but received nothing. ${hint}`],
    [
      "DDN_DEAD_LETTER_QUEUE_URL",
      `Expected the URL of a queue for \`DDN_DEAD_LETTER_QUEUE_URL\` but received nothing. ${hint}`,
    ],
  ])("demands %s", (name, message) => {
    expect(() => loadSettings({ ...environment, [name]: "" })).toThrow(message);
  });

  it.each([
    ["PORT", "http", 'Expected an integer from 0 to 65535 for `PORT` but received "http".'],
    ["PORT", "65536", 'Expected an integer from 0 to 65535 for `PORT` but received "65536".'],
    ["DDN_CONCURRENCY", "0", 'Expected an integer from 1 to 64 for `DDN_CONCURRENCY` but received "0".'],
    ["DDN_CONCURRENCY", "1.5", 'Expected an integer from 1 to 64 for `DDN_CONCURRENCY` but received "1.5".'],
    ["DDN_MEMORY_MIB", "63", 'Expected an integer from 64 to 1048576 for `DDN_MEMORY_MIB` but received "63".'],
    ["DDN_MAX_PIXELS", "-1", 'Expected an integer from 1 to 9007199254740991 for `DDN_MAX_PIXELS` but received "-1".'],
    ["DDN_MAX_BYTES", "6e9", 'Expected an integer from 1 to 5368709120 for `DDN_MAX_BYTES` but received "6e9".'],
    ["DDN_DRAIN_SECONDS", "101", 'Expected an integer from 0 to 100 for `DDN_DRAIN_SECONDS` but received "101".'],
    ["DDN_THREADS", "0", 'Expected an integer from 1 to 256 for `DDN_THREADS` but received "0".'],
    ["DDN_ENGINE", "tensorrt", 'Expected onnx or triton for `DDN_ENGINE` but received "tensorrt".'],
    ["TRITON_PROTOCOL", "https", 'Expected http or grpc for `TRITON_PROTOCOL` but received "https".'],
    [
      "TRITON_URL",
      "triton:8001",
      'Expected the URL of a Triton server for `TRITON_URL` but received "triton:8001". For gRPC name its gRPC port, by http:// all the same.',
    ],
    ["DDN_GPU_USD_PER_HOUR", "-1", 'Expected US dollars, such as 0.647, for `DDN_GPU_USD_PER_HOUR` but received "-1".'],
    ["DDN_QUEUE_URL", "jobs", `Expected the URL of a queue for \`DDN_QUEUE_URL\` but received "jobs". ${hint}`],
  ])("refuses %s=%s", (name, value, message) => {
    expect(() => loadSettings({ ...environment, [name]: value })).toThrow(message);
  });
});
