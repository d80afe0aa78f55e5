import { appendFile, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** One finished file: which bytes and options its result stands for. */
export interface LedgerEntry {
  /** Name below the output folder, parted by `/`. */
  readonly name: string;
  /** SHA-256 of the input, hexadecimal. */
  readonly input: string;
  /** How it was denoised, as text that is equal for equal options. */
  readonly options: string;
  /** Bytes of the result. */
  readonly bytes: number;
}

export interface Ledger {
  /** Whether a result of this name is ours to replace. */
  knows(name: string): boolean;
  /** Whether this very input was finished with these options and its result still lies there. */
  covers(entry: Omit<LedgerEntry, "bytes">): Promise<boolean>;
  /** Makes the name ours before its result is put there: after a crash in between it is done again, not taken for a stranger's. */
  claim(name: string): Promise<void>;
  add(entry: LedgerEntry): Promise<void>;
}

const parseLine = (line: string): LedgerEntry[] => {
  try {
    return [JSON.parse(line) as LedgerEntry];
  } catch {
    // A line cut off by a crash: its file is done again.
    return [];
  }
};

/**
 * What a folder of results remembers, so that a second run goes on where the first ended: one line of JSON for each
 * finished file in `.ddn-resume.ndjson`, appended only, the last line of a name counting.
 */
export const openLedger = async (folder: string): Promise<Ledger> => {
  const path = join(folder, ".ddn-resume.ndjson");
  const text = await readFile(path, "utf8").catch(() => "");
  const entries = new Map(
    text
      .split("\n")
      .flatMap(parseLine)
      .map((entry) => [entry.name, entry]),
  );
  const add = async (entry: LedgerEntry) => {
    entries.set(entry.name, entry);
    // The line break comes first too, so that a line cut off by a crash spoils no other.
    await appendFile(path, `\n${JSON.stringify(entry)}\n`);
  };
  return {
    knows: (name) => entries.has(name),
    covers: async ({ name, input, options }) => {
      const entry = entries.get(name);
      if (entry === undefined || entry.input !== input || entry.options !== options) return false;
      const bytes = await stat(join(folder, name)).then(
        (there) => there.size,
        () => undefined,
      );
      return bytes === entry.bytes;
    },
    claim: (name) => add({ name, input: "", options: "", bytes: 0 }),
    add,
  };
};
