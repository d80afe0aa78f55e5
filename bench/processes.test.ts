// Does not prove that a kernel counts right.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { cpuSeconds, openDescriptors, parseStat, residentBytes } from "./processes";

describe("parseStat", () => {
  it("reads past a name that looks like fields", () => {
    const numbers = [17, 1, 1, 0, -1, 0, 0, 0, 0, 0, 250, 50, 9, 9, 20];
    expect(parseStat(`42 (a) b (c) S ${numbers.join(" ")}`)).toEqual({ parent: 17, cpuSeconds: 3 });
  });
});

describe.runIf(process.platform === "linux")("a process", () => {
  it("is counted with those that it started", async () => {
    const own = cpuSeconds(process.pid);
    const work = "while (process.cpuUsage().user < 3e5) ; console.log(1); setInterval(() => {}, 1e3)";
    const child = spawn(process.execPath, ["-e", work], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      await once(child.stdout, "data");
      expect(cpuSeconds(child.pid ?? 0)).toBeGreaterThanOrEqual(0.3);
      expect(cpuSeconds(process.pid)).toBeGreaterThanOrEqual(own + 0.3);
    } finally {
      child.kill();
    }
  });

  it("tells its memory and its descriptors", () => {
    expect(residentBytes(process.pid) / process.memoryUsage().rss).toBeCloseTo(1, 0);
    const before = openDescriptors(process.pid);
    const files = [1, 2, 3].map(() => openSync("/dev/null", "r"));
    expect(openDescriptors(process.pid)).toBe(before + 3);
    for (const file of files) closeSync(file);
  });
});
