import { setTimeout as pause } from "node:timers/promises";
import { jobTimes } from "../../../contract/job";
import type { Metrics } from "../metrics";
import type { QueueMessage } from "../store/queue";
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
 * Requests go first: no message is asked for while one waits. A message that finds its slot gone waits in turn with them.
 */
export const workQueue = async (deps: WorkerDeps, signal: AbortSignal): Promise<void> => {
  const { queue, runs, slots, times, metrics, log, whenReady } = deps;
  let pauseMilliseconds = firstPauseMilliseconds;

  /**
   * A slot for a message in hand, kept out of sight meanwhile: sent back and received anew each time that its slot is
   * gone, it would come to `maxReceiveCount` without one attempt. Told to stop it goes back at once.
   */
  const slotFor = async ({ receipt }: QueueMessage): Promise<(() => void) | undefined> => {
    let renewing: Promise<void> = Promise.resolve();
    const renewal = setInterval(() => {
      renewing = queue
        .setVisibility(receipt, jobTimes.visibilitySeconds)
        .catch((error: unknown) => log.warn({ err: error }, "a waiting message could not be kept out of sight"));
    }, times.heartbeat);
    // Only the signal ends the wait otherwise.
    const release = await slots.enter(true, signal).catch(() => undefined);
    clearInterval(renewal);
    await renewing;
    if (release !== undefined && !signal.aborted) return release;
    release?.();
    await queue.setVisibility(receipt, 0);
    return undefined;
  };

  const takeOne = async (): Promise<void> => {
    const message = await queue.receive(signal);
    if (message === undefined) return;
    const release = await slotFor(message);
    if (release === undefined) return;
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
