import { createHash, randomBytes, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { platformPrefix } from "../../contract/fileKey";
import { keyLock } from "./keyLock";

/** What a client said about an object, kept and given back. */
export interface Description {
  /** Response headers such as content-type, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** User metadata by its whole header name, `x-amz-meta-…`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bytes that lie whole and synced in the temporary folder. */
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
export const noncurrentMs = (key: string): number => (key.startsWith(platformPrefix) ? 1 : 7) * dayMs;

const versionIdPattern = /^[0-9a-f]{32}$/;
export const isVersionId = (value: string): boolean => versionIdPattern.test(value);

export const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";

/** Makes a rename in this folder outlive a power cut; Windows cannot open folders and needs no such thing. */
const syncFolder = async (folder: string): Promise<void> => {
  if (process.platform === "win32") return;
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Writes a file that is there whole or not at all. */
export const writeWhole = async (temporaryFolder: string, path: string, content: string): Promise<void> => {
  const temporary = join(temporaryFolder, randomUUID());
  const handle = await open(temporary, "wx");
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
};

const readVersion = async (path: string): Promise<Version | undefined> => {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
};

/**
 * One versioned bucket on disk. Each key has a folder named by its hash, so that no key can lead anywhere else:
 * `current.json` is the object, `<version>.bytes` what it holds, `<version>.json` a version that another replaced.
 * Replacing `current.json` is the commit: whatever is killed when, the object is the old one or the new one.
 */
export const openBucket = async (folder: string, temporaryFolder: string) => {
  const locked = keyLock();
  const listed = new Map<string, Listed>();
  const folderOf = (key: string): string => join(folder, createHash("sha256").update(key).digest("hex"));
  const currentOf = (keyFolder: string) => readVersion(join(keyFolder, "current.json"));

  const note = (version: Version): void => {
    const { key, bytes, etag, lastModified } = version;
    if (version.deleted) listed.delete(key);
    else listed.set(key, { key, bytes, etag, lastModified });
  };

  const replace = async (
    key: string,
    guard: (current: Version | undefined) => void,
    stored: Stored | undefined,
    description: Description,
  ): Promise<Version> => {
    const keyFolder = folderOf(key);
    const current = await currentOf(keyFolder);
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
    if ((await mkdir(keyFolder, { recursive: true })) !== undefined) await syncFolder(folder);
    if (stored !== undefined) await rename(stored.file, join(keyFolder, `${version.versionId}.bytes`));
    if (current !== undefined) {
      await copyFile(join(keyFolder, "current.json"), join(keyFolder, `${current.versionId}.json`));
    }
    await writeWhole(temporaryFolder, join(keyFolder, "current.json"), JSON.stringify(version));
    await syncFolder(keyFolder);
    note(version);
    return version;
  };

  /** Removes what only a kill can leave: bytes that no version names; and versions replaced too long ago. */
  const pruneKey = async (keyFolder: string, now: Date): Promise<void> => {
    const current = await currentOf(keyFolder);
    const files = new Set(await readdir(keyFolder));
    for (const file of files) {
      const [id, kind] = file.split(".");
      if (!isVersionId(id) || id === current?.versionId) continue;
      const path = join(keyFolder, file);
      const orphan = kind === "bytes" && !files.has(`${id}.json`);
      const keptMs = kind === "json" && current ? noncurrentMs(current.key) : Number.POSITIVE_INFINITY;
      // The copy was made when another version took this one's place.
      const expired = kind === "json" && now.getTime() - (await stat(path)).mtimeMs > keptMs;
      if (orphan || expired) await rm(path, { force: true });
      if (expired) await rm(join(keyFolder, `${id}.bytes`), { force: true });
    }
  };

  const prune = async (now: Date): Promise<void> => {
    for (const name of await readdir(folder)) {
      const keyFolder = join(folder, name);
      const key = (await currentOf(keyFolder))?.key;
      if (key !== undefined) await locked(key, () => pruneKey(keyFolder, now));
    }
  };

  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    const version = await currentOf(join(folder, name));
    if (version === undefined) await rm(join(folder, name), { recursive: true, force: true });
    else note(version);
  }
  await prune(new Date());

  return {
    /** What is there now, in no order. */
    list: (): Iterable<Listed> => listed.values(),

    /** The current version or marker, or the version of this id. */
    read: async (key: string, versionId?: string): Promise<Version | undefined> => {
      const current = await currentOf(folderOf(key));
      if (versionId === undefined || versionId === current?.versionId) return current;
      return isVersionId(versionId) ? readVersion(join(folderOf(key), `${versionId}.json`)) : undefined;
    },

    /** The bytes of a version that was read. */
    open: ({ key, versionId }: Version): Promise<FileHandle> => open(join(folderOf(key), `${versionId}.bytes`)),

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
