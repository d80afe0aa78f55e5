import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { parseFileKey } from "../contract/fileKey";
import type { Job } from "../contract/job";
import { defaultStrength } from "../contract/request";
import { type Client, DdnError, errorOfJob } from "./client";
import { type Display, displayOn, type Output } from "./display";
import { errorOfFile, type Failure, findImages, type InputImage, outputConflict } from "./images";
import { type Ledger, openLedger } from "./ledger";

export interface DenoiseSettings {
  readonly paths: readonly string[];
  /** Absolute path of the folder for the results. */
  readonly out: string;
  /** Files under way at once. */
  readonly concurrency: number;
  readonly strength?: number;
  readonly sigma?: number;
  /** Denoise again what is finished, and overwrite files that are not ours. */
  readonly force: boolean;
}

/** Exit codes of the command. */
export const exitCodes = { fine: 0, failed: 1, usage: 2 } as const;

interface Run {
  readonly client: Client;
  readonly settings: DenoiseSettings;
  readonly display: Display;
  readonly ledger: Ledger;
  readonly signal: AbortSignal;
  /** Ends a little after `signal`, so that a job just being created is known and can be cancelled. */
  readonly lateSignal: AbortSignal;
  readonly running: Set<string>;
}

const lateMs = 3000;
const cancelWithinMs = 5000;
const downloadAttempts = 3;
/** What befalls one file befalls them all. */
const lockedOutCodes = ["unauthorized", "forbidden", "credentials_missing"];

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const percent = (done: number, total: number): string => `${total === 0 ? 0 : Math.floor((100 * done) / total)} %`;

/** SHA-256 and length of a file, read once as a stream. */
const digestOf = async (
  path: string,
  signal: AbortSignal,
): Promise<{ readonly sha256: Buffer; readonly size: number }> => {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of createReadStream(path, { signal })) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  return { sha256: hash.digest(), size };
};

/**
 * Where a file goes in the buckets: `<token>/<file name>`. The token is made of the content, the name below the given folder and
 * the options, so that no two files, and no two people who share a stack, ever write over each other's.
 * What a key cannot hold becomes `_`: the token keeps names apart, and the result gets its own name back on this machine.
 */
export const keyFor = (name: string, sha256: Buffer, options: string): string => {
  const token = createHash("sha256")
    .update(JSON.stringify([name, sha256.toString("hex"), options]))
    .digest("hex");
  const key = (file: string) => parseFileKey(`${token.slice(0, 16)}/${file}`, "file");
  const own = key(basename(name));
  if (own.ok) return own.value;
  const safe = key(`_${basename(name).replace(/[^\p{L}\p{N}\p{M}_.-]/gu, "_")}`);
  if (safe.ok) return safe.value;
  throw new DdnError(0, "file_invalid", own.problem.detail);
};

const stageOf = (job: Job): readonly [stage: string, detail: string] => {
  const { done, total } = job.progress;
  if (job.status === "queued") {
    return ["queued", job.etaSeconds === undefined ? "" : `starts in about ${Math.ceil(job.etaSeconds)} s`];
  }
  return ["denoising", total === 0 ? "" : `${percent(done, total)}  ${done} of ${total} tiles`];
};

/** Fetches a result beside its place, compares it with what the job says it wrote, and only then puts it there. */
const fetchResult = async ({ client, display, signal }: Run, name: string, output: string, job: Job): Promise<void> => {
  const part = `${output}.part`;
  const { sha256, bytes } = job.result ?? { sha256: "", bytes: 0 };
  for (let tried = 1; ; tried += 1) {
    try {
      const response = await client.download({ job: job.id }, { signal });
      const hash = createHash("sha256");
      let received = 0;
      await pipeline(
        Readable.fromWeb(response.body as NodeReadableStream<Uint8Array>),
        async function* (chunks: AsyncIterable<Uint8Array>) {
          for await (const chunk of chunks) {
            hash.update(chunk);
            received += chunk.length;
            display.update(name, "downloading", percent(received, bytes));
            yield chunk;
          }
        },
        createWriteStream(part),
        { signal },
      );
      const digest = hash.digest("hex");
      if (digest === sha256) return await rename(part, output);
      throw new DdnError(
        0,
        "result_changed",
        `Expected the result to have SHA-256 ${sha256.slice(0, 12)}… but received ${digest.slice(0, 12)}…. Run the command again.`,
      );
    } catch (cause) {
      await rm(part, { force: true });
      signal.throwIfAborted();
      if (tried >= downloadAttempts || !isTransfer(cause)) throw errorOfFile("to write the result", output, cause);
    }
  }
};

/** A broken transfer, not a refusal and not a full disk. */
const isTransfer = (cause: unknown): boolean =>
  cause instanceof DdnError ? cause.code === "result_changed" : cause instanceof TypeError;

const describe = (job: Job): string => {
  const { width, height, bits, pages } = job.input;
  const noise = job.report?.noise[0]?.sigmaLsb;
  const gain = job.report?.quality?.typical.snrGainDb;
  const facts = [
    width === undefined ? "" : `${width}×${height}`,
    bits === undefined ? "" : `${bits} bit`,
    pages === undefined || pages === 1 ? "" : `${pages} pages`,
    noise === undefined ? "" : `noise ${Number(noise.toPrecision(3))} LSB`,
    gain === undefined ? "" : `SNR ${gain < 0 ? "" : "+"}${gain.toFixed(1)} dB`,
    job.timings === undefined ? "" : `${(job.timings.totalMs / 1000).toFixed(1)} s`,
  ].filter((fact) => fact !== "");
  return facts.length === 0 ? "" : `  ${facts.join(", ")}`;
};

/** Takes one image all the way; answers false when it was finished before. */
const denoiseOne = async (run: Run, { path, name }: InputImage): Promise<boolean> => {
  const { client, settings, display, ledger, signal, running } = run;
  const output = join(settings.out, name);
  const options = JSON.stringify({ strength: settings.strength ?? defaultStrength, sigma: settings.sigma ?? null });

  display.update(name, "reading", "");
  const { sha256, size } = await digestOf(path, signal).catch((cause) => {
    throw errorOfFile("a readable file", path, cause);
  });
  const input = sha256.toString("hex");
  if (!settings.force) {
    if (await ledger.covers({ name, input, options })) return false;
    const isThere = await stat(output).then(
      () => true,
      () => false,
    );
    if (isThere && !ledger.knows(name)) {
      throw new DdnError(
        0,
        "output_exists",
        `Expected no file at ${output} but there is one that this command did not write. Move it, or overwrite it with --force.`,
      );
    }
  }

  const file = await client.upload(
    keyFor(name, sha256, options),
    { size, stream: () => Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array> },
    {
      size,
      sha256: sha256.toString("base64"),
      signal,
      onProgress: (sent, total) =>
        display.update(name, "uploading", `${percent(sent, total)}  ${megabytes(sent)} of ${megabytes(total)}`),
    },
  );
  const { strength, sigma } = settings;
  const request = { file, ...(strength === undefined ? {} : { strength }), ...(sigma === undefined ? {} : { sigma }) };
  const { id } = await client.createJob(request, { signal: run.lateSignal });
  running.add(id);
  const job = await client.waitForJob(id, { signal, onProgress: (seen) => display.update(name, ...stageOf(seen)) });
  running.delete(id);
  const failure = errorOfJob(job);
  if (failure !== undefined) throw failure;

  await mkdir(dirname(output), { recursive: true });
  await ledger.claim(name);
  await fetchResult(run, name, output, job);
  await ledger.add({ name, input, options, bytes: job.result?.bytes ?? 0 });
  display.finish(name, `done ${name} → ${output}${describe(job)}`);
  for (const { code, detail } of job.warnings ?? []) display.line(`  warning ${code}: ${detail}`);
  return true;
};

const cancelAll = async ({ client, running }: Run): Promise<void> => {
  const signal = AbortSignal.timeout(cancelWithinMs);
  await Promise.allSettled([...running].map((id) => client.cancel(id, { signal })));
};

/**
 * Denoises files and folders through the API; answers with an exit code.
 * One bad file fails alone. When `signal` aborts, running jobs are cancelled and the signal's reason is thrown.
 */
export const denoise = async (
  client: Client,
  settings: DenoiseSettings,
  output: Output,
  signal: AbortSignal,
): Promise<number> => {
  const display = displayOn(output);
  const found = await findImages(settings.paths, settings.out);
  const conflict = await outputConflict(found.images, settings.out);
  if (conflict !== undefined) {
    display.line(conflict);
    return exitCodes.usage;
  }

  const failures: Failure[] = [];
  const fail = (failure: Failure) => {
    failures.push(failure);
    display.finish(failure.name, `failed ${failure.name}`);
  };
  for (const failure of found.failures) fail(failure);

  const counts = { done: 0, skipped: 0 };
  let lockedOut = false;
  if (found.images.length > 0) {
    const { service } = await client.ping({ signal });
    if (service !== "ready") display.line(`The service is ${service}: the first image waits until it runs.`);
    try {
      await mkdir(settings.out, { recursive: true });
    } catch (cause) {
      throw errorOfFile("a folder for the results", settings.out, cause);
    }
    const late = new AbortController();
    signal.addEventListener("abort", () => setTimeout(() => late.abort(signal.reason), lateMs).unref());
    const run: Run = {
      client,
      settings,
      display,
      ledger: await openLedger(settings.out),
      signal,
      lateSignal: late.signal,
      running: new Set(),
    };
    const waiting = found.images.values();
    const work = async () => {
      for (const image of waiting) {
        if (signal.aborted || lockedOut) return;
        try {
          if (await denoiseOne(run, image)) counts.done += 1;
          else {
            counts.skipped += 1;
            display.finish(image.name, `skipped ${image.name}: finished before`);
          }
        } catch (cause) {
          if (signal.aborted) return;
          const error = errorOfFile("to denoise the file", image.path, cause);
          fail({ name: image.name, error });
          lockedOut ||= lockedOutCodes.includes(error.code);
        }
      }
    };
    await Promise.all(Array.from({ length: settings.concurrency }, work));
    if (signal.aborted) {
      display.line(`Stopping: cancelling ${run.running.size} running jobs. Run the same command again to go on.`);
      await cancelAll(run);
      throw signal.reason;
    }
  }

  display.line(`${counts.done} done, ${counts.skipped} skipped, ${failures.length} failed`);
  const tried = counts.done + counts.skipped + failures.length - found.failures.length;
  if (lockedOut) display.line(`Stopped, since nothing is let in: ${found.images.length - tried} files were not tried.`);
  for (const { name, error } of failures) display.line(`  ${name}: ${error.code}: ${error.detail}`);
  return failures.length === 0 ? exitCodes.fine : exitCodes.failed;
};
