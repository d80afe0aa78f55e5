// Does not prove that AWS itself takes these URLs: the twin's S3 does, which checks signatures as AWS documents them.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Job, queuedJob } from "../contract/job";
import type { Problem } from "../contract/problem";
import type { ApiResult } from "./event";
import { type PresignAnswer, presignHandler } from "./presign";
import type { PresignSettings } from "./settings";
import { bodyOf, eventOf } from "./testing/events";
import { startTwin, type TestTwin } from "./testing/twin";

let twin: TestTwin;
let presign: (query: string, settings?: Partial<PresignSettings>) => Promise<ApiResult>;

beforeAll(async () => {
  twin = await startTwin();
  const { inBucket, outBucket } = twin;
  presign = (rawQueryString, settings) =>
    presignHandler({
      inBucket,
      outBucket,
      maxBytes: 1_000_000,
      requireSize: false,
      clients: twin.clientsOf("presign"),
      ...settings,
    })(eventOf("GET /presign", { rawQueryString }));
});
afterAll(() => twin.close());

const queryOf = (parameters: Readonly<Record<string, string>>): string => new URLSearchParams(parameters).toString();

const answerOf = async (parameters: Readonly<Record<string, string>>): Promise<PresignAnswer> => {
  const result = await presign(queryOf(parameters));
  expect(result).toMatchObject({ statusCode: 200, headers: { "cache-control": "no-store" } });
  return bodyOf<PresignAnswer>(result);
};

const send = ({ url, method, headers }: PresignAnswer, body?: string, more: Record<string, string> = {}) =>
  fetch(url, { method, headers: { ...headers, ...more }, ...(body === undefined ? {} : { body: Buffer.from(body) }) });

const signedHeaders = (url: string): string | null => new URL(url).searchParams.get("X-Amz-SignedHeaders");

const bytes = "sixteen bits are";
const sha256 = createHash("sha256").update(bytes).digest("base64");

describe("an upload", () => {
  it("signs only the host when the query is file and mode, as legacy clients send it", async () => {
    const answer = await answerOf({ file: "legacy.tif", mode: "upload" });

    expect(answer).toMatchObject({ method: "PUT", headers: {}, file: "legacy.tif", mode: "upload" });
    const { searchParams } = new URL(answer.url);
    expect(searchParams.get("X-Amz-SignedHeaders")).toBe("host");
    expect(searchParams.get("X-Amz-Expires")).toBe("900");
    expect(answer.url.toLowerCase()).not.toContain("checksum");
    expect((await send(answer, bytes)).status).toBe(200);
    expect(await twin.read("in", "legacy.tif")).toEqual(new Uint8Array(Buffer.from(bytes)));
  });

  it("pins size, type, checksum and the absence of another file, and lists exactly what to send", async () => {
    const options = { size: String(bytes.length), type: "image/tiff", sha256, overwrite: "false" };

    const answer = await answerOf({ file: "pinned.tif", mode: "upload", ...options });

    expect(answer.headers).toEqual({
      "content-length": "16",
      "content-type": "image/tiff",
      "x-amz-checksum-sha256": sha256,
      "if-none-match": "*",
    });
    expect(signedHeaders(answer.url)).toBe("content-length;content-type;host;if-none-match;x-amz-checksum-sha256");
    expect(new URL(answer.url).searchParams.has("x-amz-checksum-sha256")).toBe(false);
    expect((await send(answer, bytes)).status).toBe(200);
    expect((await send(answer, bytes)).status).toBe(412);
  });

  it.each([
    ["another size", { size: "16" }, "too short", {}, 403],
    ["another type", { type: "image/tiff" }, bytes, { "content-type": "image/png" }, 403],
    ["other bytes than the checksum's", { sha256 }, "sixteen bits ARE", {}, 400],
    ["no If-None-Match", { overwrite: "false" }, bytes, { "if-none-match": "" }, 403],
  ])("with %s is refused by S3", async (_, options: Record<string, string>, body, headers, status) => {
    const file = "refused.tif";
    const answer = await answerOf({ file, mode: "upload", ...options });
    const own = Object.fromEntries(Object.entries(answer.headers).filter(([name]) => name !== "content-length"));

    const put = await send({ ...answer, headers: own }, body, headers);

    expect(put.status).toBe(status);
    expect(await twin.keys("in")).not.toContain(file);
  });

  it("expires when the answer says, to the second of the signature", async () => {
    const { url, expiresAt } = await answerOf({ file: "a.tif", mode: "upload", expires: "30" });

    const { searchParams } = new URL(url);
    const signedAt = (searchParams.get("X-Amz-Date") ?? "").replace(
      /(....)(..)(..)T(..)(..)(..)Z/,
      "$1-$2-$3T$4:$5:$6Z",
    );
    expect(searchParams.get("X-Amz-Expires")).toBe("30");
    expect(Date.parse(expiresAt) - Date.parse(signedAt)).toBe(30_000);
  });

  it("brings Korean names to NFC, as macOS sends them in NFD", async () => {
    const nfc = "검사/용접부 0042.tif";
    const answer = await answerOf({ file: nfc.normalize("NFD"), mode: "upload" });

    expect(answer.file).toBe(nfc.normalize("NFC"));
    expect((await send(answer, bytes)).status).toBe(200);
    expect(await twin.keys("in")).toContain(nfc.normalize("NFC"));
  });

  it("takes every character that a key may have", async () => {
    const file = "a,b+c=d@e&f~g-h!i_j.k'l(m).PNG";
    const answer = await answerOf({ file, mode: "upload" });

    expect((await send(answer, bytes)).status).toBe(200);
    expect(await twin.keys("in")).toContain(file);
  });

  it("reads a literal plus in the query as a space, as forms do", async () => {
    const result = await presign("file=a+b.tif&mode=upload");
    expect(bodyOf<PresignAnswer>(result).file).toBe("a b.tif");
  });

  it("needs a size where the stack demands it", async () => {
    const query = "file=a.tif&mode=upload";
    const without = await presign(query, { requireSize: true });
    expect(bodyOf<Problem>(without)).toMatchObject({
      code: "size_invalid",
      detail:
        "Expected the file's size in bytes, a whole number from 1 for `size` but received nothing. Every upload must state its size here.",
    });
    expect((await presign(`${query}&size=5`, { requireSize: true })).statusCode).toBe(200);
  });
});

const succeeded = (id: string, output: string, result: Job["result"]): Job => ({
  ...queuedJob(
    id,
    { file: output, output, options: { strength: 1 } },
    { bytes: 1, etag: '"e"' },
    new Date("2026-11-23T00:00:00Z"),
  ),
  status: "succeeded",
  ...(result === undefined ? {} : { result }),
});

const idOf = (mark: string): string => mark.padEnd(26, "0");

describe("a download", () => {
  it("gives the result under the file's own name", async () => {
    await twin.put("out", "line 2/scan.tif", "denoised");
    const answer = await answerOf({ file: "line 2/scan.tif", mode: "download" });

    expect(answer).toMatchObject({ method: "GET", headers: {}, file: "line 2/scan.tif", mode: "download" });
    expect(signedHeaders(answer.url)).toBe("host");
    const got = await send(answer);
    expect(got.headers.get("content-disposition")).toBe('attachment; filename="scan.tif"');
    expect(await got.text()).toBe("denoised");
  });

  it("keeps a Korean name in the disposition", async () => {
    await twin.put("out", "용접.tif", "denoised");
    const got = await send(await answerOf({ file: "용접.tif", mode: "download" }));
    expect(got.headers.get("content-disposition")).toBe(
      "attachment; filename=\"__.tif\"; filename*=UTF-8''%EC%9A%A9%EC%A0%91.tif",
    );
  });

  it("of a job gives the bytes that this job wrote, not the last writer's", async () => {
    const mine = await twin.put("out", "shared.tif", "mine");
    await twin.put("out", "shared.tif", "another's");
    await twin.putJob(succeeded(idOf("pinned"), "shared.tif", { bytes: 4, sha256: "00", ...mine }));

    const answer = await answerOf({ job: idOf("pinned"), mode: "download" });

    expect(mine.versionId).toBeDefined();
    expect(answer).toMatchObject({ file: "shared.tif", headers: {} });
    expect(await (await send(answer)).text()).toBe("mine");
  });

  it("of a job in a bucket without versions pins the ETag, and gives nothing once another wrote there", async () => {
    const { etag } = await twin.put("out", "unversioned.tif", "mine");
    await twin.putJob(succeeded(idOf("etag"), "unversioned.tif", { bytes: 4, sha256: "00", etag }));
    const answer = await answerOf({ job: idOf("etag"), mode: "download" });
    expect(answer.headers).toEqual({ "if-match": etag });
    expect(await (await send(answer)).text()).toBe("mine");

    await twin.put("out", "unversioned.tif", "another's");

    expect((await send(answer)).status).toBe(412);
    expect(bodyOf<Problem>(await presign(`job=${idOf("etag")}&mode=download`))).toMatchObject({
      code: "result_not_found",
      detail: `Expected a job with a result for \`job\` but job ${idOf("etag")} is succeeded. Its result has been removed since; start a new job.`,
    });
  });

  it("before there is a result says how to start one", async () => {
    const result = await presign("file=none.tif&mode=download");
    expect(result).toMatchObject({
      statusCode: 404,
      headers: { "content-type": "application/problem+json", "cache-control": "no-store" },
    });
    expect(bodyOf<Problem>(result)).toEqual({
      type: "urn:ddn:problem:result_not_found",
      title: "There is no result yet",
      status: 404,
      detail:
        'Expected a result at `file` but there is none at "none.tif". Start one by POST /jobs with the input\'s name as `file`, and ask again once GET /jobs/{id} says succeeded.',
      instance: "urn:ddn:request:request-1",
      code: "result_not_found",
    });
  });

  it.each([
    ["queued", "Ask again once GET /jobs/{id} says succeeded."],
    ["running", "Ask again once GET /jobs/{id} says succeeded."],
    ["failed", "GET /jobs/{id} says why; start a new job once that is mended."],
    ["cancelled", "Start a new job to get one."],
  ] as const)("of a job that is %s says so", async (status, remedy) => {
    const id = idOf(status);
    await twin.putJob({ ...succeeded(id, "a.tif", undefined), status });
    expect(bodyOf<Problem>(await presign(`job=${id}&mode=download`))).toMatchObject({
      code: "result_not_found",
      status: 404,
      detail: `Expected a job with a result for \`job\` but job ${id} is ${status}. ${remedy}`,
      instance: `/jobs/${id}`,
    });
  });

  it("of a job that never was is job_not_found", async () => {
    const id = idOf("never");
    expect(bodyOf<Problem>(await presign(`job=${id}&mode=download`))).toMatchObject({
      code: "job_not_found",
      status: 404,
      detail: `Expected the id of a job for \`job\` but received "${id}".`,
    });
  });
});

describe("a query that is not right is refused with the whole story", () => {
  const up = "file=a.tif&mode=upload";
  const down = "file=a.tif&mode=download";
  const size = "Expected the file's size in bytes, a whole number from 1 for `size` but received";
  const expires = "Expected whole seconds from 30 to 3600 for `expires` but received";
  const type =
    "Expected an image type such as image/tiff or image/png, or application/octet-stream for `type` but received";
  const digest = "Expected the base64 of the 32 bytes of a SHA-256 for `sha256` but received";

  it.each([
    ["mode=upload", 400, "file_missing", "Expected a file name such as scan-0042.tif for `file` but received nothing."],
    [
      "file=&mode=upload",
      400,
      "file_missing",
      'Expected a file name such as scan-0042.tif for `file` but received "".',
    ],
    [
      "mode=download",
      400,
      "file_missing",
      "Expected a file name such as scan-0042.tif for `file` but received nothing.",
    ],
    [
      "file=a.exe&mode=upload",
      400,
      "file_invalid",
      'Expected a name ending in .tif, .tiff or .png for `file` but received "a.exe".',
    ],
    [
      "file=a%zz.tif&mode=upload",
      400,
      "file_invalid",
      'Expected letters, digits, marks, spaces and _ . \' ( ) + , = @ & ~ - ! only (U+0025 is none of them) for `file` but received "a%zz.tif".',
    ],
    [
      "file=a%ff.tif&mode=upload",
      400,
      "file_invalid",
      'Expected letters, digits, marks, spaces and _ . \' ( ) + , = @ & ~ - ! only (U+FFFD is none of them) for `file` but received "a\uFFFD.tif".',
    ],
    [
      "file=.ddn/jobs/x.png&mode=download",
      400,
      "file_invalid",
      'Expected no segment that starts or ends with a dot or a space for `file` but received ".ddn/jobs/x.png".',
    ],
    ["file=a.tif", 400, "mode_invalid", "Expected upload or download for `mode` but received nothing."],
    ["file=a.tif&mode=PUT", 400, "mode_invalid", 'Expected upload or download for `mode` but received "PUT".'],
    [`${up}&size=0`, 400, "size_invalid", `${size} "0".`],
    [`${up}&size=-1`, 400, "size_invalid", `${size} "-1".`],
    [`${up}&size=1.5`, 400, "size_invalid", `${size} "1.5".`],
    [`${up}&size=1e3`, 400, "size_invalid", `${size} "1e3".`],
    [`${up}&size=9999999999999999`, 400, "size_invalid", `${size} "9999999999999999".`],
    [`${up}&size=1000001`, 413, "image_too_large", "Expected at most 1000000 bytes for `size` but received 1000001."],
    [`${up}&type=text/html`, 400, "type_invalid", `${type} "text/html".`],
    [`${up}&type=image/tiff%0d%0ax:y`, 400, "type_invalid", `${type} "image/tiff\\r\\nx:y".`],
    [`${up}&sha256=AAAA`, 400, "sha256_invalid", `${digest} "AAAA". In a query, + is written %2B.`],
    [
      `${up}&sha256=${"A".repeat(42)}B=`,
      400,
      "sha256_invalid",
      `${digest} "${"A".repeat(42)}B=". In a query, + is written %2B.`,
    ],
    [`${up}&overwrite=no`, 400, "option_invalid", 'Expected true or false for `overwrite` but received "no".'],
    [`${up}&expires=29`, 400, "expires_invalid", `${expires} "29".`],
    [`${up}&expires=3601`, 400, "expires_invalid", `${expires} "3601".`],
    [`${down}&expires=1e3`, 400, "expires_invalid", `${expires} "1e3".`],
    [
      `${up}&job=${idOf("a")}`,
      400,
      "option_invalid",
      "Expected `job` with mode=download only. An upload names its `file`.",
    ],
    [`${down}&size=5`, 400, "option_invalid", "Expected `size` with mode=upload only."],
    [`${down}&overwrite=false`, 400, "option_invalid", "Expected `overwrite` with mode=upload only."],
    [
      `${down}&job=${idOf("a")}`,
      400,
      "option_invalid",
      "Expected either `file` or `job` but received both. A job names its own result.",
    ],
    [
      "job=ABC&mode=download",
      400,
      "job_invalid",
      'Expected a job id, 26 of the characters 0-9 and a-z, for `job` but received "ABC".',
    ],
    [
      `${up}&bucket=other`,
      400,
      "field_unknown",
      'Expected only file, mode, expires, job, size, type, sha256, overwrite but received the parameter "bucket".',
    ],
    [
      `${up}&__proto__=1`,
      400,
      "field_unknown",
      'Expected only file, mode, expires, job, size, type, sha256, overwrite but received the parameter "__proto__".',
    ],
    [`${up}&file=b.tif`, 400, "parameter_repeated", "Expected `file` once but received it more than once."],
  ])("%s", async (query, status, code, detail) => {
    const result = await presign(query);

    expect(bodyOf<Problem>(result)).toMatchObject({ status, code, detail });
    expect(result.statusCode).toBe(status);
    expect(result.headers["content-type"]).toBe("application/problem+json");
  });
});

describe("when S3 does not answer", () => {
  it.each([
    ["refuses the role", () => ({ ...twin.clientsOf("ping").s3 }), "it refused"],
    ["is not there", () => ({ ...twin.clientsOf("presign").s3, endpoint: "http://127.0.0.1:9" }), "none came"],
  ])("and %s, the answer is 503 without a word of the SDK's, which goes to the log", async (_, s3, what) => {
    const log = vi.spyOn(console, "error").mockReturnValueOnce();

    const result = await presign("file=a.tif&mode=download", { clients: { s3: { ...s3(), maxAttempts: 1 } } });

    expect(result).toMatchObject({ statusCode: 503, headers: { "retry-after": "5" } });
    expect(bodyOf<Problem>(result)).toMatchObject({
      code: "upstream_unavailable",
      detail: `Expected an answer from S3 but ${what}. Try again in a few seconds; trying again does no harm.`,
    });
    expect(log).toHaveBeenCalledOnce();
    expect(JSON.parse(String(log.mock.lastCall))).toMatchObject({ event: "upstream_unavailable", service: "S3" });
    log.mockRestore();
  });
});
