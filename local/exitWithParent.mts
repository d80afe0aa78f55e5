import { peakBytes } from "./memory.js";

/**
 * Preloaded into each process of the twin, which then knows nothing of it: when the twin goes away, however, its channel
 * closes and the process is asked to stop; and it answers how much memory it ever held.
 */

const graceMs = 10_000;

process.on("disconnect", () => {
  setTimeout(() => process.exit(1), graceMs).unref();
  process.kill(process.pid, "SIGTERM");
});

process.on("message", (message) => {
  if (message === "usage") process.send?.({ peakBytes: peakBytes() });
});

// The channel alone must not keep a process alive that has nothing left to do.
process.channel?.unref();
