import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";

export interface ProcessSettings {
  /** As it stands in messages and in the log file's name. */
  readonly name: string;
  /** Path of the TypeScript file and its arguments. */
  readonly command: readonly string[];
  /** Arguments of Node itself. @default none */
  readonly nodeArguments?: readonly string[];
  /** Laid over this process's own environment, from which everything of AWS's and the platform's is taken out. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** URL that answers when the process serves. */
  readonly probeUrl: string;
  /** Whether this status means that it serves. @default any */
  readonly isReady?: (status: number) => boolean;
  /** Gives up waiting for it to answer. */
  readonly signal?: AbortSignal;
  /** Milliseconds from an end to the next start. @default 1000 */
  readonly restartDelayMs?: number;
  /** Seconds that it may take to stop before it is killed. @default 5 */
  readonly stopSeconds?: number;
  /** Told in a sentence what happened to the process. */
  readonly log: (line: string) => void;
  /** Told when it ended so often that it is not started again. */
  readonly onGiveUp: (error: Error) => void;
}

/** A process that is started again when it ends by itself. */
export interface SupervisedProcess {
  readonly name: string;
  /** Of the present run; undefined between two. */
  pid(): number | undefined;
  /** Bytes of memory that the present run ever held; undefined when it does not answer. */
  peakBytes(): Promise<number | undefined>;
  /** Asks it to stop, waits, kills it when it does not. */
  stop(): Promise<void>;
}

const rapidRestarts = 5;
const rapidWithinMs = 60_000;
const startWithinMs = 120_000;
const probeEveryMs = 50;
const shownLines = 15;

const inherited = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AWS|DDN|TRITON)_|^(HOST|PORT)$/.test(name)));

const launch = ({ command, nodeArguments = [], environment, logFile }: ProcessSettings): ChildProcess => {
  const output = openSync(logFile, "a", 0o600);
  try {
    return spawn(
      process.execPath,
      [
        ...nodeArguments,
        "--import",
        pathToFileURL(require.resolve("tsx")).href,
        "--import",
        pathToFileURL(join(__dirname, "exitWithParent.mts")).href,
        ...command,
      ],
      {
        cwd: join(__dirname, ".."),
        env: { ...inherited(), AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true", ...environment },
        stdio: ["ignore", output, output, "ipc"],
        // Ctrl-C in a terminal reaches the whole process group; these processes are to stop in order instead.
        detached: process.platform !== "win32",
        windowsHide: true,
      },
    );
  } finally {
    closeSync(output);
  }
};

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

const howItEnded = ({ exitCode, signalCode }: ChildProcess): string =>
  signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`;

const lastLines = (file: string): string =>
  readFileSync(file, "utf8").trimEnd().split("\n").slice(-shownLines).join("\n");

const answers = async (url: string, isReady: (status: number) => boolean): Promise<boolean> => {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await response.body?.cancel();
    return isReady(response.status);
  } catch {
    return false;
  }
};

const untilReady = async (child: ChildProcess, settings: ProcessSettings): Promise<void> => {
  const { name, probeUrl, logFile, isReady = () => true, signal } = settings;
  const deadline = Date.now() + startWithinMs;
  while (!(await answers(probeUrl, isReady))) {
    const failure = hasEnded(child)
      ? `ended while it started (${howItEnded(child)})`
      : Date.now() > deadline
        ? `did not answer within ${startWithinMs / 1000} s`
        : undefined;
    if (failure !== undefined) throw new Error(`${name} ${failure}. The end of ${logFile}:\n${lastLines(logFile)}`);
    await delay(probeEveryMs, undefined, { signal });
  }
};

const stopChild = async (child: ChildProcess, stopSeconds: number): Promise<void> => {
  if (hasEnded(child) || child.pid === undefined) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const killing = setTimeout(() => child.kill("SIGKILL"), stopSeconds * 1000);
  await exited;
  clearTimeout(killing);
};

const askPeakBytes = (child: ChildProcess): Promise<number | undefined> =>
  new Promise((resolve) => {
    if (!child.connected) return resolve(undefined);
    const timer = setTimeout(() => answered(undefined), 2000);
    const answered = (message: unknown): void => {
      clearTimeout(timer);
      child.off("message", answered);
      const bytes = typeof message === "object" && message !== null && "peakBytes" in message && message.peakBytes;
      resolve(typeof bytes === "number" ? bytes : undefined);
    };
    child.on("message", answered);
    child.send("usage", (error) => error && answered(undefined));
  });

/**
 * Starts a process, waits until it answers, and from then on starts it again a second after it ended, as ECS would.
 * @throws Error with the end of its log when it does not come up
 */
export const startProcess = async (settings: ProcessSettings): Promise<SupervisedProcess> => {
  const { name, logFile, restartDelayMs = 1000, stopSeconds = 5, log, onGiveUp } = settings;
  writeFileSync(logFile, "", { mode: 0o600 });
  const stopping = new AbortController();
  let ends: number[] = [];
  let child = launch(settings);

  const startAgainWhenEnded = (): void => {
    child.once("exit", () => {
      if (stopping.signal.aborted) return;
      const now = Date.now();
      ends = [...ends.filter((end) => now - end < rapidWithinMs), now];
      if (ends.length > rapidRestarts) {
        const what = `${name} ended ${ends.length} times within ${rapidWithinMs / 1000} s, the last time by ${howItEnded(child)}`;
        onGiveUp(new Error(`${what}. The end of ${logFile}:\n${lastLines(logFile)}`));
        return;
      }
      log(`${name} ended (${howItEnded(child)}) and is started again; its log is ${logFile}`);
      delay(restartDelayMs, undefined, { signal: stopping.signal }).then(
        () => {
          child = launch(settings);
          startAgainWhenEnded();
        },
        () => {},
      );
    });
  };

  try {
    await untilReady(child, settings);
  } catch (error) {
    await stopChild(child, 0);
    throw error;
  }
  startAgainWhenEnded();

  return {
    name,
    pid: () => (hasEnded(child) ? undefined : child.pid),
    peakBytes: () => askPeakBytes(child),
    stop: async () => {
      stopping.abort();
      await stopChild(child, stopSeconds);
    },
  };
};

/** Ports of 127.0.0.1 that are free now. */
export const freePorts = async (count: number): Promise<number[]> => {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
};
