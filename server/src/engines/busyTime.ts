/** A share of an engine's busy time; one for each run of a job. */
export interface BusyShare {
  /** Seconds so far. */
  seconds(): number;
  /** So many pixels are in flight from now on. @returns what ends that */
  begin(pixels: number): () => void;
}

/** Splits the time in which an engine is busy over those that keep it so. */
export interface BusyTime {
  share(): BusyShare;
  /** Seconds in which anything was in flight: the sum of all shares, ended ones too. */
  seconds(): number;
}

/**
 * Every instant with pixels in flight is split by how many of them are whose.
 * @param now seconds of a clock that never goes back
 */
export const createBusyTime = (now: () => number): BusyTime => {
  const inFlight = new Map<BusyShare, { pixels: number; add(seconds: number): void }>();
  let pixelsInFlight = 0;
  let busySeconds = 0;
  let countedUntil = 0;

  /** Gives out the time since the last change, during which the same pixels were in flight. */
  const settle = (): void => {
    const time = now();
    const elapsed = time - countedUntil;
    countedUntil = time;
    if (pixelsInFlight === 0) return;
    busySeconds += elapsed;
    for (const { pixels, add } of inFlight.values()) add((elapsed * pixels) / pixelsInFlight);
  };

  const share = (): BusyShare => {
    let seconds = 0;
    const entry = {
      pixels: 0,
      add: (more: number): void => {
        seconds += more;
      },
    };
    const change = (pixels: number): void => {
      settle();
      pixelsInFlight += pixels;
      entry.pixels += pixels;
      if (entry.pixels === 0) inFlight.delete(own);
      else inFlight.set(own, entry);
    };
    const own: BusyShare = {
      seconds: () => {
        settle();
        return seconds;
      },
      begin: (pixels) => {
        change(pixels);
        let ended = false;
        return () => {
          if (ended) return;
          ended = true;
          change(-pixels);
        };
      },
    };
    return own;
  };

  return {
    share,
    seconds: () => {
      settle();
      return busySeconds;
    },
  };
};
