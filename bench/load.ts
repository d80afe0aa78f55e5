import { setTimeout as timer } from "node:timers/promises";

export interface Loaded<T> {
  readonly answers: readonly T[];
  /** Milliseconds, one for each answer. */
  readonly latencies: readonly number[];
  /** What went wrong, in words, one for each request that failed. */
  readonly failures: readonly string[];
  /** From the first request to the last answer. */
  readonly seconds: number;
}

export interface LoadOptions<T> {
  /** Requests under way at any time. */
  readonly atATime: number;
  /** Whether another one is begun, told how many were and the seconds since the first. */
  readonly goOn: (begun: number, seconds: number) => boolean;
  readonly ask: (index: number) => Promise<T>;
  /** After a failure, as any client would: else one that is refused at once asks thousands of times. @default 200 ms */
  readonly pause?: () => Promise<void>;
  /** Milliseconds of a clock that never goes back. @default performance.now */
  readonly now?: () => number;
}

/** A closed loop: as soon as one is answered the next is asked, `atATime` of them side by side, until `goOn` says no. */
export const closedLoop = async <T>(options: LoadOptions<T>): Promise<Loaded<T>> => {
  const { atATime, goOn, ask, pause = () => timer(200), now = () => performance.now() } = options;
  const answers: T[] = [];
  const latencies: number[] = [];
  const failures: string[] = [];
  const start = now();
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (goOn(begun, (now() - start) / 1000)) {
      const index = begun++;
      const asked = now();
      try {
        const answer = await ask(index);
        latencies.push(now() - asked);
        answers.push(answer);
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
        await pause();
      }
    }
  };
  await Promise.all(Array.from({ length: atATime }, lane));
  return { answers, latencies, failures, seconds: (now() - start) / 1000 };
};

/** How many requests failed, and the first one's words; empty when none did. */
export const failuresOf = ({ answers, failures }: Loaded<unknown>): string =>
  failures.length === 0 ? "" : `${failures.length} of ${answers.length + failures.length} failed: ${failures[0]}`;

/** @throws Error when any request failed: a figure over fewer answers than questions would mean nothing */
export const withoutFailures = <T>(loaded: Loaded<T>): Loaded<T> => {
  if (loaded.failures.length > 0 || loaded.answers.length === 0) {
    throw new Error(`Expected every request to be answered but ${failuresOf(loaded) || "none was made"}`);
  }
  return loaded;
};
