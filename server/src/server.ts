import { rm } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { FastifyBaseLogger } from "fastify";
import type { Job } from "../../contract/job";
import { buildApp } from "./app";
import { cloudWatchWriter } from "./cloudWatch";
import { createBusyTime } from "./engines/busyTime";
import type { Engine } from "./engines/engine";
import { createAccounts } from "./jobs/account";
import type { Imaging } from "./jobs/imaging";
import { createJobRecords } from "./jobs/records";
import { createRuns } from "./jobs/runs";
import { createSlots } from "./jobs/slots";
import { createSubmit } from "./jobs/submit";
import { defaultTimes, type Times } from "./jobs/times";
import { workQueue } from "./jobs/worker";
import { createMetrics } from "./metrics";
import { createReadiness } from "./readiness";
import { createScaleInProtection } from "./scaleInProtection";
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
  /** Refuses new work, lets the runs in flight end within `drainSeconds`, hands the rest back to the queue, closes. */
  drain(): Promise<void>;
}

/** Three times at most: with the drain itself less than the 108 s after which the process gives up. */
const closingMilliseconds = 2500;
/** For each slot one request that runs and two that wait. */
export const requestsPerSlot = 3;

/** Waits for the work, but no longer than this. */
const within = async (milliseconds: number, work: PromiseLike<unknown>): Promise<void> => {
  const over = new AbortController();
  await Promise.race([work, pause(milliseconds, undefined, { signal: over.signal }).catch(() => {})]);
  over.abort();
};

/** Composes and starts the server: it listens, tests the engine, and takes messages once that passed. */
export const startServer = async (deps: ServerDeps): Promise<Server> => {
  const { settings, store, queue, notify, engine, selfTest, imaging, temporaryFolder, log } = deps;
  const { times = defaultTimes } = deps;
  const { inBucket, outBucket, instance, concurrency, maxPixels, maxPages, maxBytes } = settings;

  const metrics = createMetrics(settings.stack === undefined ? undefined : cloudWatchWriter(settings.stack));
  const serviceRecord = createServiceRecord(store, outBucket, instance, log);
  const readiness = createReadiness({
    engine,
    selfTest,
    onChange: (state) => void serviceRecord.tell(state),
    log,
  });
  const protection = createScaleInProtection(settings.ecsAgentUri, log);
  const [jobSlots, requestSlots] = [createSlots(concurrency), createSlots(concurrency)];
  const memory = createSlots(settings.memoryMiB * 1024 ** 2);
  const records = createJobRecords(store, outBucket);
  const busyTime = createBusyTime(() => performance.now() / 1000);
  metrics.watchEngine(busyTime.seconds, engine.load);
  let draining = false;
  const isDraining = (): boolean => draining;
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
    // A processor in this machine is no GPU that could be charged for.
    openAccount: createAccounts(engine, busyTime, engine.name === "triton" ? settings.gpuUsdPerHour : undefined),
    onEngineTrouble: () => void readiness.check(),
    onRuns: (count) => {
      metrics.inFlight(count);
      protection.runs(count);
    },
  });
  const submit = createSubmit({
    store,
    records,
    queue,
    runs,
    slots: requestSlots,
    times,
    instance,
    inBucket,
    maxRequests: concurrency * requestsPerSlot,
    isDraining,
  });
  const app = buildApp({ submit, readiness, metrics, isDraining, log });

  const url = await app.listen({ host: settings.host, port: settings.port });
  const stopping = new AbortController();
  const { signal } = stopping;
  await serviceRecord.tell(readiness.state());
  const watching = readiness.watch(signal);
  const working = workQueue(
    {
      store,
      records,
      queue,
      runs,
      slots: jobSlots,
      times,
      instance,
      inBucket,
      log,
      notify,
      metrics,
      whenReady: readiness.whenReady,
    },
    signal,
  );

  const idle = async (): Promise<void> => {
    while (runs.all().length > 0) await Promise.all(runs.all().map((run) => run.done));
  };
  const handBack = (): Promise<void> => {
    for (const run of runs.all()) run.lease.stop("drained");
    return within(closingMilliseconds, idle());
  };

  const drain = async (): Promise<void> => {
    log.info({ runs: runs.all().length }, "draining");
    draining = true;
    stopping.abort(new Error("The server is draining."));
    const told = serviceRecord.tell({ ready: false, reason: "The server is shutting down.", since: new Date() });
    await within(settings.drainSeconds * 1000, Promise.all([told, watching, working]).then(idle));
    await handBack();
    serviceRecord.stop();
    await within(closingMilliseconds, app.close());
    // A request that was let in just before may have begun a run since.
    await handBack();
    await engine.close();
    await rm(temporaryFolder, { recursive: true, force: true });
    log.info("drained");
  };

  return { url, drain };
};
