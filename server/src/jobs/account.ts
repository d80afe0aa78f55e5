import type { Job } from "../../../contract/job";
import type { BusyTime } from "../engines/busyTime";
import type { Caller, Engine } from "../engines/engine";

/** What one run of a job uses of the engine. */
export interface Account {
  /** The engine, as this job's. */
  readonly engine: Engine;
  /** What the job has cost with this run, up to now. @param before what its earlier runs had cost */
  cost(before: Job["cost"]): Job["cost"];
}

export type OpenAccount = (caller: Caller) => Account;

const rounded = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits;

/** @param usdPerHour price of the machine that computes; without it nothing is charged */
export const createAccounts =
  (engine: Engine, busyTime: BusyTime, usdPerHour: number | undefined): OpenAccount =>
  (caller) => {
    const share = busyTime.share();
    return {
      engine: {
        ...engine,
        denoise: async (tile, params, signal) => {
          const end = share.begin(tile.image.length);
          try {
            return await engine.denoise(tile, params, signal, caller);
          } finally {
            end();
          }
        },
      },
      cost: (before) => {
        if (usdPerHour === undefined) return before;
        const seconds = share.seconds();
        return {
          gpuSeconds: rounded((before?.gpuSeconds ?? 0) + seconds, 6),
          usd: rounded((before?.usd ?? 0) + (seconds / 3600) * usdPerHour, 9),
        };
      },
    };
  };
