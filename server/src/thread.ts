import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";

/** Starts a program of this server in a thread, which does not inherit what makes this process understand TypeScript. */
export const startThread = (file: string, workerData?: unknown): Worker => {
  const register = file.endsWith(".ts") ? [createRequire(__filename).resolve("tsx/cjs")] : [];
  const program = [...register, file].map((path) => `require(${JSON.stringify(path)});`).join("\n");
  return new Worker(program, { eval: true, workerData });
};
