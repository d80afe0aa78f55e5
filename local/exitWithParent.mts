import { readFileSync } from "node:fs";

/**
 * Preloaded into each process of the twin, which then knows nothing of it: when the twin goes away, however, its channel
 * closes and the process is asked to stop; and it answers how much memory it ever held.
 */

const graceMs = 10_000;

/**
 * Bytes. Linux hands a parent's `maxRSS` down to the programs that it starts; the high-water mark of the memory map is
 * the process's own. Source: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
 */
const peakBytes = (): number => {
  try {
    const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
};

process.on("disconnect", () => {
  setTimeout(() => process.exit(1), graceMs).unref();
  process.kill(process.pid, "SIGTERM");
});

process.on("message", (message) => {
  if (message === "usage") process.send?.({ peakBytes: peakBytes() });
});

// The channel alone must not keep a process alive that has nothing left to do.
process.channel?.unref();
