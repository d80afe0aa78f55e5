import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventOf } from "../../functions/testing/events";
import type { Bench, Row } from "../row";
import { spreadOf } from "../statistics";
import { zipSize } from "../zipSize";

const execute = promisify(execFile);
const file = "검사 2/용접,부+1.tif";
const megabyte = 1e6;

interface Told {
  readonly coldMs: number;
  readonly cpuMs: number;
}

/** A fresh process with the shipped packages alone; keys of nobody, since signing asks nobody. */
const ask = async (folder: string, count: number): Promise<Told> => {
  const rawQueryString = new URLSearchParams({ file, mode: "upload", size: "70000" }).toString();
  const event = JSON.stringify(eventOf("GET /presign", { rawQueryString }));
  const args = ["--preserve-symlinks", join(__dirname, "../presign/host.cjs"), join(folder, "presign.js"), event];
  const env = {
    AWS_REGION: "ap-northeast-2",
    AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
    AWS_SECRET_ACCESS_KEY: "secret",
    DDN_IN_BUCKET: "ddn-in-bucket",
    DDN_OUT_BUCKET: "ddn-out-bucket",
  };
  const { stdout } = await execute(process.execPath, [...args, String(count)], { env, cwd: folder });
  return JSON.parse(stdout) as Told;
};

const measure = async (bench: Bench, folder: string): Promise<Told[]> => {
  const told: Told[] = [];
  for (let round = 0; round < bench.rounds; round++) told.push(await ask(folder, bench.quick ? 50 : 2000));
  return told;
};

const run: Row["run"] = async (bench) => {
  const { stdout } = await execute(process.execPath, [join(__dirname, "../presign/pack.cjs")]);
  const { folder, packages } = JSON.parse(stdout) as { folder: string; packages: string[] };
  try {
    const bytes = zipSize(folder);
    const told = await measure(bench, folder);
    const runs = told.length;
    return [
      {
        what: "processor time of the handler, a request",
        unit: "ms",
        measured: spreadOf(told.map(({ cpuMs }) => cpuMs)),
        runs,
        goal: { is: "at most", limit: 1.5 },
      },
      {
        what: "from a fresh process's start to its first answer",
        unit: "ms",
        measured: spreadOf(told.map(({ coldMs }) => coldMs)),
        runs,
        goal: { is: "at most", limit: 350 },
        where:
          "Node itself, loading the SDK and the first signature; this machine's processor, not Lambda's share of one",
      },
      {
        what: "the deployed archive, zipped",
        unit: "MB",
        measured: spreadOf([bytes / megabyte]),
        runs: 1,
        goal: { is: "at most", limit: 3.6 },
        where: `the code and ${packages.length} packages`,
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

export const presign: Row = { name: "presign", title: "The presign function as it is deployed", run };
