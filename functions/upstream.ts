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

export type Service = "S3" | "SQS";

type Refusal = Extract<Answer<unknown>, { readonly ok: false }>;

/** The reason is for the log alone: it can name accounts and roles. */
export const logRefusal = (service: Service, { status, reason }: Refusal): void =>
  console.error(JSON.stringify({ event: "upstream_unavailable", service, status, reason }));

/** The 503 for a refusal that nobody foresaw. */
export const unavailable = (service: Service, refusal: Refusal): Problem => {
  logRefusal(service, refusal);
  const what = refusal.status === 0 ? "none came" : "it refused";
  return problem(
    "upstream_unavailable",
    `Expected an answer from ${service} but ${what}. Try again in a few seconds; trying again does no harm.`,
  );
};
