import type { Engine } from "./engines/engine";
import type { Log } from "./jobs/runs";

export interface ReadinessState {
  readonly ready: boolean;
  /** Why not. */
  readonly reason?: string;
  /** When it last became so. */
  readonly since: Date;
}

/** Whether the engine answers and denoised the golden image right since it last began to answer. */
export interface Readiness {
  state(): ReadinessState;
  /** Asks the engine now, within a second. */
  check(): Promise<ReadinessState>;
  whenReady(signal: AbortSignal): Promise<void>;
  /** Watches until the signal; the engine is tested first and again whenever it comes back. */
  watch(signal: AbortSignal): Promise<void>;
}

export interface ReadinessDeps {
  readonly engine: Engine;
  /** Denoises the golden image; rejects with what was wrong. */
  readonly selfTest: (engine: Engine) => Promise<void>;
  readonly onChange: (state: ReadinessState) => void;
  readonly log: Log;
  readonly everyMilliseconds?: number;
}

const deadlineMilliseconds = 1000;

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const createReadiness = (deps: ReadinessDeps): Readiness => {
  const { engine, selfTest, onChange, log, everyMilliseconds = 5000 } = deps;
  let state: ReadinessState = { ready: false, reason: "The engine has not been tested yet.", since: new Date() };
  let waiting: (() => void)[] = [];
  /** Connections that had been lost when the golden image last passed. */
  let provenAt: number | undefined;
  let wake = (): void => {};

  const become = (ready: boolean, reason?: string): void => {
    const same = state.ready === ready && state.reason === reason;
    if (same) return;
    const since = state.ready === ready ? state.since : new Date();
    state = { ready, ...(reason === undefined ? {} : { reason }), since };
    if (ready) {
      log.info("the engine answers and passed the golden image");
      for (const resolve of waiting) resolve();
      waiting = [];
    } else log.warn({ reason }, "not ready");
    onChange(state);
  };

  /** Whether the engine answers within the deadline; an engine that hangs is as good as lost. */
  const answers = async (): Promise<boolean> => {
    const tooLate = new AbortController();
    const late = new Promise<never>((_, reject) => {
      tooLate.signal.addEventListener("abort", () => reject(tooLate.signal.reason), { once: true });
    });
    // In two halves: where this process itself was held up, the answer that came meanwhile is read between them.
    let timer = setTimeout(() => {
      timer = setTimeout(
        () => tooLate.abort(new Error("The engine did not answer within 1 s.")),
        deadlineMilliseconds / 2,
      );
    }, deadlineMilliseconds / 2);
    try {
      await Promise.race([engine.ready(tooLate.signal), late]);
      if (state.ready && engine.lostConnections?.() !== provenAt) {
        become(false, "The engine was connected anew and is being tested.");
        wake();
      }
      return true;
    } catch (error) {
      become(false, reasonOf(error));
      return false;
    } finally {
      clearTimeout(timer);
    }
  };

  const test = async (): Promise<void> => {
    const lostConnections = engine.lostConnections?.();
    try {
      await selfTest(engine);
      provenAt = lostConnections;
      become(true);
    } catch (error) {
      become(false, reasonOf(error));
    }
  };

  /** Until the next look at the engine is due, or asked for. */
  const rest = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, everyMilliseconds);
      signal.addEventListener("abort", end);
      wake = end;
      if (signal.aborted) end();
    });

  return {
    state: () => state,
    check: async () => {
      if (state.ready) await answers();
      return state;
    },
    whenReady: (signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        if (state.ready) return resolve();
        waiting.push(resolve);
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
    watch: async (signal) => {
      while (!signal.aborted) {
        if ((await answers()) && !state.ready) await test();
        await rest(signal);
      }
    },
  };
};
