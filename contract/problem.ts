/** Problems as RFC 9457 `application/problem+json`: one table of codes, one sentence shape. */

const table = {
  file_missing: [400, "No file was named"],
  file_invalid: [400, "The file name is not allowed"],
  mode_invalid: [400, "The mode is not known"],
  size_invalid: [400, "The size is not valid"],
  sha256_invalid: [400, "The SHA-256 checksum is not valid"],
  type_invalid: [400, "The content type is not valid"],
  expires_invalid: [400, "The expiry is not valid"],
  job_invalid: [400, "The job id is not valid"],
  option_invalid: [400, "An option is not valid"],
  field_unknown: [400, "A field is not known"],
  parameter_repeated: [400, "A parameter is repeated"],
  body_not_json: [400, "The body is not a JSON object"],
  body_empty: [400, "The body is empty"],
  request_malformed: [400, "The request is not valid HTTP"],
  idempotency_key_invalid: [400, "The Idempotency-Key is not valid"],
  input_not_found: [404, "The input file is not there"],
  result_not_found: [404, "There is no result yet"],
  job_not_found: [404, "There is no such job"],
  route_not_found: [404, "There is no such route"],
  method_not_allowed: [405, "The method is not allowed here"],
  idempotency_conflict: [409, "The Idempotency-Key was used for another request"],
  job_ended: [409, "The job has already ended"],
  input_changed: [409, "The input file was changed"],
  body_too_large: [413, "The body is too large"],
  image_too_large: [413, "The image file is too large"],
  content_type_unsupported: [415, "The content type is not supported"],
  image_unsupported: [422, "The image is of a kind that is not supported"],
  image_corrupt: [422, "The image file is damaged"],
  image_empty: [422, "The image file is empty"],
  image_too_many_pixels: [422, "The image has too many pixels"],
  image_too_many_pages: [422, "The image has too many pages"],
  headers_too_large: [431, "The headers are too large"],
  attempts_exhausted: [500, "The job failed on every attempt"],
  internal_error: [500, "The server failed"],
  overloaded: [503, "The service is busy"],
  engine_unavailable: [503, "The denoising engine is not available"],
  upstream_unavailable: [503, "A service behind this one is not available"],
  draining: [503, "The server is shutting down"],
  engine_timeout: [504, "The denoising engine took too long"],
} as const;

export type ProblemCode = keyof typeof table;

/** The body of every error answer that is ours; {@link https://www.rfc-editor.org/rfc/rfc9457 RFC 9457}. */
export interface Problem {
  /** URN naming the kind of problem; equal for equal codes. */
  readonly type: string;
  readonly title: string;
  /** The HTTP status. */
  readonly status: number;
  /** What was expected, what came, and what to do next. */
  readonly detail: string;
  /** The request or job that this is about. */
  readonly instance?: string;
  /** Stable and machine-readable. */
  readonly code: ProblemCode;
}

/** Either a checked value or the problem that says why there is none. */
export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

export const problemContentType = "application/problem+json";

/** Every code that a caller can meet, for the OpenAPI document and the tests. */
export const problemCodes = (): ProblemCode[] => Object.keys(table) as ProblemCode[];

export const problemStatus = (code: ProblemCode): number => table[code][0];

export const problemTitle = (code: ProblemCode): string => table[code][1];

export const problem = (code: ProblemCode, detail: string, instance?: string): Problem => ({
  type: `urn:ddn:problem:${code}`,
  title: table[code][1],
  status: table[code][0],
  detail,
  ...(instance === undefined ? {} : { instance }),
  code,
});

export const checked = <T>(value: T): Checked<T> => ({ ok: true, value });

export const refused = <T>(code: ProblemCode, detail: string): Checked<T> => ({
  ok: false,
  problem: problem(code, detail),
});

/** A problem's `instance` where it is about a request and no job; `id` as in the logs. */
export const requestInstance = (id: string): string => `urn:ddn:request:${id}`;

/** A value as it may be shown in a `detail`: JSON, at most 64 characters of input. */
export const quote = (value: unknown): string => {
  if (value === undefined) return "nothing";
  // JSON has no NaN and no Infinity and would show both as null.
  const text = (typeof value === "number" ? undefined : JSON.stringify(value)) ?? String(value);
  const characters = Array.from(text);
  return characters.length <= 64 ? text : `${characters.slice(0, 63).join("")}…`;
};

/** The one sentence shape: ``Expected <what> for `name` but received <value>``, plus the way out when it is known. */
export const expected = (what: string, name: string, value: unknown, remedy?: string): string =>
  `Expected ${what} for \`${name}\` but received ${quote(value)}.${remedy === undefined ? "" : ` ${remedy}`}`;
