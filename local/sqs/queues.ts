import { openJournal } from "./journal";
import { queueDoesNotExist } from "./problem";
import {
  type Change,
  type Counts,
  createQueue,
  type Message,
  type Queue,
  type QueueSettings,
  type Received,
} from "./queue";

/** Queues that share one journal; every method resolves when its effect is on disk. */
export interface Queues {
  /** @throws QueueError QueueDoesNotExist */
  find(name: string): QueueSettings;
  send(queue: string, messages: readonly { body: string; delaySeconds: number }[]): Promise<Message[]>;
  /** Waits up to `waitSeconds` for a message; an aborted wait takes none. */
  receive(
    queue: string,
    options: {
      readonly limit: number;
      readonly visibilitySeconds: number;
      readonly waitSeconds: number;
      readonly signal: AbortSignal;
    },
  ): Promise<Received[]>;
  remove(queue: string, receiptHandle: string): Promise<void>;
  changeVisibility(queue: string, receiptHandle: string, visibilitySeconds: number): Promise<void>;
  purge(queue: string): Promise<void>;
  counts(queue: string): Counts;
  close(): Promise<void>;
}

/** The longest delay that `setTimeout` takes. */
const maxTimerMs = 2 ** 31 - 1;

/** Opens the queues of one journal file; `now` gives milliseconds since the epoch. */
export const openQueues = async (
  file: string,
  settings: readonly QueueSettings[],
  now: () => number,
): Promise<Queues> => {
  const queues: ReadonlyMap<string, Queue> = new Map(settings.map((each) => [each.name, createQueue(each)]));
  const waiting = new Set<() => void>();

  const journal = await openJournal<Change>(
    file,
    (change) => queues.get(change.queue)?.apply(change),
    () => [...queues.values()].flatMap((queue) => queue.snapshot()),
  );

  const queueNamed = (name: string): Queue => {
    const queue = queues.get(name);
    if (queue === undefined) throw queueDoesNotExist();
    return queue;
  };

  const commit = async (changes: readonly Change[]): Promise<void> => {
    if (changes.length === 0) return;
    for (const change of changes) queueNamed(change.queue).apply(change);
    const written = journal.append(changes);
    for (const wake of [...waiting]) wake();
    await written;
  };

  /** What time alone did to the queue: messages that expired, messages due for the dead-letter queue. */
  const settle = async (queue: Queue): Promise<void> => {
    await commit(queue.expired(now()));
    await commit(queue.exhausted(now()));
  };

  const somethingChanged = (untilMs: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(Math.max(untilMs - now(), 0), maxTimerMs));
      waiting.add(wake);
      signal.addEventListener("abort", wake);
    });

  return {
    find: (name) => queueNamed(name).settings,

    send: async (name, messages) => {
      const sent = messages.map(({ body, delaySeconds }) => queueNamed(name).send(body, delaySeconds, now()));
      await commit(sent);
      return sent;
    },

    receive: async (name, { limit, visibilitySeconds, waitSeconds, signal }) => {
      const queue = queueNamed(name);
      const deadline = now() + waitSeconds * 1000;
      for (;;) {
        await settle(queue);
        if (signal.aborted) return [];
        const { changes, received } = queue.receive(limit, visibilitySeconds, now());
        await commit(changes);
        if (received.length > 0 || now() >= deadline) return received;
        await somethingChanged(Math.min(deadline, queue.nextVisibleAt(now())), signal);
      }
    },

    remove: async (name, receiptHandle) => commit(queueNamed(name).remove(receiptHandle)),

    changeVisibility: async (name, receiptHandle, visibilitySeconds) =>
      commit(queueNamed(name).changeVisibility(receiptHandle, visibilitySeconds, now())),

    purge: async (name) => commit(queueNamed(name).purge()),

    counts: (name) => queueNamed(name).counts(now()),

    close: async () => {
      for (const wake of [...waiting]) wake();
      await journal.close();
    },
  };
};
