import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import type { ApiEvent, ApiResult } from "../event";
import { projectRoot } from "./nativeProgram";

/** A serialised function that runs in a process of its own, as in Lambda. */
export interface LambdaProcess {
  invoke(event: ApiEvent): Promise<ApiResult>;
  /** Everything logged so far; complete once it has stopped. */
  log(): string;
  stop(): Promise<void>;
}

/** @param environment all that the function sees: nothing of this process's own passes */
export const startLambda = (file: string, environment: Readonly<Record<string, string>>): LambdaProcess => {
  const host = path.join(projectRoot, "functions/testing/lambdaHost.cjs");
  const child = spawn(process.execPath, ["--preserve-symlinks", host, file], {
    env: environment,
    cwd: path.dirname(file),
  });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    invoke: async (event) => {
      child.stdin.write(`${JSON.stringify(event)}\n`);
      const line = await answers.next();
      if (line.done) throw new Error(`Expected an answer of ${file} but it ended with ${await exited}: ${log}`);
      const { result, error } = JSON.parse(line.value) as { result?: ApiResult; error?: string };
      if (result === undefined) throw new Error(`Expected an answer of ${file} but it failed: ${error}`);
      return result;
    },
    log: () => log,
    stop: async () => {
      child.stdin.end();
      child.kill();
      await exited;
    },
  };
};
