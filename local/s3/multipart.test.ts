// Does not prove object-level checksums of multipart uploads: the store refuses them.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { refusal, send, startTestS3 } from "./testS3";

const Bucket = "test-in";
const large = Buffer.alloc(5 * 1024 ** 2, "a");
let s3: Awaited<ReturnType<typeof startTestS3>>;
let client: ReturnType<typeof s3.client>;
beforeAll(async () => {
  s3 = await startTestS3();
  client = s3.client();
});
afterAll(() => s3.close());

const create = async (Key: string): Promise<string> =>
  (
    await client.send(
      new CreateMultipartUploadCommand({ Bucket, Key, ContentType: "image/tiff", Metadata: { a: "b" } }),
    )
  ).UploadId ?? "";
const upload = async (Key: string, UploadId: string, PartNumber: number, Body: Uint8Array): Promise<CompletedPart> => {
  const { ETag, ChecksumCRC32 } = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
  return { PartNumber, ETag, ChecksumCRC32 };
};
const complete = (Key: string, UploadId: string, Parts: CompletedPart[], more: { IfNoneMatch?: string } = {}) =>
  client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more }));

describe("a multipart upload", () => {
  it("joins its parts in their order, keeps what was said at its start, and leaves nothing else", async () => {
    const id = await create("joined.tif");
    const second = await upload("joined.tif", id, 2, Buffer.from("end"));
    const first = await upload("joined.tif", id, 1, large);
    const listed = await client.send(new ListPartsCommand({ Bucket, Key: "joined.tif", UploadId: id }));
    expect(listed.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
      [1, large.length],
      [2, 3],
    ]);
    const { ETag, VersionId } = await complete("joined.tif", id, [first, second]);
    expect(ETag).toMatch(/^"[0-9a-f]{32}-2"$/);
    const read = await client.send(new GetObjectCommand({ Bucket, Key: "joined.tif" }));
    expect(read).toMatchObject({ ETag, VersionId, ContentType: "image/tiff", Metadata: { a: "b" } });
    const bytes = Buffer.from((await read.Body?.transformToByteArray()) ?? []);
    expect(bytes.equals(Buffer.concat([large, Buffer.from("end")]))).toBe(true);
    expect(await readdir(join(s3.directory, "uploads"))).toEqual([]);
    expect(await readdir(join(s3.directory, "temporary"))).toEqual([]);
  });

  it("is not there before it is completed, and gone once aborted", async () => {
    const id = await create("aborted.tif");
    await upload("aborted.tif", id, 1, Buffer.from("x"));
    expect(await refusal(client.send(new GetObjectCommand({ Bucket, Key: "aborted.tif" })))).toBe("404 NoSuchKey");
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key: "aborted.tif", UploadId: id }));
    expect(await refusal(upload("aborted.tif", id, 2, Buffer.from("x")))).toBe("404 NoSuchUpload");
    expect(await readdir(join(s3.directory, "uploads"))).toEqual([]);
  });

  it("takes a part by presigned URL", async () => {
    const id = await create("presigned.tif");
    const plain = s3.client("operator", { requestChecksumCalculation: "WHEN_REQUIRED" });
    const command = new UploadPartCommand({ Bucket, Key: "presigned.tif", UploadId: id, PartNumber: 1 });
    const { status, headers } = await send(await getSignedUrl(plain, command), "PUT", "hello");
    expect([status, headers.etag]).toEqual([200, '"5d41402abc4b2a76b9719d911017c592"']);
    await complete("presigned.tif", id, [{ PartNumber: 1, ETag: headers.etag }]);
  });

  it("is refused where its parts are not what the caller says", async () => {
    const id = await create("refused.tif");
    const small = await upload("refused.tif", id, 1, Buffer.from("small"));
    const other = await upload("refused.tif", id, 2, Buffer.from("other"));
    const attempt = (parts: CompletedPart[]) => refusal(complete("refused.tif", id, parts));
    expect(await attempt([small, other])).toBe("400 EntityTooSmall");
    expect(await attempt([other, small])).toBe("400 InvalidPartOrder");
    expect(await attempt([{ ...small, ETag: other.ETag }])).toBe("400 InvalidPart");
    expect(await attempt([{ ...small, ChecksumCRC32: "AAAAAA==" }])).toBe("400 InvalidPart");
    expect(await attempt([{ ...small, PartNumber: 3 }])).toBe("400 InvalidPart");
    expect(await attempt([])).toBe("400 MalformedXML");
    expect(await refusal(upload("refused.tif", id, 10_001, Buffer.from("x")))).toBe("400 InvalidArgument");
    expect(await refusal(upload("another.tif", id, 1, Buffer.from("x")))).toBe("404 NoSuchUpload");
    expect(await refusal(upload("refused.tif", "../in", 1, Buffer.from("x")))).toBe("404 NoSuchUpload");
    await complete("refused.tif", id, [other]);
  });

  it("is not completed by a list that no list is as long as", async () => {
    const command = new CompleteMultipartUploadCommand({ Bucket, Key: "long.tif", UploadId: "0".repeat(32) });
    const url = await getSignedUrl(client, command);
    expect(await send(url, "POST", "x".repeat(20_000_000))).toMatchObject({
      status: 400,
      code: "MaxMessageLengthExceeded",
    });
  });

  it("heeds If-None-Match when it is completed", async () => {
    const id = await create("there.tif");
    const part = await upload("there.tif", id, 1, Buffer.from("x"));
    await client.send(new PutObjectCommand({ Bucket, Key: "there.tif", Body: "first" }));
    expect(await refusal(complete("there.tif", id, [part], { IfNoneMatch: "*" }))).toBe("412 PreconditionFailed");
    expect(await readdir(join(s3.directory, "temporary"))).toEqual([]);
  });
});
