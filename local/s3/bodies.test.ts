// Does not prove that uploads survive a kill; durability.test.ts does.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import { Sha256 } from "@aws-crypto/sha256-js";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { SignatureV4 } from "@smithy/signature-v4";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { digestOf } from "./checksum";
import { type Answer, refusal, send, startTestS3, testKeys } from "./testS3";

const Bucket = "test-in";
let s3: Awaited<ReturnType<typeof startTestS3>>;
let client: ReturnType<typeof s3.client>;
beforeAll(async () => {
  s3 = await startTestS3();
  client = s3.client();
});
afterAll(() => s3.close());
afterEach(async () => {
  // Whatever a test uploaded, whole or broken, its temporary file is gone.
  await vi.waitFor(async () => expect(await readdir(join(s3.directory, "temporary"))).toEqual([]));
});

const signer = new SignatureV4({
  service: "s3",
  region: "ap-northeast-2",
  credentials: testKeys[0],
  sha256: Sha256,
  uriEscapePath: false,
  applyChecksum: false,
});

/** A PUT with exactly these headers, signed whatever they say. */
const put = async (key: string, body: string, headers: Record<string, string>): Promise<Answer> => {
  const { host, hostname } = new URL(s3.url);
  const path = `/${Bucket}/${key}`;
  const signed = await signer.sign({ method: "PUT", protocol: "http:", hostname, path, headers: { host, ...headers } });
  return send(`${s3.url}${path}`, "PUT", body, signed.headers);
};

const stored = async (Key: string): Promise<string> => {
  const read = client.send(new GetObjectCommand({ Bucket, Key }));
  const refused = await refusal(read);
  return refused === "no refusal" ? ((await (await read).Body?.transformToString()) ?? "") : refused;
};

const base64 = (algorithm: string, text: string): string => createHash(algorithm).update(text).digest("base64");
const crc32Of = (text: string): string => {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(crc32(text));
  return four.toString("base64");
};
const unsigned = { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" };

describe("a digest", () => {
  // The check values of the CRC catalogue and FIPS 180.
  it.each([
    ["x-amz-checksum-crc32", "cbf43926"],
    ["x-amz-checksum-crc32c", "e3069283"],
    ["x-amz-checksum-sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"],
    ["x-amz-checksum-sha256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"],
  ] as const)("%s of 123456789 is %s, in one piece or two", (header, hexadecimal) => {
    const digest = digestOf(header);
    digest.update(Buffer.from("1234"));
    digest.update(Buffer.from("56789"));
    expect(digest.digest().toString("hex")).toBe(hexadecimal);
  });
});

describe("a checksum in a header", () => {
  it.each([
    ["x-amz-checksum-crc32", crc32Of("hello"), crc32Of("other")],
    ["x-amz-checksum-crc32c", "mnG7TA==", "AAAAAA=="],
    ["x-amz-checksum-sha1", base64("sha1", "hello"), base64("sha1", "other")],
    ["x-amz-checksum-sha256", base64("sha256", "hello"), base64("sha256", "other")],
    ["content-md5", base64("md5", "hello"), base64("md5", "other")],
  ])("%s is verified", async (header, right, wrong) => {
    const key = `${header}.tif`;
    expect(await put(key, "hello", { ...unsigned, [header]: wrong })).toMatchObject({ status: 400, code: "BadDigest" });
    expect(await stored(key)).toBe("404 NoSuchKey");
    expect((await put(key, "hello", { ...unsigned, [header]: right })).status).toBe(200);
    expect(await stored(key)).toBe("hello");
  });

  it("is given back with the object", async () => {
    const sum = base64("sha256", "hello");
    await client.send(new PutObjectCommand({ Bucket, Key: "kept.tif", Body: "hello", ChecksumSHA256: sum }));
    expect((await client.send(new GetObjectCommand({ Bucket, Key: "kept.tif" }))).ChecksumSHA256).toBe(sum);
  });

  it.each<[string, Record<string, string>, string]>([
    ["is no checksum", { "x-amz-checksum-crc32": "short" }, "400 InvalidRequest"],
    ["is no MD5", { "content-md5": "short" }, "400 InvalidDigest"],
    [
      "is one of two",
      { "x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-crc32c": "AAAAAA==" },
      "400 InvalidRequest",
    ],
    ["is of a kind that nobody checks here", { "x-amz-checksum-crc64nvme": "AAAAAAAAAAA=" }, "501 NotImplemented"],
    ["was only announced", { "x-amz-sdk-checksum-algorithm": "CRC32" }, "400 InvalidRequest"],
    ["is to follow a body that has no trailer", { "x-amz-trailer": "x-amz-checksum-crc32" }, "400 InvalidRequest"],
  ])("that %s is refused", async (_, headers, answer) => {
    const { status, code } = await put("refused.tif", "hello", { ...unsigned, ...headers });
    expect(`${status} ${code}`).toBe(answer);
    expect(await stored("refused.tif")).toBe("404 NoSuchKey");
  });
});

describe("a signed payload hash", () => {
  it.each([
    ["of another body", createHash("sha256").update("other").digest("hex"), "400 XAmzContentSHA256Mismatch"],
    ["that is no hash", "abc", "400 InvalidArgument"],
    ["of a way of streaming that nobody knows", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "400 InvalidRequest"],
  ])("%s is refused", async (_, hash, answer) => {
    const { status, code } = await put("hash.tif", "hello", { "x-amz-content-sha256": hash });
    expect(`${status} ${code}`).toBe(answer);
    expect(await stored("hash.tif")).toBe("404 NoSuchKey");
  });
});

describe("a body in chunks", () => {
  const trailing = {
    "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "x-amz-trailer": "x-amz-checksum-crc32",
    "x-amz-decoded-content-length": "10",
    "content-encoding": "aws-chunked,gzip",
  };
  const chunks = `5\r\nhello\r\n5\r\nworld\r\n0\r\nx-amz-checksum-crc32:${crc32Of("helloworld")}\r\n\r\n`;

  it("comes from AWS's client when the body is a stream, and is stored without the framing", async () => {
    const pieces = Array.from({ length: 50 }, (_, index) => Buffer.alloc(4001, index));
    const Body = Readable.from(pieces);
    await client.send(new PutObjectCommand({ Bucket, Key: "stream.tif", Body, ContentLength: 50 * 4001 }));
    const read = await client.send(new GetObjectCommand({ Bucket, Key: "stream.tif" }));
    expect(Buffer.from((await read.Body?.transformToByteArray()) ?? []).equals(Buffer.concat(pieces))).toBe(true);
    expect(read.ContentEncoding).toBeUndefined();
    expect(read.ChecksumCRC32).toMatch(/^.{6}==$/);
  });

  it("keeps the encoding that is the object's own", async () => {
    expect((await put("encoded.tif", chunks, trailing)).status).toBe(200);
    expect((await client.send(new GetObjectCommand({ Bucket, Key: "encoded.tif" }))).ContentEncoding).toBe("gzip");
    expect(await stored("encoded.tif")).toBe("helloworld");
  });

  it.each<[string, string, Record<string, string>, string]>([
    ["with a wrong trailer", chunks.replace(crc32Of("helloworld"), "AAAAAA=="), {}, "400 BadDigest"],
    ["without the trailer it announced", "5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n", {}, "400 MalformedTrailerError"],
    ["that ends inside a chunk", "5\r\nhello\r\n5\r\nwor", {}, "400 IncompleteBody"],
    ["that ends before its last chunk", "5\r\nhello\r\n5\r\nworld\r\n", {}, "400 IncompleteBody"],
    ["with more bytes than announced", chunks, { "x-amz-decoded-content-length": "9" }, "400 IncompleteBody"],
    ["with fewer bytes than announced", chunks, { "x-amz-decoded-content-length": "11" }, "400 IncompleteBody"],
    ["with a chunk longer than its size", chunks.replace("hello", "hello!"), {}, "400 InvalidRequest"],
    ["with a size that is no number", chunks.replace("5", "five"), {}, "400 InvalidRequest"],
    ["with bytes after its end", `${chunks}more`, {}, "400 InvalidRequest"],
    ["with a line without end", "5".repeat(20_000), {}, "400 InvalidRequest"],
    ["of no announced length", chunks, { "x-amz-decoded-content-length": "" }, "400 InvalidArgument"],
    [
      "larger than one upload may be",
      chunks,
      { "x-amz-decoded-content-length": `${5 * 1024 ** 3 + 1}` },
      "400 EntityTooLarge",
    ],
  ])("%s is refused", async (_, body, changed, answer) => {
    const { status, code } = await put("chunks.tif", body, { ...trailing, ...changed });
    expect(`${status} ${code}`).toBe(answer);
    expect(await stored("chunks.tif")).toBe("404 NoSuchKey");
  });
});

describe("a body that is given up half way", () => {
  it("is read to its end, so that its sender hears why", async () => {
    const headers = {
      "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
      "x-amz-decoded-content-length": "5",
    };
    const body = `6\r\nhello!\r\n${"x".repeat(20_000_000)}`;
    expect(await put("half.tif", body, headers)).toMatchObject({ status: 400, code: "IncompleteBody" });
    const malformed = `no size\r\n${"x".repeat(20_000_000)}`;
    expect(await put("half.tif", malformed, headers)).toMatchObject({ status: 400, code: "InvalidRequest" });
  });
});

describe("a body in signed chunks", () => {
  /** Signs as AWS's example does; `alter` changes the finished body. */
  const putSigned = async (key: string, alter: (body: string) => string): Promise<Answer> => {
    const { host, hostname } = new URL(s3.url);
    const path = `/${Bucket}/${key}`;
    const signingDate = new Date();
    const signed = await signer.sign(
      {
        method: "PUT",
        protocol: "http:",
        hostname,
        path,
        headers: {
          host,
          "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
          "x-amz-decoded-content-length": "10",
          "x-amz-trailer": "x-amz-checksum-crc32",
        },
      },
      { signingDate },
    );
    const hash = (text: string) => createHash("sha256").update(text).digest("hex");
    const date = signed.headers["x-amz-date"];
    let previous = signed.headers.authorization.split("Signature=")[1];
    const next = async (kind: string, ...hashes: string[]): Promise<string> => {
      const scope = `${date.slice(0, 8)}/ap-northeast-2/s3/aws4_request`;
      const text = [`AWS4-HMAC-SHA256-${kind}`, date, scope, previous, ...hashes].join("\n");
      previous = await signer.sign(text, { signingDate });
      return previous;
    };
    let body = "";
    for (const chunk of ["hello", "world", ""]) {
      const signature = await next("PAYLOAD", hash(""), hash(chunk));
      body += `${chunk.length.toString(16)};chunk-signature=${signature}\r\n${chunk}${chunk === "" ? "" : "\r\n"}`;
    }
    const trailer = `x-amz-checksum-crc32:${crc32Of("helloworld")}`;
    const signature = await next("TRAILER", hash(`${trailer}\n`));
    body += `${trailer}\r\nx-amz-trailer-signature:${signature}\r\n\r\n`;
    return send(`${s3.url}${path}`, "PUT", alter(body), signed.headers);
  };

  it("is verified chunk by chunk", async () => {
    expect((await putSigned("signed.tif", (body) => body)).status).toBe(200);
    expect(await stored("signed.tif")).toBe("helloworld");
  });

  it.each<[string, (body: string) => string]>([
    ["a chunk", (body) => body.replace("world", "World")],
    ["a chunk's signature", (body) => body.replace(/(signature=)(.)/, (_, name, c) => name + (c === "0" ? 1 : 0))],
    ["a chunk whose signature was removed", (body) => body.replace(/;chunk-signature=[0-9a-f]{64}/, "")],
    ["the trailer", (body) => body.replace(/(crc32:)....../, "$1AAAAAA")],
    [
      "the trailer's signature",
      (body) => body.replace(/(trailer-signature:)(.)/, (_, n, c) => n + (c === "0" ? 1 : 0)),
    ],
  ])("is refused when somebody altered %s", async (_, alter) => {
    expect(await putSigned("forged.tif", alter)).toMatchObject({ status: 403, code: "SignatureDoesNotMatch" });
    expect(await stored("forged.tif")).toBe("404 NoSuchKey");
  });
});

describe("a body's length", () => {
  it("must be told", async () => {
    const url = await getSignedUrl(
      s3.client("operator", { requestChecksumCalculation: "WHEN_REQUIRED" }),
      new PutObjectCommand({ Bucket, Key: "n.tif" }),
    );
    const { host, port, pathname, search } = new URL(url);
    const socket = connect(Number(port), "127.0.0.1");
    socket.end(`PUT ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    const [answer] = await once(socket, "data");
    expect(`${answer}`).toMatch(/^HTTP\/1.1 411 .*<Code>MissingContentLength</s);
  });

  it("is waited for on no expectation but 100-continue, and S3 says so in XML", async () => {
    const { host, port } = new URL(s3.url);
    const socket = connect(Number(port), "127.0.0.1");
    socket.write(`PUT /${Bucket}/n.tif HTTP/1.1\r\nhost: ${host}\r\nexpect: wonders\r\ncontent-length: 2\r\n\r\n`);
    const [answer] = await once(socket, "data");
    expect(`${answer}`).toMatch(
      /^HTTP\/1.1 417 .*connection: close.*<Code>ExpectationFailed<\/Code>.*<RequestId>[0-9A-F]{16}</is,
    );
    socket.destroy();
  });

  it("is kept by what is stored: a body that breaks off leaves what was there", async () => {
    await client.send(new PutObjectCommand({ Bucket, Key: "broken.tif", Body: "old" }));
    const url = await getSignedUrl(
      s3.client("operator", { requestChecksumCalculation: "WHEN_REQUIRED" }),
      new PutObjectCommand({ Bucket, Key: "broken.tif" }),
    );
    const { host, port, pathname, search } = new URL(url);
    const socket = connect(Number(port), "127.0.0.1");
    socket.write(`PUT ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 2000000\r\n\r\n`);
    socket.write(Buffer.alloc(1_000_000));
    const temporary = join(s3.directory, "temporary");
    await vi.waitFor(async () => expect(await readdir(temporary)).toHaveLength(1));
    socket.destroy();
    await vi.waitFor(async () => expect(await readdir(temporary)).toEqual([]));
    expect(await stored("broken.tif")).toBe("old");
  });
});
