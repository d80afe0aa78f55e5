import { problemTitle } from "../contract/problem";

/**
 * Every failure that a caller of the client meets: a problem of the platform, an answer of the API gateway or of S3, or no
 * answer at all.
 */
export class DdnError extends Error {
  override readonly name = "DdnError";

  constructor(
    /** The HTTP status; 0 when there was no answer. */
    readonly status: number,
    /** Stable: the contract's problem codes, and the client's own for what is not the platform's (`network_failed`, `storage_…`). */
    readonly code: string,
    /** What was expected, what came, and what to do next. */
    readonly detail: string,
    /** Seconds to wait before another attempt, where the answer said so. */
    readonly retryAfterSeconds?: number,
    /** Where the job is that the error is about, such as `/jobs/…`: it has ended, and asking again would hear the same. */
    readonly location?: string,
  ) {
    super(detail);
  }
}

/** How the API was asked to let a request in. */
export type Access = "none" | "bearer" | "aws";

const tokenOption = "in DDN_TOKEN or by --token (createClient: `authorization: bearer(token)`)";
const awsOption = "by --aws or DDN_AUTH=iam (createClient: `authorization: signedByAws(…)`)";

/** Refusals of the gateway by what was sent: 401 comes of an API that asks for a token, 403 of one that asks for a signature. */
const refusalWords: Readonly<Record<Access, Readonly<Record<401 | 403, string>>>> = {
  none: {
    401: `Expected a token, which this API asks for. Give one ${tokenOption}.`,
    403: `Expected a signed request, which this API asks for. Have requests signed with your AWS credentials ${awsOption}.`,
  },
  bearer: {
    401: `Expected a token that this API takes. Get a new one, of the issuer and audience that the API trusts, and give it ${tokenOption}.`,
    403: `Expected a request that this API lets in, but a token is not enough. If the stack's authMode is iam, have requests signed ${awsOption}; otherwise ask the platform's owner for access.`,
  },
  aws: {
    401: `Expected a token, but the request was signed for AWS. Give a token ${tokenOption}, and leave out --aws and DDN_AUTH=iam.`,
    403: "Expected AWS credentials that may call this API. Check the profile, AWS_REGION and the clock of this machine, or ask the platform's owner for execute-api:Invoke on it.",
  },
};

/** What the gateway says in AWS's own words, told in ours. */
const gatewayWords: Readonly<Record<number, readonly [code: string, detail: string]>> = {
  413: ["body_too_large", "Expected a smaller body. Images travel by presigned URL, not through the API."],
  429: ["throttled", "Expected fewer requests a second. Wait a moment, then try again with fewer at a time."],
  502: ["bad_gateway", "Expected an answer from the service behind the gateway but it broke off. Try again."],
  503: ["unavailable", "Expected a running service behind the gateway. It may be starting: try again in a minute."],
  504: [
    "gateway_timeout",
    "Expected an answer within the gateway's 30 seconds. Start a job with POST /jobs and ask for its state instead.",
  ],
};

/** What S3 refuses most often, told in our words. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const storageWords: Readonly<Record<string, string>> = {
  AccessDenied: "The presigned URL has expired or does not allow this. Ask for a new one.",
  BadDigest: "The bytes that arrived are not those that were announced. Upload the file again.",
  EntityTooLarge: "The file is larger than storage takes in one upload (5 GB).",
  ExpiredToken: "The presigned URL has expired. Ask for a new one.",
  NoSuchKey: "The file is not there any more. Start the job again.",
  PreconditionFailed: "A file of this name is already there, and overwriting was not allowed. Choose another name.",
  SignatureDoesNotMatch: "The request differs from what was signed. Send exactly the method and headers of the answer.",
  SlowDown: "Storage asks for fewer requests a second. Try again in a moment.",
};

const snakeCase = (words: string): string => words.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "_").toLowerCase();

/** Seconds, from either form of Retry-After (RFC 9110 §10.2.3). */
export const parseRetryAfter = (value: string | null, nowMs: number): number | undefined => {
  if (value === null) return undefined;
  if (/^\d+$/.test(value)) return Number(value);
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - nowMs) / 1000));
};

const parseObject = (text: string): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
};

/**
 * Why the gateway let a request not in, as far as it says more than `Unauthorized` and `Forbidden`.
 * Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-jwt.html
 */
const gatewayReason = (response: Response, message: unknown): string => {
  const described = /error_description="([^"]*)"/.exec(response.headers.get("www-authenticate") ?? "")?.[1];
  const said = described ?? (typeof message === "string" && /\s/.test(message) ? message : "");
  return said === "" ? "" : ` The gateway says: ${said.slice(0, 64)}.`;
};

const isRedirect = ({ type, status }: Response): boolean =>
  type === "opaqueredirect" || (status >= 300 && status < 400 && status !== 304);

/** An answer that is not a success, as the one error; reads its body. `access` tells how the API was asked; storage has none. */
export const errorOfResponse = async (response: Response, access?: Access): Promise<DdnError> => {
  const { status } = response;
  const retryAfterSeconds = parseRetryAfter(response.headers.get("retry-after"), Date.now());
  const location = response.headers.get("location") ?? undefined;
  const failure = (code: string, detail: string) => new DdnError(status, code, detail, retryAfterSeconds, location);
  const text = await response.text().catch(() => "");

  const storageCode = /<Code>(\w+)<\/Code>/.exec(text)?.[1];
  if (storageCode !== undefined) {
    const said = /<Message>([^<]*)<\/Message>/.exec(text)?.[1] ?? "";
    return failure(`storage_${snakeCase(storageCode)}`, storageWords[storageCode] ?? `Storage answered: ${said}`);
  }
  const body = parseObject(text);
  if (typeof body.code === "string" && typeof body.detail === "string") return failure(body.code, body.detail);
  if (access !== undefined && (status === 401 || status === 403)) {
    const code = status === 401 ? "unauthorized" : "forbidden";
    return failure(code, `${refusalWords[access][status]}${gatewayReason(response, body.message)}`);
  }
  if (access !== undefined && isRedirect(response)) {
    const target = location === undefined ? "another address" : location.split("?")[0].slice(0, 64);
    return failure(
      "redirected",
      `Expected an answer of the API but it points to ${target}. Give the API's own address.`,
    );
  }
  const known = gatewayWords[status];
  if (known !== undefined) return failure(known[0], known[1]);
  const said = typeof body.message === "string" ? body.message : text.trim();
  return failure(
    `http_${status}`,
    `Expected an answer of the platform but received status ${status}${said === "" ? "" : `: ${said.slice(0, 64)}`}. Check the address.`,
  );
};

const reasonOf = (cause: unknown): string => {
  const inner = cause instanceof Error ? cause.cause : undefined;
  if (inner instanceof Error) return "code" in inner && typeof inner.code === "string" ? inner.code : inner.message;
  return cause instanceof Error ? cause.message : String(cause);
};

/** No answer at all: nobody listens, no such name, a connection cut. The URL is shown without its query: it may hold a signature. */
export const errorOfNetwork = (url: string, cause: unknown): DdnError =>
  new DdnError(
    0,
    "network_failed",
    `Expected an answer from ${url.split("?")[0]} but the connection failed (${reasonOf(cause)}). Check the address and the network; a platform on this machine is started with \`npm start\`.`,
  );

/** The error that ended a job, or undefined when it succeeded. */
export const errorOfJob = (job: {
  readonly status: string;
  readonly error?: { readonly code: string; readonly detail: string };
}): DdnError | undefined => {
  if (job.status === "failed") {
    const code = job.error?.code ?? "attempts_exhausted";
    return new DdnError(0, code, job.error?.detail ?? `${problemTitle("attempts_exhausted")}.`);
  }
  return job.status === "cancelled"
    ? new DdnError(0, "job_cancelled", "The job was cancelled before it finished. Start it again to have a result.")
    : undefined;
};
