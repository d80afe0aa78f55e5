import { parseFileKey } from "./fileKey";
import { type Job, type JobRequest, jobTimes } from "./job";
import { type Checked, checked, expected, type Problem, problem, quote, refused } from "./problem";

/** Requests that start jobs, checked the same way by the jobs Lambda and by the server. */

export const maxBatch = 100;
/** Ours; the gateway stops at 10 MB. A batch of 100 of the longest keys fits. */
export const maxBodyBytes = 256 * 1024;
export const defaultStrength = 1;

const jobFields = ["file", "output", "strength", "sigma"];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const unknownField = (body: Record<string, unknown>, fields: readonly string[]): string | undefined =>
  Object.keys(body).find((field) => !fields.includes(field));

const fraction = (value: unknown, name: string, remedy: string): Checked<number> =>
  typeof value === "number" && value >= 0 && value <= 1
    ? checked(value)
    : refused("option_invalid", expected("a number from 0 to 1", name, value, remedy));

const parseJobRequest = (body: unknown, at: string): Checked<JobRequest> => {
  if (!isObject(body)) return refused("body_not_json", expected("an object", at || "body", body));
  const stranger = unknownField(body, jobFields);
  if (stranger !== undefined) {
    return refused("field_unknown", `Expected only ${jobFields.join(", ")} but received the field ${quote(stranger)}.`);
  }
  const file = parseFileKey(body.file, "file");
  if (!file.ok) return file;
  const output = body.output === undefined ? file : parseFileKey(body.output, "output");
  if (!output.ok) return output;
  const strength =
    body.strength === undefined
      ? checked(defaultStrength)
      : fraction(body.strength, "strength", "1 denoises fully, 0 not at all.");
  if (!strength.ok) return strength;
  if (body.sigma === undefined) {
    return checked({ file: file.value, output: output.value, options: { strength: strength.value } });
  }
  const sigma = fraction(
    body.sigma,
    "sigma",
    "It is the noise's standard deviation as a fraction of full scale; leave it out to have it estimated.",
  );
  if (!sigma.ok) return sigma;
  return checked({ file: file.value, output: output.value, options: { strength: strength.value, sigma: sigma.value } });
};

/** The text of a body as a JSON object; refuses an empty one, one too large, and one of another type. */
const parseJsonBody = (text: string, contentType: string | undefined): Checked<Record<string, unknown>> => {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > maxBodyBytes) {
    return refused(
      "body_too_large",
      `Expected a body of at most ${maxBodyBytes} bytes but received ${bytes}. Images travel by presigned URL, not through the API.`,
    );
  }
  if (text.trim() === "")
    return refused("body_empty", 'Expected a JSON object such as {"file":"scan-0042.tif"} but received an empty body.');
  if (contentType !== undefined && !/^application\/(json|[\w.+-]+\+json)\s*(;|$)/i.test(contentType)) {
    return refused("content_type_unsupported", expected("application/json", "content-type", contentType));
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return refused("body_not_json", expected("a JSON object", "body", text));
  }
  return isObject(body) ? checked(body) : refused("body_not_json", expected("a JSON object", "body", body));
};

/** The body of `POST /inference`: one job. */
export const parseInferenceRequest = (text: string, contentType: string | undefined): Checked<JobRequest> => {
  const body = parseJsonBody(text, contentType);
  return body.ok ? parseJobRequest(body.value, "") : body;
};

/**
 * The body of `POST /jobs`: one job, or `{"files":[…]}` of at most 100; the first bad one is named by its index.
 * Two entries that write the same output are refused, since one of the two results would be lost.
 */
export const parseJobsRequest = (
  text: string,
  contentType: string | undefined,
): Checked<{ readonly batch: boolean; readonly requests: readonly JobRequest[] }> => {
  const body = parseJsonBody(text, contentType);
  if (!body.ok) return body;
  if (!("files" in body.value)) {
    const single = parseJobRequest(body.value, "");
    return single.ok ? checked({ batch: false, requests: [single.value] }) : single;
  }
  const stranger = unknownField(body.value, ["files"]);
  if (stranger !== undefined) {
    return refused(
      "field_unknown",
      `Expected \`files\` alone but received also the field ${quote(stranger)}. Give options inside each entry.`,
    );
  }
  const files = body.value.files;
  if (!Array.isArray(files) || files.length === 0 || files.length > maxBatch) {
    return refused(
      "option_invalid",
      expected(`an array of 1 to ${maxBatch} jobs`, "files", Array.isArray(files) ? `${files.length} entries` : files),
    );
  }
  const requests: JobRequest[] = [];
  for (const [index, entry] of files.entries()) {
    const one = parseJobRequest(typeof entry === "string" ? { file: entry } : entry, `files[${index}]`);
    if (!one.ok) return { ok: false, problem: atIndex(one.problem, index) };
    const rival = requests.findIndex(({ output }) => output === one.value.output);
    if (rival >= 0) {
      const why = `Expected an \`output\` of its own but ${quote(one.value.output)} is that of files[${rival}] too.`;
      return { ok: false, problem: atIndex(problem("option_invalid", why), index) };
    }
    requests.push(one.value);
  }
  return checked({ batch: true, requests });
};

/** The same problem, saying which entry of a batch it is about. */
export const atIndex = <P extends { readonly detail: string }>(why: P, index: number): P => ({
  ...why,
  detail: `files[${index}]: ${why.detail}`,
});

/**
 * Seconds to wait, from `Prefer: wait=N` or `respond-async` (RFC 7240); anything else is ignored, as the RFC asks.
 * Both together mean: wait N seconds, then go on without the caller (§4.3).
 */
export const parseWaitSeconds = (prefer: string | undefined): number => {
  const preferences = (prefer ?? "").split(",").map((part) => part.trim().toLowerCase());
  const wait = preferences.map((part) => /^wait\s*=\s*"?(\d+)"?$/.exec(part)).find((match) => match !== null);
  if (!wait && preferences.includes("respond-async")) return 0;
  return wait ? Math.min(Number(wait[1]), jobTimes.waitSeconds.most) : jobTimes.waitSeconds.usual;
};

/** An `Idempotency-Key`: 1 to 255 printable ASCII characters. */
export const parseIdempotencyKey = (value: string | undefined): Checked<string | undefined> =>
  value === undefined || /^[\x21-\x7e]{1,255}$/.test(value)
    ? checked(value)
    : refused(
        "idempotency_key_invalid",
        expected("1 to 255 printable ASCII characters without spaces", "Idempotency-Key", value),
      );

/** The problem of a job whose file nobody uploaded. */
export const inputNotFound = (file: string): Problem =>
  problem(
    "input_not_found",
    `Expected an uploaded file for \`file\` but there is none at ${quote(file)}. Upload it first, with the URL from GET /presign?mode=upload.`,
  );

/** The problem of a job that ended before what was asked of it: a cancel, or its result. */
export const jobEnded = (job: Job): Problem =>
  problem("job_ended", `Expected a job that waits or runs but job ${job.id} is ${job.status}.`, `/jobs/${job.id}`);

/** The problem of an Idempotency-Key that comes again with another request. */
export const idempotencyConflict = (): Problem =>
  problem(
    "idempotency_conflict",
    "Expected the same request as before for this `Idempotency-Key` but received another one. Use a new key for a new request.",
  );
