// Does not prove that AWS still sells these types with these numbers.
import { describe, expect, it } from "vitest";
import { gpuInstanceTypes, instanceTypesProblem } from "./gpuInstanceTypes";

describe("gpuInstanceTypes", () => {
  it.each([
    ["g4dn.xlarge", { vCpus: 4, memoryGib: 16, gpus: 1, gpu: "T4" }],
    ["g4dn.12xlarge", { vCpus: 48, memoryGib: 192, gpus: 4, gpu: "T4" }],
    ["g4dn.metal", { vCpus: 96, memoryGib: 384, gpus: 8, gpu: "T4" }],
    ["g5.48xlarge", { vCpus: 192, memoryGib: 768, gpus: 8, gpu: "A10G" }],
    ["g6.16xlarge", { vCpus: 64, memoryGib: 256, gpus: 1, gpu: "L4" }],
    ["g6e.2xlarge", { vCpus: 8, memoryGib: 64, gpus: 1, gpu: "L40S" }],
  ])("knows %s", (name, type) => {
    expect(gpuInstanceTypes[name]).toEqual(type);
  });
});

describe("instanceTypesProblem", () => {
  it.each([[["g4dn.xlarge"]], [["g4dn.xlarge", "g4dn.2xlarge", "g4dn.16xlarge"]], [["g6.xlarge", "g6.2xlarge"]]])(
    "finds nothing wrong with %j",
    (names) => {
      expect(instanceTypesProblem(names)).toBeUndefined();
    },
  );

  it.each([
    [[], "Expected one instance type at least for `instanceTypes` but received []."],
    [
      ["p5.48xlarge"],
      'Expected known GPU instance types for `instanceTypes` but received "p5.48xlarge". With one GPU each: g4dn.xlarge, ' +
        "g4dn.2xlarge, g4dn.4xlarge, g4dn.8xlarge, g4dn.16xlarge, g5.xlarge, g5.2xlarge, g5.4xlarge, g5.8xlarge, " +
        "g5.16xlarge, g6.xlarge, g6.2xlarge, g6.4xlarge, g6.8xlarge, g6.16xlarge, g6e.xlarge, g6e.2xlarge, g6e.4xlarge, " +
        "g6e.8xlarge, g6e.16xlarge.",
    ],
    [
      ["g4dn.xlarge", "g4dn.12xlarge"],
      'Expected types with one GPU for `instanceTypes` but received "g4dn.12xlarge". It has 4, and all but one would ' +
        "idle: a task takes one. Choose among g4dn.xlarge, g4dn.2xlarge, g4dn.4xlarge, g4dn.8xlarge, g4dn.16xlarge.",
    ],
    [
      ["g4dn.xlarge", "g5.xlarge"],
      'Expected types with the GPU of g4dn.xlarge (T4) for `instanceTypes` but received "g5.xlarge". Its GPU is A10G. ' +
        "Choose among g4dn.xlarge, g4dn.2xlarge, g4dn.4xlarge, g4dn.8xlarge, g4dn.16xlarge.",
    ],
  ])("says what is wrong with %j", (names, message) => {
    expect(instanceTypesProblem(names)).toBe(message);
  });
});
