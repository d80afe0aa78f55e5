// Does not prove the golden image's own judgement (engines/golden.test.ts).
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type Engine, EngineError } from "./engines/engine";
import { goldenSelfTest } from "./engines/golden";
import { createOnnxEngine } from "./engines/onnx";
import type { Log } from "./jobs/runs";
import { createReadiness, type ReadinessState } from "./readiness";
import { operation, tinyModel } from "./testing/tinyModel";
import { testEngine } from "./testing/world";

const stopping: AbortController[] = [];
afterEach(() => {
  for (const one of stopping.splice(0)) one.abort();
});

const start = (
  engine: Partial<Engine>,
  selfTest: () => Promise<void> = async () => {},
  everyMilliseconds: number = 1,
) => {
  const stop = new AbortController();
  stopping.push(stop);
  const states: ReadinessState[] = [];
  const heard: (() => void)[] = [];
  const log = { info: () => {}, warn: () => {}, error: () => {} } as unknown as Log;
  const readiness = createReadiness({
    engine: { ...testEngine, ...engine },
    selfTest,
    onChange: (state) => {
      states.push(state);
      for (const one of heard) one();
    },
    log,
    everyMilliseconds,
  });
  const watching = readiness.watch(stop.signal);
  /** Resolves when so many changes were told. */
  const changes = async (count: number): Promise<void> => {
    while (states.length < count) {
      await new Promise<void>((resolve) => {
        heard.push(resolve);
      });
    }
  };
  return { readiness, states, changes, stop, watching };
};

describe("readiness", () => {
  it("is not given before the golden image passed", async () => {
    let pass = (): void => {};
    const golden = new Promise<void>((resolve) => {
      pass = resolve;
    });
    const { readiness, changes } = start({}, () => golden);
    expect(readiness.state()).toMatchObject({ ready: false, reason: "The engine has not been tested yet." });
    await new Promise(setImmediate);
    expect((await readiness.check()).ready).toBe(false);
    pass();
    await changes(1);
    expect(readiness.state().ready).toBe(true);
    expect(readiness.state().reason).toBeUndefined();
  });

  it("tells why the golden image did not pass, and tries again", async () => {
    let tests = 0;
    const { readiness, states, changes } = start({}, async () => {
      tests += 1;
      if (tests < 3) throw new EngineError("engine_unavailable", "Expected at least 3 dB less noise.");
    });
    await changes(2);
    expect(states.map(({ ready, reason }) => [ready, reason])).toEqual([
      [false, "Expected at least 3 dB less noise."],
      [true, undefined],
    ]);
    expect(tests).toBe(3);
    expect(readiness.state().ready).toBe(true);
  });

  it("is never given to a model that loads and runs but does not denoise", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ddn-readiness-"));
    const modelPath = join(folder, "identity.onnx");
    await writeFile(modelPath, tinyModel({ steps: { clean: [operation("Identity", ["samples"], "clean")] } }));
    const engine = await createOnnxEngine({ modelPath, threads: 1 });
    await rm(folder, { recursive: true });
    let failures = 0;
    let failedThrice = (): void => {};
    const thrice = new Promise<void>((resolve) => {
      failedThrice = resolve;
    });
    const { states, stop, watching } = start(engine, () =>
      goldenSelfTest(engine).catch((error: unknown) => {
        if (++failures === 3) failedThrice();
        throw error;
      }),
    );
    await thrice;
    stop.abort();
    await watching;
    expect(states.map(({ ready, reason }) => [ready, reason])).toEqual([
      [false, "Expected at least 3 dB less noise of the golden image but received 0.00 dB."],
    ]);
    await engine.close();
  });

  it("is lost with the engine, and the golden image is asked for again when it comes back", async () => {
    let alive = true;
    let tests = 0;
    const { readiness, changes } = start(
      {
        ready: async () => {
          if (!alive) throw new EngineError("engine_unavailable", "The engine is gone.");
        },
      },
      async () => {
        tests += 1;
      },
    );
    await changes(1);
    alive = false;
    expect(await readiness.check()).toMatchObject({ ready: false, reason: "The engine is gone." });
    const waiting = readiness.whenReady(new AbortController().signal);
    alive = true;
    await waiting;
    expect(tests).toBe(2);
  });

  it("is lost with a connection, though the engine answers, until the golden image passed once more", async () => {
    let lostConnections = 3;
    let tests = 0;
    const { readiness, states, changes } = start(
      { lostConnections: () => lostConnections },
      async () => {
        tests += 1;
      },
      3_600_000,
    );
    await changes(1);
    expect((await readiness.check()).ready).toBe(true);
    expect(tests).toBe(1);
    lostConnections = 4;
    expect(await readiness.check()).toMatchObject({
      ready: false,
      reason: "The engine was connected anew and is being tested.",
    });
    await changes(3);
    expect(states.map(({ ready }) => ready)).toEqual([true, false, true]);
    expect(tests).toBe(2);
    expect((await readiness.check()).ready).toBe(true);
  });

  it("is not given by a golden image that passed before the connection was lost", async () => {
    let lostConnections = 0;
    let tests = 0;
    const { readiness, changes } = start({ lostConnections: () => lostConnections }, async () => {
      tests += 1;
      if (tests === 1) lostConnections += 1;
    });
    await changes(3);
    expect(tests).toBe(2);
    expect(readiness.state().ready).toBe(true);
  });

  it("waits for nobody who stopped asking", async () => {
    const { readiness } = start({}, () => new Promise(() => {}));
    const stop = new AbortController();
    const waiting = readiness.whenReady(stop.signal);
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });

  it("stops watching when asked to", async () => {
    const { changes, stop, watching } = start({});
    await changes(1);
    stop.abort();
    await watching;
  });
});
