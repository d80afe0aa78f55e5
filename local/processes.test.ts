// Does not prove: what happens on Windows, where no signal asks a process to stop.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { freePorts, type ProcessSettings, type SupervisedProcess, startProcess } from "./processes";

let directory: string;
let port: number;
let running: SupervisedProcess[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "ddn-processes-"));
  [port] = await freePorts(1);
  running = [];
});

afterEach(async () => {
  for (const each of running) await each.stop();
  rmSync(directory, { recursive: true });
});

const serving = 'require("node:http").createServer((q, r) => r.end()).listen(+process.env.TEST_PORT, "127.0.0.1");';

const start = async (script: string, settings: Partial<ProcessSettings> = {}): Promise<SupervisedProcess> => {
  const file = join(directory, "script.cjs");
  writeFileSync(file, script);
  const supervised = await startProcess({
    name: "tiny",
    command: [file],
    environment: { TEST_PORT: String(port) },
    logFile: join(directory, "tiny.log"),
    probeUrl: `http://127.0.0.1:${port}`,
    restartDelayMs: 1,
    log: () => {},
    onGiveUp: () => {},
    ...settings,
  });
  running.push(supervised);
  return supervised;
};

const logText = (): string => readFileSync(join(directory, "tiny.log"), "utf8");

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
};

describe("a supervised process", () => {
  it("is ready when it answers, and says how much memory it held", async () => {
    const tiny = await start(serving);
    expect(tiny.pid()).toBeGreaterThan(0);
    expect(await tiny.peakBytes()).toBeGreaterThan(2 ** 20);
  });

  it("that ends while it starts is an error with the end of its log", async () => {
    await expect(start('console.log("because"); process.exit(3);')).rejects.toThrow(
      `tiny ended while it started (exit code 3). The end of ${join(directory, "tiny.log")}:\nbecause`,
    );
  });

  it("is not waited for any longer once somebody gave up", async () => {
    const starting = new AbortController();
    const never = start("setInterval(() => {}, 1000);", { signal: starting.signal });
    starting.abort();
    await expect(never).rejects.toThrow("aborted");
  });

  it("gets no credentials or settings of the user's own, only those it is given", async () => {
    process.env.AWS_SESSION_TOKEN = "the user's";
    process.env.DDN_MODEL = "the user's";
    try {
      await start(
        `console.log(process.env.AWS_SESSION_TOKEN, process.env.DDN_MODEL, process.env.DDN_ENGINE); ${serving}`,
        { environment: { TEST_PORT: String(port), DDN_ENGINE: "onnx" } },
      );
    } finally {
      delete process.env.AWS_SESSION_TOKEN;
      delete process.env.DDN_MODEL;
    }
    expect(logText()).toBe("undefined undefined onnx\n");
  });

  it("is given up after ending six times within a minute", async () => {
    const failures: Error[] = [];
    const lines: string[] = [];
    const ending = `console.log("start"); ${serving}`;
    const tiny = await start(ending, {
      log: (line) => lines.push(line),
      onGiveUp: (error) => failures.push(error),
    });
    for (const starts of [1, 2, 3, 4, 5, 6]) {
      await until(() => logText().split("start\n").length === starts + 1);
      const pid = tiny.pid() as number;
      process.kill(pid, "SIGKILL");
      await until(() => tiny.pid() !== pid);
    }
    expect(lines).toHaveLength(5);
    expect(failures.map(({ message }) => message)).toEqual([
      expect.stringContaining("tiny ended 6 times within 60 s, the last time by signal SIGKILL. The end of "),
    ]);
    expect(tiny.pid()).toBeUndefined();
  });

  it("is killed when it does not stop", async () => {
    const tiny = await start(`process.on("SIGTERM", () => {}); ${serving}`, { stopSeconds: 0.1 });
    await tiny.stop();
    expect(tiny.pid()).toBeUndefined();
  });

  it("stays stopped", async () => {
    const lines: string[] = [];
    const tiny = await start(serving, { log: (line) => lines.push(line) });
    await tiny.stop();
    expect(tiny.pid()).toBeUndefined();
    expect(lines).toEqual([]);
  });
});

describe("free ports", () => {
  it("are as many different ones as asked for", async () => {
    expect(new Set(await freePorts(3)).size).toBe(3);
  });
});
