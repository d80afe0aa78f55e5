// Does not prove that a disk keeps what was synced when the power goes.
import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openBucket } from "./store";
import { temporaryDirectory } from "./testS3";

const nothing = { headers: {}, metadata: {} };
let directory: string;
let temporary: string;
beforeEach(async () => {
  directory = await temporaryDirectory();
  temporary = join(directory, "temporary");
  await mkdir(temporary);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const open = () => openBucket(join(directory, "in"), temporary);
const folderOf = (key: string) => join(directory, "in", createHash("sha256").update(key).digest("hex"));

type Bucket = Awaited<ReturnType<typeof open>>;

const put = async (bucket: Bucket, key: string, text: string) => {
  const file = join(temporary, text);
  await writeFile(file, text);
  return bucket.put(key, { file, bytes: text.length, etag: text, checksums: {} }, nothing, () => {});
};
const read = async (bucket: Bucket, key: string, versionId?: string): Promise<string | undefined> => {
  const version = await bucket.read(key, versionId);
  if (version === undefined) return undefined;
  const file = await bucket.open(version);
  try {
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
};

describe("a bucket that was killed", () => {
  it("after the bytes and before the commit keeps the old object and drops the bytes", async () => {
    await put(await open(), "a", "old");
    const orphan = `${"f".repeat(32)}.bytes`;
    await writeFile(join(folderOf("a"), orphan), "new");
    expect(await read(await open(), "a")).toBe("old");
    expect(await readdir(folderOf("a"))).not.toContain(orphan);
  });

  it("between copying the old record and the commit keeps the old object", async () => {
    const { versionId } = await put(await open(), "a", "old");
    const copy = join(folderOf("a"), `${versionId}.json`);
    await copyFile(join(folderOf("a"), "current.json"), copy);
    await truncate(copy, 10);
    const bucket = await open();
    expect(await read(bucket, "a")).toBe("old");
    await put(bucket, "a", "new");
    expect(await read(bucket, "a", versionId)).toBe("old");
    expect(await read(bucket, "a")).toBe("new");
  });

  it("in the first write of a key has no such key", async () => {
    await open();
    await mkdir(folderOf("a"));
    await writeFile(join(folderOf("a"), `${"f".repeat(32)}.bytes`), "half");
    const bucket = await open();
    expect(await bucket.read("a")).toBeUndefined();
    expect([...bucket.list()]).toEqual([]);
    expect(await readdir(join(directory, "in"))).toEqual([]);
  });
});

describe("a bucket", () => {
  it("lists the same after a restart", async () => {
    const bucket = await open();
    await put(bucket, "a", "1");
    await put(bucket, "b", "2");
    await bucket.remove("b");
    const again = await open();
    expect([...again.list()]).toEqual([...bucket.list()]);
    expect([...again.list()].map(({ key }) => key)).toEqual(["a"]);
  });

  it("leaves everything as it is when the guard refuses", async () => {
    const bucket = await open();
    await put(bucket, "a", "old");
    const file = join(temporary, "new");
    await writeFile(file, "new");
    const refusing = bucket.put("a", { file, bytes: 3, etag: "e", checksums: {} }, nothing, (current) => {
      throw new Error(`there is ${current?.etag}`);
    });
    await expect(refusing).rejects.toThrow("there is old");
    expect(await read(bucket, "a")).toBe("old");
    expect(await readdir(temporary)).toEqual([]);
  });

  it.each([
    ["a.tif", 7],
    [".ddn/jobs/0.json", 1],
  ])("keeps replaced versions of %s for %i days, and the current one for ever", async (key, days) => {
    const bucket = await open();
    const first = await put(bucket, key, "first");
    const second = await put(bucket, key, "second");
    const replaced = new Date("2026-01-01T00:00:00Z");
    await utimes(join(folderOf(key), `${first.versionId}.json`), replaced, replaced);
    const later = (seconds: number) => new Date(replaced.getTime() + days * 86_400_000 + seconds * 1000);
    await bucket.prune(later(0));
    expect(await read(bucket, key, first.versionId)).toBe("first");
    await bucket.prune(later(1));
    expect(await bucket.read(key, first.versionId)).toBeUndefined();
    expect(await read(bucket, key)).toBe("second");
    expect((await readdir(folderOf(key))).sort()).toEqual([`${second.versionId}.bytes`, "current.json"].sort());
  });

  it("prunes when it is opened", async () => {
    const bucket = await open();
    const { versionId } = await put(bucket, "a", "first");
    await put(bucket, "a", "second");
    await utimes(join(folderOf("a"), `${versionId}.json`), new Date(0), new Date(0));
    expect(await (await open()).read("a", versionId)).toBeUndefined();
  });

  it("puts every file of every key inside its own folder", async () => {
    const bucket = await open();
    await put(bucket, "../../escape", "x");
    expect(await readdir(directory)).toEqual(["in", "temporary"]);
    expect(JSON.parse(await readFile(join(folderOf("../../escape"), "current.json"), "utf8")).key).toBe("../../escape");
  });
});
