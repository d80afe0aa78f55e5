import { readdirSync, readFileSync } from "node:fs";

/** Ticks a second in which Linux tells processor time: USER_HZ, 100 on every platform that Node runs on. */
const ticksPerSecond = 100;

interface Stat {
  readonly parent: number;
  readonly cpuSeconds: number;
}

/** Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
export const parseStat = (text: string): Stat => {
  // The command's name stands in parentheses and may hold anything, also parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [, parent, , , , , , , , , , user, system] = fields.map(Number);
  return { parent, cpuSeconds: (user + system) / ticksPerSecond };
};

const statOf = (pid: number): Stat | undefined => {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return undefined;
  }
};

/** The process and all that it started, as of now. */
const familyOf = (pid: number): Stat[] => {
  const all = new Map<number, Stat>();
  for (const entry of readdirSync("/proc")) {
    const stat = /^\d+$/.test(entry) ? statOf(Number(entry)) : undefined;
    if (stat !== undefined) all.set(Number(entry), stat);
  }
  const descends = (one: number): boolean => one === pid || (one > 1 && descends(all.get(one)?.parent ?? 0));
  return [...all].filter(([one]) => descends(one)).map(([, stat]) => stat);
};

/** Processor time that a process and those that it started took so far. */
export const cpuSeconds = (pid: number): number => familyOf(pid).reduce((sum, stat) => sum + stat.cpuSeconds, 0);

/** Bytes of memory that a process holds now. */
export const residentBytes = (pid: number): number => {
  const kibibytes = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  if (kibibytes === undefined) throw new Error(`Expected the memory of process ${pid} but found none.`);
  return Number(kibibytes) * 1024;
};

/** Files, sockets and pipes that a process has open. */
export const openDescriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
