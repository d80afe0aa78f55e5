// Does not prove that it saves anything (bench/).
import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { nodeArguments } from "./processMemory";

it.each(nodeArguments)("this Node knows %s", (argument) => {
  const start = (flag: string) => () => execFileSync(process.execPath, [flag, "--eval", "0"], { stdio: "ignore" });
  expect(start(argument)).not.toThrow();
  expect(start(argument.replace("--", "--no-such-"))).toThrow();
});
