import { setTimeout as pause } from "node:timers/promises";
import type { Metrics } from "../metrics";
import type { QueueMessage } from "../store/queue";
import type { Slots } from "./slots";
import { type TakeDeps, takeMessage } from "./takeMessage";

export interface WorkerDeps extends TakeDeps {
  /** Jobs that messages may have in flight; nobody else's. */
  readonly slots: Slots;
  readonly metrics: Metrics;
  /** Resolves when the engine is known to work; rejects with the signal's reason. */
  readonly whenReady: (signal: AbortSignal) => Promise<void>;
}

const firstPauseMilliseconds = 1000;
const longestPauseMilliseconds = 30_000;
/** SQS gives no more at a time. */
const mostMessages = 10;

/** Takes messages while the engine works and a slot is free, until the signal; the runs it started go on by themselves. */
export const workQueue = async (deps: WorkerDeps, signal: AbortSignal): Promise<void> => {
  const { queue, runs, slots, metrics, log, whenReady } = deps;
  const taking = new Set<Promise<void>>();
  let troubled = false;
  let pauseMilliseconds = firstPauseMilliseconds;

  const onTrouble = (error: unknown): void => {
    if (signal.aborted) return;
    troubled = true;
    metrics.queueReceiveFailed();
    log.warn({ err: error }, "a message could not be taken");
  };

  /** Begins its run, if it needs one; the slot is given back when that is over. */
  const take = async (message: QueueMessage, release: () => void): Promise<void> => {
    let running = false;
    try {
      if (signal.aborted) return await queue.setVisibility(message.receipt, 0);
      const held = await takeMessage(message, deps);
      pauseMilliseconds = firstPauseMilliseconds;
      if (held === undefined) return;
      running = true;
      runs.start(held, { enter: async () => release, urgent: false, receipt: message.receipt });
    } catch (error) {
      onTrouble(error);
    } finally {
      if (!running) release();
    }
  };

  /** As many messages as there are free slots, at least one. */
  const receive = async (): Promise<void> => {
    const free = [await slots.enter({ signal })];
    try {
      for (let more = slots.tryEnter(); more !== undefined; more = slots.tryEnter()) free.push(more);
      const messages = await queue.receive(Math.min(free.length, mostMessages), signal);
      if (messages.length === 0) pauseMilliseconds = firstPauseMilliseconds;
      for (const message of messages) {
        const taken = take(message, free.pop() ?? (() => {}));
        taking.add(taken);
        void taken.then(() => taking.delete(taken));
      }
    } finally {
      for (const release of free) release();
    }
  };

  while (!signal.aborted) {
    try {
      await whenReady(signal);
      if (troubled) {
        troubled = false;
        await pause(pauseMilliseconds, undefined, { signal });
        pauseMilliseconds = Math.min(longestPauseMilliseconds, pauseMilliseconds * 2);
      }
      await receive();
    } catch (error) {
      onTrouble(error);
    }
  }
  await Promise.all(taking);
};
