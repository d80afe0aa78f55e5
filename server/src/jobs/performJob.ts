import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Job, JobTimings } from "../../../contract/job";
import { expected, type ProblemCode } from "../../../contract/problem";
import { inputNotFound } from "../../../contract/request";
import { version } from "../../../contract/version";
import type { Engine } from "../engines/engine";
import { withShortTiles } from "../engines/shortTiles";
import { ImageError } from "../images/image";
import type { ObjectStore } from "../store/objects";
import { denoiseFile } from "./denoiseFile";
import type { Imaging } from "./imaging";
import type { Lease } from "./lease";
import { putResult } from "./result";
import type { Slots } from "./slots";

/** The job cannot succeed, however often it is tried. */
export class JobFailure extends Error {
  constructor(
    readonly code: Extract<ProblemCode, "input_changed" | "input_not_found">,
    message: string,
  ) {
    super(message);
    this.name = "JobFailure";
  }
}

export interface PerformDeps {
  readonly store: ObjectStore;
  readonly engine: Engine;
  readonly imaging: Imaging;
  /** Bytes that the pages of all runs take together. */
  readonly memory: Slots;
  /** Folder of this process alone. */
  readonly temporaryFolder: string;
  readonly inBucket: string;
  readonly outBucket: string;
  readonly maxPixels: number;
  readonly maxPages: number;
  readonly maxBytes: number;
}

/** The record's fields that a finished run adds. */
export type Performed = Required<Pick<Job, "input" | "result" | "model" | "engine" | "timings" | "report">> &
  Pick<Job, "warnings">;

const contentTypes = { tiff: "image/tiff", bigtiff: "image/tiff", png: "image/png" } as const;

const fetchInput = async (
  { store, inBucket, maxBytes }: PerformDeps,
  job: Job,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly bytes: number; readonly sha256: string }> => {
  if (job.input.bytes > maxBytes) {
    throw new ImageError("image_too_large", expected(`at most ${maxBytes} bytes`, "file", job.input.bytes));
  }
  const fetched = await store.download(inBucket, job.file, job.input, path, signal);
  if (fetched === "missing") {
    throw new JobFailure("input_not_found", inputNotFound(job.file).detail);
  }
  if (fetched === "changed") {
    throw new JobFailure(
      "input_changed",
      "Expected the bytes that were there when the job was submitted, but `file` has been uploaded anew since. Submit it again.",
    );
  }
  return fetched;
};

/** Waits for both even when one fails: what it began must be over when the run's files are removed. */
const both = async <A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> => {
  await Promise.allSettled([one, other]);
  return [await one, await other];
};

const rounded = (timings: JobTimings): JobTimings =>
  Object.fromEntries(Object.entries(timings).map(([stage, ms]) => [stage, Math.round(ms)])) as unknown as JobTimings;

/**
 * The work of one job, from the input in S3 to the result in S3; its files are gone when it returns or throws.
 * @param urgent whether somebody waits for the answer
 * @throws ImageError or JobFailure when the input is to blame, EngineError or UpstreamError when the platform is,
 * the lease's RunStopped when it must not go on
 */
export const performJob = async (lease: Lease, urgent: boolean, deps: PerformDeps): Promise<Performed> => {
  const { store, engine, temporaryFolder, outBucket, maxPixels, maxPages } = deps;
  const { signal } = lease;
  const job = lease.job();
  const start = performance.now();
  const queueMs = Math.max(0, Date.now() - Date.parse(job.createdAt));
  const inputPath = join(temporaryFolder, `${job.id}.${job.attempts}.in`);
  const outputPath = join(temporaryFolder, `${job.id}.${job.attempts}.out`);
  const software = `ddn ${version}; model ${engine.model.name}@${engine.model.sha256.slice(0, 12)}; job ${job.id}`;
  try {
    const [before, fetched] = await both(store.head(outBucket, job.output), fetchInput(deps, job, inputPath, signal));
    const readMs = performance.now() - start;
    const fitting = urgent || !engine.isServing?.() ? engine : withShortTiles(engine);
    const denoised = await denoiseFile(
      {
        inputPath,
        outputPath,
        options: job.options,
        limits: { maxPixels, maxPages },
        software,
        urgent,
        signal,
        onProgress: (progress) => lease.update((current) => ({ ...current, progress })),
      },
      { ...deps, engine: fitting },
    );
    const writeStart = performance.now();
    const result = await putResult(
      store,
      { bucket: outBucket, key: job.output, jobId: job.id },
      {
        path: outputPath,
        bytes: denoised.bytes,
        sha256: denoised.sha256,
        contentType: contentTypes[denoised.container],
        metadata: { "ddn-software": software, "ddn-input-sha256": fetched.sha256 },
      },
      before,
      lease,
    );
    const end = performance.now();
    const { name, version: modelVersion, sha256 } = engine.model;
    return {
      input: { ...job.input, ...denoised.input, sha256: fetched.sha256 },
      result,
      model: { name, version: modelVersion, sha256 },
      engine: engine.name,
      timings: rounded({ queueMs, readMs, ...denoised.timings, writeMs: end - writeStart, totalMs: end - start }),
      ...(denoised.warnings.length === 0 ? {} : { warnings: denoised.warnings }),
      report: denoised.report,
    };
  } finally {
    await Promise.all([inputPath, outputPath].map((path) => rm(path, { force: true })));
  }
};
