// Does not prove anything about pixels, nor that a million more headers are read well: `headers.ts --count 1000000` is for that.
import { expect, it } from "vitest";
import { fuzzHeaders } from "./headers";

const count = Number(process.env.DDN_FUZZ_HEADERS ?? 3000);
const seed = Number(process.env.DDN_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

it(`F21 mutated headers are read or refused, and take neither long nor much memory (DDN_FUZZ_SEED=${seed})`, async () => {
  const { outcomes, faults, grownBytes } = await fuzzHeaders(seed, 0, count);
  expect(faults).toEqual([]);
  expect(grownBytes).toBeLessThan(100 * 2 ** 20);
  // Else the seeds or the mutations would be of no use.
  expect(Object.keys(outcomes).sort()).toEqual(expect.arrayContaining(["image_corrupt", "image_unsupported", "read"]));
});
