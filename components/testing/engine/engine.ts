import { execFile } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { projectRoot } from "../../../functions/testing/nativeProgram";
import type { Properties } from "../cloud";
import type { Operation } from "./provider";

/** Plugins that the stand-in plays. */
const played = ["aws", "awsx", "docker-build", "pulumiservice"] as const;

const folders = (process.env.PATH ?? "").split(path.delimiter).filter((folder) => folder !== "");

const isThere = (command: string): boolean =>
  folders.some((folder) => {
    try {
      accessSync(path.join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

/** The commands of Pulumi's engine that this machine lacks. */
export const missingCommands = (): readonly string[] =>
  ["pulumi", "pulumi-language-nodejs"].filter((command) => !isThere(command));

export interface EngineRun {
  readonly ok: boolean;
  /** What the command printed, both streams. */
  readonly text: string;
  /** What it did to the stand-in, in order. */
  readonly operations: readonly Operation[];
  /** How many resources met which fate, as the command sums up: `{ created: 152 }`. */
  readonly resources: Readonly<Record<string, number>>;
  readonly seconds: number;
}

export interface RunOptions {
  /** Laid over the stack's file for this run alone, by full key such as `ddn:keepData`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** The type of resource that the stand-in fails to make. */
  readonly failAt?: string;
}

/** A resource in the stack's state. */
export interface ResourceState {
  readonly urn: string;
  readonly type: string;
  readonly inputs: Properties;
}

/** One Pulumi project, with its state, apart from everything the machine has. */
export interface Engine {
  /** Makes a stack from its file in the repository, or from nothing. */
  init(stack: string): Promise<void>;
  run(stack: string, command: readonly string[], options?: RunOptions): Promise<EngineRun>;
  outputs(stack: string): Promise<Record<string, unknown>>;
  state(stack: string): Promise<readonly ResourceState[]>;
}

const execute = promisify(execFile);

/** A home for engines that share their state, so that one stack can refer to another's. */
export const engineHome = async (): Promise<string> => {
  const home = await mkdtemp(path.join(tmpdir(), "ddn-engine-"));
  await mkdir(path.join(home, "state"));
  await mkdir(path.join(home, "bin"));
  const provider = path.join(projectRoot, "components/testing/engine/provider.ts");
  for (const name of played) {
    const script = path.join(home, "bin", `pulumi-resource-${name}`);
    const loader = path.join(projectRoot, "node_modules/tsx/dist/loader.mjs");
    const run = `exec "${process.execPath}" --import "file://${loader}" "${provider}" "$@"`;
    await writeFile(script, `#!/bin/sh\nDDN_PLAYS=${name} ${run}\n`);
    await chmod(script, 0o755);
  }
  return home;
};

/** Kept outside the project: `pulumi stack init` writes a salt into the stack's file. */
const settingsOf = async (home: string, project: string): Promise<string> => {
  const settings = path.join(home, "settings", project);
  await mkdir(settings, { recursive: true });
  await copyFile(path.join(projectRoot, project, "Pulumi.yaml"), path.join(settings, "Pulumi.yaml"));
  return settings;
};

/** The stack's file with changes, beside it. */
const changedFile = async (file: string, config: Readonly<Record<string, unknown>>): Promise<string> => {
  const settings = parse(await readFile(file, "utf8")) as { readonly config?: Properties };
  const changed = file.replace(/\.yaml$/, ".changed.yaml");
  await writeFile(changed, stringify({ ...settings, config: { ...settings.config, ...config } }));
  return changed;
};

/** The counts of the summary at the end: `+ 41 created`, `42 changes. 110 unchanged`. */
const summed = (text: string): Record<string, number> => {
  const [, ...summaries] = text.split("\nResources:\n");
  const [summary = ""] = summaries.at(-1)?.split("\n\n") ?? [];
  const counts = Array.from(summary.matchAll(/(\d+) ([a-z][a-z -]*[a-z])/g), ([, count, fate]) => [
    fate,
    Number(count),
  ]);
  return Object.fromEntries(counts.filter(([fate]) => fate !== "changes"));
};

/** @param project folder of the project's Pulumi.yaml, from the root */
export const startEngine = async (home: string, project: string): Promise<Engine> => {
  const settings = await settingsOf(home, project);
  const operationsFile = path.join(home, "operations.jsonl");
  const environment = {
    ...process.env,
    PATH: [path.join(home, "bin"), ...folders].join(path.delimiter),
    PULUMI_HOME: path.join(home, "home"),
    PULUMI_BACKEND_URL: `file://${path.join(home, "state")}`,
    PULUMI_CONFIG_PASSPHRASE: "",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    // Types are checked by `npm run check`.
    PULUMI_NODEJS_TRANSPILE_ONLY: "true",
    DDN_OPERATIONS: operationsFile,
  };
  const pulumi = (cwd: string, args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    execute("pulumi", [...args, "--non-interactive", "--color", "never"], {
      cwd,
      env: { ...environment, ...more },
      maxBuffer: 64 * 2 ** 20,
    });
  const inProject = path.join(projectRoot, project);

  return {
    init: async (stack) => {
      const file = path.join(inProject, `Pulumi.${stack}.yaml`);
      if (existsSync(file)) await copyFile(file, path.join(settings, `Pulumi.${stack}.yaml`));
      await pulumi(settings, ["stack", "init", stack]);
    },
    run: async (stack, command, { config = {}, failAt = "" } = {}) => {
      await writeFile(operationsFile, "");
      const started = Date.now();
      const configFile = await changedFile(path.join(settings, `Pulumi.${stack}.yaml`), config);
      const args = [...command, "--stack", stack, "--config-file", configFile];
      const { ok, text } = await pulumi(inProject, args, { DDN_FAIL_AT: failAt }).then(
        ({ stdout, stderr }) => ({ ok: true, text: stdout + stderr }),
        (error: { stdout: string; stderr: string }) => ({ ok: false, text: error.stdout + error.stderr }),
      );
      const lines = (await readFile(operationsFile, "utf8")).split("\n").filter((line) => line !== "");
      return {
        ok,
        text,
        operations: lines.map((line) => JSON.parse(line) as Operation),
        resources: summed(text),
        seconds: (Date.now() - started) / 1000,
      };
    },
    outputs: async (stack) =>
      JSON.parse((await pulumi(settings, ["stack", "output", "--json", "--stack", stack])).stdout),
    state: async (stack) =>
      JSON.parse((await pulumi(settings, ["stack", "export", "--stack", stack])).stdout).deployment.resources ?? [],
  };
};

export const closeEngine = (home: string): Promise<void> => rm(home, { recursive: true, force: true });
