// Does not prove that the images hold what the commands name, nor what a T4 and its host really need.
import { describe, expect, it } from "vitest";
import {
  type ContainerSettings,
  containerDefinitions,
  cpuUnits,
  memoryMiB,
  serverEnvironment,
  tritonCommand,
} from "./gpuContainers";
import { gpuInstanceTypes } from "./gpuInstanceTypes";

const digest = `@sha256:${"a".repeat(64)}`;

const settings: ContainerSettings = {
  apiImage: `123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/api${digest}`,
  tritonImage: `123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/triton${digest}`,
  networkMode: "bridge",
  spot: false,
  region: "ap-northeast-2",
  logGroupName: "/ecs/ddn-triton-task",
  stack: "dev",
  inBucketName: "in",
  outBucketName: "out",
  queueUrl: "https://sqs/queue",
  deadLetterQueueUrl: "https://sqs/dead",
  jobTopicArn: "arn:topic",
  maxPixels: 1000,
  maxBytes: 2000,
  gpuUsdPerHour: 0.647,
};

const [api, triton] = containerDefinitions(settings);

describe("containerDefinitions", () => {
  it("makes two containers, the whole GPU being Triton's", () => {
    expect(containerDefinitions(settings).map(({ name }) => name)).toEqual(["api", "triton"]);
    expect(triton.resourceRequirements).toEqual([{ type: "GPU", value: "1" }]);
    expect(api).not.toHaveProperty("resourceRequirements");
  });

  it.each([api, triton])("takes every privilege from $name", (container) => {
    expect(container).toMatchObject({
      essential: true,
      privileged: false,
      readonlyRootFilesystem: true,
      stopTimeout: 110,
      linuxParameters: {
        initProcessEnabled: true,
        capabilities: { drop: ["ALL"] },
        tmpfs: [{ containerPath: "/tmp", size: 256, mountOptions: ["nosuid", "nodev"] }],
      },
    });
    expect(container.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(container.image).toMatch(/@sha256:[0-9a-f]{64}$/);
    expect(container.linuxParameters).not.toHaveProperty("devices");
    expect(container.linuxParameters).not.toHaveProperty("capabilities.add");
  });

  it.each([api, triton])("logs for $name without ever blocking it", (container) => {
    expect(container.logConfiguration).toEqual({
      logDriver: "awslogs",
      options: {
        "awslogs-group": "/ecs/ddn-triton-task",
        "awslogs-region": "ap-northeast-2",
        "awslogs-stream-prefix": container.name,
        mode: "non-blocking",
        "max-buffer-size": "25m",
      },
    });
  });

  it("publishes the server's port and no other", () => {
    expect(api.portMappings).toEqual([{ containerPort: 50101, hostPort: 50101, protocol: "tcp" }]);
    expect(triton).not.toHaveProperty("portMappings");
  });

  it("checks that the server lives and that Triton is ready", () => {
    expect(api.healthCheck).toEqual({
      command: [
        "CMD",
        "node",
        "-e",
        'fetch("http://127.0.0.1:50101/livez").then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))',
      ],
      interval: 15,
      timeout: 5,
      retries: 3,
      startPeriod: 60,
    });
    expect(triton.healthCheck).toEqual({
      command: ["CMD-SHELL", "curl -sf http://127.0.0.1:50201/v2/health/ready || exit 1"],
      interval: 15,
      timeout: 5,
      retries: 5,
      startPeriod: 300,
    });
  });

  it("lets Triton start first and stop last", () => {
    expect(api.dependsOn).toEqual([{ containerName: "triton", condition: "START" }]);
    expect(triton).not.toHaveProperty("dependsOn");
  });

  it("gives the server files and Triton locked memory and stack", () => {
    expect(api.ulimits).toEqual([{ name: "nofile", softLimit: 65536, hardLimit: 65536 }]);
    expect(triton.ulimits).toEqual([
      { name: "memlock", softLimit: -1, hardLimit: -1 },
      { name: "stack", softLimit: 67_108_864, hardLimit: 67_108_864 },
    ]);
  });

  it("lets the server write to the scratch folder and Triton to the engines, and nothing else", () => {
    expect(api.mountPoints).toEqual([{ sourceVolume: "scratch", containerPath: "/scratch", readOnly: false }]);
    expect(triton.mountPoints).toEqual([{ sourceVolume: "engines", containerPath: "/var/cache/trt", readOnly: false }]);
  });

  it("finds Triton by its link in bridge mode, and in the task's own network in awsvpc mode", () => {
    const [own] = containerDefinitions({ ...settings, networkMode: "awsvpc" });
    expect(api.links).toEqual(["triton"]);
    expect(serverEnvironment(settings).TRITON_URL).toBe("http://triton:50201");
    expect(own).not.toHaveProperty("links");
    expect(serverEnvironment({ ...settings, networkMode: "awsvpc" }).TRITON_URL).toBe("http://127.0.0.1:50201");
  });

  it("fits every instance type that may be chosen, with room for the agent and the system", () => {
    expect(api).toMatchObject({ cpu: 2048, memory: 8192 });
    expect(triton).toMatchObject({ cpu: 1024, memoryReservation: 5632 });
    expect(memoryMiB.api + memoryMiB.triton).toBeLessThanOrEqual(14_000);
    for (const { vCpus, memoryGib } of Object.values(gpuInstanceTypes)) {
      expect(memoryMiB.api + memoryMiB.triton).toBeLessThan(memoryGib * 1024 * 0.9);
      expect(cpuUnits.api + cpuUnits.triton).toBeLessThan(vCpus * 1024);
    }
  });
});

describe("serverEnvironment", () => {
  it("says all that the server asks for", () => {
    expect(serverEnvironment(settings)).toEqual({
      PORT: "50101",
      AWS_REGION: "ap-northeast-2",
      DDN_STACK: "dev",
      DDN_IN_BUCKET: "in",
      DDN_OUT_BUCKET: "out",
      DDN_QUEUE_URL: "https://sqs/queue",
      DDN_DEAD_LETTER_QUEUE_URL: "https://sqs/dead",
      DDN_JOB_TOPIC_ARN: "arn:topic",
      DDN_ENGINE: "triton",
      TRITON_URL: "http://triton:50201",
      TRITON_PROTOCOL: "http",
      DDN_MAX_PIXELS: "1000",
      DDN_MAX_BYTES: "2000",
      DDN_MEMORY_MIB: "5120",
      DDN_DRAIN_SECONDS: "100",
      DDN_GPU_USD_PER_HOUR: "0.647",
      TMPDIR: "/scratch",
    });
    expect(api.environment).toContainEqual({ name: "DDN_ENGINE", value: "triton" });
  });

  it("leaves the price out where it is not known", () => {
    expect(serverEnvironment({ ...settings, gpuUsdPerHour: undefined })).not.toHaveProperty("DDN_GPU_USD_PER_HOUR");
  });

  it("names no secret", () => {
    for (const name of Object.keys(serverEnvironment(settings))) expect(name).not.toMatch(/SECRET|TOKEN|PASSWORD|KEY$/);
  });

  it("drains within the notice of a spot instance, the load balancer's wait included", () => {
    expect(serverEnvironment({ ...settings, spot: true }).DDN_DRAIN_SECONDS).toBe("75");
  });
});

describe("tritonCommand", () => {
  it("loads what the image holds, once, and ends when that fails", () => {
    expect(tritonCommand("bridge")).toEqual([
      "tritonserver",
      "--model-repository=/models",
      "--model-control-mode=none",
      "--exit-on-error=true",
      "--strict-readiness=true",
      "--exit-timeout-secs=25",
      "--http-address=0.0.0.0",
      "--http-port=50201",
      "--http-thread-count=8",
      "--http-max-input-size=1073741824",
      "--grpc-address=0.0.0.0",
      "--grpc-port=58202",
      "--allow-metrics=false",
    ]);
  });

  it("listens on the task's loopback alone where the task has a network of its own", () => {
    expect(tritonCommand("awsvpc").filter((flag) => flag.includes("address"))).toEqual([
      "--http-address=127.0.0.1",
      "--grpc-address=127.0.0.1",
    ]);
  });
});
