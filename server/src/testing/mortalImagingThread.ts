import { parentPort } from "node:worker_threads";
import "../imagingThreadMain";
import type { Told } from "../imagingThreads";

/** The imaging thread, except that a file by the software `busy` keeps it for ever, and `mortal` ends it with its first tile. */
const mortal = new Set<number>();
parentPort?.on("message", (told: Told) => {
  if ("begin" in told && told.begin.software === "busy") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  if ("begin" in told && told.begin.software === "mortal") mortal.add(told.run);
  if ("tile" in told && mortal.has(told.run)) process.exit(1);
});
