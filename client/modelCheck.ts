import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { expected } from "../contract/problem";
import type { Model } from "../server/src/engines/engine";
import { inspectModel } from "../server/src/engines/metadata";
import { createOnnxEngine } from "../server/src/engines/onnx";
import { loadOnnxSession } from "../server/src/engines/onnxSession";
import { exitCodes } from "./denoise";
import type { Output } from "./display";
import { DdnError } from "./error";
import type { Bench, ModelProperty } from "./modelCheckBench";
import { modelProperties } from "./modelCheckProperties";

/** What became of one check; `note` is worth knowing, and no fault. */
export interface CheckResult {
  /** Stable. */
  readonly code: string;
  /** What the check is about, as a sentence that holds or does not. */
  readonly name: string;
  readonly status: "ok" | "note" | "failed" | "skipped";
  /** What was measured; or what was expected, what came and what to do. */
  readonly details: readonly string[];
}

export interface ModelReport {
  readonly file: string;
  /** Whether no check failed and none was skipped. */
  readonly fits: boolean;
  /** What the file says of itself, where that is all there. */
  readonly model?: Model;
  readonly checks: readonly CheckResult[];
}

const fileChecks = [
  ["file", "it is an ONNX file, its weights inside"],
  ["tensors", "image and params go in and denoised comes out, N, H and W being free"],
  ["metadata", "its metadata tells name, version, tile_sizes and halo"],
] as const;

/** What helps against all faults of a kind. */
const remedies = {
  file: [],
  tensors: ["examples/own-model/wrap.py makes all of this around a plain float network."],
  metadata: ["onnx.helper.set_model_props writes it; docs/own-model.md shows how."],
};

/** An error and what caused it, one line each. */
const wordsOf = (error: unknown): string[] => {
  if (!(error instanceof Error)) return [String(error)];
  const [line] = error.message.split("\n");
  return error.cause === undefined ? [line] : [line, ...wordsOf(error.cause)];
};

/** What the model runs on, or why ONNX Runtime does not load it. */
interface Opened {
  readonly bench?: Bench;
  readonly refusal: readonly string[];
}

const open = async (modelPath: string, signal: AbortSignal): Promise<Opened> => {
  try {
    const engine = await createOnnxEngine({ modelPath, threads: 1 });
    return { bench: { engine, session: await loadOnnxSession(modelPath, 1), signal }, refusal: [] };
  } catch (error) {
    return { refusal: wordsOf(error) };
  }
};

const resultOf = async ({ code, name, measure }: ModelProperty, bench: Bench): Promise<CheckResult> => {
  try {
    const { detail, isNote = false } = await measure(bench);
    return { code, name, status: isNote ? "note" : "ok", details: detail === undefined ? [] : [detail] };
  } catch (error) {
    bench.signal.throwIfAborted();
    return { code, name, status: "failed", details: wordsOf(error) };
  }
};

/**
 * Compares a model with the contract: first what the file says, without running it, then how it behaves.
 * @param onCheck hears each result as it comes
 * @throws DdnError `file_not_found` when the file cannot be read; the signal's reason when aborted
 */
export const checkModel = async (
  path: string,
  onCheck: (result: CheckResult) => void,
  signal: AbortSignal,
): Promise<ModelReport> => {
  const file = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new DdnError(0, "file_not_found", expected("a readable file", "FILE", path, `${error.code}.`));
  });
  const { model, faults } = inspectModel(file, basename(path));
  const checks: CheckResult[] = [];
  const add = (result: CheckResult): void => {
    checks.push(result);
    onCheck(result);
  };
  for (const [code, name] of fileChecks) {
    const found = faults[code];
    if (found === undefined) add({ code, name, status: "skipped", details: [] });
    else if (found.length === 0) add({ code, name, status: "ok", details: [] });
    else add({ code, name, status: "failed", details: [...found, ...remedies[code]] });
  }
  const { bench, refusal }: Opened = model === undefined ? { refusal: [] } : await open(path, signal);
  const loaded = bench !== undefined ? "ok" : model === undefined ? "skipped" : "failed";
  add({ code: "load", name: "ONNX Runtime loads it", status: loaded, details: refusal });
  try {
    for (const property of modelProperties) {
      signal.throwIfAborted();
      const { code, name } = property;
      add(bench === undefined ? { code, name, status: "skipped", details: [] } : await resultOf(property, bench));
    }
  } finally {
    await bench?.engine.close();
    await bench?.session.release();
  }
  const fits = checks.every(({ status }) => status === "ok" || status === "note");
  return { file: path, fits, ...(model === undefined ? {} : { model }), checks };
};

/** Nothing of a check that could not be made: the verdict counts them. */
const lineOf = ({ name, status, details }: CheckResult): string => {
  if (status === "skipped") return "";
  if (status === "failed") return `${[`FAIL  ${name}`, ...details].join("\n      ")}\n`;
  return `${status.padEnd(4)}  ${name}${details.length === 0 ? "" : ` (${details.join(" ")})`}\n`;
};

/**
 * Checks a model and writes one line for each check, or the whole report as JSON.
 * @returns the exit code: 0 when the model fits the contract, 1 when it does not
 */
export const modelCheck = async (
  path: string,
  asJson: boolean,
  output: Output,
  signal: AbortSignal,
): Promise<number> => {
  const report = await checkModel(path, (check) => asJson || output.write(lineOf(check)), signal);
  const { fits, checks } = report;
  const failed = checks.filter(({ status }) => status === "failed").length;
  const skipped = checks.filter(({ status }) => status === "skipped").length;
  const verdict = fits
    ? "fits the contract"
    : `does not fit the contract: ${failed} of ${checks.length} checks failed${skipped === 0 ? "" : `, ${skipped} could not be made`}`;
  output.write(asJson ? `${JSON.stringify(report, undefined, 2)}\n` : `${path} ${verdict}\n`);
  return fits ? exitCodes.fine : exitCodes.failed;
};
