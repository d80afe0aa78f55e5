// Does not prove anything about full disks.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { claimTemporaryFolder } from "./temporaryFolder";

describe("claimTemporaryFolder", () => {
  it("removes what dead processes and a predecessor of the same number left, and nothing else", async () => {
    const parent = mkdtempSync(join(tmpdir(), "ddn-claim-"));
    onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
    const dead = spawnSync(process.execPath, ["--version"]).pid;
    for (const name of [`DDN_${dead}`, `DDN_${process.pid}`, `DDN_${process.ppid}`, "DDN_notes", "other"]) {
      mkdirSync(join(parent, name));
      writeFileSync(join(parent, name, "file"), "x");
    }
    const folder = await claimTemporaryFolder(parent);
    expect(folder).toBe(join(parent, `DDN_${process.pid}`));
    expect(readdirSync(folder)).toEqual([]);
    expect(existsSync(join(parent, `DDN_${dead}`))).toBe(false);
    expect(readdirSync(parent).sort()).toEqual(
      [`DDN_${process.pid}`, `DDN_${process.ppid}`, "DDN_notes", "other"].sort(),
    );
  });
});
