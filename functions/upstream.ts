import { type Problem, problem } from "../contract/problem";

/** What S3 or SQS gave: a value, or the HTTP status they refused with; 0 where no answer came in time. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly status: number; readonly reason: string };

/** Milliseconds for one call with all its tries: below the shortest timeout of a function. */
const callTimeoutMs = 8000;

/** Settings of every client: no call hangs, whatever hangs behind it. */
export const bounded = {
  maxAttempts: 3,
  // Without throwOnRequestTimeout the SDK only warns. Source: @smithy/node-http-handler, setRequestTimeout.
  requestHandler: { connectionTimeout: 1000, requestTimeout: 3000, throwOnRequestTimeout: true },
};

const statusOf = (error: unknown): number =>
  (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode ?? 0;

/** Makes one call; a refusal is an answer too, and nothing is thrown. */
export const asked = async <T>(
  call: (abortSignal: AbortSignal) => Promise<T>,
  timeoutMs = callTimeoutMs,
): Promise<Answer<T>> => {
  try {
    return { ok: true, value: await call(AbortSignal.timeout(timeoutMs)) };
  } catch (error) {
    return { ok: false, status: statusOf(error), reason: String(error) };
  }
};

/** The 503 for a refusal that nobody foresaw. Its reason is for the log alone: it can name accounts and roles. */
export const unavailable = (
  service: "S3" | "SQS",
  refusal: { readonly status: number; readonly reason: string },
): Problem => {
  console.error(JSON.stringify({ event: "upstream_unavailable", service, ...refusal }));
  return problem(
    "upstream_unavailable",
    `Expected an answer from ${service} but ${refusal.status === 0 ? "none came" : "it refused"}. Try again in a few seconds; trying again does no harm.`,
  );
};
