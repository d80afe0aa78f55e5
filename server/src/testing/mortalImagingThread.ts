import { parentPort } from "node:worker_threads";
import "../imagingThreadMain";
import type { Told } from "../imagingThreads";

/** The imaging thread, except that it ends as soon as a tile of a file by the software `mortal` comes back. */
const mortal = new Set<number>();
parentPort?.on("message", (told: Told) => {
  if ("begin" in told && told.begin.software === "mortal") mortal.add(told.run);
  if ("tile" in told && mortal.has(told.run)) process.exit(1);
});
