import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { expected } from "../contract/problem";
import { nodeArguments, environment as processMemory } from "../server/src/processMemory";
import type { Gateway, GatewaySettings } from "./gateway/gateway";
import { startGateway } from "./gateway/gateway";
import { peakBytes } from "./memory";
import { freePorts, type ProcessSettings, type SupervisedProcess, startProcess } from "./processes";
import type { S3Config } from "./s3/config";
import type { SqsConfig } from "./sqs/server";
import { openTwinDirectory, type TwinDescription, type TwinDirectory } from "./twinDirectory";

export interface TwinOptions extends Pick<GatewaySettings, "throttling" | "accessLog"> {
  /** The gateway's port; 0 takes any free one. @default 0 */
  readonly port?: number;
  /** Where buckets, queues, keys and logs lie; what is there is found again. */
  readonly directory: string;
  /** Laid over the server's environment, such as `DDN_MODEL`, `DDN_THREADS` or `DDN_MAX_PIXELS`. */
  readonly serverEnvironment?: Readonly<Record<string, string>>;
  /** Takes a sentence when something happened that a user may want to know. @default nothing */
  readonly log?: (line: string) => void;
  /** Told when a process ended too often and the twin no longer serves; close it then. */
  readonly onFailure?: (error: Error) => void;
}

/** A whole platform on this machine. */
export interface Twin extends TwinDescription {
  /** The gateway's origin. */
  readonly url: string;
  /** Process ids by name: `server`, `s3`, `sqs`; undefined while one is started again. */
  pids(): Record<ProcessName, number | undefined>;
  /** Bytes of memory that each process ever held, `gateway` being this one. */
  usage(): Promise<Record<string, number>>;
  /** Lets the server finish or hand back its work, then stops the others; nothing keeps running. */
  close(): Promise<void>;
}

type ProcessName = "server" | "s3" | "sqs";

const root = join(__dirname, "..");
const region = "ap-northeast-2";
const accountId = "000000000000";
const buckets = { in: "ddn-in-bucket", out: "ddn-out-bucket" };
const queues = { queue: "ddn-jobs", deadLetterQueue: "ddn-jobs-dead" };
const defaultModel = join(root, "server/triton/models/ddn/1/model.onnx");
/** Runs may end within the drain; what is left of them is handed back to the queue, which takes a while too. */
const serverDrainSeconds = 10;
const serverStopSeconds = serverDrainSeconds + 10;

const loopback = (port: number): string => `http://127.0.0.1:${port}`;

const openGateway = async (settings: GatewaySettings): Promise<Gateway> => {
  try {
    return await startGateway(settings);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
      const remedy = "Another process uses it: give another port, or 0 for any free one.";
      throw new Error(expected("a free port", "--port", settings.port, remedy), { cause: error });
    }
    throw error;
  }
};

/** The operator's description of what serves where. */
const describe = (
  gatewayUrl: string,
  [serverUrl, s3Url, sqsUrl]: readonly string[],
  { keys }: TwinDirectory,
): TwinDescription => {
  const operator = keys.find(({ role }) => role === "operator");
  return {
    gateway: gatewayUrl,
    server: serverUrl,
    s3: {
      endpoint: s3Url,
      region,
      accessKeyId: operator?.accessKeyId ?? "",
      secretAccessKey: operator?.secretAccessKey ?? "",
      inBucket: buckets.in,
      outBucket: buckets.out,
    },
    sqs: { endpoint: sqsUrl, queueUrl: `${sqsUrl}/${accountId}/${queues.queue}` },
  };
};

/**
 * Starts S3, SQS and the server as processes of their own and the gateway in this one, and waits until all answer.
 * @throws Error that says what to do when the port or the folder is in use, the model is missing, or a process fails
 */
export const startTwin = async (options: TwinOptions): Promise<Twin> => {
  const { port = 0, serverEnvironment = {}, log = () => {}, onFailure = () => {} } = options;
  const model = resolve(root, serverEnvironment.DDN_MODEL ?? defaultModel);
  if (!existsSync(model)) {
    throw new Error(
      expected("the path of an ONNX model", "DDN_MODEL", model, "Fetch the whole repository, or run model/export.py."),
    );
  }
  const directory = openTwinDirectory(resolve(options.directory));
  // A twin that was killed leaves its description behind.
  directory.remove("twin.json");
  const processes: SupervisedProcess[] = [];
  const starting = new AbortController();
  let gateway: Gateway | undefined;

  const close = async (): Promise<void> => {
    directory.remove("twin.json");
    // The server first, since it still needs the others to hand its work back; callers in progress get their answers.
    await processes.find(({ name }) => name === "server")?.stop();
    await gateway?.close();
    await Promise.all(processes.map((each) => each.stop()));
    directory.release();
  };

  try {
    const ports = await freePorts(3);
    const urls = ports.map(loopback);
    const [serverUrl, s3Url, sqsUrl] = urls;
    const [serverPort, s3Port, sqsPort] = ports;
    const { keys } = directory;
    const worker = keys.find(({ role }) => role === "worker");
    const queueUrl = `${sqsUrl}/${accountId}/${queues.queue}`;
    const places = { DDN_IN_BUCKET: buckets.in, DDN_OUT_BUCKET: buckets.out, DDN_QUEUE_URL: queueUrl };

    // `npm start` says in one line what the SDK says of Node 20 in six.
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";
    // The functions bring the AWS SDK with them, which takes a while to load: meanwhile the processes start.
    const functions = async () =>
      (await import("./twinFunctions.js")).twinFunctions({ region, s3Url, sqsUrl, keys, environment: places });
    let loading: ReturnType<typeof functions> | undefined;
    const handlers = (): ReturnType<typeof functions> => {
      loading ??= functions();
      return loading;
    };
    gateway = await openGateway({
      port,
      handlers: {
        presign: async (event) => (await handlers()).presign(event),
        jobs: async (event) => (await handlers()).jobs(event),
        ping: async (event) => (await handlers()).ping(event),
        document: async (event) => (await handlers()).document(event),
      },
      serverUrl,
      s3Url,
      throttling: options.throttling,
      accessLog: options.accessLog,
      onError: (error) => log(`the gateway answered 500: ${error instanceof Error ? error.stack : error}`),
    });

    const s3Config: S3Config = {
      port: s3Port,
      directory: directory.path("s3"),
      region,
      buckets,
      keys,
      corsOrigins: [gateway.url, gateway.url.replace("127.0.0.1", "localhost")],
    };
    const sqsConfig: SqsConfig = { port: sqsPort, directory: directory.path("sqs"), region, accountId, queues, keys };
    const start = async (
      name: ProcessName,
      settings: Omit<ProcessSettings, "name" | "logFile" | "log" | "signal" | "onGiveUp">,
    ): Promise<void> => {
      const logFile = directory.path("logs", `${name}.log`);
      const { signal } = starting;
      try {
        processes.push(await startProcess({ name, logFile, log, signal, onGiveUp: onFailure, ...settings }));
      } catch (error) {
        // One that fails fails the twin: nobody waits for the others then.
        starting.abort(error);
      }
    };
    await Promise.all([
      start("s3", {
        command: [join(root, "local/s3/main.ts"), directory.writeSecret("s3.json", s3Config)],
        probeUrl: s3Url,
      }),
      start("sqs", {
        command: [join(root, "local/sqs/main.ts"), directory.writeSecret("sqs.json", sqsConfig)],
        probeUrl: sqsUrl,
      }),
      start("server", {
        command: [join(root, "server/src/main.ts")],
        nodeArguments,
        probeUrl: `${serverUrl}/healthz`,
        isReady: (status) => status === 200,
        stopSeconds: serverStopSeconds,
        environment: {
          HOST: "127.0.0.1",
          PORT: String(serverPort),
          AWS_REGION: region,
          AWS_ENDPOINT_URL_S3: s3Url,
          AWS_ENDPOINT_URL_SQS: sqsUrl,
          AWS_ACCESS_KEY_ID: worker?.accessKeyId ?? "",
          AWS_SECRET_ACCESS_KEY: worker?.secretAccessKey ?? "",
          ...processMemory,
          ...places,
          DDN_DEAD_LETTER_QUEUE_URL: `${sqsUrl}/${accountId}/${queues.deadLetterQueue}`,
          DDN_ENGINE: "onnx",
          DDN_DRAIN_SECONDS: String(serverDrainSeconds),
          ...serverEnvironment,
          DDN_MODEL: model,
        },
      }),
      handlers().catch((error: unknown) => starting.abort(error)),
    ]);
    if (starting.signal.aborted) throw starting.signal.reason;

    const description = describe(gateway.url, urls, directory);
    directory.writeSecret("twin.json", description);
    const processNamed = (name: ProcessName) => processes.find((each) => each.name === name);
    return {
      ...description,
      url: gateway.url,
      pids: () => ({
        server: processNamed("server")?.pid(),
        s3: processNamed("s3")?.pid(),
        sqs: processNamed("sqs")?.pid(),
      }),
      usage: async () => {
        const peaks = await Promise.all(processes.map(async (each) => [each.name, (await each.peakBytes()) ?? 0]));
        return { gateway: peakBytes(), ...Object.fromEntries(peaks) };
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
};
