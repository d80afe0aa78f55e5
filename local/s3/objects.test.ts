// Does not prove signatures or permissions; those have tests of their own.
import { Sha256 } from "@aws-crypto/sha256-js";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  HeadObjectCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { SignatureV4 } from "@smithy/signature-v4";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { refusal, send, startTestS3, testKeys } from "./testS3";

const Bucket = "test-in";
let s3: Awaited<ReturnType<typeof startTestS3>>;
let client: ReturnType<typeof s3.client>;
beforeAll(async () => {
  s3 = await startTestS3();
  client = s3.client();
});
afterAll(() => s3.close());

const put = (Key: string, Body: string, more: Record<string, unknown> = {}) =>
  client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = (Key: string, more: Partial<GetObjectCommandInput> = {}) =>
  client.send(new GetObjectCommand({ Bucket, Key, ...more }));
const textOf = async (Key: string, more: Partial<GetObjectCommandInput> = {}) =>
  (await get(Key, more)).Body?.transformToString();

describe("an object", () => {
  it("comes back with its bytes, headers and metadata", async () => {
    const { ETag, VersionId } = await put("a.tif", "hello", {
      ContentType: "image/tiff",
      ContentDisposition: "attachment",
      CacheControl: "no-store",
      Metadata: { "ddn-job": "0" },
    });
    expect(ETag).toBe('"5d41402abc4b2a76b9719d911017c592"');
    const read = await get("a.tif");
    expect(await read.Body?.transformToString()).toBe("hello");
    expect(read).toMatchObject({
      ETag,
      VersionId,
      ContentLength: 5,
      ContentType: "image/tiff",
      ContentDisposition: "attachment",
      CacheControl: "no-store",
      Metadata: { "ddn-job": "0" },
      AcceptRanges: "bytes",
      ChecksumCRC32: "NhCmhg==",
    });
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: "a.tif", ChecksumMode: "ENABLED" }));
    const { Body: _, ...body } = read;
    expect({ ...head, $metadata: 0 }).toEqual({ ...body, $metadata: 0 });
  });

  it("tells when it was written, in S3's own clock", async () => {
    await put("clock.tif", "1");
    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: "clock.tif" }));
    const { headers } = await send(url, "GET");
    const ageMs = Date.parse(headers.date) - Date.parse(headers["last-modified"]);
    expect(new Date(headers["last-modified"]).toUTCString()).toBe(headers["last-modified"]);
    expect(ageMs).toBeGreaterThanOrEqual(-1000);
    expect(ageMs).toBeLessThan(30_000);
  });

  it("may be empty", async () => {
    await put("empty.tif", "");
    expect(await textOf("empty.tif")).toBe("");
    expect(await refusal(get("empty.tif", { Range: "bytes=0-0" }))).toBe("416 InvalidRange");
  });

  it.each([
    "한글 폴더/용접부 1.tif",
    "한글.tif".normalize("NFD"),
    "a+b,c=d@e&f~g'h(i)!.tif",
    "100% #1?.tif",
    "../../../outside.tif",
    "a/../../b.tif",
    "..",
    "/leading//double/",
    `${"가".repeat(340)}.tif`,
    "con.tif",
    "CASE.tif",
    "case.tif",
    '<&">.tif',
  ])("keeps the key %j apart from all others", async (key) => {
    await put(key, key);
    expect(await textOf(key)).toBe(key);
  });

  it("has a key of at most 1024 bytes", async () => {
    expect(await refusal(put("가".repeat(342), "x"))).toBe("400 KeyTooLongError");
  });

  it("refuses metadata of more than 2 KB", async () => {
    expect(await refusal(put("meta.tif", "x", { Metadata: { a: "x".repeat(2048) } }))).toBe("400 MetadataTooLarge");
  });

  it("is not there until it is put, and tells so in S3's XML", async () => {
    expect(await refusal(get("missing.tif"))).toBe("404 NoSuchKey");
    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: "missing.tif" }));
    const { status, text, headers } = await send(url, "GET");
    expect(status).toBe(404);
    expect(headers["content-type"]).toBe("application/xml");
    expect(text).toBe(
      `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><RequestId>${headers["x-amz-request-id"]}</RequestId></Error>`,
    );
  });

  it("answers HEAD without a body, found or not", async () => {
    expect(await refusal(client.send(new HeadObjectCommand({ Bucket, Key: "missing.tif" })))).toBe("404 NotFound");
    const url = await getSignedUrl(client, new HeadObjectCommand({ Bucket, Key: "missing.tif" }));
    expect(await send(url, "HEAD")).toMatchObject({ status: 404, text: "" });
  });
});

describe("a range", () => {
  beforeAll(() => put("range.tif", "0123456789"));

  it.each([
    ["bytes=2-4", "234", "bytes 2-4/10"],
    ["bytes=7-", "789", "bytes 7-9/10"],
    ["bytes=-3", "789", "bytes 7-9/10"],
    ["bytes=-30", "0123456789", "bytes 0-9/10"],
    ["bytes=8-100", "89", "bytes 8-9/10"],
    ["bytes=0-0", "0", "bytes 0-0/10"],
  ])("%s gives %s", async (Range, text, ContentRange) => {
    const read = await get("range.tif", { Range });
    expect(read).toMatchObject({ ContentRange, ContentLength: text.length, $metadata: { httpStatusCode: 206 } });
    expect(await read.Body?.transformToString()).toBe(text);
  });

  it.each(["bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=-"])("%s is ignored", async (Range) => {
    const read = await get("range.tif", { Range });
    expect(read.$metadata.httpStatusCode).toBe(200);
    expect(await read.Body?.transformToString()).toBe("0123456789");
  });

  it.each(["bytes=10-", "bytes=-0"])("%s cannot be satisfied", async (Range) => {
    expect(await refusal(get("range.tif", { Range }))).toBe("416 InvalidRange");
  });
});

describe("a conditional read", () => {
  it("answers 304 and 412 as the conditions say", async () => {
    const { ETag } = await put("conditional.tif", "x");
    const before = new Date(Date.now() - 3_600_000);
    const after = new Date(Date.now() + 3_600_000);
    expect(await textOf("conditional.tif", { IfMatch: ETag })).toBe("x");
    expect(await refusal(get("conditional.tif", { IfMatch: '"other"' }))).toBe("412 PreconditionFailed");
    expect(await refusal(get("conditional.tif", { IfNoneMatch: ETag }))).toMatch(/^304 /);
    expect(await textOf("conditional.tif", { IfNoneMatch: '"other"' })).toBe("x");
    expect(await refusal(get("conditional.tif", { IfModifiedSince: after }))).toMatch(/^304 /);
    expect(await textOf("conditional.tif", { IfModifiedSince: before })).toBe("x");
    expect(await refusal(get("conditional.tif", { IfUnmodifiedSince: before }))).toBe("412 PreconditionFailed");
    expect(await textOf("conditional.tif", { IfUnmodifiedSince: before, IfMatch: ETag })).toBe("x");
  });
});

describe("a conditional write", () => {
  it("creates only what is not there", async () => {
    await put("once.tif", "first", { IfNoneMatch: "*" });
    expect(await refusal(put("once.tif", "second", { IfNoneMatch: "*" }))).toBe("412 PreconditionFailed");
    expect(await textOf("once.tif")).toBe("first");
  });

  it("replaces only what it names", async () => {
    const { ETag } = await put("named.tif", "first");
    const second = await put("named.tif", "second", { IfMatch: ETag });
    expect(await refusal(put("named.tif", "third", { IfMatch: ETag }))).toBe("412 PreconditionFailed");
    await put("named.tif", "third", { IfMatch: second.ETag?.replaceAll('"', "") });
    expect(await textOf("named.tif")).toBe("third");
  });

  it("finds nothing to match where nothing is", async () => {
    expect(await refusal(put("nothing.tif", "x", { IfMatch: '"e"' }))).toBe("404 NoSuchKey");
  });

  it("knows no other If-None-Match", async () => {
    expect(await refusal(put("once.tif", "x", { IfNoneMatch: '"e"' }))).toBe("501 NotImplemented");
  });

  it.each(["IfNoneMatch", "IfMatch"])("has one winner of eight that race by %s", async (condition) => {
    const Key = `race-${condition}.tif`;
    const value = condition === "IfMatch" ? (await put(Key, "start")).ETag : "*";
    const racers = Array.from({ length: 8 }, (_, index) => `racer ${index}`);
    const answers = await Promise.all(
      racers.map(async (racer) => {
        const lost = await refusal(put(Key, racer, { [condition]: value }));
        return { racer, lost };
      }),
    );
    const winners = answers.filter(({ lost }) => lost === "no refusal");
    expect(winners).toHaveLength(1);
    expect(answers.filter(({ lost }) => lost === "412 PreconditionFailed")).toHaveLength(7);
    expect(await textOf(Key)).toBe(winners[0].racer);
  });
});

describe("versions", () => {
  it("are told on writing and reading, and stay readable", async () => {
    const first = await put("v.tif", "first", { Metadata: { n: "1" } });
    const second = await put("v.tif", "second");
    expect(first.VersionId).not.toBe(second.VersionId);
    expect((await get("v.tif")).VersionId).toBe(second.VersionId);
    const old = await get("v.tif", { VersionId: first.VersionId });
    expect(await old.Body?.transformToString()).toBe("first");
    expect(old).toMatchObject({ VersionId: first.VersionId, ETag: first.ETag, Metadata: { n: "1" } });
    expect(await textOf("v.tif", { VersionId: second.VersionId })).toBe("second");
  });

  it("survive a delete, which only puts a marker on top", async () => {
    const { VersionId } = await put("d.tif", "kept");
    const marker = await client.send(new DeleteObjectCommand({ Bucket, Key: "d.tif" }));
    expect(marker).toMatchObject({ DeleteMarker: true, VersionId: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(await refusal(get("d.tif"))).toBe("404 NoSuchKey");
    expect(await refusal(get("d.tif", { VersionId: marker.VersionId }))).toBe("405 MethodNotAllowed");
    expect(await textOf("d.tif", { VersionId })).toBe("kept");
    await put("d.tif", "again", { IfNoneMatch: "*" });
    expect(await textOf("d.tif")).toBe("again");
  });

  it("that never were are refused", async () => {
    await put("v.tif", "x");
    expect(await refusal(get("v.tif", { VersionId: "0".repeat(32) }))).toBe("404 NoSuchVersion");
    expect(await refusal(get("v.tif", { VersionId: "../current" }))).toBe("400 InvalidArgument");
  });
});

describe("a presigned download", () => {
  it("answers with the headers that its signer chose", async () => {
    await put("named.png", "x");
    const disposition = `attachment; filename="_.png"; filename*=UTF-8''${encodeURIComponent("용접부.png")}`;
    const url = await getSignedUrl(
      client,
      new GetObjectCommand({ Bucket, Key: "named.png", ResponseContentDisposition: disposition }),
    );
    expect((await send(url, "GET")).headers["content-disposition"]).toBe(disposition);
  });

  it("refuses an answer header that cannot be one", async () => {
    await put("named.png", "x");
    const command = new GetObjectCommand({ Bucket, Key: "named.png", ResponseContentType: "용접부" });
    expect(await send(await getSignedUrl(client, command), "GET")).toMatchObject({
      status: 400,
      code: "InvalidArgument",
    });
  });
});

describe("what is not implemented", () => {
  it.each([
    ["PUT", "/test-in/a.tif?acl"],
    ["GET", "/test-in/a.tif?tagging"],
    ["GET", "/test-in"],
    ["PUT", "/test-in"],
    ["POST", "/test-in?delete"],
    ["GET", "/"],
    ["DELETE", "/test-in/a.tif?versionId=00000000000000000000000000000000"],
  ])("%s %s says so", async (method, path) => {
    const { host, hostname } = new URL(s3.url);
    const [pathname, query = ""] = path.split("?");
    const signer = new SignatureV4({
      service: "s3",
      region: "ap-northeast-2",
      credentials: testKeys[0],
      sha256: Sha256,
      uriEscapePath: false,
    });
    const signed = await signer.sign({
      method,
      protocol: "http:",
      hostname,
      path: pathname,
      query: Object.fromEntries(new URLSearchParams(query)),
      headers: { host },
    });
    expect(await send(`${s3.url}${path}`, method, "", signed.headers)).toMatchObject({
      status: 501,
      code: "NotImplemented",
    });
  });

  it("includes headers that would change what a write means", async () => {
    expect(await refusal(put("acl.tif", "x", { ACL: "public-read" }))).toBe("501 NotImplemented");
    expect(await refusal(get("acl.tif"))).toBe("404 NoSuchKey");
  });

  it("is another matter than a bucket that is not there", async () => {
    expect(await refusal(client.send(new GetObjectCommand({ Bucket: "other", Key: "a" })))).toBe("404 NoSuchBucket");
  });
});
