// Does not prove what AWS's own gateway answers: the twin's gateway is ours.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTwin, type Twin } from "./twin";

interface BadInput {
  readonly why: string;
  /** Method and target. */
  readonly request: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly status: number;
  /** Ours; what the gateway answers itself has none. */
  readonly code?: string;
  /** The whole `detail`, or the gateway's whole `message`. */
  readonly message: string;
}

const json = { "content-type": "application/json" };
const missing = "0".repeat(26);

/** As problems show a value: JSON, 64 characters at most. */
const shown = (value: unknown): string => {
  const text = Array.from(JSON.stringify(value));
  return text.length <= 64 ? text.join("") : `${text.slice(0, 63).join("")}…`;
};

const characters = "letters, digits, marks, spaces and _ . ' ( ) + , = @ & ~ - ! only";
const edges = "no segment that starts or ends with a dot or a space";
const segments = "no empty segment: no / at the start or the end, nor two in a row";

const badKeys: readonly (readonly [why: string, key: string, rule: string])[] = [
  ["a path that climbs", "../a.tif", edges],
  ["a dot segment inside", "a/../b.tif", edges],
  ["the platform's own prefix", ".ddn/jobs/x.tif", edges],
  ["a segment ending in a space", "a /b.tif", edges],
  ["a leading slash", "/a.tif", segments],
  ["an empty segment", "a//b.tif", segments],
  ["a trailing slash", "a.tif/", segments],
  ["a backslash", "a\\b.tif", `${characters} (U+005C is none of them)`],
  ["a percent sign", "50%.tif", `${characters} (U+0025 is none of them)`],
  ["a null", "a\u0000.tif", `${characters} (U+0000 is none of them)`],
  ["a line break", "a\r\nb.tif", `${characters} (U+000D is none of them)`],
  ["a bidirectional override", "a\u202e.tif", `${characters} (U+202E is none of them)`],
  ["a zero-width joiner", "a\u200d.tif", `${characters} (U+200D is none of them)`],
  ["a private-use character", "a\ue000.tif", `${characters} (U+E000 is none of them)`],
  ["another system's address", "s3://other/a.tif", `${characters} (U+003A is none of them)`],
  ["another extension", "a.exe", "a name ending in .tif, .tiff or .png"],
  ["no extension", "scan", "a name ending in .tif, .tiff or .png"],
  ["nine segments", "1/2/3/4/5/6/7/8/9.tif", "at most 8 segments parted by / (it has 9)"],
  ["600 bytes", `${"a".repeat(596)}.tif`, "at most 512 bytes of UTF-8 (it has 600)"],
  ["601 bytes of Korean letters", `${"가".repeat(199)}.tif`, "at most 512 bytes of UTF-8 (it has 601)"],
];

const post = (route: string, why: string, body: unknown, status: number, code: string, message: string): BadInput => ({
  why,
  request: `POST ${route}`,
  headers: json,
  body: typeof body === "string" ? body : JSON.stringify(body),
  status,
  code,
  message,
});

const keyRows: readonly BadInput[] = badKeys.flatMap(([why, key, rule]) => {
  const message = `Expected ${rule} for \`file\` but received ${shown(key)}.`;
  const presign = `GET /presign?mode=upload&file=${encodeURIComponent(key)}`;
  return [
    { why, request: presign, status: 400, code: "file_invalid", message },
    post("/jobs", why, { file: key }, 400, "file_invalid", message),
  ];
});

const fraction = (name: string, received: string): string =>
  name === "strength"
    ? `Expected a number from 0 to 1 for \`strength\` but received ${received}. 1 denoises fully, 0 not at all.`
    : `Expected a number from 0 to 1 for \`sigma\` but received ${received}. It is the noise's standard deviation as a fraction of full scale; leave it out to have it estimated.`;

/** What is wrong with a body is the same on the Lambda's route and on the server's. */
const bodyRows = (route: string): readonly BadInput[] => [
  post(
    route,
    "an empty body",
    "",
    400,
    "body_empty",
    'Expected a JSON object such as {"file":"scan-0042.tif"} but received an empty body.',
  ),
  post(route, "no JSON", "{", 400, "body_not_json", 'Expected a JSON object for `body` but received "{".'),
  post(route, "a JSON array", "[]", 400, "body_not_json", "Expected a JSON object for `body` but received []."),
  post(route, "a JSON null", "null", 400, "body_not_json", "Expected a JSON object for `body` but received null."),
  post(
    route,
    "no file",
    {},
    400,
    "file_missing",
    "Expected a file name such as scan-0042.tif for `file` but received nothing.",
  ),
  post(
    route,
    "a number for the file",
    { file: 42 },
    400,
    "file_invalid",
    "Expected a string for `file` but received 42.",
  ),
  post(
    route,
    "a field nobody knows",
    { file: "a.tif", bucket: "other" },
    400,
    "field_unknown",
    'Expected only file, output, strength, sigma but received the field "bucket".',
  ),
  post(
    route,
    "a prototype in disguise",
    '{"file":"a.tif","__proto__":{}}',
    400,
    "field_unknown",
    'Expected only file, output, strength, sigma but received the field "__proto__".',
  ),
  post(
    route,
    "a bad output",
    { file: "a.tif", output: "../b.tif" },
    400,
    "file_invalid",
    `Expected ${edges} for \`output\` but received "../b.tif".`,
  ),
  post(
    route,
    "a strength above 1",
    { file: "a.tif", strength: 1.5 },
    400,
    "option_invalid",
    fraction("strength", "1.5"),
  ),
  post(
    route,
    "a strength in words",
    { file: "a.tif", strength: "strong" },
    400,
    "option_invalid",
    fraction("strength", '"strong"'),
  ),
  post(route, "a negative sigma", { file: "a.tif", sigma: -0.1 }, 400, "option_invalid", fraction("sigma", "-0.1")),
  post(
    route,
    "an infinite sigma",
    '{"file":"a.tif","sigma":1e999}',
    400,
    "option_invalid",
    fraction("sigma", "Infinity"),
  ),
  {
    ...post(
      route,
      "another content type",
      { file: "a.tif" },
      415,
      "content_type_unsupported",
      'Expected application/json for `content-type` but received "text/plain".',
    ),
    headers: { "content-type": "text/plain" },
  },
  {
    ...post(
      route,
      "an Idempotency-Key with a space",
      { file: "a.tif" },
      400,
      "idempotency_key_invalid",
      'Expected 1 to 255 printable ASCII characters without spaces for `Idempotency-Key` but received "a b".',
    ),
    headers: { ...json, "idempotency-key": "a b" },
  },
];

const presign = (why: string, query: string, status: number, code: string, message: string): BadInput => ({
  why,
  request: `GET /presign${query}`,
  status,
  code,
  message,
});

const jobId = "a job id, 26 of the characters 0-9 and a-z,";
const seconds = "Expected whole seconds from 30 to 3600 for `expires` but received";
const size = "Expected the file's size in bytes, a whole number from 1 for `size` but received";
const upload = "?mode=upload&file=a.tif";

const presignRows: readonly BadInput[] = [
  presign(
    "no file",
    "?mode=upload",
    400,
    "file_missing",
    "Expected a file name such as scan-0042.tif for `file` but received nothing.",
  ),
  presign(
    "an empty file",
    "?mode=upload&file=",
    400,
    "file_missing",
    'Expected a file name such as scan-0042.tif for `file` but received "".',
  ),
  presign(
    "no mode",
    "?file=a.tif",
    400,
    "mode_invalid",
    "Expected upload or download for `mode` but received nothing.",
  ),
  presign(
    "another mode",
    "?file=a.tif&mode=delete",
    400,
    "mode_invalid",
    'Expected upload or download for `mode` but received "delete".',
  ),
  presign(
    "a mode in capitals",
    "?file=a.tif&mode=UPLOAD",
    400,
    "mode_invalid",
    'Expected upload or download for `mode` but received "UPLOAD".',
  ),
  presign(
    "a repeated parameter",
    `${upload}&file=b.tif`,
    400,
    "parameter_repeated",
    "Expected `file` once but received it more than once.",
  ),
  presign(
    "a parameter nobody knows",
    `${upload}&acl=public-read`,
    400,
    "field_unknown",
    'Expected only file, mode, expires, job, size, type, sha256, overwrite but received the parameter "acl".',
  ),
  presign("a size of 0", `${upload}&size=0`, 400, "size_invalid", `${size} "0".`),
  presign("a negative size", `${upload}&size=-1`, 400, "size_invalid", `${size} "-1".`),
  presign("half a byte", `${upload}&size=1.5`, 400, "size_invalid", `${size} "1.5".`),
  presign(
    "a type that a browser would run",
    `${upload}&type=text/html`,
    400,
    "type_invalid",
    'Expected an image type such as image/tiff or image/png, or application/octet-stream for `type` but received "text/html".',
  ),
  presign(
    "a type with a line break",
    `${upload}&type=image/tiff%0D%0Ax:1`,
    400,
    "type_invalid",
    'Expected an image type such as image/tiff or image/png, or application/octet-stream for `type` but received "image/tiff\\r\\nx:1".',
  ),
  presign(
    "a checksum of 31 bytes",
    `${upload}&sha256=${"A".repeat(40)}AA==`,
    400,
    "sha256_invalid",
    `Expected the base64 of the 32 bytes of a SHA-256 for \`sha256\` but received "${"A".repeat(42)}==". In a query, + is written %2B.`,
  ),
  presign(
    "an overwrite that is neither",
    `${upload}&overwrite=no`,
    400,
    "option_invalid",
    'Expected true or false for `overwrite` but received "no".',
  ),
  presign("an expiry of 29 seconds", `${upload}&expires=29`, 400, "expires_invalid", `${seconds} "29".`),
  presign("an expiry beyond an hour", `${upload}&expires=3601`, 400, "expires_invalid", `${seconds} "3601".`),
  presign("an expiry in words", `${upload}&expires=soon`, 400, "expires_invalid", `${seconds} "soon".`),
  presign(
    "a job with an upload",
    "?mode=upload&job=x",
    400,
    "option_invalid",
    "Expected `job` with mode=download only. An upload names its `file`.",
  ),
  presign(
    "a size with a download",
    "?mode=download&file=a.tif&size=1",
    400,
    "option_invalid",
    "Expected `size` with mode=upload only.",
  ),
  presign(
    "both a file and a job",
    `?mode=download&file=a.tif&job=${missing}`,
    400,
    "option_invalid",
    "Expected either `file` or `job` but received both. A job names its own result.",
  ),
  presign(
    "a job id that is none",
    "?mode=download&job=42",
    400,
    "job_invalid",
    `Expected ${jobId} for \`job\` but received "42".`,
  ),
  presign(
    "a job that is not there",
    `?mode=download&job=${missing}`,
    404,
    "job_not_found",
    `Expected the id of a job for \`job\` but received "${missing}".`,
  ),
  presign(
    "a result that is not there",
    "?mode=download&file=a.tif",
    404,
    "result_not_found",
    'Expected a result at `file` but there is none at "a.tif". Start one by POST /jobs with the input\'s name as `file`, and ask again once GET /jobs/{id} says succeeded.',
  ),
];

const batch = (why: string, files: unknown, status: number, code: string, message: string): BadInput =>
  post("/jobs", why, { files }, status, code, message);

const jobRows: readonly BadInput[] = [
  post(
    "/jobs",
    "a file that is not there",
    { file: "nowhere.tif" },
    404,
    "input_not_found",
    'Expected an uploaded file for `file` but there is none at "nowhere.tif". Upload it first, with the URL from GET /presign?mode=upload.',
  ),
  post(
    "/inference",
    "a file that is not there",
    { file: "nowhere.tif" },
    404,
    "input_not_found",
    'Expected an uploaded file for `file` but there is none at "nowhere.tif". Upload it first, with the URL from GET /presign?mode=upload.',
  ),
  batch(
    "an empty batch",
    [],
    400,
    "option_invalid",
    'Expected an array of 1 to 100 jobs for `files` but received "0 entries".',
  ),
  batch(
    "a batch of 101",
    Array(101).fill("a.tif"),
    400,
    "option_invalid",
    'Expected an array of 1 to 100 jobs for `files` but received "101 entries".',
  ),
  batch(
    "a batch that is no list",
    "a.tif",
    400,
    "option_invalid",
    'Expected an array of 1 to 100 jobs for `files` but received "a.tif".',
  ),
  batch(
    "one bad file in a batch",
    ["a.tif", "b.exe"],
    400,
    "file_invalid",
    'files[1]: Expected a name ending in .tif, .tiff or .png for `file` but received "b.exe".',
  ),
  batch(
    "one missing file in a batch",
    ["nowhere.tif", "nowhere-else.tif"],
    404,
    "input_not_found",
    'files[0]: Expected an uploaded file for `file` but there is none at "nowhere.tif". Upload it first, with the URL from GET /presign?mode=upload.',
  ),
  post(
    "/jobs",
    "options beside a batch",
    { files: ["a.tif"], strength: 1 },
    400,
    "field_unknown",
    'Expected `files` alone but received also the field "strength". Give options inside each entry.',
  ),
  {
    ...post(
      "/jobs",
      "a body beyond 256 KiB",
      "x".repeat(262_145),
      413,
      "body_too_large",
      "Expected a body of at most 262144 bytes but received 262145. Images travel by presigned URL, not through the API.",
    ),
  },
  {
    ...post(
      "/inference",
      "a body beyond 256 KiB",
      "x".repeat(262_145),
      413,
      "body_too_large",
      "Expected a body of at most 262144 bytes but received more. Images travel by presigned URL, not through the API.",
    ),
  },
  {
    why: "a body beyond 10 MB",
    request: "POST /jobs",
    headers: json,
    body: "x".repeat(10 * 2 ** 20 + 1),
    status: 413,
    message: "Request Entity Too Large",
  },
  {
    why: "a job id that is none",
    request: "GET /jobs/42",
    status: 400,
    code: "job_invalid",
    message: `Expected ${jobId} for \`id\` but received "42".`,
  },
  {
    why: "a job that is not there",
    request: `GET /jobs/${missing}`,
    status: 404,
    code: "job_not_found",
    message: `Expected the id of a job but there is none at "${missing}".`,
  },
  {
    why: "a job id in capitals",
    request: "DELETE /jobs/JOB",
    status: 400,
    code: "job_invalid",
    message: 'Expected a job id, 26 of the characters 0-9 and a-z, for `id` but received "JOB".',
  },
  {
    why: "a job that is not there",
    request: `DELETE /jobs/${missing}`,
    status: 404,
    code: "job_not_found",
    message: `Expected the id of a job but there is none at "${missing}".`,
  },
  {
    why: "a route that is not there",
    request: "GET /nowhere",
    status: 404,
    code: "route_not_found",
    message: 'Expected a route of this API but received "GET /nowhere". GET /openapi.json describes them all.',
  },
  {
    why: "another method",
    request: "POST /presign",
    headers: json,
    body: "{}",
    status: 405,
    code: "method_not_allowed",
    message: 'Expected GET for "/presign" but received "POST".',
  },
  {
    why: "another method",
    request: "GET /inference",
    status: 405,
    code: "method_not_allowed",
    message: 'Expected POST for "/inference" but received "GET".',
  },
  {
    why: "another method",
    request: "PUT /jobs",
    headers: json,
    body: "{}",
    status: 405,
    code: "method_not_allowed",
    message: 'Expected POST for "/jobs" but received "PUT".',
  },
];

/** The start of a little-endian TIFF with one directory of the given entries: tag, type (3 SHORT, 4 LONG), count, value. */
const tiff = (...entries: readonly (readonly [number, number, number, number])[]): Uint8Array<ArrayBuffer> => {
  const bytes = Buffer.alloc(8 + 2 + entries.length * 12 + 4);
  bytes.write("II*\0", "latin1");
  bytes.writeUInt32LE(8, 4);
  bytes.writeUInt16LE(entries.length, 8);
  entries.forEach(([tag, type, count, value], index) => {
    const at = 10 + index * 12;
    bytes.writeUInt16LE(tag, at);
    bytes.writeUInt16LE(type, at + 2);
    bytes.writeUInt32LE(count, at + 4);
    if (type === 3) bytes.writeUInt16LE(value, at + 8);
    else bytes.writeUInt32LE(value, at + 8);
  });
  return new Uint8Array(bytes);
};

/** A grey 16-bit page of 4×4 samples in one strip, with the tags that a test replaces. */
const page = (replaced: Readonly<Record<number, number>> = {}): Uint8Array<ArrayBuffer> => {
  const tags: Readonly<Record<number, number>> = {
    256: 4,
    257: 4,
    258: 16,
    259: 1,
    262: 1,
    273: 8,
    277: 1,
    278: 4,
    279: 32,
    ...replaced,
  };
  return tiff(...Object.entries(tags).map(([tag, value]) => [Number(tag), value > 65535 ? 4 : 3, 1, value] as const));
};

const png = (width: number, height: number, depth: number, colour: number): Uint8Array<ArrayBuffer> => {
  const header = Buffer.alloc(17);
  header.write("IHDR", "latin1");
  header.writeUInt32BE(width, 4);
  header.writeUInt32BE(height, 8);
  header.writeUInt8(depth, 12);
  header.writeUInt8(colour, 13);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(header));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return new Uint8Array(Buffer.concat([signature, Buffer.from([0, 0, 0, 13]), header, checksum]));
};

const text = (words: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(words);

type BadImage = readonly [why: string, name: string, bytes: Uint8Array<ArrayBuffer>, code: string, message: string];

/** Each is uploaded first, which storage allows, and refused when it is to be denoised. */
const badImages: readonly BadImage[] = [
  [
    "an empty file",
    "empty.tif",
    text(""),
    "image_empty",
    "Expected a TIFF or PNG image but received an empty file. Upload it again.",
  ],
  [
    "a page of HTML",
    "page.tif",
    text("<!doctype html><p>Not found</p>"),
    "image_unsupported",
    'Expected a TIFF or PNG image but received a file that starts with "<!doctype html><". Convert the image to 16-bit TIFF.',
  ],
  [
    "a torso of a TIFF",
    "torso.tif",
    page().subarray(0, 40),
    "image_corrupt",
    "Expected directory 1 at byte 10 but the file ends after 40 bytes. It was cut short or damaged: upload it again.",
  ],
  [
    "samples beyond the end of the file",
    "beyond.tif",
    page({ 279: 32, 273: 60_000 }),
    "image_corrupt",
    "Expected strip 1 of 1 (page 1) inside the file of 122 bytes but received 32 bytes at 60000. The file was cut short or damaged: upload it again.",
  ],
  [
    "a directory that comes again",
    "loop.tif",
    Buffer.concat([page().subarray(0, -4), Buffer.from([8, 0, 0, 0])]),
    "image_corrupt",
    "Expected a chain of pages with an end but directory 1 leads back to byte 8. The file is damaged: upload it again.",
  ],
  [
    "a billion pixels in a few bytes",
    "bomb.tif",
    page({ 256: 40_000, 257: 40_000 }),
    "image_too_many_pixels",
    "Expected at most 268435456 pixels on a page but page 1 has 40000 × 40000. Cut the image into parts.",
  ],
  [
    "a billion pixels in a PNG",
    "bomb.png",
    png(40_000, 40_000, 16, 0),
    "image_too_many_pixels",
    "Expected at most 268435456 pixels on a page but page 1 has 40000 × 40000. Cut the image into parts.",
  ],
  [
    "a palette",
    "palette.tif",
    page({ 258: 8, 262: 3 }),
    "image_unsupported",
    'Expected MinIsWhite, MinIsBlack, RGB or YCbCr for `PhotometricInterpretation (page 1)` but received "3 (palette)". Convert the image to grey or RGB.',
  ],
  [
    "one bit a sample",
    "fax.tif",
    page({ 258: 1 }),
    "image_unsupported",
    'Expected 8 or 16 in all samples for `BitsPerSample (page 1)` but received "1". Convert the image to 16 bit.',
  ],
  [
    "32 bits a sample",
    "float.tif",
    page({ 258: 32, 339: 3 }),
    "image_unsupported",
    'Expected unsigned integers for `SampleFormat (page 1)` but received "3 (floating point)". Convert it to 16 bit.',
  ],
  [
    "signed samples",
    "signed.tif",
    page({ 339: 2 }),
    "image_unsupported",
    'Expected unsigned integers for `SampleFormat (page 1)` but received "2 (signed integer)". Convert it to 16 bit.',
  ],
  [
    "an unknown compression",
    "zstd.tif",
    page({ 259: 50_000 }),
    "image_unsupported",
    'Expected none, LZW, Deflate, PackBits or JPEG for `Compression (page 1)` but received "50000 (Zstandard)". Save the image with one of these.',
  ],
  [
    "a PNG with alpha",
    "alpha.png",
    png(4, 4, 16, 6),
    "image_unsupported",
    'Expected 0 (grey) or 2 (RGB) for `PNG colour type` but received "6 (RGB with alpha)". Save the image as plain grey or RGB, without alpha.',
  ],
  [
    "a PNG without samples",
    "torso.png",
    png(4, 4, 16, 0),
    "image_corrupt",
    "Expected chunk 2 at byte 33 but the file ends after 33 bytes. It was cut short or damaged: upload it again.",
  ],
];

const directory = mkdtempSync(join(tmpdir(), "ddn-bad-inputs-"));
let twin: Twin;
let s3: S3Client;

const objectsIn = async (bucket: string): Promise<string[]> => {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket }));
  return Contents.map(({ Key = "" }) => Key).sort();
};

const send = ({ request, headers, body }: BadInput): Promise<Response> => {
  const [method, target] = request.split(" ");
  return fetch(`${twin.url}${target}`, { method, headers: headers ?? {}, body: body ?? null });
};

beforeAll(async () => {
  twin = await startTwin({ directory, throttling: { rate: 1000, burst: 1000 } });
  const { endpoint, region, accessKeyId, secretAccessKey, inBucket } = twin.s3;
  s3 = new S3Client({ endpoint, region, credentials: { accessKeyId, secretAccessKey } });
  for (const [, name, bytes] of badImages) {
    await s3.send(new PutObjectCommand({ Bucket: inBucket, Key: name, Body: bytes }));
  }
});

afterAll(async () => {
  await twin.close();
  rmSync(directory, { recursive: true, force: true });
});

const requests = [...keyRows, ...presignRows, ...bodyRows("/jobs"), ...bodyRows("/inference"), ...jobRows];

describe("bad input", () => {
  it.each(requests)("$request with $why is answered $status $code", async (row) => {
    const response = await send(row);
    const answer = (await response.json()) as Record<string, unknown>;
    if (row.code === undefined) {
      expect({ status: response.status, answer }).toEqual({ status: row.status, answer: { message: row.message } });
      return;
    }
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect({ status: response.status, code: answer.code, detail: answer.detail }).toEqual({
      status: row.status,
      code: row.code,
      detail: row.message,
    });
  });

  it.each(badImages)("%s in an image file is answered with its code", async (_why, name, _bytes, code, message) => {
    const response = await fetch(`${twin.url}/inference`, {
      method: "POST",
      headers: json,
      body: JSON.stringify({ file: name }),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    expect({ status: response.status, code: answer.code, detail: answer.detail }).toEqual({
      status: 422,
      code,
      detail: message,
    });
  });

  it("leaves nothing behind but job records and a service that serves", async () => {
    const { inBucket, outBucket } = twin.s3;
    expect(await objectsIn(inBucket)).toEqual(badImages.map(([, name]) => name).sort());
    const foreign = (await objectsIn(outBucket)).filter((key) => !/^\.ddn\/(jobs|service)\//.test(key));
    expect(foreign).toEqual([]);
    expect(await (await fetch(`${twin.url}/ping`)).json()).toMatchObject({ status: "ok", service: "ready" });

    const samples = Uint16Array.from({ length: 16 }, (_, index) => 1000 * index);
    const good = Buffer.concat([page({ 273: 8 + 2 + 9 * 12 + 4 }), Buffer.from(samples.buffer)]);
    await s3.send(new PutObjectCommand({ Bucket: inBucket, Key: "good.tif", Body: good }));
    const response = await fetch(`${twin.url}/inference`, {
      method: "POST",
      headers: json,
      body: '{"file":"good.tif"}',
    });
    expect(await response.json()).toMatchObject({ status: "succeeded", input: { width: 4, height: 4, bits: 16 } });
  });

  it("comes in at least 60 kinds", () => expect(requests.length + badImages.length).toBeGreaterThanOrEqual(60));
});
