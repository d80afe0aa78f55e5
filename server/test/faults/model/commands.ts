import * as fc from "fast-check";
import type { Ledger } from "./ledger";
import { files, type Outcome, type Platform } from "./platform";

type Command = fc.AsyncCommand<Ledger, Platform>;

const command = (name: string, run: (platform: Platform) => void | Promise<void>): Command => ({
  check: () => true,
  run: async (_ledger, platform) => run(platform),
  toString: () => name,
});

const index = fc.nat({ max: 63 });
const file = fc.constantFrom(...files);
/** Few, so that jobs meet on one result and requests on one key. */
const output = fc.constantFrom("x.tif", "y.tif");
const key = fc.constantFrom("", "", "k1", "k2");
const waitSeconds = fc.constantFrom(0, 25);
const seconds = fc.constantFrom(1, 5, 20, 61, 61, 61, 300, 900);
const trouble = fc.constantFrom<Outcome>("failed", "unanswered", "fatal");

/** Whatever callers, servers, S3, SQS and time may do next; most often, one more call goes well. */
const anything: fc.Arbitrary<Command> = fc.oneof(
  { weight: 30, arbitrary: index.map((n) => command(`release ${n}`, (on) => on.release(n, "done"))) },
  {
    weight: 3,
    arbitrary: fc.tuple(index, trouble).map(([...of]) => command(`release ${of}`, (on) => on.release(...of))),
  },
  {
    weight: 12,
    arbitrary: fc
      .tuple(index, fc.nat({ max: 16 }))
      .map(([...of]) => command(`proceed ${of}`, (on) => on.proceed(...of))),
  },
  { weight: 4, arbitrary: fc.tuple(file, output, key).map(([...of]) => command(`post ${of}`, (on) => on.post(...of))) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(index, file, output, key, waitSeconds)
      .map(([...of]) => command(`infer ${of}`, (on) => on.infer(...of))),
  },
  { weight: 8, arbitrary: index.map((n) => command(`receive ${n}`, (on) => on.receive(n))) },
  { weight: 4, arbitrary: seconds.map((n) => command(`advance ${n}`, (on) => on.advance(n))) },
  { weight: 2, arbitrary: index.map((n) => command(`cancel ${n}`, (on) => on.cancel(n))) },
  { weight: 1, arbitrary: index.map((n) => command(`get ${n}`, (on) => on.get(n))) },
  { weight: 1, arbitrary: index.map((n) => command(`crash ${n}`, (on) => on.crash(n))) },
  { weight: 1, arbitrary: index.map((n) => command(`drain ${n}`, (on) => on.drain(n))) },
  { weight: 1, arbitrary: index.map((n) => command(`redeliver ${n}`, (on) => on.redeliver(n))) },
  { weight: 1, arbitrary: index.map((n) => command(`reorder ${n}`, (on) => on.reorder(n))) },
  { weight: 1, arbitrary: file.map((name) => command(`upload ${name}`, (on) => on.upload(name))) },
);

export const lives = fc.commands([anything], { maxCommands: 120, size: "max" });
