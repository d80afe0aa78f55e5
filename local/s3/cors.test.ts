// Does not prove what a browser makes of the answers.
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send, startTestS3 } from "./testS3";

const origin = "https://console.example";
let s3: Awaited<ReturnType<typeof startTestS3>>;
beforeAll(async () => {
  s3 = await startTestS3();
});
afterAll(() => s3.close());

const preflight = (headers: Record<string, string>) => send(`${s3.url}/test-in/a.tif`, "OPTIONS", "", headers);
const asking = (method: string, headers?: string) => ({
  origin,
  "access-control-request-method": method,
  ...(headers === undefined ? {} : { "access-control-request-headers": headers }),
});

describe("a preflight", () => {
  it("of an allowed origin, method and headers is answered without a signature", async () => {
    const { status, headers } = await preflight(asking("PUT", "Content-Type, x-amz-checksum-sha256"));
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "GET, HEAD, PUT",
      "access-control-allow-headers": "content-type, x-amz-checksum-sha256",
      "access-control-expose-headers": "etag, content-disposition, x-amz-version-id",
      "access-control-max-age": "3600",
      vary: "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    });
  });

  it.each<[string, Record<string, string>, string]>([
    ["another origin", { ...asking("PUT"), origin: "https://console.example.evil" }, "403 AccessForbidden"],
    ["another method", asking("DELETE"), "403 AccessForbidden"],
    ["another header", asking("PUT", "content-type, authorization"), "403 AccessForbidden"],
    ["no origin", { "access-control-request-method": "PUT" }, "400 BadRequest"],
    ["no method", { origin }, "400 BadRequest"],
  ])("with %s is refused", async (_, headers, answer) => {
    const { status, code, headers: answered } = await preflight(headers);
    expect(`${status} ${code}`).toBe(answer);
    expect(answered["access-control-allow-origin"]).toBeUndefined();
  });
});

describe("an answer", () => {
  it("may be read by pages of an allowed origin only, refusals too", async () => {
    const url = await getSignedUrl(s3.client(), new GetObjectCommand({ Bucket: "test-in", Key: "missing.tif" }));
    expect(await send(url, "GET", "", { origin })).toMatchObject({
      status: 404,
      headers: { "access-control-allow-origin": origin },
    });
    const other = await send(url, "GET", "", { origin: "https://other.example" });
    expect(other.headers["access-control-allow-origin"]).toBeUndefined();
    expect((await send(url, "GET")).headers["access-control-allow-origin"]).toBeUndefined();
  });

  it("may be read by all where the rule says so", async () => {
    const open = await startTestS3({ corsOrigins: ["*"] });
    const { headers } = await send(`${open.url}/test-in/a.tif`, "OPTIONS", "", asking("GET"));
    expect(headers["access-control-allow-origin"]).toBe("*");
    await open.close();
  });
});
