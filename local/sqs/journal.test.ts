// Does not prove: that the disk keeps what fsync said it has; nobody cuts the power here.
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Journal, JournalError, openJournal } from "./journal";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ddn-journal-"));
  file = join(directory, "numbers.jsonl");
});

afterEach(() => rmSync(directory, { recursive: true }));

/** A journal whose state is a list of numbers. */
const open = async (): Promise<{ numbers: number[]; journal: Journal<number> }> => {
  const numbers: number[] = [];
  const journal = await openJournal<number>(
    file,
    (number) => numbers.push(number),
    () => [...numbers],
  );
  return { numbers, journal };
};

it("gives back what was appended, in order", async () => {
  const { journal } = await open();
  await Promise.all([journal.append([1, 2]), journal.append([3]), journal.append([4])]);
  await journal.close();
  const again = await open();
  expect(again.numbers).toEqual([1, 2, 3, 4]);
  await again.journal.close();
});

it("has an entry in the file when the append resolves", async () => {
  const { journal } = await open();
  await journal.append([42]);
  expect(readFileSync(file, "utf8")).toBe("42\n");
  await journal.close();
});

it("leaves out a torn last line, and writes on after it", async () => {
  appendFileSync(file, "1\n2");
  const { numbers, journal } = await open();
  expect(numbers).toEqual([1]);
  await journal.append([3]);
  await journal.close();
  expect(readFileSync(file, "utf8")).toBe("1\n3\n");
});

it("starts from the old file when it was killed before its new one was complete", async () => {
  appendFileSync(file, "1\n");
  appendFileSync(`${file}.new`, "7");
  const { numbers, journal } = await open();
  expect(numbers).toEqual([1]);
  expect(existsSync(`${file}.new`)).toBe(false);
  await journal.close();
});

it("fails for good once it could not write", async () => {
  const { journal } = await open();
  await journal.close();
  await expect(journal.append([1])).rejects.toBeInstanceOf(JournalError);
  await expect(journal.append([2])).rejects.toThrow(`Expected to write ${file} but could not: file closed`);
});
