export interface Entry {
  /** Goes before who is not. */
  readonly urgent?: boolean;
  /** Stops the waiting. */
  readonly signal?: AbortSignal;
  /** How much room it takes, at most all there is. @default 1 */
  readonly size?: number;
}

/** Room for a few at a time: jobs in flight, or bytes of pages in memory. */
export interface Slots {
  readonly capacity: number;
  /** Waits for room. @returns what gives the room back; rejects with the signal's reason */
  enter(entry?: Entry): Promise<() => void>;
  /** Takes room for one when there is some that nobody waits for. @returns what gives it back */
  tryEnter(): (() => void) | undefined;
}

interface Waiting {
  readonly urgent: boolean;
  readonly size: number;
  readonly admit: () => void;
  /** How many urgent ones went before it. */
  overtaken: number;
}

/** Who has been overtaken so often has waited enough: else a stream of small urgent ones would keep a large one out for ever. */
const mostOvertaken = 32;

/** @param capacity what fits at once */
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

  /** Behind all that are urgent, and all that have waited enough. */
  const placeOfUrgent = (): number =>
    queue.reduce((place, { urgent, overtaken }, at) => (urgent || overtaken >= mostOvertaken ? at + 1 : place), 0);

  return {
    capacity,
    enter: ({ urgent = false, signal, size = 1 } = {}) =>
      new Promise((resolve, reject) => {
        if (size > capacity) return reject(new RangeError(`Expected a size of at most ${capacity} but got ${size}.`));
        if (signal?.aborted) return reject(signal.reason);
        const leave = (): void => {
          queue = queue.filter((other) => other !== waiting);
          reject(signal?.reason);
          advance();
        };
        const admit = (): void => {
          signal?.removeEventListener("abort", leave);
          resolve(take(size));
        };
        const waiting: Waiting = { urgent, size, admit, overtaken: 0 };
        signal?.addEventListener("abort", leave, { once: true });
        const place = urgent ? placeOfUrgent() : queue.length;
        queue.splice(place, 0, waiting);
        for (const overtaken of queue.slice(place + 1)) overtaken.overtaken += 1;
        advance();
      }),
    tryEnter: () => (queue.length === 0 && used < capacity ? take(1) : undefined),
  };
};
