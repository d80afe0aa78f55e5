// Does not prove that AWS words its refusals so; sigv4.test.ts has AWS's own examples.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { GetObjectCommand, PutObjectCommand, type PutObjectCommandInput } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { refusal, send, startTestS3 } from "./testS3";

const Bucket = "test-in";
let s3: Awaited<ReturnType<typeof startTestS3>>;
let client: ReturnType<typeof s3.client>;
beforeAll(async () => {
  s3 = await startTestS3({ maxSignatureAgeMs: 3_600_000 });
  client = s3.client("presign", { requestChecksumCalculation: "WHEN_REQUIRED" });
});
afterAll(() => s3.close());

const sign = (
  input: Omit<PutObjectCommandInput, "Bucket">,
  signable: readonly string[] = [],
  more: { signingDate?: Date; expiresIn?: number; unhoistableHeaders?: Set<string> } = {},
) => getSignedUrl(client, new PutObjectCommand({ Bucket, ...input }), { signableHeaders: new Set(signable), ...more });

const stored = async (Key: string): Promise<string> => {
  const read = client.send(new GetObjectCommand({ Bucket, Key }));
  const refused = await refusal(read);
  return refused === "no refusal" ? ((await (await read).Body?.transformToString()) ?? "") : refused;
};

describe("a presigned upload", () => {
  it("takes plain bytes with no extra header, as legacy clients send them", async () => {
    const url = await sign({ Key: "한글 +&.tif" });
    expect(new URL(url).searchParams.get("X-Amz-SignedHeaders")).toBe("host");
    expect(await send(url, "PUT", "hello")).toMatchObject({ status: 200, text: "" });
    expect(await stored("한글 +&.tif")).toBe("hello");
  });

  it.each<[string, string, (url: string) => string]>([
    ["its key", "403 SignatureDoesNotMatch", (url) => url.replace("tampered.tif", "other.tif")],
    ["its bucket", "403 SignatureDoesNotMatch", (url) => url.replace("test-in", "test-out")],
    ["its expiry", "403 SignatureDoesNotMatch", (url) => url.replace(/Expires=\d+/, "Expires=3599")],
    ["its date", "403 SignatureDoesNotMatch", (url) => url.replace(/(Date=\d{8}T\d{5})0/, (_, kept) => `${kept}7`)],
    ["its region", "400 AuthorizationQueryParametersError", (url) => url.replace("ap-northeast-2", "us-east-1")],
    ["its key's owner", "403 SignatureDoesNotMatch", (url) => url.replace("AKIAPRESIGN", "AKIAOPERATOR")],
    [
      "its signature",
      "403 SignatureDoesNotMatch",
      (url) => url.replace(/Signature=./, (s) => `Signature=${s.endsWith("0") ? 1 : 0}`),
    ],
    ["its query", "403 SignatureDoesNotMatch", (url) => `${url}&x-amz-meta-a=b`],
  ])("is refused when %s was altered, and stores nothing", async (_, answer, alter) => {
    const url = alter(
      await sign({ Key: "tampered.tif" }, [], {
        expiresIn: 3600,
        signingDate: new Date(Math.floor(Date.now() / 10_000) * 10_000),
      }),
    );
    const { status, code } = await send(url, "PUT", "x");
    expect(`${status} ${code}`).toBe(answer);
    expect(await stored("tampered.tif")).toBe("404 NoSuchKey");
    expect(await stored("other.tif")).toBe("404 NoSuchKey");
  });

  it("is refused for another method", async () => {
    const url = await sign({ Key: "method.tif" });
    expect(await send(url, "GET")).toMatchObject({ status: 403, code: "SignatureDoesNotMatch" });
  });

  it("is refused once it has expired", async () => {
    const url = await sign({ Key: "late.tif" }, [], { signingDate: new Date(Date.now() - 61_000), expiresIn: 60 });
    const { status, code, text } = await send(url, "PUT", "x");
    expect([status, code]).toEqual([403, "AccessDenied"]);
    expect(text).toContain("<Message>Request has expired</Message>");
  });

  it("is refused when its signature is older than the bucket's policy allows, however long it would hold", async () => {
    const aged = (milliseconds: number) =>
      sign({ Key: "aged.tif" }, [], { signingDate: new Date(Date.now() - milliseconds), expiresIn: 86_400 });
    expect(await send(await aged(3_602_000), "PUT", "x")).toMatchObject({ status: 403, code: "AccessDenied" });
    expect((await send(await aged(3_500_000), "PUT", "x")).status).toBe(200);
  });

  it("takes only the signed length", async () => {
    const url = await sign({ Key: "length.tif", ContentLength: 5 }, ["content-length"]);
    expect(await send(url, "PUT", "longer")).toMatchObject({ status: 403, code: "SignatureDoesNotMatch" });
    expect(await stored("length.tif")).toBe("404 NoSuchKey");
    expect((await send(url, "PUT", "exact")).status).toBe(200);
  });

  it("takes only the signed type", async () => {
    const url = await sign({ Key: "type.tif", ContentType: "image/tiff" }, ["content-type"]);
    expect(await send(url, "PUT", "x", { "content-type": "image/png" })).toMatchObject({ status: 403 });
    expect(await send(url, "PUT", "x")).toMatchObject({ status: 403, code: "SignatureDoesNotMatch" });
    expect((await send(url, "PUT", "x", { "content-type": "image/tiff" })).status).toBe(200);
  });

  it("takes only the signed checksum, and only a body that has it", async () => {
    const sha256 = (text: string) => createHash("sha256").update(text).digest("base64");
    const url = await sign({ Key: "sum.tif", ChecksumSHA256: sha256("right") }, ["x-amz-checksum-sha256"], {
      unhoistableHeaders: new Set(["x-amz-checksum-sha256"]),
    });
    expect(new URL(url).searchParams.get("X-Amz-SignedHeaders")).toBe("host;x-amz-checksum-sha256");
    const put = (body: string, claimed: string) => send(url, "PUT", body, { "x-amz-checksum-sha256": sha256(claimed) });
    expect(await put("wrong", "wrong")).toMatchObject({ status: 403, code: "SignatureDoesNotMatch" });
    expect(await put("wrong", "right")).toMatchObject({ status: 400, code: "BadDigest" });
    expect(await stored("sum.tif")).toBe("404 NoSuchKey");
    expect((await put("right", "right")).status).toBe(200);
  });

  it("creates once when If-None-Match was signed", async () => {
    const url = await sign({ Key: "created.tif", IfNoneMatch: "*" }, ["if-none-match"]);
    expect((await send(url, "PUT", "no header")).code).toBe("SignatureDoesNotMatch");
    expect((await send(url, "PUT", "first", { "if-none-match": "*" })).status).toBe(200);
    expect(await send(url, "PUT", "second", { "if-none-match": "*" })).toMatchObject({ status: 412 });
    expect(await stored("created.tif")).toBe("first");
  });

  it("holds the body against a checksum that the signer moved into the query", async () => {
    const careless = s3.client("presign");
    const url = await getSignedUrl(careless, new PutObjectCommand({ Bucket, Key: "hoisted.tif" }));
    expect(new URL(url).searchParams.get("x-amz-checksum-crc32")).toBe("AAAAAA==");
    expect(await send(url, "PUT", "not empty")).toMatchObject({ status: 400, code: "BadDigest" });
    expect(await stored("hoisted.tif")).toBe("404 NoSuchKey");
    expect((await send(url, "PUT", "")).status).toBe(200);
  });

  it("takes no x-amz header that was not signed", async () => {
    const url = await sign({ Key: "extra.tif" });
    expect(await send(url, "PUT", "x", { "x-amz-meta-a": "b" })).toMatchObject({ status: 403, code: "AccessDenied" });
  });

  it("gives a client that reads only after it sent everything the refusal rather than a broken connection", async () => {
    const url = new URL((await sign({ Key: "large.tif" })).replace("large.tif", "other.tif"));
    const socket = connect(Number(url.port), "127.0.0.1").pause();
    const bytes = 20_000_000;
    socket.write(
      `PUT ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\nconnection: close\r\ncontent-length: ${bytes}\r\n\r\n`,
    );
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject).write(Buffer.alloc(bytes), () => resolve());
    });
    const [answer] = await once(socket.resume(), "data");
    expect(`${answer}`).toMatch(/^HTTP\/1.1 403 .*<Code>SignatureDoesNotMatch</s);
    socket.destroy();
  });

  it("is asked to send on only where its body would be taken", async () => {
    const waiting = async (url: string) => {
      const sent = request(url, {
        method: "PUT",
        headers: { expect: "100-continue", "content-length": 5 },
        agent: false,
      });
      let continued = false;
      sent.once("continue", () => {
        continued = true;
        sent.end("hello");
      });
      sent.flushHeaders();
      const [answer] = await once(sent, "response");
      answer.resume();
      return [continued, answer.statusCode];
    };
    const url = await sign({ Key: "expect.tif" });
    expect(await waiting(url.replace("expect", "other"))).toEqual([false, 403]);
    expect(await waiting(url)).toEqual([true, 200]);
    expect(await stored("expect.tif")).toBe("hello");
  });
});

describe("a request without a signature", () => {
  it.each(["GET", "PUT", "HEAD", "DELETE"])("%s is denied", async (method) => {
    expect((await send(`${s3.url}/test-in/a.tif`, method)).status).toBe(403);
  });
});

describe("the server's clock", () => {
  it("is what skew is measured against", async () => {
    const skewed = s3.client("operator", { systemClockOffset: 16 * 60 * 1000 });
    expect(await refusal(skewed.send(new GetObjectCommand({ Bucket, Key: "a" })))).toBe("403 RequestTimeTooSkewed");
  });
});
