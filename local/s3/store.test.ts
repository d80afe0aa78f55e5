// Does not prove that a disk keeps what was synced when the power goes.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
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

const put = (bucket: Bucket, key: string, text: string, body: Buffer | string = Buffer.from(text)) =>
  bucket.put(key, { body, bytes: text.length, etag: text.slice(0, 9), checksums: {} }, nothing, () => {});
const read = (bucket: Bucket, key: string, versionId?: string): string | undefined => {
  const version = bucket.read(key, versionId);
  return version && bucket.readPart(version, 0, version.bytes).toString();
};
const inFile = async (text: string): Promise<string> => {
  const file = join(temporary, text.slice(0, 9));
  await writeFile(file, text);
  return file;
};
/** Too long for a record to hold. */
const long = (text: string): string => text.padEnd(20_000, ".");
const writtenAt = (file: string, time: Date) => utimes(join(folderOf("a"), file), time, time);

describe("a bucket that was killed", () => {
  it("after the bytes and before the commit keeps the old object and drops the bytes", async () => {
    await put(await open(), "a", long("old"));
    const orphan = `${"f".repeat(32)}.bytes`;
    await writeFile(join(folderOf("a"), orphan), "new");
    expect(read(await open(), "a")).toBe(long("old"));
    expect(await readdir(folderOf("a"))).not.toContain(orphan);
  });

  it("between setting the old record aside and the commit keeps the old object and all before it", async () => {
    const before = await open();
    const first = await put(before, "a", "first");
    const second = await put(before, "a", "second");
    await writtenAt(`${first.versionId}.json`, new Date(Date.now() - 1000));
    await rename(join(folderOf("a"), "current.json"), join(folderOf("a"), `${second.versionId}.json`));
    const bucket = await open();
    expect(read(bucket, "a")).toBe("second");
    await put(bucket, "a", "third");
    expect(read(bucket, "a", first.versionId)).toBe("first");
    expect(read(bucket, "a", second.versionId)).toBe("second");
    expect(read(bucket, "a")).toBe("third");
  });

  it("in the first write of a key has no such key", async () => {
    await open();
    await mkdir(folderOf("a"));
    await writeFile(join(folderOf("a"), `${"f".repeat(32)}.bytes`), "half");
    const bucket = await open();
    expect(bucket.read("a")).toBeUndefined();
    expect(bucket.list()).toEqual([]);
    expect(await readdir(join(directory, "in"))).toEqual([]);
  });
});

describe("a bucket", () => {
  it.each([
    ["small", "body", 0],
    ["large", long("body"), 1],
  ])("gives a %s body back, held or from a file, in parts and after a restart", async (_size, text, files) => {
    const bucket = await open();
    const held = await put(bucket, "a", text);
    const fromFile = await put(bucket, "b", text, await inFile(text));
    for (const each of [bucket, await open()]) {
      expect([read(each, "a"), read(each, "b")]).toEqual([text, text]);
      expect(each.readPart(held, 1, 2).toString()).toBe("od");
      expect(each.readPart(fromFile, 1, 2).toString()).toBe("od");
    }
    expect((await readdir(folderOf("a"))).filter((name) => name.endsWith(".bytes"))).toHaveLength(files);
    expect(await readdir(temporary)).toEqual([]);
  });

  it("lists the same after a restart", async () => {
    const bucket = await open();
    await put(bucket, "a", "1");
    await put(bucket, "b", "2");
    await bucket.remove("b");
    const again = await open();
    expect(again.list()).toEqual(bucket.list());
    expect(again.list().map(({ key }) => key)).toEqual(["a"]);
  });

  it("leaves everything as it is when the guard refuses", async () => {
    const bucket = await open();
    await put(bucket, "a", "old");
    const body = await inFile("new");
    const refusing = bucket.put("a", { body, bytes: 3, etag: "e", checksums: {} }, nothing, (current) => {
      throw new Error(`there is ${current?.etag}`);
    });
    await expect(refusing).rejects.toThrow("there is old");
    expect(read(bucket, "a")).toBe("old");
    expect(await readdir(temporary)).toEqual([]);
  });

  it.each(["small", long("large")])(
    "keeps the old object, and leaves nothing, when a %.5s one cannot be written",
    async (text) => {
      const bucket = await open();
      await put(bucket, "a", "old");
      const files = await readdir(folderOf("a"));
      await rm(temporary, { recursive: true });
      await expect(put(bucket, "a", text)).rejects.toThrow("ENOENT");
      expect(await readdir(folderOf("a"))).toEqual(files);
      await mkdir(temporary);
      expect(read(bucket, "a")).toBe("old");
      await put(bucket, "a", text);
      expect([read(bucket, "a"), read(await open(), "a")]).toEqual([text, text]);
    },
  );

  it.each([
    ["a.tif", 7],
    [".ddn/jobs/0.json", 1],
  ])("keeps replaced versions of %s for %i days, and the current one for ever", async (key, days) => {
    const bucket = await open();
    const first = await put(bucket, key, long("first"));
    const second = await put(bucket, key, long("second"));
    const replaced = new Date("2026-01-01T00:00:00Z");
    await utimes(join(folderOf(key), "current.json"), replaced, replaced);
    await utimes(join(folderOf(key), `${first.versionId}.json`), new Date(0), new Date(0));
    const later = (seconds: number) => new Date(replaced.getTime() + days * 86_400_000 + seconds * 1000);
    await bucket.prune(later(0));
    expect(read(bucket, key, first.versionId)).toBe(long("first"));
    await bucket.prune(later(1));
    expect(bucket.read(key, first.versionId)).toBeUndefined();
    expect(read(bucket, key)).toBe(long("second"));
    expect((await readdir(folderOf(key))).sort()).toEqual([`${second.versionId}.bytes`, "current.json"].sort());
  });

  it("counts from when each version was replaced, by the one after it", async () => {
    const bucket = await open();
    const [first, second] = [await put(bucket, "a", "first"), await put(bucket, "a", "second")];
    await put(bucket, "a", "third");
    await writtenAt(`${first.versionId}.json`, new Date("2026-01-01T00:00:00Z"));
    await writtenAt(`${second.versionId}.json`, new Date("2026-01-02T00:00:00Z"));
    await writtenAt("current.json", new Date("2026-01-05T00:00:00Z"));
    await bucket.prune(new Date("2026-01-10T00:00:00Z"));
    expect(bucket.read("a", first.versionId)).toBeUndefined();
    expect(read(bucket, "a", second.versionId)).toBe("second");
  });

  it("prunes when it is opened", async () => {
    const bucket = await open();
    const { versionId } = await put(bucket, "a", "first");
    await put(bucket, "a", "second");
    await writtenAt(`${versionId}.json`, new Date(0));
    await writtenAt("current.json", new Date(1000));
    expect((await open()).read("a", versionId)).toBeUndefined();
  });

  it("puts every file of every key inside its own folder", async () => {
    const bucket = await open();
    await put(bucket, "../../escape", "x");
    expect(await readdir(directory)).toEqual(["in", "temporary"]);
    expect(JSON.parse(await readFile(join(folderOf("../../escape"), "current.json"), "utf8")).key).toBe("../../escape");
  });
});
