import { rm } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { FastifyBaseLogger } from "fastify";
import type { Job } from "../../contract/job";
import { buildApp } from "./app";
import type { Engine } from "./engines/engine";
import type { Imaging } from "./jobs/imaging";
import { createJobRecords } from "./jobs/records";
import { createRuns } from "./jobs/runs";
import { createSlots } from "./jobs/slots";
import { createSubmit } from "./jobs/submit";
import { defaultTimes, type Times } from "./jobs/times";
import { workQueue } from "./jobs/worker";
import { createMetrics } from "./metrics";
import { createReadiness } from "./readiness";
import { createServiceRecord } from "./serviceRecord";
import type { Settings } from "./settings";
import type { ObjectStore } from "./store/objects";
import type { JobQueue } from "./store/queue";

export interface ServerDeps {
  readonly settings: Settings;
  readonly store: ObjectStore;
  readonly queue: JobQueue;
  readonly notify: (job: Job) => Promise<void>;
  readonly engine: Engine;
  readonly selfTest: (engine: Engine) => Promise<void>;
  readonly imaging: Imaging;
  /** Folder of this process alone, removed by `drain`. */
  readonly temporaryFolder: string;
  readonly log: FastifyBaseLogger;
  readonly times?: Times;
}

export interface Server {
  /** Where it listens, such as `http://127.0.0.1:50101`. */
  readonly url: string;
  /**
   * Refuses new work, lets the runs in flight end, hands the rest back to the queue, then closes.
   * @param graceMilliseconds how long the runs in flight may take, default 100 s
   */
  drain(graceMilliseconds?: number): Promise<void>;
}

const defaultGraceMilliseconds = 100_000;
const handBackMilliseconds = 5000;
/** For each slot one request that runs and two that wait. */
const requestsPerSlot = 3;

/** Composes and starts the server: it listens, tests the engine, and takes messages once that passed. */
export const startServer = async (deps: ServerDeps): Promise<Server> => {
  const { settings, store, queue, notify, engine, selfTest, imaging, temporaryFolder, log } = deps;
  const { times = defaultTimes } = deps;
  const { inBucket, outBucket, instance, concurrency, maxPixels, maxPages, maxBytes } = settings;

  const metrics = createMetrics();
  const serviceRecord = createServiceRecord(store, outBucket, instance, log);
  const readiness = createReadiness({
    engine,
    selfTest,
    onChange: (state) => void serviceRecord.tell(state),
    log,
  });
  const slots = createSlots(concurrency);
  const memory = createSlots(settings.memoryMiB * 1024 ** 2);
  const records = createJobRecords(store, outBucket);
  let draining = false;
  const runs = createRuns({
    store,
    records,
    queue,
    engine,
    imaging,
    memory,
    temporaryFolder,
    inBucket,
    outBucket,
    maxPixels,
    maxPages,
    maxBytes,
    times,
    metrics,
    log,
    notify,
    onEngineTrouble: () => void readiness.check(),
  });
  const maxRequests = concurrency * requestsPerSlot;
  const submit = createSubmit({ store, records, queue, runs, slots, times, instance, inBucket, maxRequests });
  const app = buildApp({ submit, readiness, metrics, isDraining: () => draining, log });

  const url = await app.listen({ host: settings.host, port: settings.port });
  const stopping = new AbortController();
  const { signal } = stopping;
  await serviceRecord.tell(readiness.state());
  const watching = readiness.watch(signal);
  const working = workQueue(
    { records, queue, runs, slots, times, instance, log, notify, metrics, whenReady: readiness.whenReady },
    signal,
  );

  const drain = async (graceMilliseconds = defaultGraceMilliseconds): Promise<void> => {
    log.info({ runs: runs.all().length }, "draining");
    draining = true;
    stopping.abort(new Error("The server is draining."));
    await Promise.all([
      serviceRecord.tell({ ready: false, reason: "The server is shutting down.", since: new Date() }),
      watching,
      working,
    ]);
    const allDone = (): Promise<unknown> => Promise.all(runs.all().map((run) => run.done));
    await Promise.race([allDone(), pause(graceMilliseconds, undefined, { ref: false })]);
    for (const run of runs.all()) run.lease.stop("drained");
    await Promise.race([allDone(), pause(handBackMilliseconds, undefined, { ref: false })]);
    serviceRecord.stop();
    await app.close();
    await engine.close();
    await rm(temporaryFolder, { recursive: true, force: true });
    log.info("drained");
  };

  return { url, drain };
};
