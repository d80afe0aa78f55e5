import type { Problem } from "./problem";

export type JobStatus = "queued" | "running" | "succeeded" | "failed" | "cancelled";

/** How strongly to denoise; both optional in a request, `strength` always present in a record. */
export interface JobOptions {
  /** 0–1: `out = in + strength * (denoised - in)`. */
  readonly strength: number;
  /** Noise standard deviation as a fraction of full scale; overrides the estimate (then a = 0). */
  readonly sigma?: number;
}

/** What a caller asks for: one file to denoise, where the result goes, and how. */
export interface JobRequest {
  readonly file: string;
  readonly output: string;
  readonly options: JobOptions;
}

export interface JobInput {
  readonly bytes: number;
  /** Opaque; noted when the job was created, and what the worker's GET must match. */
  readonly etag: string;
  readonly sha256?: string;
  readonly width?: number;
  readonly height?: number;
  readonly pages?: number;
  readonly channels?: number;
  /** Bits per sample: 8 or 16. */
  readonly bits?: number;
}

export interface JobResult {
  readonly bytes: number;
  readonly etag: string;
  readonly versionId?: string;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface JobTimings {
  readonly queueMs: number;
  readonly readMs: number;
  readonly decodeMs: number;
  readonly inferMs: number;
  readonly encodeMs: number;
  readonly writeMs: number;
  readonly totalMs: number;
}

export interface JobWarning {
  readonly code: string;
  readonly detail: string;
}

/** The noise found on one page and channel: variance of a sample v is `a·v + b`, in units of full scale. */
export interface NoiseReport {
  readonly page: number;
  readonly channel: number;
  readonly a: number;
  readonly b: number;
  /** Standard deviation at the page's median value, in 16-bit steps (LSB). */
  readonly sigmaLsb: number;
}

/** Autocorrelation at distances of 1, 2 and 3 pixels: about 0 for white noise. */
export interface Correlation {
  readonly horizontal: readonly number[];
  readonly vertical: readonly number[];
}

/**
 * How one page and channel came out. Everything but `clippedShare` and `seamRatio` is measured over up to 512 windows
 * of 16×16 pixels, evenly spread.
 */
export interface PlaneQuality {
  readonly page: number;
  readonly channel: number;
  /**
   * Of the windows that are flat but for noise: root mean square about a fitted plane, as an inspector would measure
   * SNR in an even region (compare ISO 17636-2), though coarser noise is not in it. Absent where too few are flat.
   */
  readonly flat?: {
    /** Of all windows. */
    readonly share: number;
    /** 16-bit steps, and percent of full scale (65535). */
    readonly sigmaBeforeLsb: number;
    readonly sigmaBeforePercent: number;
    readonly sigmaAfterLsb: number;
    readonly sigmaAfterPercent: number;
    /** 20·log10(before / after). */
    readonly snrGainDb: number;
    /** Of the noise itself, before. */
    readonly correlation: Correlation;
  };
  /** Mean of result − input, 16-bit steps. */
  readonly meanShiftLsb: number;
  /** Share of the input's pixels at 0, at full scale, or on a plateau at the page's lowest or highest value. */
  readonly clippedShare: number;
  /** What was removed, input − result, in units of the noise at the same brightness. */
  readonly residual: {
    readonly correlation: Correlation;
    /** Pearson's correlation of its magnitude with the gradient's of the result: above 0 where edges were removed. */
    readonly gradientCorrelation: number;
    /** How far its autocorrelation exceeds that of the noise itself, at the worst distance: structure, so detail. */
    readonly structure: number;
  };
  /** Mean step across the borders of tiles over that beside them, in the result; absent on a page of one tile. */
  readonly seamRatio?: number;
}

export interface QualityReport {
  /** Pages times channels. */
  readonly planes: number;
  /** Medians over all planes; those of noise over the planes with flat parts. */
  readonly typical: {
    readonly sigmaBeforeLsb?: number;
    readonly sigmaAfterLsb?: number;
    readonly snrGainDb?: number;
    readonly meanShiftLsb: number;
    readonly clippedShare: number;
  };
  /** The plane whose residual holds most structure. */
  readonly worst: PlaneQuality;
  /** The first 64 planes. */
  readonly each: readonly PlaneQuality[];
  /** The same in sentences. */
  readonly words: readonly string[];
}

export interface JobReport {
  /** The first 64 planes. */
  readonly noise: readonly NoiseReport[];
  readonly quality?: QualityReport;
}

/** One job: the JSON object at `.ddn/jobs/<id>.json` in the out bucket, and the answer to `GET /jobs/{id}`. */
export interface Job extends JobRequest {
  readonly id: string;
  readonly status: JobStatus;
  /** Tiles over all pages; `total` is 0 until the image has been read. */
  readonly progress: { readonly done: number; readonly total: number };
  readonly etaSeconds?: number;
  readonly attempts: number;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly cancelRequestedAt?: string;
  readonly input: JobInput;
  readonly result?: JobResult;
  readonly model?: { readonly name: string; readonly version: string; readonly sha256: string };
  readonly engine?: string;
  readonly timings?: JobTimings;
  readonly warnings?: readonly JobWarning[];
  readonly report?: JobReport;
  readonly cost?: { readonly gpuSeconds: number; readonly usd: number };
  readonly error?: Pick<Problem, "code" | "title" | "detail">;
  /** The server that runs it: the fence between two workers. */
  readonly worker?: string;
  /** Hash of the whole request body behind an Idempotency-Key, so that a replay can be told from a conflict. */
  readonly requestHash?: string;
}

/** The message on the queue: it names the job and carries nothing else. */
export interface JobMessage {
  readonly job: string;
}

/** What each server writes to `.ddn/service/<instance>.json`. */
export interface ServiceRecord {
  readonly instance: string;
  readonly ready: boolean;
  /** RFC 3339; when it last became ready or stopped being so. */
  readonly since: string;
  readonly reason?: string;
  readonly version: string;
}

/** The clockwork that every part agrees on. */
export const jobTimes = {
  /** SQS visibility of a job's message; renewed with each record write. */
  visibilitySeconds: 60,
  /** DelaySeconds of the message that insures a job run at once. */
  insuranceDelaySeconds: 60,
  /** A running record of another worker is taken over only when S3 says it is older than this. */
  staleAfterSeconds: 60,
  /** The longest time between two writes of a running record. */
  heartbeatSeconds: 20,
  /** The shortest time between two writes of a running record. */
  recordEverySeconds: 1,
  runLimitSeconds: 900,
  /** The attempt after this one is not made: the job fails with `attempts_exhausted`. */
  maxAttempts: 5,
  // Not `default`: Pulumi takes an object with that key for a module when it serialises a function.
  waitSeconds: { usual: 25, most: 25 },
  serviceRecordEverySeconds: 30,
  /** A service record older than this does not count. */
  serviceRecordFreshSeconds: 90,
} as const;

const jobIdPattern = /^[0-9a-z]{26}$/;

export const isJobId = (value: unknown): value is string => typeof value === "string" && jobIdPattern.test(value);

export const jobKey = (id: string): string => `.ddn/jobs/${id}.json`;

export const serviceKey = (instance: string): string => `.ddn/service/${instance}.json`;

export const serviceKeyPrefix = ".ddn/service/";

export const hasEnded = (job: Job): boolean =>
  job.status === "succeeded" || job.status === "failed" || job.status === "cancelled";

/** A fresh record, waiting in the queue. */
export const queuedJob = (
  id: string,
  request: JobRequest,
  input: Pick<JobInput, "bytes" | "etag">,
  now: Date,
  requestHash?: string,
): Job => ({
  id,
  file: request.file,
  output: request.output,
  options: request.options,
  status: "queued",
  progress: { done: 0, total: 0 },
  attempts: 0,
  createdAt: now.toISOString(),
  input: { bytes: input.bytes, etag: input.etag },
  ...(requestHash === undefined ? {} : { requestHash }),
});

/** The record once somebody asked to cancel: a queued job ends at once, a running one when its worker sees it. */
export const cancelRequested = (job: Job, now: Date): Job => {
  const at = now.toISOString();
  const asked = { ...job, cancelRequestedAt: job.cancelRequestedAt ?? at };
  return job.status === "queued" ? { ...asked, status: "cancelled", finishedAt: at } : asked;
};

/** The record as a worker takes it: one more attempt, its own name on it. */
export const taken = (job: Job, worker: string, now: Date): Job => {
  const { etaSeconds: _, ...rest } = job;
  return {
    ...rest,
    status: "running",
    worker,
    attempts: job.attempts + 1,
    startedAt: now.toISOString(),
    progress: { done: 0, total: 0 },
  };
};

/** The record as a draining worker hands it back: as if the attempt had not been made. */
export const handedBack = (job: Job): Job => {
  const { worker: _worker, startedAt: _startedAt, etaSeconds: _eta, ...rest } = job;
  return { ...rest, status: "queued", attempts: Math.max(0, job.attempts - 1), progress: { done: 0, total: 0 } };
};

export const failed = (job: Job, why: Problem, now: Date): Job => {
  const { etaSeconds: _, ...rest } = job;
  return {
    ...rest,
    status: "failed",
    finishedAt: now.toISOString(),
    error: { code: why.code, title: why.title, detail: why.detail },
  };
};

export const cancelled = (job: Job, now: Date): Job => {
  const { etaSeconds: _, ...rest } = job;
  return { ...rest, status: "cancelled", finishedAt: now.toISOString() };
};
