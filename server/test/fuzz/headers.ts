import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readImageHeader } from "../../src/images/header";
import { ImageError } from "../../src/images/image";
import { headerSeeds } from "./headerSeeds";
import { mutated, randomOf } from "./mutation";

export interface HeaderFuzzing {
  /** Headers read. */
  readonly count: number;
  /** How many were read as images, and how many were refused with each code. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** What is neither: the header's number and what came instead. */
  readonly faults: readonly string[];
  /** The longest that one header took, milliseconds. */
  readonly slowestMs: number;
  /** Bytes of memory that the process held at its peak above what it held before. */
  readonly grownBytes: number;
}

const lanes = 8;
const limits = { maxPixels: 268_435_456, maxPages: 1000 };
/** A file may be long without holding anything, so that no offset is out of its reach. */
const longest = 2 ** 33;

/** Header `number` of the seed: the same bytes each time. */
const headerOf = (seed: number, number: number): { readonly bytes: Buffer; readonly size: number } => {
  const random = randomOf(Math.imul(seed, 0x9e3779b1) ^ number);
  const bytes = mutated(headerSeeds, random);
  return { bytes, size: random() < 0.05 ? bytes.length + Math.floor(random() ** 4 * longest) : bytes.length };
};

/** Reads mutated headers, each of which must be read or refused with an ImageError. */
export const fuzzHeaders = async (seed: number, from: number, count: number): Promise<HeaderFuzzing> => {
  const folder = mkdtempSync(join(tmpdir(), "ddn-fuzz-"));
  const outcomes: Record<string, number> = {};
  const faults: string[] = [];
  let slowestMs = 0;
  let next = from;
  let before = 0;
  let peak = 0;

  const look = (): void => {
    peak = Math.max(peak, process.memoryUsage.rss());
  };

  const lane = async (path: string): Promise<void> => {
    const file = openSync(path, "w");
    try {
      while (next < from + count) {
        const number = next;
        next += 1;
        const { bytes, size } = headerOf(seed, number);
        ftruncateSync(file);
        writeSync(file, bytes, 0, bytes.length, 0);
        if (size !== bytes.length) ftruncateSync(file, size);
        const start = performance.now();
        const outcome = await readImageHeader(path, limits).then(
          () => "read",
          (error: unknown) => {
            if (error instanceof ImageError) return error.code;
            faults.push(`${number}: ${error instanceof Error ? error.stack : error}`);
            return "fault";
          },
        );
        slowestMs = Math.max(slowestMs, performance.now() - start);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        if (number % 64 === 0) look();
      }
    } finally {
      closeSync(file);
    }
  };

  try {
    // What the code itself takes is no growth.
    const warm = join(folder, "warm");
    for (const bytes of headerSeeds) {
      writeFileSync(warm, bytes);
      await readImageHeader(warm, limits).catch(() => {});
    }
    before = process.memoryUsage.rss();
    peak = before;
    await Promise.all(Array.from({ length: lanes }, (_, index) => lane(join(folder, `${index}`))));
    look();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { count, outcomes, faults, slowestMs, grownBytes: peak - before };
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { count: { type: "string" }, seed: { type: "string" }, from: { type: "string" } },
  });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const from = Number(values.from ?? 0);
  console.log(`seed ${seed}; one header again: --seed ${seed} --from NUMBER --count 1`);
  const { count, outcomes, faults, slowestMs, grownBytes } = await fuzzHeaders(seed, from, Number(values.count ?? 1e6));
  console.log(`${count} headers: ${JSON.stringify(outcomes)}`);
  console.log(`slowest ${slowestMs.toFixed(1)} ms; grown by ${(grownBytes / 2 ** 20).toFixed(1)} MiB at its peak`);
  for (const fault of faults) console.log(fault);
  process.exitCode = faults.length > 0 || grownBytes > 100 * 2 ** 20 ? 1 : 0;
};

if (require.main === module) void main();
