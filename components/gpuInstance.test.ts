// Does not prove that the agent on the AMI reads these settings; the whole launch template stands in gpuService.test.ts.
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { userData } from "./gpuInstance";

describe("userData", () => {
  it("joins the cluster with GPUs, draining, cached images and time to unpack them, and makes the folders of the tasks", () => {
    expect(userData("ddn-0123456")).toBe(`#!/bin/bash
set -euo pipefail
install -d -m 1777 /var/lib/ddn/scratch /var/lib/ddn/engines
cat >> /etc/ecs/ecs.config <<'CONFIG'
ECS_CLUSTER=ddn-0123456
ECS_ENABLE_GPU_SUPPORT=true
ECS_ENABLE_SPOT_INSTANCE_DRAINING=true
ECS_IMAGE_PULL_BEHAVIOR=prefer-cached
ECS_IMAGE_PULL_INACTIVITY_TIMEOUT=10m
ECS_AWSVPC_BLOCK_IMDS=true
CONFIG
`);
  });

  it("is a script that bash can read", () => {
    expect(() => execFileSync("bash", ["-n"], { input: userData("ddn") })).not.toThrow();
  });
});
