// Does not prove that it saves anything (bench/).
import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { heapGrowth } from "./heapGrowth";

it("this Node knows the flag", () => {
  const start = (flag: string) => () => execFileSync(process.execPath, [flag, "--eval", "0"], { stdio: "ignore" });
  expect(start(heapGrowth)).not.toThrow();
  expect(start("--heap-flag-that-is-none=300")).toThrow();
});
