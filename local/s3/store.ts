import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { platformPrefix } from "../../contract/fileKey";
import { readJson, readPart, syncFile, syncFolder, writeSynced } from "./files";
import { keyLock } from "./keyLock";

/** What a client said about an object, kept and given back. */
export interface Description {
  /** Response headers such as content-type, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** User metadata by its whole header name, `x-amz-meta-…`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bytes that lie whole in the temporary folder. */
export interface Stored {
  readonly file: string;
  readonly bytes: number;
  /** Without quotes. */
  readonly etag: string;
  /** Base64 by header name; those that the client sent. */
  readonly checksums: Readonly<Record<string, string>>;
}

/** One version of an object, or the marker that it was deleted. */
export interface Version extends Description, Omit<Stored, "file"> {
  readonly key: string;
  readonly versionId: string;
  readonly deleted: boolean;
  /** RFC 3339, whole seconds as S3 counts. */
  readonly lastModified: string;
}

export type Listed = Pick<Version, "key" | "bytes" | "etag" | "lastModified">;

const dayMs = 86_400_000;
/** How long a version is kept after another took its place, as the buckets' lifecycle rules say. */
const noncurrentMs = (key: string): number => (key.startsWith(platformPrefix) ? 1 : 7) * dayMs;

const versionIdPattern = /^[0-9a-f]{32}$/;
export const isVersionId = (value: string): boolean => versionIdPattern.test(value);

/**
 * One versioned bucket on disk. Each key has a folder named by its hash, so that no key can lead anywhere else:
 * `current.json` is the object, `<version>.bytes` what it holds, `<version>.json` a version that another replaced.
 * Replacing `current.json` is the commit: whatever is killed when, the object is the old one or the new one.
 * What is current is also held in memory, since nobody else writes here.
 */
export const openBucket = async (folder: string, temporaryFolder: string) => {
  const locked = keyLock();
  const versions = new Map<string, Version>();
  const folderOf = (key: string): string => join(folder, createHash("sha256").update(key).digest("hex"));
  const bytesOf = ({ key, versionId }: Version): string => join(folderOf(key), `${versionId}.bytes`);

  const replace = async (
    key: string,
    guard: (current: Version | undefined) => void,
    stored: Stored | undefined,
    description: Description,
  ): Promise<Version> => {
    const current = versions.get(key);
    guard(current?.deleted ? undefined : current);
    const version: Version = {
      key,
      versionId: randomBytes(16).toString("hex"),
      deleted: stored === undefined,
      lastModified: `${new Date().toISOString().slice(0, 19)}.000Z`,
      bytes: stored?.bytes ?? 0,
      etag: stored?.etag ?? "",
      checksums: stored?.checksums ?? {},
      ...description,
    };
    const keyFolder = folderOf(key);
    const record = join(temporaryFolder, version.versionId);
    if (current === undefined) mkdirSync(keyFolder, { recursive: true });
    else writeFileSync(join(keyFolder, `${current.versionId}.json`), JSON.stringify(current));
    if (stored !== undefined) renameSync(stored.file, bytesOf(version));
    await Promise.all([
      writeSynced(record, JSON.stringify(version)),
      stored === undefined ? undefined : syncFile(bytesOf(version)),
    ]);
    renameSync(record, join(keyFolder, "current.json"));
    versions.set(key, version);
    await Promise.all([syncFolder(keyFolder), current === undefined ? syncFolder(folder) : undefined]);
    return version;
  };

  /** Removes what only a kill can leave: bytes that no version names; and versions replaced too long ago. */
  const pruneKey = async (key: string, now: Date): Promise<void> => {
    const keyFolder = folderOf(key);
    const current = versions.get(key);
    const files = new Set(await readdir(keyFolder));
    for (const file of files) {
      const [id, kind] = file.split(".");
      if (!isVersionId(id) || id === current?.versionId) continue;
      const path = join(keyFolder, file);
      const orphan = kind === "bytes" && !files.has(`${id}.json`);
      // The copy was made when another version took this one's place.
      const expired = kind === "json" && now.getTime() - (await stat(path)).mtimeMs > noncurrentMs(key);
      if (orphan || expired) await rm(path, { force: true });
      if (expired) await rm(join(keyFolder, `${id}.bytes`), { force: true });
    }
  };

  const prune = async (now: Date): Promise<void> => {
    for (const key of versions.keys()) await locked(key, () => pruneKey(key, now));
  };

  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    const version = readJson<Version>(join(folder, name, "current.json"));
    if (version === undefined) await rm(join(folder, name), { recursive: true, force: true });
    else versions.set(version.key, version);
  }
  await prune(new Date());

  return {
    /** What is there now, in no order. */
    list: (): Listed[] => [...versions.values()].filter(({ deleted }) => !deleted),

    /** The current version or marker, or the version of this id. */
    read: (key: string, versionId?: string): Version | undefined => {
      const current = versions.get(key);
      if (versionId === undefined || versionId === current?.versionId) return current;
      return isVersionId(versionId) ? readJson(join(folderOf(key), `${versionId}.json`)) : undefined;
    },

    /** The bytes of a version that was read. */
    open: (version: Version): Promise<FileHandle> => open(bytesOf(version)),

    /** A small part of them. */
    readPart: (version: Version, first: number, bytes: number): Buffer => readPart(bytesOf(version), first, bytes),

    /**
     * Makes stored bytes the object's newest version.
     * @param guard called with what is there, undefined for nothing; throws to leave everything as it is
     */
    put: async (
      key: string,
      stored: Stored,
      description: Description,
      guard: (current: Version | undefined) => void,
    ): Promise<Version> => {
      try {
        return await locked(key, () => replace(key, guard, stored, description));
      } catch (error) {
        await rm(stored.file, { force: true });
        throw error;
      }
    },

    /** Puts a delete marker on top. */
    remove: (key: string): Promise<Version> =>
      locked(key, () => replace(key, () => {}, undefined, { headers: {}, metadata: {} })),

    prune,
  };
};

export type Bucket = Awaited<ReturnType<typeof openBucket>>;
