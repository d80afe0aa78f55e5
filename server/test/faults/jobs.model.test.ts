// Does not prove that S3 and SQS keep their own promises (local/s3 and local/sqs are held to them), nor anything about pixels.
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { lives } from "./model/commands";
import { moveNames } from "./model/contractTable";
import { createLedger } from "./model/ledger";
import { createPlatform } from "./model/platform";

// Clocks and files answer at once, so that a run is the same each time and depends on the commands alone.
vi.mock("node:timers/promises", () => ({
  setTimeout: (milliseconds: number, value: unknown, { signal }: { signal?: AbortSignal } = {}) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, milliseconds, value);
      const abort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      if (signal?.aborted) abort();
      signal?.addEventListener("abort", abort, { once: true });
    }),
}));
vi.mock("node:fs/promises", async (importOriginal) => {
  const { rmSync } = await import("node:fs");
  return {
    ...(await importOriginal<typeof import("node:fs/promises")>()),
    rm: async (...args: Parameters<typeof rmSync>) => rmSync(...args),
  };
});
/** A client is what its settings say it sends. */
const { Client } = vi.hoisted(() => ({
  Client: class {
    constructor(private readonly settings: { readonly send: (command: unknown) => Promise<unknown> }) {}
    send(command: unknown): Promise<unknown> {
      return this.settings.send(command);
    }
  },
}));
vi.mock("@aws-sdk/client-s3", async (importOriginal) => ({ ...(await importOriginal<object>()), S3Client: Client }));
vi.mock("@aws-sdk/client-sqs", async (importOriginal) => ({ ...(await importOriginal<object>()), SQSClient: Client }));

const numRuns = Number(process.env.DDN_FUZZ_RUNS ?? 300);
const seed = Number(process.env.DDN_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

beforeAll(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"] });
  vi.spyOn(console, "error").mockReturnValue();
});
afterAll(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it(`F00 no job is lost and none has two results, whatever happens in whatever order (DDN_FUZZ_SEED=${seed})`, {
  timeout: 3_600_000,
}, async () => {
  const moves = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(lives, async (commands) => {
      vi.setSystemTime(Date.UTC(2026, 0, 1));
      const ledger = createLedger(moves);
      const platform = createPlatform(ledger);
      try {
        await fc.asyncModelRun(() => ({ model: ledger, real: platform }), commands);
        await platform.recover();
      } finally {
        vi.clearAllTimers();
      }
    }),
    { numRuns, seed },
  );
  // Some moves take rare luck: only many lives meet all of them.
  if (numRuns >= 2000) expect(moveNames.filter((name) => !moves.has(name))).toEqual([]);
});
