import { gatewayLimits } from "../contract/routes";
import { hostFolders } from "./gpuInstance";
import { ports } from "./ports";

export type NetworkMode = "bridge" | "awsvpc";

/** What the two containers are made from, resolved. */
export interface ContainerSettings {
  /** By digest. */
  readonly apiImage: string;
  /** By digest. */
  readonly tritonImage: string;
  readonly networkMode: NetworkMode;
  readonly spot: boolean;
  readonly region: string;
  readonly logGroupName: string;
  /** Names the stack in the metrics of the server. */
  readonly stack: string;
  readonly inBucketName: string;
  readonly outBucketName: string;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly jobTopicArn: string;
  /** Most pixels of a page. */
  readonly maxPixels: number;
  /** Largest image file, bytes. */
  readonly maxBytes: number;
  /** What jobs are charged for the GPU. */
  readonly gpuUsdPerHour: number | undefined;
}

/** Bounds the wait for a target to be let go: no request through the gateway lasts longer. */
export const deregistrationSeconds = gatewayLimits.timeoutSeconds;

/** Spot takes an instance two minutes after the notice. Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-interruptions.html */
const spotNoticeSeconds = 120;
/** Between SIGTERM and SIGKILL; less than the notice. */
const stopTimeoutSeconds = 110;
/** What the server takes at most to hand jobs back and close once its time to drain is over, and a reserve. */
const closingSeconds = 15;

/** ECS sends SIGTERM only when the load balancer has let go, and a spot instance has no more than its notice for both. */
const drainSeconds = (spot: boolean): number =>
  spot ? spotNoticeSeconds - deregistrationSeconds - closingSeconds : stopTimeoutSeconds - 10;

/**
 * MiB that fit a g4dn.xlarge: of its 16 GiB about 15.3 are there, and the agent and the system keep the rest.
 * The server's is a hard limit, which it keeps by counting its pages (`pagesMiB`: an RGB page of 268 megapixels, three
 * times over); Triton's is only reserved, so that building TensorRT engines may take more for a while.
 */
export const memoryMiB = { api: 8192, pages: 5120, triton: 5632 } as const;

/** CPU units, 1024 a vCPU: shares under load, no limits. */
export const cpuUnits = { api: 2048, triton: 1024 } as const;

interface Container {
  readonly name: "api" | "triton";
  readonly [field: string]: unknown;
}

/** What holds for both: no root, no capability, nothing writable but what is named, and logs that never block. */
const container = (
  name: Container["name"],
  { region, logGroupName }: ContainerSettings,
  own: { readonly [field: string]: unknown },
): Container => ({
  name,
  essential: true,
  privileged: false,
  readonlyRootFilesystem: true,
  stopTimeout: stopTimeoutSeconds,
  linuxParameters: {
    // Reaps children and hands signals on. Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinuxParameters.html
    initProcessEnabled: true,
    capabilities: { drop: ["ALL"] },
    tmpfs: [{ containerPath: "/tmp", size: 256, mountOptions: ["nosuid", "nodev"] }],
  },
  logConfiguration: {
    logDriver: "awslogs",
    options: {
      "awslogs-group": logGroupName,
      "awslogs-region": region,
      "awslogs-stream-prefix": name,
      // A log service that cannot keep up must not stop the server. Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
      mode: "non-blocking",
      "max-buffer-size": "25m",
    },
  },
  ...own,
});

const environment = (variables: Readonly<Record<string, string>>): readonly { name: string; value: string }[] =>
  Object.entries(variables).map(([name, value]) => ({ name, value }));

/** In awsvpc mode the containers share one network, in bridge mode the server finds Triton by its link. */
const tritonHost = (networkMode: NetworkMode): string => (networkMode === "awsvpc" ? "127.0.0.1" : "triton");

/** What the server reads, as the contract names it. */
export const serverEnvironment = (settings: ContainerSettings): Readonly<Record<string, string>> => ({
  PORT: String(ports.api),
  AWS_REGION: settings.region,
  DDN_STACK: settings.stack,
  DDN_IN_BUCKET: settings.inBucketName,
  DDN_OUT_BUCKET: settings.outBucketName,
  DDN_QUEUE_URL: settings.queueUrl,
  DDN_DEAD_LETTER_QUEUE_URL: settings.deadLetterQueueUrl,
  DDN_JOB_TOPIC_ARN: settings.jobTopicArn,
  DDN_ENGINE: "triton",
  TRITON_URL: `http://${tritonHost(settings.networkMode)}:${ports.tritonHttp}`,
  TRITON_PROTOCOL: "http",
  DDN_MAX_PIXELS: String(settings.maxPixels),
  DDN_MAX_BYTES: String(settings.maxBytes),
  DDN_MEMORY_MIB: String(memoryMiB.pages),
  DDN_DRAIN_SECONDS: String(drainSeconds(settings.spot)),
  ...(settings.gpuUsdPerHour === undefined ? {} : { DDN_GPU_USD_PER_HOUR: String(settings.gpuUsdPerHour) }),
  // Images are larger than a tmpfs should be: they would count as memory.
  TMPDIR: hostFolders.scratch.containerPath,
});

const api = (settings: ContainerSettings): Container =>
  container("api", settings, {
    image: settings.apiImage,
    user: "10001:10001",
    cpu: cpuUnits.api,
    memory: memoryMiB.api,
    // One GPU, one task an instance: a static port cannot clash.
    portMappings: [{ containerPort: ports.api, hostPort: ports.api, protocol: "tcp" }],
    ...(settings.networkMode === "bridge" ? { links: ["triton"] } : {}),
    // Containers stop in the opposite order, so that Triton outlives the last job. START, not HEALTHY: the server itself
    // waits for the model and says meanwhile that the service is starting.
    // Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
    dependsOn: [{ containerName: "triton", condition: "START" }],
    environment: environment(serverEnvironment(settings)),
    mountPoints: [{ sourceVolume: "scratch", containerPath: hostFolders.scratch.containerPath, readOnly: false }],
    ulimits: [{ name: "nofile", softLimit: 65536, hardLimit: 65536 }],
    healthCheck: {
      // Alive, not ready: a model that loads is no reason to start anew.
      command: [
        "CMD",
        "node",
        "-e",
        `fetch("http://127.0.0.1:${ports.api}/livez").then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`,
      ],
      interval: 15,
      timeout: 5,
      retries: 3,
      startPeriod: 60,
    },
  });

/** Triton's own flags; each names why it is not the default where that is not plain. */
export const tritonCommand = (networkMode: NetworkMode): readonly string[] => {
  // In bridge mode the link reaches it by the container's own address; neither port is published on the host.
  const address = networkMode === "awsvpc" ? "127.0.0.1" : "0.0.0.0";
  return [
    "tritonserver",
    "--model-repository=/models",
    "--model-control-mode=none",
    "--exit-on-error=true",
    "--strict-readiness=true",
    // In its own time, before ECS ends it.
    "--exit-timeout-secs=25",
    `--http-address=${address}`,
    `--http-port=${ports.tritonHttp}`,
    "--http-thread-count=8",
    // 64 MiB since 25.06. Source: https://github.com/triton-inference-server/server/blob/main/src/command_line_parser.cc
    "--http-max-input-size=1073741824",
    `--grpc-address=${address}`,
    `--grpc-port=${ports.tritonGrpc}`,
    "--allow-metrics=false",
  ];
};

const triton = (settings: ContainerSettings): Container =>
  container("triton", settings, {
    image: settings.tritonImage,
    user: "1000:1000",
    cpu: cpuUnits.triton,
    memoryReservation: memoryMiB.triton,
    resourceRequirements: [{ type: "GPU", value: "1" }],
    command: tritonCommand(settings.networkMode),
    mountPoints: [{ sourceVolume: "engines", containerPath: hostFolders.engines.containerPath, readOnly: false }],
    // Pinned memory for copies to the GPU.
    ulimits: [
      { name: "memlock", softLimit: -1, hardLimit: -1 },
      { name: "stack", softLimit: 67_108_864, hardLimit: 67_108_864 },
    ],
    healthCheck: {
      command: ["CMD-SHELL", `curl -sf http://127.0.0.1:${ports.tritonHttp}/v2/health/ready || exit 1`],
      interval: 15,
      timeout: 5,
      retries: 5,
      // The longest that ECS takes; the service's grace period covers a model that loads longer.
      startPeriod: 300,
    },
  });

/** The task's two containers: the API server, and Triton with the whole GPU. */
export const containerDefinitions = (settings: ContainerSettings): readonly Container[] => [
  api(settings),
  triton(settings),
];
