import { readdirSync } from "node:fs";
import { vi } from "vitest";
import { type Job, jobKey } from "../../../../contract/job";
import type { ApiResult } from "../../../../functions/event";
import { jobsHandler } from "../../../../functions/jobs";
import { eventOf } from "../../../../functions/testing/events";
import { EngineError } from "../../../src/engines/engine";
import { UpstreamError } from "../../../src/store/upstream";
import { type Call, createWorld, type TestWorker } from "../../../src/testing/world";
import { sendTo } from "./lambdaClients";
import type { Ledger } from "./ledger";

/** How a call on S3 or SQS goes: well; not at all; done but not answered; done, and its caller dies. */
export type Outcome = "done" | "failed" | "unanswered" | "fatal";

interface ParkedCall {
  readonly by: string;
  readonly call: Call | { readonly action: "tile" };
  go(outcome: Outcome): void;
}

interface Server {
  readonly name: string;
  readonly worker: TestWorker;
  isDraining: boolean;
}

const servers = 2;
export const files = ["a.tif", "b.tif", "corrupt.tif", "crash.tif"] as const;
/** Whoever reads this image dies of it. */
const deadly = "crash.tif";
const tickSeconds = 5;

/** Everything that can happen has happened, except for calls that are parked and time that has not passed. */
const settled = (): Promise<void> => new Promise(setImmediate);

/**
 * The functions and two servers on one S3 and SQS in memory. Each call on these parks until a command lets it go, so that
 * whatever order the world may choose is one that a command can choose; time passes only by command.
 */
export const createPlatform = (ledger: Ledger) => {
  const world = createWorld();
  const parked: ParkedCall[] = [];
  const outcomes = new WeakMap<object, Outcome>();
  const live: Server[] = [];
  const violations: unknown[] = [];
  let actor: { readonly name: string; readonly isDraining: boolean } = { name: "nobody", isDraining: false };
  let names = 0;

  /** What the ledger finds wrong is kept, since the platform itself would take it for trouble with S3. */
  const entered = (enter: () => void): void => {
    try {
      enter();
    } catch (error) {
      violations.push(error);
    }
  };

  const set = world.objects.set.bind(world.objects);
  world.objects.set = (key, object) => {
    const standing = world.objects.get(key);
    if (key.startsWith(`out/${jobKey("").slice(0, -".json".length)}`)) {
      const after = JSON.parse(object.body.toString()) as Job;
      const write = {
        before: standing && (JSON.parse(standing.body.toString()) as Job),
        after,
        by: actor.name,
        isDraining: actor.isDraining,
        ageSeconds: standing === undefined ? 0 : object.writtenAt - standing.writtenAt,
        isBuried: world.deadLetters.includes(JSON.stringify({ job: after.id })),
      };
      entered(() => ledger.wrote(write));
    } else if (object.metadata["ddn-job"] !== undefined) {
      const id = object.metadata["ddn-job"];
      entered(() => ledger.wroteResult(id, object.etag));
    }
    return set(key, object);
  };

  const park = (by: string, call: ParkedCall["call"], failure: () => Error): Promise<void> =>
    new Promise((resolve, reject) => {
      const go = (outcome: Outcome): void => {
        outcomes.set(call, outcome);
        if (outcome === "failed") reject(failure());
        else resolve();
      };
      parked.push({ by, call, go });
    });

  const upstream = (): Error => new UpstreamError("Expected an answer but received none.");

  const die = (server: Server): void => {
    server.worker.crash();
    if (live.includes(server)) live.splice(live.indexOf(server), 1, start());
    for (const call of parked.filter(({ by }) => by === server.name)) parked.splice(parked.indexOf(call), 1);
  };

  const start = (): Server => {
    names += 1;
    const name = `server-${names}`;
    const worker = world.worker(name, {
      isDraining: () => server.isDraining,
      before: (call) => park(name, call, upstream),
      after: (call) => {
        const outcome = outcomes.get(call);
        const isDeadly = call.action === "download" && call.target === deadly;
        if (outcome === "fatal" || isDeadly) die(server);
        else if (outcome === "unanswered") throw upstream();
      },
      onTile: (tile) =>
        tile === 0 ? park(name, { action: "tile" }, () => new EngineError("engine_unavailable", "Gone.")) : undefined,
    });
    const server: Server = { name, worker, isDraining: false };
    return server;
  };
  for (let index = 0; index < servers; index += 1) live.push(start());

  const api = world.worker("api", {
    before: (call) => park("api", call, upstream),
    after: (call) => {
      if (outcomes.get(call) === "unanswered") throw upstream();
      // A function whose call came through and that is then gone: its caller hears nothing.
      return outcomes.get(call) === "fatal" ? new Promise<void>(() => {}) : undefined;
    },
  });
  const send = sendTo(api.store, api.queue);
  const client = { send } as object;
  const handle = jobsHandler({
    inBucket: "in",
    outBucket: "out",
    queueUrl: "queue",
    maxBytes: 1000,
    clients: { s3: client, sqs: client },
  });

  for (const file of files) world.putInput(file, `pixels of ${file}`);

  const answeredJob = (to: string, { statusCode, body }: ApiResult): void => {
    if (statusCode === 200 || statusCode === 202) ledger.answered({ to, job: JSON.parse(body) as Job });
  };

  const messageIds = (): ReadonlySet<string> =>
    new Set(world.messages.map(({ body }) => (JSON.parse(body) as { job: string }).job));

  /** What must hold at every moment. */
  const check = (): void => {
    if (violations.length > 0) throw violations[0];
    ledger.requireMessages(messageIds());
  };

  const after = async (): Promise<void> => {
    await settled();
    check();
  };

  const serverAt = (index: number): Server => live[index % live.length];

  const release = async (index: number, outcome: Outcome): Promise<void> => {
    if (parked.length === 0) return;
    const [call] = parked.splice(index % parked.length, 1);
    const server = live.find(({ name }) => name === call.by);
    actor = { name: call.by, isDraining: server === undefined || server.isDraining };
    call.go(outcome);
    await after();
  };

  const receive = async (index: number): Promise<void> => {
    const server = serverAt(index);
    if (server.isDraining) return;
    // What a worker's loop does with a failure: it logs it.
    server.worker.receive().catch(() => {});
    await after();
  };

  const advance = async (seconds: number): Promise<void> => {
    for (let rest = seconds; rest > 0; rest -= tickSeconds) {
      const tick = Math.min(rest, tickSeconds);
      world.advance(tick);
      vi.advanceTimersByTime(tick * 1000);
      await after();
    }
  };

  const event = (route: string, more: Parameters<typeof eventOf>[1]): Promise<ApiResult> =>
    handle(eventOf(route, more));

  return {
    /** `POST /jobs`; an empty key is none. */
    post: async (file: string, output: string, key: string): Promise<void> => {
      const headers = key === "" ? {} : { "idempotency-key": key };
      void event("POST /jobs", { headers, body: JSON.stringify({ file, output }) }).then((result) =>
        entered(() => answeredJob("POST /jobs", result)),
      );
      await after();
    },

    /** `POST /inference` on a server. */
    infer: async (index: number, file: string, output: string, key: string, waitSeconds: number): Promise<void> => {
      const { worker } = serverAt(index);
      const request = { file, output, options: { strength: 1 } };
      worker.submit({ request, waitSeconds, ...(key === "" ? {} : { idempotencyKey: key }) }).then(
        (answer) => {
          if (answer.ok) entered(() => ledger.answered({ to: "POST /inference", job: answer.value }));
        },
        // A 503: nothing was promised.
        () => {},
      );
      await after();
    },

    get: async (index: number): Promise<void> => {
      const jobs = ledger.jobs();
      if (jobs.length === 0) return;
      const { id } = jobs[index % jobs.length];
      void event("GET /jobs/{id}", { pathParameters: { id } }).then(({ statusCode, body }) => {
        const job = JSON.parse(body) as Job;
        if (statusCode === 200 && job.finishedAt !== undefined) {
          entered(() => ledger.answered({ to: "GET /jobs", job }));
        }
      });
      await after();
    },

    cancel: async (index: number): Promise<void> => {
      const jobs = ledger.jobs();
      if (jobs.length === 0) return;
      const { id } = jobs[index % jobs.length];
      void event("DELETE /jobs/{id}", { pathParameters: { id } });
      await after();
    },

    /** New bytes under the same name. */
    upload: (file: string): void => void world.putInput(file, `other pixels of ${file}`),

    receive,
    release,
    /** One party's calls go well, as many in a row, while all others stand still. */
    proceed: async (index: number, calls: number): Promise<void> => {
      const by = parked[index % parked.length]?.by;
      for (let left = calls; left > 0; left -= 1) {
        const next = parked.findIndex((call) => call.by === by);
        if (next < 0) return;
        await release(next, "done");
      }
    },
    advance,

    /** `kill -9`, and another process in its place. */
    crash: async (index: number): Promise<void> => {
      die(serverAt(index));
      await after();
    },

    /** SIGTERM: what it holds goes back, and another process comes in its place. */
    drain: async (index: number): Promise<void> => {
      const server = serverAt(index);
      server.isDraining = true;
      actor = { name: server.name, isDraining: true };
      for (const run of server.worker.runs.all()) run.lease.stop("drained");
      live.splice(live.indexOf(server), 1, start());
      await after();
    },

    /** SQS gives a message a second time, or in another order. */
    redeliver: (index: number): void => {
      if (world.messages.length > 0) world.send(world.messages[index % world.messages.length].body, 0);
    },
    reorder: (index: number): void => {
      if (world.messages.length > 0) world.messages.push(...world.messages.splice(index % world.messages.length, 1));
    },

    /** From here on nothing fails any more, except for the deadly image: then every promised job ends. */
    recover: async (): Promise<void> => {
      for (let round = 0; round < 100 && (world.messages.length > 0 || parked.length > 0); round += 1) {
        for (let index = 0; index < servers; index += 1) await receive(index);
        while (parked.length > 0) await release(0, "done");
        await advance(30);
      }
      ledger.requireEnds();
      for (const { name, worker } of live) {
        const left = readdirSync(worker.temporaryFolder);
        if (left.length > 0) throw new Error(`${name} left ${left.join(", ")} behind.`);
      }
    },
  };
};

export type Platform = ReturnType<typeof createPlatform>;
