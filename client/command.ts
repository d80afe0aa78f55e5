import { resolve } from "node:path";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { expected } from "../contract/problem";
import { version } from "../contract/version";
import { type AccessFlags, authorizationOf } from "./access";
import { type ClientOptions, createClient, DdnError } from "./client";
import { denoise, exitCodes } from "./denoise";
import type { Output } from "./display";
import { smoke } from "./smoke";

/** What the command needs of a process. */
export interface Surroundings {
  readonly argv: readonly string[];
  readonly stdout: Output;
  readonly stderr: Output;
  on(event: "SIGINT" | "SIGTERM", listener: () => void): unknown;
  off(event: "SIGINT" | "SIGTERM", listener: () => void): unknown;
  exit(code: number): unknown;
}

const signalCodes = { SIGINT: 130, SIGTERM: 143 } as const;

const invalid = (sentence: string): never => {
  throw new InvalidArgumentError(sentence);
};

const parseCount = (text: string): number =>
  /^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 32
    ? Number(text)
    : invalid(expected("a whole number from 1 to 32", "jobs", text));

const parseFraction =
  (name: string) =>
  (text: string): number =>
    text.trim() !== "" && Number(text) >= 0 && Number(text) <= 1
      ? Number(text)
      : invalid(expected("a number from 0 to 1", name, text));

const parseApi = (text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === "http:" || url?.protocol === "https:"
    ? text
    : invalid(expected("an http or https address", "api", text));
};

/** Options of the commands that talk to the API. */
const withApi = (command: Command): Command =>
  command
    .addOption(
      new Option("--api <url>", "address of the platform's API")
        .env("DDN_API")
        .default("http://127.0.0.1:8080")
        .argParser(parseApi),
    )
    // No .env() here: a flag goes before DDN_AUTH and DDN_TOKEN, and must not conflict with them.
    .addOption(
      new Option("--token <token>", "bearer token, where the API asks for a JWT; rather set DDN_TOKEN").conflicts(
        "aws",
      ),
    )
    .option("--aws", "sign requests with your AWS credentials, where the API asks for IAM (or DDN_AUTH=iam)")
    .addHelpText(
      "after",
      `
Access: DDN_AUTH takes a stack's output authMode (jwt, iam, none); --token and --aws go before it.
A token in DDN_TOKEN stays out of the process list and the shell's history; --token does not.
AWS credentials are found as AWS's own tools find them (AWS_PROFILE and so on), the region in the
API's address or else in AWS_REGION.`,
    );

/** Runs while `work` does; the first Ctrl-C asks it to stop, the second ends the process. */
const interruptible = async (
  surroundings: Surroundings,
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> => {
  const controller = new AbortController();
  let code: number | undefined;
  const stopper = (name: keyof typeof signalCodes) => () => {
    if (code !== undefined) surroundings.exit(code);
    code = signalCodes[name];
    controller.abort(new DdnError(0, "interrupted", "Interrupted."));
  };
  const listeners = { SIGINT: stopper("SIGINT"), SIGTERM: stopper("SIGTERM") };
  surroundings.on("SIGINT", listeners.SIGINT);
  surroundings.on("SIGTERM", listeners.SIGTERM);
  try {
    return await work(controller.signal);
  } catch (error) {
    if (code !== undefined) return code;
    throw error;
  } finally {
    surroundings.off("SIGINT", listeners.SIGINT);
    surroundings.off("SIGTERM", listeners.SIGTERM);
  }
};

interface DenoiseFlags extends AccessFlags {
  readonly out: string;
  readonly jobs: number;
  readonly strength?: number;
  readonly sigma?: number;
  readonly force?: boolean;
}

/** The `ddn` command; answers with its exit code: 0 all fine, 1 a file failed, 2 wrong usage, 130 Ctrl-C. */
export const main = async (surroundings: Surroundings): Promise<number> => {
  const { stdout, stderr } = surroundings;
  let exitCode: number = exitCodes.fine;
  const program = new Command("ddn")
    .description("Denoises 16-bit industrial and X-ray images on a Deep Denoising Platform.")
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) });

  const connectionOf = (flags: AccessFlags): Pick<ClientOptions, "baseUrl" | "authorization"> => {
    try {
      return { baseUrl: flags.api, authorization: authorizationOf(flags, process.env) };
    } catch (error) {
      if (error instanceof DdnError) program.error(`error: ${error.detail}`);
      throw error;
    }
  };

  withApi(program.command("denoise"))
    .description("Denoise files, or folders with everything below them (.tif, .tiff, .png).")
    .argument("<path...>", "files or folders")
    .requiredOption("--out <dir>", "folder for the results; keeps the structure below each folder given")
    .option("-j, --jobs <n>", "files under way at once", parseCount, 2)
    .option("--strength <s>", "0 to 1: how much of the noise to take away (default: 1)", parseFraction("strength"))
    .option("--sigma <s>", "noise as a fraction of full scale, instead of the estimate", parseFraction("sigma"))
    .option("--force", "denoise finished files again, and overwrite files that are in the way")
    .addHelpText(
      "after",
      `
A second run goes on where the first ended: finished files are skipped, as long as
neither they nor the options changed. The output folder remembers them in .ddn-resume.ndjson.

Exit codes: 0 all fine, 1 a file failed, 2 wrong usage, 130 interrupted.

Examples:
  ddn denoise scan-0042.tif --out denoised
  ddn denoise scans/ more/ --out denoised -j 4 --strength 0.8`,
    )
    .action(async (paths: string[], { out, jobs, strength, sigma, force = false, ...access }: DenoiseFlags) => {
      const connection = connectionOf(access);
      const settings = {
        paths,
        out: resolve(out),
        concurrency: jobs,
        force,
        ...(strength === undefined ? {} : { strength }),
        ...(sigma === undefined ? {} : { sigma }),
      };
      exitCode = await interruptible(surroundings, (signal) =>
        denoise(createClient(connection), settings, stdout, signal),
      );
    });

  withApi(program.command("smoke"))
    .description("Check a deployment against the contract, with a few small images of its own.")
    .addHelpText(
      "after",
      "\nA stack that sleeps is woken, which takes minutes.\n\nExit codes: 0 all checks hold, 1 one does not.",
    )
    .action(async (access: AccessFlags) => {
      const connection = connectionOf(access);
      exitCode = await interruptible(surroundings, (signal) => smoke(connection, stdout, signal));
    });

  program
    .command("model")
    .description("Work with a model of your own.")
    .command("check")
    .description("Say whether an ONNX file fits the platform's contract, and what is missing. Runs here, on one core.")
    .argument("<file>", "the model")
    .option("--json", "one JSON object in place of lines")
    .addHelpText("after", "\ndocs/own-model.md tells how to make one.\n\nExit codes: 0 it fits, 1 it does not.")
    .action(async (file: string, { json = false }: { readonly json?: boolean }) => {
      // Loaded only here: it brings a native runtime, which the other commands neither need nor wait for. By `require`, since
      // tsx/cjs does not see import().
      const { modelCheck }: typeof import("./modelCheck") = require("./modelCheck");
      exitCode = await interruptible(surroundings, (signal) => modelCheck(file, json, stdout, signal));
    });

  try {
    await program.parseAsync(surroundings.argv);
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.fine : exitCodes.usage;
    if (!(error instanceof DdnError)) throw error;
    stderr.write(`${error.code}: ${error.detail}\n`);
    return exitCodes.failed;
  }
};
