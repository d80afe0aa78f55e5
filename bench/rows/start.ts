import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { AccessKey } from "../../local/access";
import { freePorts, startProcess } from "../../local/processes";
import type { TwinDescription } from "../../local/twinDirectory";
import type { Bench, Row } from "../row";
import { spreadOf } from "../statistics";

/** What the twin would give its own server, for another one beside it. */
const serverEnvironment = async (directory: string): Promise<Record<string, string>> => {
  const read = async <T>(name: string): Promise<T> => JSON.parse(await readFile(join(directory, name), "utf8"));
  const { s3, sqs } = await read<TwinDescription>("twin.json");
  const worker = (await read<AccessKey[]>("keys.json")).find(({ role }) => role === "worker");
  return {
    HOST: "127.0.0.1",
    AWS_REGION: s3.region,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ENDPOINT_URL_SQS: sqs.endpoint,
    AWS_ACCESS_KEY_ID: worker?.accessKeyId ?? "",
    AWS_SECRET_ACCESS_KEY: worker?.secretAccessKey ?? "",
    DDN_IN_BUCKET: s3.inBucket,
    DDN_OUT_BUCKET: s3.outBucket,
    DDN_QUEUE_URL: sqs.queueUrl,
    DDN_DEAD_LETTER_QUEUE_URL: `${sqs.queueUrl}-dead`,
    DDN_DRAIN_SECONDS: "0",
  };
};

/** Seconds until a server answers its health check with 200: model loaded, golden image passed. */
const startServer = async (directory: string): Promise<number> => {
  const environment = await serverEnvironment(directory);
  const [port] = await freePorts(1);
  const start = performance.now();
  const server = await startProcess({
    name: "server",
    command: [join(__dirname, "../../server/src/main.ts")],
    environment: { ...environment, PORT: String(port) },
    logFile: join(directory, "logs/second-server.log"),
    probeUrl: `http://127.0.0.1:${port}/healthz`,
    isReady: (status) => status === 200,
    log: () => {},
    onGiveUp: () => {},
  });
  const seconds = (performance.now() - start) / 1000;
  await server.stop();
  return seconds;
};

/** Seconds until `npm start`'s program says that it is ready; the work is done beside it. */
const startTwin = async (bench: Bench, work: (directory: string) => Promise<void>): Promise<number> => {
  const directory = await mkdtemp(join(bench.folder, "start-"));
  const start = performance.now();
  const command = ["--import", "tsx", join(__dirname, "../../local/main.ts"), "--port", "0", "--data", directory];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
  const gone = once(child, "exit");
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith("ddn ready")) continue;
      const seconds = (performance.now() - start) / 1000;
      await work(directory);
      return seconds;
    }
    throw new Error("Expected the twin to be ready but it ended.");
  } finally {
    child.stdout.resume();
    child.kill("SIGTERM");
    await gone;
  }
};

const run: Row["run"] = async (bench) => {
  const twins: number[] = [];
  const servers: number[] = [];
  for (let round = 0; round < bench.rounds; round++) {
    const seconds = await startTwin(bench, async (directory) => {
      servers.push(await startServer(directory));
    });
    twins.push(seconds);
  }
  const runs = bench.rounds;
  return [
    {
      what: "twin: from its start to “ddn ready”",
      unit: "s",
      measured: spreadOf(twins),
      runs,
      goal: { is: "at most", limit: 5 },
    },
    {
      what: "server: from its start to a healthy answer, CPU engine, from its TypeScript",
      unit: "s",
      measured: spreadOf(servers),
      runs,
      goal: { is: "at most", limit: 3 },
    },
  ];
};

export const start: Row = { name: "start", title: "Start", run };
