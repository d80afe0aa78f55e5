import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Job, JobInput, JobTimings } from "../../contract/job";
import type { EngineLoad } from "./engines/engine";

/** What the server counts, in its own registry. */
export interface Metrics {
  /** An ended job: its status, its stages, its tiles and pixels. */
  ended(job: Job): void;
  inFlight(runs: number): void;
  queueReceiveFailed(): void;
  /** Asks, whenever the metrics are, for the seconds that the engine was busy so far, and for its load. */
  watchEngine(busySeconds: () => number, load?: () => EngineLoad): void;
  /** Prometheus text. */
  render(): Promise<string>;
  readonly contentType: string;
}

const stages: readonly (readonly [stage: string, timing: keyof JobTimings])[] = [
  ["queue", "queueMs"],
  ["read", "readMs"],
  ["decode", "decodeMs"],
  ["infer", "inferMs"],
  ["encode", "encodeMs"],
  ["write", "writeMs"],
  ["total", "totalMs"],
];

/** Pixels of all pages, by the first one's size. */
export const jobPixels = ({ width = 0, height = 0, pages = 0 }: JobInput): number => width * height * pages;

/** @param tellCloudWatch told of each ended job too */
export const createMetrics = (tellCloudWatch?: (job: Job) => void): Metrics => {
  const registry = new Registry();
  const registers = [registry];
  const jobs = new Counter({
    name: "ddn_jobs_total",
    help: "Jobs that ended on this server",
    labelNames: ["status", "code"],
    registers,
  });
  const stageSeconds = new Histogram({
    name: "ddn_job_stage_seconds",
    help: "Seconds that succeeded jobs spent in each stage",
    labelNames: ["stage"],
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 900],
    registers,
  });
  const inFlight = new Gauge({ name: "ddn_jobs_in_flight", help: "Jobs that this server holds", registers });
  const receiveFailures = new Counter({
    name: "ddn_queue_receive_failures_total",
    help: "Times that a message could not be received or taken",
    registers,
  });
  const tiles = new Counter({ name: "ddn_tiles_total", help: "Tiles of succeeded jobs", registers });
  const pixels = new Counter({
    name: "ddn_pixels_total",
    help: "Pixels of succeeded jobs, by the first page's size",
    registers,
  });

  /** A counter whose total is kept elsewhere. */
  const countElsewhere = (name: string, help: string, total: () => number): void => {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(total());
      },
    });
  };

  return {
    watchEngine: (busySeconds, load) => {
      countElsewhere(
        "ddn_engine_busy_seconds_total",
        "Seconds in which tiles were in flight: its rate is the share of time in which the engine is busy",
        busySeconds,
      );
      if (load === undefined) return;
      countElsewhere("ddn_engine_tiles_total", "Tiles sent to the engine", () => load().sentTiles);
      countElsewhere(
        "ddn_engine_batches_total",
        "Requests sent to the engine: tiles for each are the size of a batch",
        () => load().sentBatches,
      );
      new Gauge({
        name: "ddn_engine_tiles_waiting",
        help: "Tiles that wait to be sent to the engine",
        registers,
        collect() {
          this.set(load().waitingTiles);
        },
      });
    },
    ended: (job) => {
      tellCloudWatch?.(job);
      jobs.inc({ status: job.status, code: job.error?.code ?? "" });
      if (job.status !== "succeeded") return;
      for (const [stage, timing] of stages) {
        const milliseconds = job.timings?.[timing];
        if (milliseconds !== undefined) stageSeconds.observe({ stage }, milliseconds / 1000);
      }
      tiles.inc(job.progress.done);
      pixels.inc(jobPixels(job.input));
    },
    inFlight: (runs) => inFlight.set(runs),
    queueReceiveFailed: () => receiveFailures.inc(),
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
};
