import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { expected } from "../contract/problem";
import { describeMachine } from "./machine";
import { type RowResult, resultsDocument } from "./results";
import type { Bench } from "./row";
import { rows } from "./rows";

const help = `Measures the platform on this machine and writes a table to bench/RESULTS.md; of single rows to the terminal.

  npm run bench -- [--only ROW …] [--quick] [--rounds N] [--seconds N] [--soak-minutes N] [--out FILE] [--profile DIR]

  --only ROW        this row alone; may be given more than once:
${rows.map(({ name, title }) => `                      ${name.padEnd(12)} ${title}`).join("\n")}
  --quick           every row as short as it can be: shows that all of them run; the figures mean nothing
  --rounds N        how often each alternative is measured, in turns (default 5)
  --seconds N       of each measurement under load (default 10)
  --soak-minutes N  of the soak (default 30)
  --out FILE        where the table goes, its graphs beside it (default bench/RESULTS.md; with --only or --quick the terminal)
  --profile DIR     leaves V8 profiles of the server there; it is slower meanwhile
  --help            shows this`;

/** What is wrong with how the command was called; its text is for the user. */
class UsageError extends Error {}

const positive = (name: string, text: string | undefined, fallback: number): number => {
  const value = text === undefined ? fallback : Number(text);
  if (!(value > 0 && value < 1e6)) throw new UsageError(expected("a number above 0", name, text));
  return value;
};

const parseArguments = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: "string", multiple: true, default: [] },
        quick: { type: "boolean", default: false },
        rounds: { type: "string" },
        seconds: { type: "string" },
        "soak-minutes": { type: "string" },
        out: { type: "string" },
        profile: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
};

/** The table is read elsewhere: what lies in this project is named as it lies there. */
const withoutRoot = (text: string): string => text.replaceAll(`${resolve(__dirname, "..")}/`, "");

const runRow = async (row: (typeof rows)[number], bench: Bench): Promise<RowResult> => {
  const missing = row.missing?.();
  if (missing !== undefined) {
    bench.progress(`${row.name}: skipped. ${missing}`);
    return { row, skipped: withoutRoot(missing) };
  }
  bench.progress(`${row.name}: ${row.title}`);
  const start = performance.now();
  const findings = await row.run(bench);
  bench.progress(`${row.name}: ${Math.round((performance.now() - start) / 1000)} s`);
  return { row, findings };
};

const main = async (): Promise<void> => {
  const options = parseArguments(process.argv.slice(2));
  if (options.help) {
    console.log(help);
    return;
  }
  const unknown = options.only.find((name) => !rows.some((row) => row.name === name));
  if (unknown !== undefined) {
    throw new UsageError(expected(`one of ${rows.map(({ name }) => name).join(", ")}`, "--only", unknown));
  }
  const { quick } = options;
  const chosen = options.only.length === 0 ? rows : rows.filter(({ name }) => options.only.includes(name));
  const isWhole = !quick && options.only.length === 0;
  const out = options.out ?? (isWhole ? join(__dirname, "RESULTS.md") : undefined);
  const folder = await mkdtemp(join(tmpdir(), "ddn-bench-"));
  const results = out === undefined ? folder : join(out, "..");
  await mkdir(results, { recursive: true });
  const profile = options.profile === undefined ? undefined : resolve(options.profile);
  if (profile !== undefined) await mkdir(profile, { recursive: true });
  const bench: Bench = {
    quick,
    rounds: positive("--rounds", options.rounds, quick ? 1 : 5),
    seconds: positive("--seconds", options.seconds, quick ? 1 : 10),
    soakMinutes: positive("--soak-minutes", options["soak-minutes"], quick ? 0.2 : 30),
    folder,
    results,
    ...(profile === undefined ? {} : { profile }),
    progress: (line) => process.stderr.write(`${line}\n`),
  };
  const failures: string[] = [];
  const done: RowResult[] = [];
  try {
    for (const row of chosen) {
      try {
        done.push(await runRow(row, bench));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        bench.progress(`${row.name}: failed. ${why}`);
        failures.push(row.name);
        done.push({ row, skipped: `It failed: ${withoutRoot(why)}` });
      }
    }
    const document = resultsDocument(done, describeMachine(), new Date(), bench);
    if (out === undefined) console.log(document);
    else {
      await writeFile(out, document);
      bench.progress(`written: ${out}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (failures.length > 0) process.exitCode = 1;
};

main().then(
  // Keep-alive connections to what has been stopped would hold the process for a while.
  () => process.exit(),
  (error: unknown) => {
    console.error(error instanceof UsageError ? `${error.message}\n\n${help}` : error);
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
