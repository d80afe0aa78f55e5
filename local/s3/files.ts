import { randomUUID } from "node:crypto";
import {
  closeSync,
  fsync as fsyncWithCallback,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

/*
 * What is small is read and written at once: the page cache answers sooner than a thread of the pool is woken.
 * Only the disk itself is waited for.
 */

const fsync = promisify(fsyncWithCallback);

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";

const syncPath = async (path: string, flags: "r" | "r+"): Promise<void> => {
  const file = openSync(path, flags);
  try {
    await fsync(file);
  } finally {
    closeSync(file);
  }
};

/** Waits until the disk has the file's bytes. */
export const syncFile = (path: string): Promise<void> => syncPath(path, "r+");

/** Makes a rename in this folder outlive a power cut; Windows cannot open folders and needs no such thing. */
export const syncFolder = async (folder: string): Promise<void> => {
  if (process.platform !== "win32") await syncPath(folder, "r");
};

/** Writes a file that is not there yet, and waits for the disk. */
export const writeSynced = async (path: string, content: string): Promise<void> => {
  writeFileSync(path, content, { flag: "wx" });
  await syncFile(path);
};

/** Writes a file that is there whole or not at all. */
export const writeWhole = async (temporaryFolder: string, path: string, content: string): Promise<void> => {
  const temporary = join(temporaryFolder, randomUUID());
  await writeSynced(temporary, content);
  renameSync(temporary, path);
};

/** The JSON in a small file, undefined when there is no such file. */
export const readJson = <T>(path: string): T | undefined => {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
};

/** A small part of a file. */
export const readPart = (path: string, first: number, bytes: number): Buffer => {
  const file = openSync(path, "r");
  try {
    const part = Buffer.allocUnsafe(bytes);
    return part.subarray(0, readSync(file, part, 0, bytes, first));
  } finally {
    closeSync(file);
  }
};
