// Does not prove speed with many keys; the index is held in memory and sorted for each listing.
import {
  GetBucketLocationCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { refusal, startTestS3 } from "./testS3";

const Bucket = "test-out";
const keys = [
  "a/1.tif",
  "a/2.tif",
  "a/b/3.tif",
  "b.tif",
  "용접 +&.tif",
  "\u{fb01}.tif",
  "\u{10400}.tif",
  "z\u0001<.tif",
];
// By UTF-8 bytes: U+FB01 comes before U+10400, which UTF-16 would turn round.
const sorted = [
  "a/1.tif",
  "a/2.tif",
  "a/b/3.tif",
  "b.tif",
  "z\u0001<.tif",
  "용접 +&.tif",
  "\u{fb01}.tif",
  "\u{10400}.tif",
];
let s3: Awaited<ReturnType<typeof startTestS3>>;
let client: ReturnType<typeof s3.client>;
beforeAll(async () => {
  s3 = await startTestS3();
  client = s3.client();
  for (const Key of keys) await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
});
afterAll(() => s3.close());

const list = async (query: Partial<ListObjectsV2CommandInput> = {}) => {
  const page = await client.send(new ListObjectsV2Command({ Bucket, ...query }));
  return {
    keys: page.Contents?.map(({ Key }) => Key) ?? [],
    prefixes: page.CommonPrefixes?.map(({ Prefix }) => Prefix) ?? [],
    page,
  };
};

describe("a listing", () => {
  it("names every object in the order of its bytes", async () => {
    const { keys: listed, page } = await list({ EncodingType: "url" });
    expect(listed.map((key) => decodeURIComponent(key ?? ""))).toEqual(sorted);
    expect(page).toMatchObject({ Name: Bucket, KeyCount: 8, MaxKeys: 1000, IsTruncated: false, EncodingType: "url" });
  });

  it("tells size, ETag and time of each", async () => {
    const { page } = await list({ Prefix: "b" });
    expect(page.Contents).toEqual([
      {
        Key: "b.tif",
        Size: 5,
        ETag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
        LastModified: expect.any(Date),
        StorageClass: "STANDARD",
      },
    ]);
  });

  it("keeps to a prefix, which may hold anything that a key may", async () => {
    expect((await list({ Prefix: "a/" })).keys).toEqual(["a/1.tif", "a/2.tif", "a/b/3.tif"]);
    expect((await list({ Prefix: "용접 +&" })).keys).toEqual(["용접 +&.tif"]);
    expect((await list({ Prefix: "none" })).page.KeyCount).toBe(0);
  });

  it("folds what lies behind a delimiter", async () => {
    expect(await list({ Delimiter: "/", Prefix: "a/" })).toMatchObject({
      keys: ["a/1.tif", "a/2.tif"],
      prefixes: ["a/b/"],
    });
    expect((await list({ Delimiter: "/", EncodingType: "url" })).prefixes).toEqual(["a/"]);
  });

  it.each([1, 2, 3])("comes in pages of %i, nothing lost and nothing twice", async (MaxKeys) => {
    const pages: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const {
        keys: listed,
        prefixes,
        page,
      } = await list({
        MaxKeys,
        Delimiter: "/",
        EncodingType: "url",
        ContinuationToken,
      });
      expect(listed.length + prefixes.length).toBeLessThanOrEqual(MaxKeys);
      pages.push(...[...listed, ...prefixes].map((name) => decodeURIComponent(name ?? "")).sort());
      ContinuationToken = page.NextContinuationToken;
      expect(page.IsTruncated).toBe(ContinuationToken !== undefined);
    } while (ContinuationToken !== undefined);
    expect(pages).toHaveLength(6);
    expect(new Set(pages)).toEqual(new Set(["a/", ...sorted.slice(3)]));
  });

  it("starts after a key", async () => {
    expect((await list({ Prefix: "a/", StartAfter: "a/1.tif" })).keys).toEqual(["a/2.tif", "a/b/3.tif"]);
  });

  it("of no keys at all is not cut short", async () => {
    expect((await list({ MaxKeys: 0 })).page).toMatchObject({ KeyCount: 0, IsTruncated: false });
  });

  it("refuses what it does not understand", async () => {
    expect(await refusal(list({ MaxKeys: -1 }))).toBe("400 InvalidArgument");
    expect(await refusal(list({ FetchOwner: true }))).toBe("501 NotImplemented");
  });
});

describe("a bucket", () => {
  it("says that it is there and where", async () => {
    expect(await client.send(new HeadBucketCommand({ Bucket }))).toMatchObject({ BucketRegion: "ap-northeast-2" });
    expect((await client.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint).toBe("ap-northeast-2");
    expect(await refusal(client.send(new HeadBucketCommand({ Bucket: "other" })))).toBe("404 NotFound");
  });
});
