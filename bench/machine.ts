import { execFileSync } from "node:child_process";
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { version } from "../contract/version";

const versionOf = (name: string): string =>
  (require(join(__dirname, "../node_modules", name, "package.json")) as { version: string }).version;

const commit = (): string => {
  try {
    const git = (...args: string[]): string => execFileSync("git", args, { cwd: __dirname, encoding: "utf8" }).trim();
    return `${git("rev-parse", "--short=12", "HEAD")}${git("status", "--porcelain") === "" ? "" : ", with changes"}`;
  } catch {
    return "unknown";
  }
};

/** What the figures were measured with, a line each; the load is that of what else ran when this is called. */
export const describeMachine = (): readonly string[] => {
  const [processor] = cpus();
  return [
    `${availableParallelism()} cores of ${processor?.model.trim() ?? "an unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()} ${arch()}`,
    `ddn ${version} (${commit()}), Node ${process.versions.node}, onnxruntime-node ${versionOf("onnxruntime-node")}, sharp ${versionOf("sharp")}, fastify ${versionOf("fastify")}`,
    `load average at the end ${loadavg()
      .map((value) => value.toFixed(1))
      .join(", ")}`,
  ];
};
