import { createHash, randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Job, type JobRequest, jobKey, queuedJob } from "../../../contract/job";
import { randomJobId } from "../../../contract/jobId";
import type { Engine } from "../engines/engine";
import { ImageError, type ImageHeader } from "../images/image";
import { type PageSteps, pagesDenoiser } from "../jobs/denoisePages";
import type { Imaging } from "../jobs/imaging";
import { createJobRecords, type JobRecords } from "../jobs/records";
import { createRuns, type Log, type Run, type Runs } from "../jobs/runs";
import { createSlots, type Slots } from "../jobs/slots";
import { createSubmit, type Submit } from "../jobs/submit";
import { type TakeDeps, takeMessage } from "../jobs/takeMessage";
import { defaultTimes, type Times } from "../jobs/times";
import { createMetrics, type Metrics } from "../metrics";
import type { ObjectHead, ObjectStore } from "../store/objects";
import type { JobQueue, QueueMessage } from "../store/queue";

/** One call of a worker on S3 or SQS, such as `{ action: "writeText", target: ".ddn/jobs/…", body: … }`. */
export interface Call {
  readonly action: keyof ObjectStore | keyof JobQueue;
  /** Object key, job id or receipt. */
  readonly target: string;
  readonly body?: string;
}

export interface WorkerOptions {
  readonly times?: Partial<Times>;
  /** Runs before each call; what it throws the call throws. */
  readonly before?: (call: Call) => void | Promise<void>;
  /** Runs after each call that went through; what it throws the call throws. */
  readonly after?: (call: Call) => void | Promise<void>;
  /** Runs before each tile. */
  readonly onTile?: (done: number) => void | Promise<void>;
  readonly slots?: number;
  readonly maxRequests?: number;
  readonly maxBytes?: number;
  readonly isDraining?: () => boolean;
}

export interface TestWorker {
  readonly runs: Runs;
  readonly records: JobRecords;
  readonly queue: JobQueue;
  readonly store: ObjectStore;
  readonly slots: Slots;
  readonly metrics: Metrics;
  readonly submit: Submit;
  readonly take: TakeDeps;
  readonly logged: string[];
  readonly temporaryFolder: string;
  /** Receives one message and decides on it; the run it started, if so. */
  receive(): Promise<Run | undefined>;
  /** As a `kill -9`: no call of this worker returns any more. */
  crash(): void;
}

interface StoredObject {
  readonly body: Buffer;
  readonly etag: string;
  readonly versionId: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly writtenAt: number;
}

interface StoredMessage {
  readonly body: string;
  receipt: string;
  visibleAt: number;
  receives: number;
}

/** The queue in memory never waits, so a long poll that finds nothing does. */
export const longPolling = (queue: JobQueue): JobQueue => ({
  ...queue,
  receive: async (most, signal) => {
    const messages = await queue.receive(most, signal);
    if (messages.length > 0) return messages;
    return new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  },
});

export const tilesPerPage = 4;

/** Made anew each time: one for all would keep everybody who ever waited for it. */
const never = (): Promise<never> => new Promise(() => {});

const sha256 = (body: Buffer): string => createHash("sha256").update(body).digest("hex");

export const testEngine: Engine = {
  name: "onnx",
  model: { name: "identity", version: "1", sha256: "0123456789abcdef".repeat(4), tileSizes: [64], halo: 8 },
  concurrency: 1,
  denoise: async (tile) => tile.image,
  ready: async () => {},
  close: async () => {},
};

/** Any file is a grey image of one page; `corrupt` in it makes it one that cannot be read. */
export const testImaging = (
  onTile: (done: number) => void | Promise<void>,
  steps: Partial<PageSteps> = {},
): Imaging => ({
  readImageHeader: async (path) => {
    if (readFileSync(path, "utf8").includes("corrupt")) throw new ImageError("image_corrupt", "Expected an image.");
    const lost = readFileSync(path, "utf8").includes("icc") ? ["ICCProfile"] : [];
    const page = { width: 8, height: 4, channels: 1, bits: 16, photometric: 1, compressed: false, lost } as const;
    return { container: "tiff", littleEndian: true, pages: [page] } satisfies ImageHeader;
  },
  countTiles: () => tilesPerPage,
  denoisePages: pagesDenoiser({ ...testSteps(onTile), ...steps }),
});

const testSteps = (onTile: (done: number) => void | Promise<void>): PageSteps => ({
  decodePage: async (path) => new Uint16Array(readFileSync(path)),
  createImageWriter: (path, _header, { software }) => {
    const parts: Buffer[] = [];
    return {
      writePage: async (samples) => void parts.push(Buffer.from(samples)),
      finish: async () => {
        const body = Buffer.concat([Buffer.from(`${software}\n`), ...parts]);
        writeFileSync(path, body);
        return { bytes: body.length, sha256: sha256(body) };
      },
      abort: async () => {},
    };
  },
  denoisePage: async ({ samples, signal, onTile: told }) => {
    const aborted = new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
    for (let tile = 0; tile < tilesPerPage; tile++) {
      await Promise.race([onTile(tile), aborted]);
      signal?.throwIfAborted();
      told?.();
    }
    return { samples, noise: [{ channel: 0, a: 0, b: 0.01, sigmaLsb: 655 }], quality: [] };
  },
});

/** S3, SQS and SNS in memory with one clock that only `advance` moves, and any number of workers on them. */
export const createWorld = () => {
  const objects = new Map<string, StoredObject>();
  const messages: StoredMessage[] = [];
  const deadLetters: string[] = [];
  const notices: Job[] = [];
  let nowSeconds = 0;

  const put = (bucket: string, key: string, body: Buffer, metadata: Record<string, string> = {}): StoredObject => {
    const stored = { body, etag: `"${randomUUID()}"`, versionId: randomUUID(), metadata, writtenAt: nowSeconds };
    objects.set(`${bucket}/${key}`, stored);
    return stored;
  };

  const send = (body: string, delaySeconds: number): void => {
    messages.push({ body, receipt: "", visibleAt: nowSeconds + delaySeconds, receives: 0 });
  };

  const head = (object: StoredObject): ObjectHead => ({
    etag: object.etag,
    bytes: object.body.length,
    versionId: object.versionId,
    metadata: object.metadata,
  });

  const store: ObjectStore = {
    head: async (bucket, key) => {
      const object = objects.get(`${bucket}/${key}`);
      return object && head(object);
    },
    readText: async (bucket, key) => {
      const object = objects.get(`${bucket}/${key}`);
      return object && { text: object.body.toString(), etag: object.etag, ageSeconds: nowSeconds - object.writtenAt };
    },
    writeText: async (bucket, key, text, condition) => {
      const standing = objects.get(`${bucket}/${key}`);
      if (condition !== undefined && ("absent" in condition ? standing : standing?.etag !== condition.etag)) {
        return "conflict";
      }
      const { etag, versionId } = put(bucket, key, Buffer.from(text));
      return { etag, versionId };
    },
    download: async (bucket, key, { etag }, path) => {
      const object = objects.get(`${bucket}/${key}`);
      if (object === undefined) return "missing";
      if (object.etag !== etag) return "changed";
      writeFileSync(path, object.body);
      return { bytes: object.body.length, sha256: sha256(object.body) };
    },
    upload: async (bucket, key, { path, metadata, condition }) => {
      const standing = objects.get(`${bucket}/${key}`);
      if ("absent" in condition ? standing : standing?.etag !== condition.etag) return "conflict";
      const { etag, versionId } = put(bucket, key, readFileSync(path), metadata);
      return { etag, versionId };
    },
  };

  const queue: JobQueue = {
    receive: async (most): Promise<QueueMessage[]> =>
      messages
        .filter(({ visibleAt }) => visibleAt <= nowSeconds)
        .slice(0, most)
        .map((message) => {
          message.receipt = randomUUID();
          message.visibleAt = nowSeconds + 60;
          message.receives += 1;
          return { body: message.body, receipt: message.receipt };
        }),
    send: async (jobId, delaySeconds) => send(JSON.stringify({ job: jobId }), delaySeconds),
    setVisibility: async (receipt, seconds) => {
      const message = messages.find((one) => one.receipt === receipt);
      if (message !== undefined) message.visibleAt = nowSeconds + seconds;
    },
    remove: async (receipt) => {
      const index = messages.findIndex((one) => one.receipt === receipt);
      if (index >= 0) messages.splice(index, 1);
    },
    bury: async (body) => void deadLetters.push(body),
  };

  const job = (id: string): Job => {
    const object = objects.get(`out/${jobKey(id)}`);
    if (object === undefined) throw new Error(`There is no record of ${id}.`);
    return JSON.parse(object.body.toString()) as Job;
  };

  const worker = (name: string, options: WorkerOptions = {}): TestWorker => {
    const { before, after, onTile = () => {}, maxBytes = 1000, maxRequests = 6, isDraining = () => false } = options;
    let crashed = false;
    const guard =
      <A extends unknown[], T>(action: Call["action"], targetAt: number, call: (...args: A) => Promise<T>) =>
      async (...args: A): Promise<T> => {
        const body = args[targetAt + 1];
        const told: Call = {
          action,
          target: String(args[targetAt] ?? ""),
          ...(typeof body === "string" ? { body } : {}),
        };
        if (crashed) await never();
        await before?.(told);
        if (crashed) await never();
        const result = await call(...args);
        await after?.(told);
        if (crashed) await never();
        return result;
      };
    const guardedStore: ObjectStore = {
      head: guard("head", 1, store.head),
      readText: guard("readText", 1, store.readText),
      writeText: guard("writeText", 1, store.writeText),
      download: guard("download", 1, store.download),
      upload: guard("upload", 1, store.upload),
    };
    const guardedQueue: JobQueue = {
      receive: guard("receive", 1, queue.receive),
      send: guard("send", 0, queue.send),
      setVisibility: guard("setVisibility", 0, queue.setVisibility),
      remove: guard("remove", 0, queue.remove),
      bury: guard("bury", 0, queue.bury),
    };
    const logged: string[] = [];
    const note = (first: unknown, text?: unknown): void => void logged.push(String(text ?? first));
    const log = { info: note, warn: note, error: note } as unknown as Log;
    const times = { ...defaultTimes, pollFirst: 1, pollMost: 1, ...options.times };
    const records = createJobRecords(guardedStore, "out");
    const metrics = createMetrics();
    const slots = createSlots(options.slots ?? 2);
    const notify = async (ended: Job): Promise<void> => void notices.push(ended);
    const temporaryFolder = mkdtempSync(join(tmpdir(), "ddn-test-"));
    onTestFinished(() => rmSync(temporaryFolder, { recursive: true, force: true }));
    const runs = createRuns({
      store: guardedStore,
      records,
      queue: guardedQueue,
      engine: testEngine,
      imaging: testImaging(onTile),
      memory: createSlots(1_000_000),
      temporaryFolder,
      inBucket: "in",
      outBucket: "out",
      maxPixels: 1000,
      maxPages: 10,
      maxBytes,
      times,
      metrics,
      log,
      notify,
      onEngineTrouble: () => void logged.push("engine trouble"),
      onRuns: metrics.inFlight,
    });
    const take: TakeDeps = {
      store: guardedStore,
      records,
      queue: guardedQueue,
      runs,
      times,
      instance: name,
      inBucket: "in",
      log,
      notify,
    };
    return {
      runs,
      records,
      queue: guardedQueue,
      store: guardedStore,
      slots,
      metrics,
      take,
      logged,
      temporaryFolder,
      submit: createSubmit({
        store: guardedStore,
        records,
        queue: guardedQueue,
        runs,
        slots,
        times,
        instance: name,
        inBucket: "in",
        maxRequests,
        isDraining,
      }),
      receive: async () => {
        const [message] = await queue.receive(1, new AbortController().signal);
        if (message === undefined) return undefined;
        const held = await takeMessage(message, take);
        return held && runs.start(held, { enter: async () => () => {}, urgent: false, receipt: message.receipt });
      },
      crash: () => {
        crashed = true;
      },
    };
  };

  return {
    objects,
    messages,
    deadLetters,
    notices,
    advance: (seconds: number) => {
      nowSeconds += seconds;
    },
    putInput: (file: string, text: string) => put("in", file, Buffer.from(text)),
    putOutput: (key: string, text: string, metadata: Record<string, string> = {}) =>
      put("out", key, Buffer.from(text), metadata),
    output: (key: string) => objects.get(`out/${key}`),
    job,
    /** Writes a record, whatever stands there, as the API would. */
    writeJob: (record: Job) => void put("out", jobKey(record.id), Buffer.from(JSON.stringify(record))),
    /** A job as `POST /jobs` leaves it: record and message. */
    submitToQueue: (file: string, changes: Partial<Job> = {}): string => {
      const input = objects.get(`in/${file}`);
      const request: JobRequest = { file, output: file, options: { strength: 1 } };
      const id = randomJobId();
      const noted = { bytes: input?.body.length ?? 0, etag: input?.etag ?? "none" };
      const record = { ...queuedJob(id, request, noted, new Date()), ...changes };
      put("out", jobKey(id), Buffer.from(JSON.stringify(record)));
      send(JSON.stringify({ job: id }), 0);
      return id;
    },
    send,
    worker,
  };
};
