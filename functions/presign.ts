import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { Job } from "../contract/job";
import { type Checked, checked, expected, type Problem, problem, quote, refused } from "../contract/problem";
import { attachment } from "./disposition";
import { type ApiEvent, type ApiResult, jsonResult, problemResult, queryPairs } from "./event";
import { type Download, parsePresign, type Upload } from "./presignQuery";
import { readJob } from "./records";
import type { PresignSettings } from "./settings";
import { asked, bounded, unavailable } from "./upstream";

/** The answer to `GET /presign`. */
export interface PresignAnswer {
  readonly url: string;
  readonly method: "PUT" | "GET";
  /** Exactly what must be sent with the URL, besides what every HTTP client sends; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The key that was signed, in NFC. */
  readonly file: string;
  readonly mode: "upload" | "download";
  /** RFC 3339. */
  readonly expiresAt: string;
}

/** What a download reads: a job's very own bytes, or whatever stands at a key now. */
interface Target {
  readonly input: {
    readonly Bucket: string;
    readonly Key: string;
    readonly VersionId?: string;
    readonly IfMatch?: string;
  };
  /** What to say when nothing stands there. */
  readonly missing: Problem;
}

const remedies: Readonly<Record<Job["status"], string>> = {
  queued: "Ask again once GET /jobs/{id} says succeeded.",
  running: "Ask again once GET /jobs/{id} says succeeded.",
  succeeded: "Its result has been removed since; start a new job.",
  failed: "GET /jobs/{id} says why; start a new job once that is mended.",
  cancelled: "Start a new job to get one.",
};

const targetOfJob = async (s3: S3Client, settings: PresignSettings, id: string): Promise<Checked<Target>> => {
  const record = await readJob(s3, settings.outBucket, id);
  if (!record.ok) {
    return record.status === 404
      ? refused("job_not_found", expected("the id of a job", "job", id))
      : { ok: false, problem: unavailable("S3", record) };
  }
  const { job } = record.value;
  const missing = problem(
    "result_not_found",
    `Expected a job with a result for \`job\` but job ${job.id} is ${job.status}. ${remedies[job.status]}`,
    `/jobs/${job.id}`,
  );
  if (job.status !== "succeeded" || job.result === undefined) return { ok: false, problem: missing };
  const { versionId, etag } = job.result;
  // Without versions the last writer's bytes stand at the key; If-Match then gives the job's own or none.
  const pin = versionId === undefined ? { IfMatch: etag } : { VersionId: versionId };
  return checked({ input: { Bucket: settings.outBucket, Key: job.output, ...pin }, missing });
};

const targetAtKey = (settings: PresignSettings, key: string): Target => ({
  input: { Bucket: settings.outBucket, Key: key },
  missing: problem(
    "result_not_found",
    `Expected a result at \`file\` but there is none at ${quote(key)}. Start one by POST /jobs with the input's name as \`file\`, and ask again once GET /jobs/{id} says succeeded.`,
  ),
});

const signed = async (
  signer: S3Client,
  command: PutObjectCommand | GetObjectCommand,
  answer: Omit<PresignAnswer, "url" | "expiresAt">,
  seconds: number,
): Promise<Checked<PresignAnswer>> => {
  // A signature's date has whole seconds; expiresAt counts from the same instant.
  const signingDate = new Date(Math.floor(Date.now() / 1000) * 1000);
  const url = await asked(() =>
    getSignedUrl(signer, command, {
      expiresIn: seconds,
      signingDate,
      // Content-Type is left out of the signature unless named; the checksum must stay a header, since S3 reads it there.
      signableHeaders: new Set(Object.keys(answer.headers)),
      unhoistableHeaders: new Set(["x-amz-checksum-sha256"]),
    }),
  );
  if (!url.ok) return { ok: false, problem: unavailable("S3", url) };
  const expiresAt = new Date(signingDate.getTime() + seconds * 1000).toISOString();
  return checked({ url: url.value, ...answer, expiresAt });
};

const signUpload = (signer: S3Client, settings: PresignSettings, request: Upload): Promise<Checked<PresignAnswer>> => {
  const { file, size, type, sha256, overwrite } = request;
  const command = new PutObjectCommand({
    Bucket: settings.inBucket,
    Key: file,
    ContentLength: size,
    ContentType: type,
    ChecksumSHA256: sha256,
    IfNoneMatch: overwrite ? undefined : "*",
  });
  const headers = {
    ...(size === undefined ? {} : { "content-length": String(size) }),
    ...(type === undefined ? {} : { "content-type": type }),
    ...(sha256 === undefined ? {} : { "x-amz-checksum-sha256": sha256 }),
    ...(overwrite ? {} : { "if-none-match": "*" }),
  };
  return signed(signer, command, { method: "PUT", headers, file, mode: "upload" }, request.expiresSeconds);
};

const signDownload = async (
  s3: S3Client,
  signer: S3Client,
  settings: PresignSettings,
  request: Download,
): Promise<Checked<PresignAnswer>> => {
  const target =
    "job" in request.of
      ? await targetOfJob(s3, settings, request.of.job)
      : checked(targetAtKey(settings, request.of.file));
  if (!target.ok) return target;
  const { input, missing } = target.value;
  const there = await asked((abortSignal) => s3.send(new HeadObjectCommand(input), { abortSignal }));
  if (!there.ok) {
    const gone = there.status === 404 || there.status === 412;
    return { ok: false, problem: gone ? missing : unavailable("S3", there) };
  }
  const command = new GetObjectCommand({ ...input, ResponseContentDisposition: attachment(input.Key) });
  const headers: Record<string, string> = input.IfMatch === undefined ? {} : { "if-match": input.IfMatch };
  return signed(signer, command, { method: "GET", headers, file: input.Key, mode: "download" }, request.expiresSeconds);
};

/** `GET /presign`: a URL that uploads one file to the in bucket or downloads one result from the out bucket. */
export const presignHandler = (settings: PresignSettings) => {
  const s3 = new S3Client({ ...bounded, ...settings.clients?.s3 });
  // By default the SDK signs the checksum of an empty body into the URL of a PUT, and S3 then refuses the real one.
  // Source: https://github.com/aws/aws-sdk-js-v3/issues/6994
  const signer = new S3Client({ ...settings.clients?.s3, requestChecksumCalculation: "WHEN_REQUIRED" });
  return async (event: ApiEvent): Promise<ApiResult> => {
    const request = parsePresign(queryPairs(event), settings);
    if (!request.ok) return problemResult(event, request.problem);
    const answer =
      request.value.mode === "upload"
        ? await signUpload(signer, settings, request.value)
        : await signDownload(s3, signer, settings, request.value);
    return answer.ok ? jsonResult(200, answer.value) : problemResult(event, answer.problem);
  };
};
