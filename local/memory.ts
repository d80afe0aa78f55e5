import { readFileSync } from "node:fs";

/**
 * Bytes of memory that this process ever held. Linux hands a parent's `maxRSS` down to the programs that it starts; the
 * high-water mark of the memory map is the process's own.
 * Source: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
 */
export const peakBytes = (): number => {
  try {
    const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
};
