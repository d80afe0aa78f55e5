import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

/**
 * Runs a TypeScript file of this project in a process of its own.
 * @returns what it wrote
 * @throws Error when it fails, with what it wrote to its error stream
 */
export const runProgram = async (file: string, ...args: readonly (string | number)[]): Promise<string> => {
  const { stdout } = await execute(process.execPath, ["--import", "tsx", file, ...args.map(String)]);
  return stdout;
};
