import { jobTimes, type ServiceRecord, serviceKey } from "../../contract/job";
import { version } from "../../contract/version";
import type { Log } from "./jobs/runs";
import type { ReadinessState } from "./readiness";
import type { ObjectStore } from "./store/objects";

export interface ServiceRecordWriter {
  /** Writes the record now and, until `stop`, every 30 s. Trouble is logged: the next write mends it. */
  tell(state: ReadinessState): Promise<void>;
  stop(): void;
}

/** Keeps `.ddn/service/<instance>.json`, by which `/ping` knows whether anybody serves. */
export const createServiceRecord = (
  store: ObjectStore,
  bucket: string,
  instance: string,
  log: Log,
): ServiceRecordWriter => {
  let latest: ReadinessState | undefined;
  let timer: NodeJS.Timeout | undefined;
  /** One write after another, so that an older state never lands last. */
  let tail: Promise<void> = Promise.resolve();

  const write = (): Promise<void> => {
    tail = tail.then(async () => {
      if (latest === undefined) return;
      const { ready, since, reason } = latest;
      const record: ServiceRecord = {
        instance,
        ready,
        since: since.toISOString(),
        ...(reason === undefined ? {} : { reason }),
        version,
      };
      await store
        .writeText(bucket, serviceKey(instance), JSON.stringify(record))
        .catch((error: unknown) => log.warn({ err: error }, "the service record could not be written"));
    });
    return tail;
  };

  return {
    tell: (state) => {
      latest = state;
      timer ??= setInterval(() => void write(), jobTimes.serviceRecordEverySeconds * 1000);
      return write();
    },
    stop: () => clearInterval(timer),
  };
};
