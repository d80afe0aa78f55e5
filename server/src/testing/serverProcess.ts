import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

/** A line of the server's log. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface ServerProcess {
  readonly child: ChildProcess;
  readonly url: string;
  readonly instance: string;
  /** The first line that matches, of those that came and those to come. */
  line(matches: (line: LogLine) => boolean): Promise<LogLine>;
}

/** Says that the engine works, which may be a while after the server listens. */
export const engineAnswers = ({ msg }: LogLine): boolean => msg === "the engine answers and passed the golden image";

/**
 * `main.ts` as a process of its own, on a free port of this machine, with nothing of this process's environment but the PATH.
 * @param started told of the process before it listens, so that it can be ended whatever happens
 */
export const startServerProcess = async (
  environment: NodeJS.ProcessEnv,
  started: (child: ChildProcess) => void,
): Promise<ServerProcess> => {
  const child = spawn(process.execPath, ["--import", "tsx", resolve(__dirname, "../main.ts")], {
    env: {
      PATH: process.env.PATH,
      HOST: "127.0.0.1",
      PORT: "0",
      DDN_THREADS: "1",
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
      ...environment,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  started(child);
  const lines: LogLine[] = [];
  const output = createInterface(child.stdout).on("line", (line) => lines.push(JSON.parse(line)));
  const line: ServerProcess["line"] = (matches) =>
    new Promise((found, ended) => {
      const look = (): void => {
        const hit = lines.find(matches);
        if (hit === undefined) return;
        output.off("line", look);
        found(hit);
      };
      output.on("line", look).once("close", () => ended(new Error("The server ended before it said so.")));
      look();
    });
  const { url, instance } = await line(({ msg }) => msg === "listening");
  return { child, url: String(url), instance: String(instance), line };
};
