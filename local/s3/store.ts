import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { platformPrefix } from "../../contract/fileKey";
import { type Body, discard, place, readJson, readPart, syncFolder, writeSynced } from "./files";
import { keyLock } from "./keyLock";

/** What a client said about an object, kept and given back. */
export interface Description {
  /** Response headers such as content-type, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** User metadata by its whole header name, `x-amz-meta-…`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bytes that came whole. */
export interface Stored {
  readonly body: Body;
  readonly bytes: number;
  /** Without quotes. */
  readonly etag: string;
  /** Base64 by header name; those that the client sent. */
  readonly checksums: Readonly<Record<string, string>>;
}

/** One version of an object, or the marker that it was deleted. */
export interface Version extends Description, Omit<Stored, "body"> {
  readonly key: string;
  readonly versionId: string;
  readonly deleted: boolean;
  /** RFC 3339, whole seconds as S3 counts. */
  readonly lastModified: string;
}

export type Listed = Pick<Version, "key" | "bytes" | "etag" | "lastModified">;

/** A version as it lies on disk: a small one has its bytes in it, as Base64, and no file for them. */
type VersionRecord = Version & { readonly content?: string };

const maxContentBytes = 16 * 1024;

const dayMs = 86_400_000;
/** How long a version is kept after another took its place, as the buckets' lifecycle rules say. */
const noncurrentMs = (key: string): number => (key.startsWith(platformPrefix) ? 1 : 7) * dayMs;

const versionIdPattern = /^[0-9a-f]{32}$/;
export const isVersionId = (value: string): boolean => versionIdPattern.test(value);

/**
 * One versioned bucket on disk. Each key has a folder named by its hash, so that no key can lead anywhere else:
 * `current.json` is the object, `<version>.json` one that another replaced, `<version>.bytes` what a larger one holds.
 * Making `current.json` is the commit: whatever is killed when, the object is the old one or the new one.
 * What is current is also held in memory, since nobody else writes here.
 */
export const openBucket = async (folder: string, temporaryFolder: string) => {
  const locked = keyLock();
  const versions = new Map<string, Version>();
  const folderOf = (key: string): string => join(folder, createHash("sha256").update(key).digest("hex"));
  const bytesOf = ({ key, versionId }: Version): string => join(folderOf(key), `${versionId}.bytes`);
  const currentOf = (keyFolder: string): string => join(keyFolder, "current.json");
  const replacedOf = (keyFolder: string, versionId: string): string => join(keyFolder, `${versionId}.json`);

  const recordOf = ({ key, versionId }: Version): VersionRecord | undefined => {
    const keyFolder = folderOf(key);
    const current = versions.get(key)?.versionId === versionId;
    return readJson(current ? currentOf(keyFolder) : replacedOf(keyFolder, versionId));
  };

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
    const body = stored?.body;
    const content = Buffer.isBuffer(body) && body.length <= maxContentBytes ? body.toString("base64") : undefined;
    const keyFolder = folderOf(key);
    const record = join(temporaryFolder, version.versionId);
    if (current === undefined) mkdirSync(keyFolder, { recursive: true });
    try {
      await Promise.all([
        writeSynced(record, JSON.stringify({ ...version, content } satisfies VersionRecord)),
        body === undefined || content !== undefined ? undefined : place(temporaryFolder, bytesOf(version), body),
      ]);
      const replaced = current && replacedOf(keyFolder, current.versionId);
      if (replaced !== undefined) renameSync(currentOf(keyFolder), replaced);
      try {
        renameSync(record, currentOf(keyFolder));
      } catch (error) {
        if (replaced !== undefined) renameSync(replaced, currentOf(keyFolder));
        throw error;
      }
    } catch (error) {
      await Promise.all([record, bytesOf(version)].map((file) => rm(file, { force: true })));
      throw error;
    }
    versions.set(key, version);
    await Promise.all([syncFolder(keyFolder), current === undefined ? syncFolder(folder) : undefined]);
    return version;
  };

  /** The replaced versions of a key, newest first. */
  const replacedIn = async (keyFolder: string): Promise<{ id: string; writtenMs: number }[]> => {
    const ids = (await readdir(keyFolder)).flatMap((name) => /^([0-9a-f]{32})\.json$/.exec(name)?.[1] ?? []);
    const found = await Promise.all(
      ids.map(async (id) => ({ id, writtenMs: (await stat(replacedOf(keyFolder, id))).mtimeMs })),
    );
    return found.sort((one, other) => other.writtenMs - one.writtenMs);
  };

  /** Removes versions replaced too long ago, and what only a kill can leave: bytes that no version names. */
  const pruneKey = async (key: string, now: Date): Promise<void> => {
    const keyFolder = folderOf(key);
    const kept = new Set([versions.get(key)?.versionId]);
    let replacedMs = (await stat(currentOf(keyFolder))).mtimeMs;
    for (const { id, writtenMs } of await replacedIn(keyFolder)) {
      if (now.getTime() - replacedMs > noncurrentMs(key)) await rm(replacedOf(keyFolder, id), { force: true });
      else kept.add(id);
      replacedMs = writtenMs;
    }
    for (const file of await readdir(keyFolder)) {
      const [id, kind] = file.split(".");
      if (kind === "bytes" && !kept.has(id)) await rm(join(keyFolder, file), { force: true });
    }
  };

  const prune = async (now: Date): Promise<void> => {
    for (const key of versions.keys()) await locked(key, () => pruneKey(key, now));
  };

  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    const keyFolder = join(folder, name);
    const [newest] = existsSync(currentOf(keyFolder)) ? [] : await replacedIn(keyFolder);
    // Killed between the two renames of a put.
    if (newest !== undefined) renameSync(replacedOf(keyFolder, newest.id), currentOf(keyFolder));
    const record = readJson<VersionRecord>(currentOf(keyFolder));
    if (record === undefined) {
      await rm(keyFolder, { recursive: true, force: true });
      continue;
    }
    const { content, ...version } = record;
    versions.set(version.key, version);
  }
  await prune(new Date());

  return {
    /** What is there now, in no order. */
    list: (): Listed[] => [...versions.values()].filter(({ deleted }) => !deleted),

    /** The current version or marker, or the version of this id. */
    read: (key: string, versionId?: string): Version | undefined => {
      const current = versions.get(key);
      if (versionId === undefined || versionId === current?.versionId) return current;
      return isVersionId(versionId) ? readJson(replacedOf(folderOf(key), versionId)) : undefined;
    },

    /** The bytes of a version that was read, and is not small. */
    open: (version: Version): Promise<FileHandle> => open(bytesOf(version)),

    /** A small part of them. */
    readPart: (version: Version, first: number, bytes: number): Buffer => {
      const content = version.bytes <= maxContentBytes ? recordOf(version)?.content : undefined;
      return content === undefined
        ? readPart(bytesOf(version), first, bytes)
        : Buffer.from(content, "base64").subarray(first, first + bytes);
    },

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
        await discard(stored.body);
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
