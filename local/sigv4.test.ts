// Does not prove what AWS answers to a bad request, only that good ones pass and that no altered one does.
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";
import { describe, expect, it } from "vitest";
import { type AuthenticationOptions, authenticate } from "./sigv4";

// AWS's own examples. Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and sigv4-query-string-auth.html
const key = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  role: "worker",
} as const;
const now = new Date("2013-05-24T00:00:00Z");
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const options: AuthenticationOptions = { service: "s3", region: "us-east-1", keys: [key], now };
const scope = "20130524/us-east-1/s3/aws4_request";

interface Sent {
  readonly method?: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const attempt = async (sent: Sent, changed: Partial<AuthenticationOptions> = {}): Promise<string> => {
  try {
    const request = { method: "GET", ...sent } as unknown as IncomingMessage;
    return (await authenticate(request, { ...options, ...changed })).role;
  } catch (error) {
    const { status, code } = error as { status: number; code: string };
    return `${status} ${code}`;
  }
};

const signed = (url: string, signature: string, more: Record<string, string> = {}): Sent => {
  const headers = {
    host: "examplebucket.s3.amazonaws.com",
    "x-amz-content-sha256": emptyHash,
    "x-amz-date": "20130524T000000Z",
    ...more,
  };
  const names = Object.keys(headers).sort().join(";");
  return {
    url,
    headers: {
      ...headers,
      authorization: `AWS4-HMAC-SHA256 Credential=${key.accessKeyId}/${scope},SignedHeaders=${names},Signature=${signature}`,
    },
  };
};

const getObject = signed("/test.txt", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", {
  range: "bytes=0-9",
});
const withHeader = (name: string, value: string): Sent => ({
  ...getObject,
  headers: { ...getObject.headers, [name]: value },
});
const withAuthorization = (from: string, to: string): Sent =>
  withHeader("authorization", getObject.headers.authorization.replace(from, to));

const presignedUrl =
  "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
const presigned: Sent = { url: presignedUrl, headers: { host: "examplebucket.s3.amazonaws.com" } };
const presignedWith = (from: string, to: string): Sent => ({ ...presigned, url: presignedUrl.replace(from, to) });

describe("a signature in the headers", () => {
  it("passes AWS's example of an object read", async () => {
    const {
      role,
      accessKeyId,
      payloadHash,
      presigned: inQuery,
      signedAt,
    } = await authenticate({ method: "GET", ...getObject } as unknown as IncomingMessage, options);
    expect({ role, accessKeyId, payloadHash, inQuery, signedAt }).toEqual({
      role: "worker",
      accessKeyId: key.accessKeyId,
      payloadHash: emptyHash,
      inQuery: false,
      signedAt: now,
    });
  });

  it.each([
    ["a parameter without a value", "/?lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"],
    ["a listing", "/?max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"],
  ])("passes AWS's example of %s", async (_, url, signature) => {
    expect(await attempt(signed(url, signature))).toBe("worker");
  });

  it.each<[string, Sent, string]>([
    ["no signature at all", { url: "/test.txt", headers: { host: "h" } }, "403 AccessDenied"],
    ["another path", { ...getObject, url: "/test.txu" }, "403 SignatureDoesNotMatch"],
    ["another query", { ...getObject, url: "/test.txt?versionId=1" }, "403 SignatureDoesNotMatch"],
    ["another method", { ...getObject, method: "DELETE" }, "403 SignatureDoesNotMatch"],
    ["another signed header", withHeader("range", "bytes=0-99"), "403 SignatureDoesNotMatch"],
    ["another host", withHeader("host", "otherbucket.s3.amazonaws.com"), "403 SignatureDoesNotMatch"],
    ["another payload hash", withHeader("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), "403 SignatureDoesNotMatch"],
    ["another date of the same day", withHeader("x-amz-date", "20130524T000001Z"), "403 SignatureDoesNotMatch"],
    ["a date of another day", withHeader("x-amz-date", "20130525T000000Z"), "400 AuthorizationHeaderMalformed"],
    ["an unreadable date", withHeader("x-amz-date", "20130524"), "403 AccessDenied"],
    ["an x-amz header nobody signed", withHeader("x-amz-acl", "public-read"), "403 AccessDenied"],
    ["an unknown key", withAuthorization("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLF"), "403 InvalidAccessKeyId"],
    ["another region", withAuthorization("us-east-1", "eu-west-1"), "400 AuthorizationHeaderMalformed"],
    ["another service", withAuthorization("/s3/", "/sqs/"), "400 AuthorizationHeaderMalformed"],
    ["another terminator", withAuthorization("aws4_request", "aws4"), "400 AuthorizationHeaderMalformed"],
    ["an unsigned host", withAuthorization("=host;", "="), "403 AccessDenied"],
    ["a header signed twice", withAuthorization("=host;", "=host;host;"), "403 SignatureDoesNotMatch"],
    ["a signed header that is absent", withAuthorization("host;", "content-type;host;"), "403 SignatureDoesNotMatch"],
    [
      "a signed header that every object seems to have",
      withAuthorization("host;", "constructor;host;"),
      "403 SignatureDoesNotMatch",
    ],
    ["another signature", withAuthorization("f0e8", "f0e9"), "403 SignatureDoesNotMatch"],
    ["a shorter signature", withAuthorization("f0e8", "f0e"), "403 SignatureDoesNotMatch"],
    ["the old signature version", withHeader("authorization", "AWS AK:c2ln"), "400 InvalidRequest"],
    ["a torn header", withHeader("authorization", "AWS4-HMAC-SHA256 Credential=x"), "400 AuthorizationHeaderMalformed"],
    ["a path that is no UTF-8", { ...getObject, url: "/%ff" }, "400 InvalidURI"],
    ["two signatures", { ...presigned, headers: getObject.headers }, "400 InvalidArgument"],
  ])("refuses %s", async (_, sent, answer) => {
    expect(await attempt(sent)).toBe(answer);
  });

  it("refuses a right signature of a wrong secret", async () => {
    expect(await attempt(getObject, { keys: [{ ...key, secretAccessKey: "guess" }] })).toBe(
      "403 SignatureDoesNotMatch",
    );
  });

  it.each([
    [-15 * 60, "worker"],
    [-15 * 60 - 1, "403 RequestTimeTooSkewed"],
    [15 * 60, "worker"],
    [15 * 60 + 1, "403 RequestTimeTooSkewed"],
  ])("with a clock %i seconds off answers %s", async (seconds, answer) => {
    expect(await attempt(getObject, { now: new Date(now.getTime() + seconds * 1000) })).toBe(answer);
  });

  it("needs the payload hash, unless the body is at hand", async () => {
    const { "x-amz-content-sha256": _, ...headers } = getObject.headers;
    expect(await attempt({ ...getObject, headers })).toBe("400 InvalidRequest");
  });

  it("refuses a body that is not the one whose hash was signed", async () => {
    expect(await attempt(getObject, { body: Buffer.alloc(0) })).toBe("worker");
    expect(await attempt(getObject, { body: Buffer.from("x") })).toBe("403 SignatureDoesNotMatch");
  });
});

describe("a signature in the query", () => {
  it("passes AWS's example and counts as presigned, with the payload unsigned", async () => {
    const identity = await authenticate({ method: "GET", ...presigned } as unknown as IncomingMessage, options);
    expect([identity.role, identity.presigned, identity.payloadHash]).toEqual(["worker", true, "UNSIGNED-PAYLOAD"]);
  });

  it.each<[string, Sent, string]>([
    ["the path", presignedWith("/test.txt", "/test2.txt"), "403 SignatureDoesNotMatch"],
    ["the algorithm", presignedWith("HMAC-SHA256", "HMAC-SHA1"), "400 AuthorizationQueryParametersError"],
    ["the key", presignedWith("EXAMPLE%2F", "EXAMPLF%2F"), "403 InvalidAccessKeyId"],
    ["the day", presignedWith("%2F20130524", "%2F20130523"), "400 AuthorizationQueryParametersError"],
    ["the region", presignedWith("us-east-1", "us-east-2"), "400 AuthorizationQueryParametersError"],
    ["the service", presignedWith("%2Fs3", "%2Fsqs"), "400 AuthorizationQueryParametersError"],
    ["the scope's length", presignedWith("aws4_request", "aws4_request%2Fx"), "400 AuthorizationQueryParametersError"],
    ["the date", presignedWith("T000000Z", "T000001Z"), "403 SignatureDoesNotMatch"],
    ["the expiry", presignedWith("=86400", "=86401"), "403 SignatureDoesNotMatch"],
    ["the expiry's spelling", presignedWith("=86400", "=086400"), "400 AuthorizationQueryParametersError"],
    ["the signed headers", presignedWith("=host", "=host%3Brange"), "403 SignatureDoesNotMatch"],
    ["the signed headers' spelling", presignedWith("=host", "=host%3Bhost"), "403 SignatureDoesNotMatch"],
    ["the signature", presignedWith("=aeee", "=aeef"), "403 SignatureDoesNotMatch"],
    ["the query by one more", { ...presigned, url: `${presignedUrl}&x-id=PutObject` }, "403 SignatureDoesNotMatch"],
    ["the method", { ...presigned, method: "PUT" }, "403 SignatureDoesNotMatch"],
    ["the host", { ...presigned, headers: { host: "examplebucket" } }, "403 SignatureDoesNotMatch"],
    [
      "the headers by an x-amz one",
      { ...presigned, headers: { ...presigned.headers, "x-amz-meta-a": "b" } },
      "403 AccessDenied",
    ],
    [
      "the query by a second spelling of the signature",
      { ...presigned, url: `${presignedUrl}&x-amz-signature=1` },
      "400 AuthorizationQueryParametersError",
    ],
    [
      "the query by a repetition",
      { ...presigned, url: `${presignedUrl}&X-Amz-Expires=86400` },
      "400 AuthorizationQueryParametersError",
    ],
  ])("refuses a URL altered in %s", async (_, sent, answer) => {
    expect(await attempt(sent)).toBe(answer);
  });

  it.each(["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"])(
    "refuses a URL without X-Amz-%s",
    async (name) => {
      const url = presignedUrl.replace(new RegExp(`([?&])X-Amz-${name}=[^&]*&?`), "$1");
      expect(await attempt({ ...presigned, url })).toBe("400 AuthorizationQueryParametersError");
    },
  );

  it.each(["0", "-1", "604801", "1e3", "abc"])("refuses to expire after %s seconds", async (expires) => {
    expect(await attempt(presignedWith("=86400", `=${expires}`))).toBe("400 AuthorizationQueryParametersError");
  });

  it("holds to the second of its expiry and no longer", async () => {
    const at = (seconds: number) => ({ now: new Date(now.getTime() + seconds * 1000) });
    expect(await attempt(presigned, at(86_400))).toBe("worker");
    await expect(
      authenticate({ method: "GET", ...presigned } as unknown as IncomingMessage, { ...options, ...at(86_401) }),
    ).rejects.toMatchObject({ status: 403, code: "AccessDenied", message: "Request has expired" });
    expect(await attempt(presigned, at(-901))).toBe("403 AccessDenied");
  });
});

describe("AWS's own signer", () => {
  const { accessKeyId, secretAccessKey } = key;
  const host = "examplebucket.s3.amazonaws.com";
  it.each<[AuthenticationOptions["service"], string, Record<string, string | string[]>]>([
    ["s3", "/a//b/./../%ED%95%9C%20%2B~.tif", {}],
    ["s3", "/b/k", { uploads: "", prefix: "a b+c/*'()!", B: "2", a: "1", "a-": "3", _: "&=" }],
    ["s3", "/b/k", { twice: ["b", "a b", "a"] }],
    ["sqs", "/", {}],
    ["sqs", "/000000000000//a/./b/../jobs%20%2F/", { x: "y" }],
    ["execute-api", "/..", {}],
  ])("signs for %s the target %s %j as it is verified here", async (service, path, query) => {
    const uriEscapePath = service !== "s3";
    const settings = { service, region: "us-east-1", credentials: { accessKeyId, secretAccessKey }, sha256: Sha256 };
    const signer = new SignatureV4({ ...settings, uriEscapePath, applyChecksum: false });
    const headers = { host, "x-amz-content-sha256": emptyHash, "x-amz-meta-spaces": "  a \t  b  ", "x-amz-meta-a": "" };
    const request = { method: "PUT", protocol: "https:", hostname: host, path, query, headers };
    const made = await signer.sign(request, { signingDate: now });
    const search = Object.entries(query).flatMap(([name, values]) =>
      [values].flat().map((value) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`),
    );
    expect(
      await attempt({ method: "PUT", url: `${path}?${search.join("&")}`, headers: made.headers }, { service }),
    ).toBe("worker");
    expect(
      await attempt({ method: "PUT", url: `${path}?${search.join("&")}&z`, headers: made.headers }, { service }),
    ).toBe("403 SignatureDoesNotMatch");
  });
});

describe("signText", () => {
  it("signs a chunk as AWS's example does", async () => {
    // Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
    const identity = await authenticate({ method: "GET", ...getObject } as unknown as IncomingMessage, options);
    const seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    const chunk = createHash("sha256").update("a".repeat(65_536)).digest("hex");
    const signature = await identity.signText((date, inScope) =>
      ["AWS4-HMAC-SHA256-PAYLOAD", date, inScope, seed, emptyHash, chunk].join("\n"),
    );
    expect(signature).toBe("ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
  });
});
