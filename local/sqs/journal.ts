import { type FileHandle, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** An append-only log of JSON records, one a line, that survives kill -9: what `append` resolved for is on disk. */
export interface Journal<Entry> {
  /**
   * Resolves once the entries are on disk; appends made while one is being written share the next write.
   * After a failed write (a full disk) the end of the file is not known, so that every later append fails too.
   * @throws JournalError
   */
  append(entries: readonly Entry[]): Promise<void>;
  /** Writes what is pending and closes the file. */
  close(): Promise<void>;
}

/** The journal could not be written; what it holds is known again after a restart. */
export class JournalError extends Error {
  constructor(file: string, cause: unknown) {
    super(`Expected to write ${file} but could not: ${cause instanceof Error ? cause.message : cause}`, { cause });
    this.name = "JournalError";
  }
}

interface Pending {
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

const serialised = (entries: readonly unknown[]): string =>
  entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");

/** The entries of a journal; a torn last line was never acknowledged and is left out. */
const readEntries = async <Entry>(file: string): Promise<Entry[]> => {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line, index) => {
      try {
        return JSON.parse(line) as Entry;
      } catch (cause) {
        throw new Error(`Expected JSON in line ${index + 1} of ${file}. Move the file away to start empty.`, { cause });
      }
    });
};

const replaceFile = async (file: string, text: string): Promise<FileHandle> => {
  const temporary = `${file}.new`;
  const handle = await open(temporary, "w", 0o600);
  await handle.writeFile(text);
  await handle.sync();
  await rename(temporary, file);
  // Without this the rename itself may be lost in a power cut; Windows cannot open a directory.
  if (process.platform !== "win32") {
    const directory = await open(dirname(file), "r");
    await directory.sync();
    await directory.close();
  }
  return handle;
};

/**
 * Opens a journal and replays it.
 * @param replay takes each entry of the file, in order; entries must be safe to replay onto a newer snapshot
 * @param snapshot the entries that rebuild the present state; written in place of the log when that has grown long
 */
export const openJournal = async <Entry>(
  file: string,
  replay: (entry: Entry) => void,
  snapshot: () => Entry[],
): Promise<Journal<Entry>> => {
  for (const entry of await readEntries<Entry>(file)) replay(entry);

  let compactAtLines = 0;
  let lines = 0;
  const compact = async (): Promise<FileHandle> => {
    const entries = snapshot();
    const fresh = await replaceFile(file, serialised(entries));
    lines = entries.length;
    compactAtLines = 2 * entries.length + 1000;
    return fresh;
  };

  let handle = await compact();
  let pending: Pending[] = [];
  let writing: Promise<void> | undefined;
  let failure: JournalError | undefined;

  const writeAll = async (): Promise<void> => {
    while (pending.length > 0) {
      const batch = pending;
      pending = [];
      try {
        if (failure !== undefined) throw failure;
        const text = batch.map((each) => each.text).join("");
        await handle.appendFile(text);
        await handle.datasync();
        lines += text.split("\n").length - 1;
        for (const each of batch) each.resolve();
        if (lines > compactAtLines) {
          const old = handle;
          handle = await compact();
          await old.close();
        }
      } catch (error) {
        failure ??= new JournalError(file, error);
        for (const each of batch) each.reject(failure);
      }
    }
    writing = undefined;
  };

  return {
    append: (entries) =>
      new Promise((resolve, reject) => {
        pending.push({ text: serialised(entries), resolve, reject });
        writing ??= writeAll();
      }),
    close: async () => {
      await writing;
      await handle.close();
    },
  };
};
