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
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/*
 * What is small is read and written at once: the page cache answers sooner than a thread of the pool is woken.
 * Only the disk itself is waited for.
 */

const fsync = promisify(fsyncWithCallback);

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";

/** Does something with an open file, and waits until the disk has it. */
const synced = async (path: string, flags: "r" | "r+" | "wx", work?: (file: number) => void): Promise<void> => {
  const file = openSync(path, flags);
  try {
    work?.(file);
    await fsync(file);
  } finally {
    closeSync(file);
  }
};

/** Makes a rename in this folder outlive a power cut; Windows cannot open folders and needs no such thing. */
export const syncFolder = async (folder: string): Promise<void> => {
  if (process.platform !== "win32") await synced(folder, "r");
};

/** Writes a file that is not there yet, and waits for the disk; leaves none when that fails. */
export const writeSynced = async (path: string, content: string | Buffer): Promise<void> => {
  try {
    await synced(path, "wx", (file) => writeFileSync(file, content));
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
};

/** Bytes that came whole: themselves, or the path of a file in the temporary folder. */
export type Body = Buffer | string;

/** Leaves nothing of a body that is not wanted. */
export const discard = async (body: Body): Promise<void> => {
  if (typeof body === "string") await rm(body, { force: true });
};

/** Writes a file that is there whole or not at all. */
export const writeWhole = async (temporaryFolder: string, path: string, content: string | Buffer): Promise<void> => {
  const temporary = join(temporaryFolder, randomUUID());
  await writeSynced(temporary, content);
  renameSync(temporary, path);
};

/** Puts a body where it is to lie, whole or not at all, and waits for the disk. */
export const place = async (temporaryFolder: string, path: string, body: Body): Promise<void> => {
  if (typeof body !== "string") return writeWhole(temporaryFolder, path, body);
  await synced(body, "r+");
  renameSync(body, path);
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
