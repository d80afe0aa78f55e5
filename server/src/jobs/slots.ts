/** Room for a few at a time: jobs in flight, or bytes of pages in memory. */
export interface Slots {
  /** Waits for room; who is urgent goes before who is not. @returns what gives the room back; rejects with the signal's reason */
  enter(urgent: boolean, signal?: AbortSignal, size?: number): Promise<() => void>;
  /** Resolves when there is room that nobody waits for; rejects with the signal's reason. */
  whenFree(signal: AbortSignal): Promise<void>;
}

interface Waiting {
  readonly urgent: boolean;
  readonly size: number;
  admit(): void;
}

/** @param capacity what fits at once; one that is larger than everything waits until it is alone */
export const createSlots = (capacity: number): Slots => {
  let used = 0;
  let queue: Waiting[] = [];

  const take = (size: number): (() => void) => {
    used += size;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      used -= size;
      advance();
    };
  };

  const advance = (): void => {
    for (let first = queue[0]; first !== undefined && used + first.size <= capacity; first = queue[0]) {
      queue.shift();
      first.admit();
    }
  };

  const wait = <T>(urgent: boolean, size: number, signal: AbortSignal | undefined, admitted: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const leave = (): void => {
        queue = queue.filter((other) => other !== waiting);
        reject(signal?.reason);
        advance();
      };
      const waiting: Waiting = {
        urgent,
        size,
        admit: () => {
          signal?.removeEventListener("abort", leave);
          resolve(admitted());
        },
      };
      signal?.addEventListener("abort", leave, { once: true });
      const place = urgent ? queue.findIndex((other) => !other.urgent) : -1;
      queue.splice(place === -1 ? queue.length : place, 0, waiting);
      advance();
    });

  return {
    enter: (urgent, signal, size = 1) => {
      const fitting = Math.min(size, capacity);
      return wait(urgent, fitting, signal, () => take(fitting));
    },
    whenFree: (signal) => wait(false, 1, signal, () => {}),
  };
};
