import { setTimeout as pause } from "node:timers/promises";
import type { Metrics } from "../metrics";
import type { Slots } from "./slots";
import { type TakeDeps, takeMessage } from "./takeMessage";

export interface WorkerDeps extends TakeDeps {
  readonly slots: Slots;
  readonly metrics: Metrics;
  /** Resolves when the engine is known to work; rejects with the signal's reason. */
  readonly whenReady: (signal: AbortSignal) => Promise<void>;
}

const firstPauseMilliseconds = 1000;
const longestPauseMilliseconds = 30_000;

/**
 * Takes messages while the engine works and a slot is free, until the signal; the runs it started go on by themselves.
 * Requests go first: a message that finds its slot gone goes straight back to the queue.
 */
export const workQueue = async (deps: WorkerDeps, signal: AbortSignal): Promise<void> => {
  const { queue, runs, slots, metrics, log, whenReady } = deps;
  let pauseMilliseconds = firstPauseMilliseconds;

  const takeOne = async (): Promise<void> => {
    const message = await queue.receive(signal);
    if (message === undefined) return;
    const release = slots.tryEnter();
    if (release === undefined || signal.aborted) {
      release?.();
      await queue.setVisibility(message.receipt, 0);
      return;
    }
    const held = await takeMessage(message, deps).catch((error: unknown) => {
      release();
      throw error;
    });
    if (held === undefined) release();
    else runs.start(held, async () => release, message.receipt);
  };

  while (!signal.aborted) {
    try {
      await whenReady(signal);
      await slots.whenFree(signal);
      await takeOne();
      pauseMilliseconds = firstPauseMilliseconds;
    } catch (error) {
      if (signal.aborted) return;
      metrics.queueReceiveFailed();
      log.warn({ err: error }, "a message could not be taken");
      await pause(pauseMilliseconds, undefined, { signal }).catch(() => {});
      pauseMilliseconds = Math.min(longestPauseMilliseconds, pauseMilliseconds * 2);
    }
  }
};
