import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { expected } from "../contract/problem";

const help = `Starts the whole platform on this machine: S3, SQS, the server and the gateway.

  npm start -- [--port PORT] [--data DIR] [--model FILE]

  --port PORT  where the gateway and the console serve; 0 takes any free port (default 8080)
  --data DIR   where buckets, queues, keys and logs lie (default .ddn/)
  --model FILE another ONNX model of the contract (npx ddn model check FILE tells whether it is one)
  --help       shows this

Ctrl-C stops everything. The next start finds the same files and jobs.`;

const oldestNode = [20, 19] as const;
const recommendedNode = 22;

/** What is wrong with how the command was called; its text is for the user. */
class UsageError extends Error {}

interface Arguments {
  readonly help: boolean;
  readonly port: number;
  readonly data: string;
  readonly model?: string;
}

const parseArguments = (args: readonly string[]): Arguments => {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: "string", default: "8080" },
        data: { type: "string", default: ".ddn/" },
        model: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (!/^\d{1,5}$/.test(values.port) || Number(values.port) > 65_535) {
      throw new UsageError(expected("a port from 0 to 65535", "--port", values.port));
    }
    return { ...values, port: Number(values.port) };
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(error instanceof Error ? error.message : String(error));
  }
};

const checkNode = (): void => {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
    throw new Error(`Expected Node ${oldestNode.join(".")} or newer but this is ${process.version}. Install 22 or 24.`);
  }
  if (major < recommendedNode) {
    console.warn(`Node ${process.version} works, but 22 or 24 is recommended: npx -y -p node@22 npm start`);
  }
};

const main = async (): Promise<void> => {
  const { help: wantsHelp, port, data, model } = parseArguments(process.argv.slice(2));
  if (wantsHelp) {
    console.log(help);
    return;
  }
  checkNode();
  const { startTwin } = await import("./twin.js");

  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  let stop = (): void => process.exit(130);
  // npm passes Ctrl-C on to a process that the terminal told already: only the first signal counts.
  for (const signal of signals) process.on(signal, () => stop());

  const failed = (error: Error): void => {
    console.error(error.message);
    process.exitCode = 1;
    stop();
  };
  const twin = await startTwin({
    port,
    directory: data,
    ...(model === undefined ? {} : { serverEnvironment: { DDN_MODEL: resolve(model) } }),
    log: console.error,
    onFailure: failed,
  });
  stop = () => {
    stop = () => {};
    console.log("stopping …");
    twin.close().then(
      () => process.exit(),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  console.log(`ddn ready ${twin.url}`);
};

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof UsageError) console.error(`\n${help}`);
  process.exit(error instanceof UsageError ? 2 : 1);
});
