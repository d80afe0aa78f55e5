import { jobTimes } from "./job";
import { type ProblemCode, problem, problemCodes, problemContentType, problemStatus, problemTitle } from "./problem";
import { maxBatch, maxBodyBytes } from "./request";
import { gatewayLimits, routes } from "./routes";
import { version } from "./version";

/** The OpenAPI description of the API; decisions on which the contract is silent are written down here. */

type Schema = Readonly<Record<string, unknown>>;

interface Body {
  readonly content: Readonly<
    Record<string, { readonly schema: Schema; readonly examples?: Readonly<Record<string, unknown>> }>
  >;
}

interface ResponseObject extends Partial<Body> {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: Schema }>>;
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly parameters?: readonly Schema[];
  readonly requestBody?: Body & { readonly required: true };
  readonly responses: Readonly<Record<string, ResponseObject>>;
  readonly security: readonly Schema[];
}

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: Readonly<Record<string, unknown>>;
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, Schema>>>>;
}

const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

const text = (description: string, more: Schema = {}): Schema => ({ type: "string", description, ...more });
const instant = (description: string): Schema => text(description, { format: "date-time" });
const count = (description: string, minimum = 0): Schema => ({ type: "integer", minimum, description });
const amount = (description: string): Schema => ({ type: "number", minimum: 0, description });
const list = (items: Schema, more: Schema = {}): Schema => ({ type: "array", items, ...more });

/** An object whose fields are all required, save those that are named. */
const object = (
  properties: Readonly<Record<string, Schema>>,
  optional: readonly string[] = [],
  more: Schema = {},
): Schema => ({
  type: "object",
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
  ...more,
});

const jobId = text("26 of the characters 0-9 and a-z.", { pattern: "^[0-9a-z]{26}$" });

const fileKey = text(
  [
    "A file's name in the bucket. Brought to Unicode NFC by the service (macOS sends NFD), otherwise refused rather than rewritten.",
    "Letters, digits, marks and spaces of any script and _ . ' ( ) + , = @ & ~ - ! in at most 8 segments parted by /, at most 512",
    "bytes of UTF-8; no empty segment, none that starts or ends with a dot or a space. Ends in .tif, .tiff or .png, in any case.",
  ].join(" "),
);

const fraction = (description: string): Schema => ({ type: "number", minimum: 0, maximum: 1, description });

const exampleId = "3v1k9q0zt7m2c5x8b4n6d1f0ga";

const exampleJob = {
  id: exampleId,
  file: "line-2/용접-0042.tif",
  output: "line-2/용접-0042.tif",
  options: { strength: 1 },
  status: "queued",
  progress: { done: 0, total: 0 },
  attempts: 0,
  createdAt: "2026-11-23T08:30:00.000Z",
  input: { bytes: 8390282, etag: '"9b2cf535f27731c974343645a3985328"' },
};

const number = (description: string): Schema => ({ type: "number", description });

const correlation = (description: string): Schema =>
  object(
    {
      horizontal: list({ type: "number" }, { description: "At 1, 2 and 3 pixels." }),
      vertical: list({ type: "number" }, { description: "At 1, 2 and 3 pixels." }),
    },
    [],
    { description },
  );

const planeQuality = (): Schema =>
  object(
    {
      page: count("From 0."),
      channel: count("From 0."),
      flat: object(
        {
          share: fraction("Of the windows of 16×16 pixels that were looked at."),
          sigmaBeforeLsb: amount("Root mean square about a fitted plane in the flat windows, steps of 16 bits."),
          sigmaBeforePercent: amount("The same in percent of full scale."),
          sigmaAfterLsb: amount("In the result."),
          sigmaAfterPercent: amount("In the result."),
          snrGainDb: number(
            "20·log10(before / after). Acceptance values such as SNRn of ISO 17636-2 belong to the unprocessed image.",
          ),
          correlation: correlation("Autocorrelation of the noise itself: about 0 for white noise."),
        },
        [],
        { description: "Where the image is flat but for noise; absent where too little of it is." },
      ),
      meanShiftLsb: number("Mean of result − input, steps of 16 bits."),
      clippedShare: fraction("Of the input's pixels: 0, full scale, or a plateau at the lowest or highest value."),
      residual: object(
        {
          correlation: correlation("Autocorrelation of what was removed, in units of the noise."),
          gradientCorrelation: number("Of its magnitude with the result's gradient: above 0 where edges were removed."),
          structure: amount("How far its autocorrelation exceeds the noise's own."),
        },
        [],
        { description: "What was removed: input − result." },
      ),
      seamRatio: amount("Mean step across borders of tiles over that beside them; absent on a page of one tile."),
    },
    ["flat", "seamRatio"],
  );

const quality = (): Schema =>
  object({
    planes: count("Pages times channels.", 1),
    typical: object(
      {
        sigmaBeforeLsb: amount("Steps of 16 bits."),
        sigmaAfterLsb: amount("Steps of 16 bits."),
        snrGainDb: number("Decibels."),
        meanShiftLsb: number("Steps of 16 bits."),
        clippedShare: fraction("Of the input's pixels."),
      },
      ["sigmaBeforeLsb", "sigmaAfterLsb", "snrGainDb"],
      { description: "Medians over all pages and channels." },
    ),
    worst: { ...planeQuality(), description: "The page and channel whose residual holds most structure." },
    each: list(planeQuality(), { description: "The first 64 pages and channels." }),
    words: list({ type: "string" }, { description: "The same in sentences." }),
  });

// Functions, not values: Pulumi cannot serialise a captured object that has the key `default`.
const schemas = (): Readonly<Record<string, Schema>> => ({
  Ping: object(
    {
      status: { const: "ok" },
      version: text("The platform's version."),
      service: {
        enum: ["ready", "starting", "asleep"],
        description: `ready: a server reported within ${jobTimes.serviceRecordFreshSeconds} s that it can denoise. starting: servers report that they are not ready yet, or work waits. asleep: neither; the first job wakes the stack.`,
      },
      time: instant("The service's clock, to compare with a client's own."),
      unavailable: list(
        { enum: ["s3", "sqs"] },
        {
          description:
            "What could not be asked in time; it counted as no server and no work. Absent when all answered.",
        },
      ),
    },
    ["unavailable"],
  ),
  PresignAnswer: object({
    url: text("Where to send the bytes, or to get them from. A secret until it expires.", { format: "uri" }),
    method: { enum: ["PUT", "GET"] },
    headers: {
      type: "object",
      additionalProperties: { type: "string" },
      description:
        "Exactly what must be sent with the URL, each as it stands; names in lower case. Empty when `file` and `mode` alone were given. HTTP clients set content-length themselves; it is listed because it must match.",
    },
    file: text("The key that was signed, in NFC; with `job`, the key of that job's result."),
    mode: { enum: ["upload", "download"] },
    expiresAt: instant("A transfer must have begun by then."),
  }),
  JobRequest: object(
    {
      file: fileKey,
      output: {
        ...fileKey,
        description:
          "Where the result goes, under the rules of `file`; the same name as `file` by default. An earlier result there is replaced.",
      },
      strength: { ...fraction("out = in + strength * (denoised - in)."), default: 1 },
      sigma: fraction("The noise's standard deviation as a fraction of full scale; estimated when left out."),
    },
    ["output", "strength", "sigma"],
    { additionalProperties: false },
  ),
  BatchRequest: object(
    {
      files: list(
        { oneOf: [ref("JobRequest"), fileKey] },
        {
          minItems: 1,
          maxItems: maxBatch,
          description: "A name alone stands for `{file}`. Two entries must not write the same output.",
        },
      ),
    },
    [],
    { additionalProperties: false },
  ),
  Job: object(
    {
      id: jobId,
      file: text("The input's key in the in bucket."),
      output: text("The result's key in the out bucket."),
      options: object({ strength: fraction("As asked for."), sigma: fraction("As asked for.") }, ["sigma"]),
      status: { enum: ["queued", "running", "succeeded", "failed", "cancelled"] },
      progress: object({
        done: count("Tiles."),
        total: count("Tiles over all pages; 0 until the image has been read."),
      }),
      etaSeconds: count("While queued on a sleeping stack: the time to wake. Told, not stored."),
      attempts: count("Runs begun, without those handed back by a server that shut down."),
      createdAt: instant("When it was submitted."),
      startedAt: instant("When the last attempt began."),
      finishedAt: instant("When it ended."),
      cancelRequestedAt: instant("When somebody first asked to cancel it."),
      input: object(
        {
          bytes: count("Size of the file.", 1),
          etag: text("Opaque; the bytes that were submitted, and no others, are denoised."),
          sha256: text("Hexadecimal."),
          width: count("Pixels.", 1),
          height: count("Pixels.", 1),
          pages: count("", 1),
          channels: { enum: [1, 3] },
          bits: { enum: [8, 16] },
        },
        ["sha256", "width", "height", "pages", "channels", "bits"],
      ),
      result: object(
        {
          bytes: count("Size of the file.", 1),
          etag: text("Opaque; tells this job's bytes from those of a later writer."),
          versionId: text("The version in the out bucket."),
          sha256: text("Hexadecimal."),
        },
        ["versionId"],
      ),
      model: object({
        name: text("As the model names itself."),
        version: text("Its version."),
        sha256: text("Of the model file, hexadecimal."),
      }),
      engine: text("onnx or triton."),
      timings: object({
        queueMs: amount("Milliseconds from submission to start."),
        readMs: amount("Milliseconds."),
        decodeMs: amount("Milliseconds."),
        inferMs: amount("Milliseconds."),
        encodeMs: amount("Milliseconds."),
        writeMs: amount("Milliseconds."),
        totalMs: amount("Milliseconds from start to end."),
      }),
      warnings: list(
        object({
          code: text("Stable, such as tags_lost, noise_correlated or detail_removed."),
          detail: text("For people."),
        }),
      ),
      report: object(
        {
          noise: list(
            object({
              page: count("From 0."),
              channel: count("From 0."),
              a: {
                type: "number",
                description: "The noise's variance at a sample v is a·v + b, in units of full scale.",
              },
              b: { type: "number" },
              sigmaLsb: amount("Standard deviation at the page's median value, in steps of 16 bits."),
            }),
            { description: "The first 64 pages and channels." },
          ),
          quality: quality(),
        },
        ["quality"],
      ),
      cost: object({
        gpuSeconds: amount("This job's share of the GPU's busy time."),
        usd: amount("The same at the instance's price."),
      }),
      error: object({ code: ref("ProblemCode"), title: text("As in a problem."), detail: text("As in a problem.") }),
      worker: text("The server that runs it or ran it last."),
      requestHash: text("Of the request behind an Idempotency-Key."),
    },
    [
      "etaSeconds",
      "startedAt",
      "finishedAt",
      "cancelRequestedAt",
      "result",
      "model",
      "engine",
      "timings",
      "warnings",
      "report",
      "cost",
      "error",
      "worker",
      "requestHash",
    ],
    { examples: [exampleJob] },
  ),
  JobBatch: object({ jobs: list(ref("Job"), { description: "In the order of the request." }) }),
  ProblemCode: { enum: problemCodes(), description: "Stable: programs branch on it." },
  Problem: object({
    type: text("urn:ddn:problem:<code>."),
    title: text("The same for every problem of a code."),
    status: { type: "integer", description: "The HTTP status." },
    detail: text("What was expected, what came, and what to do next. Echoes at most 64 characters of a value."),
    instance: text("/jobs/<id> where a job is the matter, else urn:ddn:request:<id> as in the logs."),
    code: ref("ProblemCode"),
  }),
  GatewayMessage: object({ message: text("API Gateway's own words.") }),
});

const gatewayBody = { "application/json": { schema: ref("GatewayMessage") } };

const gatewayAnswers = (open: boolean, hasBody: boolean): Readonly<Record<string, string>> => ({
  ...(open ? {} : { 401: "No valid authorisation.", 403: "Not allowed." }),
  ...(hasBody ? { 413: `A body above ${gatewayLimits.bodyBytes} bytes, the gateway's own limit.` } : {}),
  429: "Too many requests.",
  500: "The function failed.",
  503: "The gateway or what lies behind it is not available.",
  504: `No answer within ${gatewayLimits.timeoutSeconds} s.`,
});

const retryAfter = { "retry-after": { description: "Seconds.", schema: { type: "integer" } } };

/** The answers that tell of problems: ours by code, and the gateway's own, merged where a status has both. */
const refusals = (
  codes: readonly ProblemCode[],
  gateway: Readonly<Record<string, string>>,
): Readonly<Record<string, ResponseObject>> => {
  const statuses = [...codes.map((code) => String(problemStatus(code))), ...Object.keys(gateway)];
  return Object.fromEntries(
    statuses
      .filter((status, index) => statuses.indexOf(status) === index)
      .sort()
      .map((status) => {
        const mine = codes.filter((code) => String(problemStatus(code)) === status);
        const theirs = gateway[status];
        const examples = Object.fromEntries(
          mine.map((code) => [code, { value: problem(code, problemTitle(code), "urn:ddn:request:Lh2k4gEAoE0EPNA=") }]),
        );
        const ours = { [problemContentType]: { schema: ref("Problem"), examples } };
        return [
          status,
          {
            description: [
              ...mine.map((code) => `${code}: ${problemTitle(code)}.`),
              ...(theirs === undefined ? [] : [theirs]),
            ].join(" "),
            ...(status === "503" ? { headers: retryAfter } : {}),
            content: { ...(mine.length === 0 ? {} : ours), ...(theirs === undefined ? {} : gatewayBody) },
          },
        ];
      }),
  );
};

const json = (schema: Schema): Body => ({ content: { "application/json": { schema } } });

const located = { location: { description: "/jobs/{id} of the job.", schema: { type: "string" } } };

const query = (name: string, schema: Schema, required = false): Schema => ({ name, in: "query", required, schema });

const idInPath = { name: "id", in: "path", required: true, schema: jobId };

const idempotencyKey = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  schema: text(
    "Of the caller's making, one for each request that is meant once. The same key with the same body gives the same jobs again, and sends one that still waits to the queue again; with another body it is refused. Kept as long as the jobs.",
    { pattern: "^[\\x21-\\x7e]{1,255}$" },
  ),
};

const bodyCodes: readonly ProblemCode[] = [
  "body_not_json",
  "body_empty",
  "field_unknown",
  "file_missing",
  "file_invalid",
  "option_invalid",
  "idempotency_key_invalid",
  "input_not_found",
  "idempotency_conflict",
  "body_too_large",
  "image_too_large",
  "content_type_unsupported",
  "image_empty",
  "upstream_unavailable",
];

/** What an operation is, besides its answers to what the gateway refuses. */
type Draft = Pick<Operation, "operationId" | "summary" | "description" | "parameters" | "requestBody"> & {
  readonly successes: Readonly<Record<string, ResponseObject>>;
  readonly codes: readonly ProblemCode[];
};

const drafts = (): Readonly<Record<string, Draft>> => ({
  "GET /ping": {
    operationId: "ping",
    summary: "Whether the API answers, and whether a server is there to denoise",
    description: "Always 200 within 2 s, even while everything behind it is down.",
    successes: { 200: { description: "The API answers.", ...json(ref("Ping")) } },
    codes: [],
  },
  "GET /presign": {
    operationId: "presign",
    summary: "A URL to upload one file or to download one result",
    description: [
      "With `file` and `mode` alone, the URL works with a plain PUT or GET and no header at all. The other options pin what is sent: S3 then refuses",
      "anything else with 403, a second upload under overwrite=false with 412. A stack may demand `size` of every upload.",
      "The query is decoded as forms are: + is a space, and a literal plus is %2B. Unknown and repeated parameters are refused.",
      "Options of uploads are refused in downloads and the other way round; `job` stands instead of `file`, not beside it.",
    ].join(" "),
    parameters: [
      query("file", fileKey),
      query("mode", { enum: ["upload", "download"] }, true),
      query("expires", { type: "integer", minimum: 30, maximum: 3600, default: 900, description: "Seconds." }),
      query("size", count("Upload: the exact size in bytes; becomes content-length.", 1)),
      query(
        "type",
        text(
          "Upload: the content type, image/… or application/octet-stream; types that a browser would run are refused.",
        ),
      ),
      query(
        "sha256",
        text("Upload: base64 of the bytes' SHA-256; S3 verifies it. Write + as %2B.", {
          pattern: "^[A-Za-z0-9+/]{43}=$",
        }),
      ),
      query("overwrite", { type: "boolean", default: true, description: "Upload: false refuses to replace a file." }),
      query("job", {
        ...jobId,
        description:
          "Download: the very bytes that this job wrote, whoever wrote there since. On a bucket without versions they are given only while nobody has.",
      }),
    ],
    successes: { 200: { description: "The URL and what must be sent with it.", ...json(ref("PresignAnswer")) } },
    codes: [
      "file_missing",
      "file_invalid",
      "mode_invalid",
      "size_invalid",
      "sha256_invalid",
      "type_invalid",
      "expires_invalid",
      "job_invalid",
      "option_invalid",
      "field_unknown",
      "parameter_repeated",
      "result_not_found",
      "job_not_found",
      "image_too_large",
      "upstream_unavailable",
    ],
  },
  "POST /inference": {
    operationId: "inference",
    summary: "Denoise one file and wait for it",
    description: [
      "Waits as `Prefer: wait=N` says, then answers with the job as it is by then. A job that failed is answered with its own problem, one that was",
      "cancelled meanwhile with job_ended. The job goes on in every case; Location names it.",
    ].join(" "),
    parameters: [
      {
        name: "Prefer",
        in: "header",
        required: false,
        schema: text(
          `RFC 7240: wait=N, 0 to ${jobTimes.waitSeconds.most} seconds, by default ${jobTimes.waitSeconds.usual}; more counts as ${jobTimes.waitSeconds.most}. respond-async is wait=0. Anything else is ignored.`,
        ),
      },
      idempotencyKey,
    ],
    requestBody: { required: true, ...json(ref("JobRequest")) },
    successes: {
      200: { description: "The job, succeeded.", headers: located, ...json(ref("Job")) },
      202: { description: "The job, which takes longer.", headers: located, ...json(ref("Job")) },
    },
    codes: [
      ...bodyCodes,
      "request_malformed",
      "headers_too_large",
      "internal_error",
      "job_ended",
      "input_changed",
      "image_unsupported",
      "image_corrupt",
      "image_too_many_pixels",
      "image_too_many_pages",
      "attempts_exhausted",
      "overloaded",
      "engine_unavailable",
      "draining",
      "engine_timeout",
    ],
  },
  "POST /jobs": {
    operationId: "createJobs",
    summary: "Submit one file, or a batch, to be denoised in the background",
    description: [
      `At most ${maxBatch} files and ${maxBodyBytes} bytes. Works while no server runs, and wakes one. A batch is checked whole before anything is made: a problem's detail`,
      "begins with files[index]. What is answered with 202 is never lost. After a 503 some jobs of a batch may have been made: repeat it with the same",
      "Idempotency-Key to get all of them once.",
    ].join(" "),
    parameters: [idempotencyKey],
    requestBody: { required: true, ...json({ oneOf: [ref("JobRequest"), ref("BatchRequest")] }) },
    successes: {
      202: {
        description: "The job, or with `files` all jobs in their order. Location for one job only.",
        headers: located,
        ...json({ oneOf: [ref("Job"), ref("JobBatch")] }),
      },
    },
    codes: bodyCodes,
  },
  "GET /jobs/{id}": {
    operationId: "job",
    summary: "A job as it is now",
    description: "Kept as long as its result.",
    parameters: [idInPath],
    successes: { 200: { description: "The job.", ...json(ref("Job")) } },
    codes: ["job_invalid", "job_not_found", "upstream_unavailable"],
  },
  "DELETE /jobs/{id}": {
    operationId: "cancelJob",
    summary: "Cancel a job",
    description:
      "A job that waits is cancelled at once. A running one stops before its next batch of tiles, unless it ends first; asking again changes nothing. Results are never deleted.",
    parameters: [idInPath],
    successes: { 202: { description: "The job with cancelRequestedAt.", ...json(ref("Job")) } },
    codes: ["job_invalid", "job_not_found", "job_ended", "upstream_unavailable"],
  },
  "GET /openapi.json": {
    operationId: "openapi",
    summary: "This document",
    description: "OpenAPI 3.1.",
    successes: { 200: { description: "This document.", ...json({ type: "object" }) } },
    codes: [],
  },
});

const operation = (draft: Draft, open: boolean): Operation => {
  const { successes, codes, ...rest } = draft;
  return {
    ...rest,
    security: open ? [] : [{ bearer: [] }, { sigv4: [] }],
    responses: { ...successes, ...refusals(codes, gatewayAnswers(open, rest.requestBody !== undefined)) },
  };
};

const paths = (): OpenApiDocument["paths"] => {
  const found: Record<string, Record<string, Operation>> = {};
  const described = drafts();
  for (const { key, open } of routes) {
    const [method, path] = key.split(" ");
    const draft = described[key];
    if (method === undefined || path === undefined || draft === undefined) continue;
    found[path] = { ...found[path], [method.toLowerCase()]: operation(draft, open) };
  }
  return found;
};

/** OpenAPI 3.1 of all routes. `serverUrl` is relative to the document by default, so that it is true wherever it is served. */
export const openapiDocument = ({ serverUrl = "/" }: { readonly serverUrl?: string } = {}): OpenApiDocument => ({
  openapi: "3.1.0",
  info: {
    title: "Deep Denoising Platform",
    version,
    description: [
      "Upload an image by presigned URL, have it denoised, download the result: GET /presign, PUT, POST /inference or POST /jobs, GET /presign, GET.",
      "One stack is one trust domain: every authorised caller sees every file and every job.",
      "Every answer carries cache-control: no-store. Problems are application/problem+json (RFC 9457); what the gateway itself refuses (401, 403, 413, 429,",
      'some 500, 503 and 504) has its own body {"message"}. A path that is no route is 404 route_not_found, a method that a path lacks 405 method_not_allowed with Allow.',
    ].join(" "),
  },
  servers: [{ url: serverUrl }],
  paths: paths(),
  components: {
    schemas: schemas(),
    securitySchemes: {
      bearer: {
        type: "http",
        scheme: "bearer",
        bearerFormat: "JWT",
        description: "Where the stack's authMode is jwt.",
      },
      sigv4: {
        type: "apiKey",
        in: "header",
        name: "Authorization",
        description: "AWS Signature Version 4, where it is iam.",
      },
    },
  },
});
