import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freePorts } from "../../../local/processes";

/** What setup.sh has put there, if it was run. */
const folder = process.env.DDN_TRITON_HOME ?? join(__dirname, ".server");
const program = join(folder, "tritonserver");

export const tritonIsInstalled = existsSync(join(folder, "installed"));

export const howToInstallTriton = `There is no Triton server in ${folder}. Get it with \`${join(__dirname, "setup.sh")}\` (needs Python 3.11).`;

export const modelsFolder = join(__dirname, "models");

export interface TritonPorts {
  readonly http: number;
  readonly grpc: number;
  readonly metrics: number;
}

export interface TestTriton {
  readonly ports: TritonPorts;
  readonly process: ChildProcess;
  /** The address for a protocol. */
  url(protocol: "http" | "grpc"): string;
  /** The value of a metric of Triton's own, by its whole name with labels; 0 when there is none. */
  metric(name: string): Promise<number>;
  /** Ends it as an operator would, or at once, and waits until it is gone. */
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
}

/**
 * Starts the real Triton and waits until it serves.
 * @param models to load
 * @param repositories folders in which they lie, each in a folder of its own
 */
export const startTriton = async (
  models: readonly string[],
  options: {
    readonly repositories?: readonly string[];
    /** Those of an earlier one, to come back in its place. */
    readonly ports?: TritonPorts;
    readonly flags?: readonly string[];
    /** For the models to read, on top of this process's own. */
    readonly environment?: Readonly<Record<string, string>>;
  } = {},
): Promise<TestTriton> => {
  const { repositories = [modelsFolder], flags = [] } = options;
  const [http, grpc, metrics] = options.ports
    ? [options.ports.http, options.ports.grpc, options.ports.metrics]
    : await freePorts(3);
  const child = spawn(
    program,
    [
      ...repositories.flatMap((folder) => ["--model-repository", folder]),
      "--model-control-mode=explicit",
      ...models.map((name) => `--load-model=${name}`),
      ...["http", "grpc", "metrics"].map((service) => `--${service}-address=127.0.0.1`),
      `--http-port=${http}`,
      `--grpc-port=${grpc}`,
      `--metrics-port=${metrics}`,
      "--metrics-interval-ms=100",
      ...flags,
    ],
    { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...options.environment } },
  );
  // Nobody else would end it when a test gives up while it starts.
  const end = (): void => void child.kill("SIGKILL");
  process.once("exit", end);
  const lines: string[] = [];
  const started = new Promise<void>((resolve, reject) => {
    createInterface(child.stderr).on("line", (line) => {
      lines.push(line);
      if (line.includes("Started Metrics Service")) resolve();
    });
    child.once("exit", () => reject(new Error(`Triton ended while it started:\n${lines.slice(-30).join("\n")}`)));
  });
  const gone = once(child, "exit").then(() => process.off("exit", end));
  await started;
  return {
    ports: { http, grpc, metrics },
    process: child,
    url: (protocol) => `http://127.0.0.1:${protocol === "http" ? http : grpc}`,
    metric: async (name) => {
      const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
      const line = text.split("\n").find((one) => one.startsWith(`${name} `));
      return line === undefined ? 0 : Number(line.slice(name.length + 1));
    },
    stop: async (signal = "SIGKILL") => {
      child.kill(signal);
      await gone;
    },
  };
};
