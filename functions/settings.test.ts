// Does not prove that the infrastructure sets these variables; its own test does.
import { describe, expect, it } from "vitest";
import { jobsSettings, pingSettings, presignSettings } from "./settings";

const env = { DDN_IN_BUCKET: "in", DDN_OUT_BUCKET: "out", DDN_QUEUE_URL: "https://sqs/q" };

describe("settings from the environment", () => {
  it("have defaults for everything but names", () => {
    const maxBytes = 5_368_709_120;
    expect(presignSettings(env)).toEqual({ inBucket: "in", outBucket: "out", maxBytes, requireSize: false });
    expect(jobsSettings(env)).toEqual({ inBucket: "in", outBucket: "out", queueUrl: "https://sqs/q", maxBytes });
    expect(pingSettings(env)).toEqual({ outBucket: "out", queueUrl: "https://sqs/q" });
  });

  it("take what is given", () => {
    const given = {
      ...env,
      DDN_MAX_BYTES: "1000",
      DDN_REQUIRE_SIZE: "true",
      DDN_WAKE_SECONDS: "240",
      DDN_STACK: "dev",
    };
    expect(presignSettings(given)).toMatchObject({ maxBytes: 1000, requireSize: true });
    expect(jobsSettings(given)).toMatchObject({ maxBytes: 1000, wakeSeconds: 240, stack: "dev" });
  });

  it.each([
    [{ DDN_IN_BUCKET: undefined }, "Expected a value for `DDN_IN_BUCKET` but received nothing."],
    [{ DDN_OUT_BUCKET: "" }, 'Expected a value for `DDN_OUT_BUCKET` but received "".'],
    [{ DDN_MAX_BYTES: "1e9" }, 'Expected a whole number from 1 for `DDN_MAX_BYTES` but received "1e9".'],
    [{ DDN_MAX_BYTES: "0" }, 'Expected a whole number from 1 for `DDN_MAX_BYTES` but received "0".'],
    [{ DDN_REQUIRE_SIZE: "yes" }, 'Expected true or false for `DDN_REQUIRE_SIZE` but received "yes".'],
  ])("refuse %o", (wrong, message) => {
    expect(() => presignSettings({ ...env, ...wrong })).toThrow(new Error(message));
  });

  it("refuse a job function without a queue", () => {
    expect(() => jobsSettings({ ...env, DDN_QUEUE_URL: undefined })).toThrow(
      new Error("Expected a value for `DDN_QUEUE_URL` but received nothing."),
    );
  });
});
