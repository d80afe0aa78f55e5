import { randomBytes } from "node:crypto";
import { availableParallelism, hostname, totalmem } from "node:os";
import { resolve } from "node:path";
import { expected } from "../../contract/problem";
import { maxPutBytes } from "./store/limits";

/** The server's environment, checked; endpoints and credentials are the AWS SDK's own to read. */
export interface Settings {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly region: string;
  readonly inBucket: string;
  readonly outBucket: string;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly jobTopicArn?: string;
  readonly engine: "onnx" | "triton";
  /** Path of the ONNX file, which the engine runs or Triton serves a copy of. */
  readonly modelPath: string;
  /** Where Triton listens for its protocol. */
  readonly tritonUrl: string;
  readonly tritonProtocol: "http" | "grpc";
  /** What an hour of the GPU costs; absent where nobody knows, then jobs have no cost. */
  readonly gpuUsdPerHour?: number;
  /** Threads of the in-process engine. */
  readonly threads: number;
  /** Pixels of one page. */
  readonly maxPixels: number;
  readonly maxPages: number;
  /** Bytes of an input file. */
  readonly maxBytes: number;
  /** Jobs in flight, of the queue's and again of requests: while one is in the engine, others are read, decoded, encoded and written. */
  readonly concurrency: number;
  /** What the pages of all jobs in flight may take together. */
  readonly memoryMiB: number;
  /** How long the jobs in flight may go on after SIGTERM. */
  readonly drainSeconds: number;
  /** Where the ECS agent answers, in a task. */
  readonly ecsAgentUri?: string;
  /** The stack in CloudWatch's metrics; absent where nobody collects them. */
  readonly stack?: string;
  /** Names this process in job and service records: a restarted server is another worker. */
  readonly instance: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const defaultModelPath = resolve(__dirname, "../triton/models/ddn/1/model.onnx");
const maxPages = 1000;
/** A GPU is through with an image before the next is read; a processor is not, and each would only wait for the others. */
export const jobsInFlight = { onnx: 2, triton: 8 } as const;

const required = (environment: Environment, name: string, what: string, remedy: string): string => {
  const value = environment[name];
  if (value === undefined || value === "") throw new Error(expected(what, name, undefined, remedy));
  return value;
};

const integer = (environment: Environment, name: string, fallback: number, min: number, max: number): number => {
  const text = environment[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new Error(expected(`an integer from ${min} to ${max}`, name, text));
  }
  return value;
};

const httpUrl = (environment: Environment, name: string, what: string, remedy: string): string => {
  const text = required(environment, name, what, remedy);
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) throw new Error(expected(what, name, text, remedy));
  return text;
};

const oneOf = <T extends string>(environment: Environment, name: string, values: readonly [T, ...T[]]): T => {
  const text = environment[name];
  if (text === undefined || text === "") return values[0];
  const found = values.find((value) => value === text);
  if (found === undefined) throw new Error(expected(values.join(" or "), name, text));
  return found;
};

const price = (environment: Environment, name: string): number | undefined => {
  const text = environment[name];
  if (text === undefined || text === "") return undefined;
  if (!/^\d+(\.\d+)?$/.test(text)) throw new Error(expected("US dollars, such as 0.647,", name, text));
  return Number(text);
};

/** As the cloud's task has Triton beside the server. */
const tritonPorts = { http: 50201, grpc: 58202 } as const;

/** @throws Error naming the variable, what was expected and what came */
export const loadSettings = (environment: Environment): Settings => {
  const stack = "The stack's outputs name it; `npm start` sets it for the twin.";
  const queue = "the URL of a queue";
  const tritonProtocol = oneOf(environment, "TRITON_PROTOCOL", ["http", "grpc"]);
  const TRITON_URL = environment.TRITON_URL || `http://127.0.0.1:${tritonPorts[tritonProtocol]}`;
  const gpuUsdPerHour = price(environment, "DDN_GPU_USD_PER_HOUR");
  const topic = environment.DDN_JOB_TOPIC_ARN;
  const engine = oneOf(environment, "DDN_ENGINE", ["onnx", "triton"]);
  return Object.freeze({
    host: environment.HOST ?? "0.0.0.0",
    port: integer(environment, "PORT", 50101, 0, 65535),
    region: required(environment, "AWS_REGION", "a region such as ap-northeast-2", stack),
    inBucket: required(environment, "DDN_IN_BUCKET", "the name of the input bucket", stack),
    outBucket: required(environment, "DDN_OUT_BUCKET", "the name of the output bucket", stack),
    queueUrl: httpUrl(environment, "DDN_QUEUE_URL", queue, stack),
    deadLetterQueueUrl: httpUrl(environment, "DDN_DEAD_LETTER_QUEUE_URL", queue, stack),
    ...(topic === undefined || topic === "" ? {} : { jobTopicArn: topic }),
    engine,
    tritonUrl: httpUrl(
      { TRITON_URL },
      "TRITON_URL",
      "the URL of a Triton server",
      "For gRPC name its gRPC port, by http:// all the same.",
    ),
    tritonProtocol,
    ...(gpuUsdPerHour === undefined ? {} : { gpuUsdPerHour }),
    modelPath: resolve(environment.DDN_MODEL ?? defaultModelPath),
    threads: integer(environment, "DDN_THREADS", availableParallelism(), 1, 256),
    maxPixels: integer(environment, "DDN_MAX_PIXELS", 268_435_456, 1, Number.MAX_SAFE_INTEGER),
    maxPages,
    maxBytes: integer(environment, "DDN_MAX_BYTES", maxPutBytes, 1, maxPutBytes),
    concurrency: integer(environment, "DDN_CONCURRENCY", jobsInFlight[engine], 1, 64),
    memoryMiB: integer(environment, "DDN_MEMORY_MIB", Math.floor(totalmem() / 2 / 1024 ** 2), 64, 1024 ** 2),
    // ECS kills 110 s after SIGTERM, and handing back the rest takes its time.
    drainSeconds: integer(environment, "DDN_DRAIN_SECONDS", 100, 0, 100),
    ...(environment.ECS_AGENT_URI === undefined ? {} : { ecsAgentUri: environment.ECS_AGENT_URI }),
    ...(environment.DDN_STACK === undefined || environment.DDN_STACK === "" ? {} : { stack: environment.DDN_STACK }),
    instance: `${hostname().slice(0, 40)}-${randomBytes(4).toString("hex")}`,
  });
};
