import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { AccessKey, TwinRole } from "./access";

export interface AuthenticationOptions {
  readonly service: "s3" | "sqs" | "execute-api";
  readonly region: string;
  readonly keys: readonly AccessKey[];
  /** The clock; default the machine's. */
  readonly now?: Date;
  /** The whole body, where it was read before: it must then be what was signed. Clients other than S3's may leave its hash out of the headers. */
  readonly body?: Uint8Array;
}

/** Who signed a request, and what of its body the signature covers. */
export interface Identity {
  readonly role: TwinRole;
  readonly accessKeyId: string;
  /** As it was signed: a hexadecimal SHA-256, `UNSIGNED-PAYLOAD` or `STREAMING-…`; without `body`, the caller must hold the body against it. */
  readonly payloadHash: string;
  /** Signed in the query rather than in the headers. */
  readonly presigned: boolean;
  readonly signedAt: Date;
  /** The request's own signature: the seed of the chunks' signatures. */
  readonly signature: string;
  /** Signs a text made from the date (as AWS writes it) and scope of this request with its key; hexadecimal. */
  signText(text: (date: string, scope: string) => string): string;
}

/** A request that is not what a known key signed; status, code and sentence are AWS's own. */
export class AuthenticationError extends Error {
  constructor(
    readonly status: 400 | 403,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "AuthenticationError";
  }
}

/** What the caller says it signed, before anything of it is believed. */
interface Claim {
  readonly presigned: boolean;
  readonly accessKeyId: string;
  readonly scope: readonly string[];
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly date: string;
  readonly payloadHash: string;
  /** Seconds; present when presigned. */
  readonly expiresIn: number;
}

const algorithm = "AWS4-HMAC-SHA256";
const skewMs = 15 * 60 * 1000;
const maxExpiresSeconds = 604_800;
/** A presigned URL's own parameters. */
const queryParameters = [
  "X-Amz-Algorithm",
  "X-Amz-Credential",
  "X-Amz-Date",
  "X-Amz-Expires",
  "X-Amz-SignedHeaders",
  "X-Amz-Signature",
];

const denied = (message: string): AuthenticationError => new AuthenticationError(403, "AccessDenied", message);
const sha256 = (body: Uint8Array | string): string => createHash("sha256").update(body).digest("hex");

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new AuthenticationError(400, "InvalidURI", "Couldn't parse the specified URI.");
  }
};

/** RFC 3986 as AWS asks for it: all but letters, digits and `-_.~` escaped. */
export const escapeUri = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

export interface ParsedTarget {
  /** Escaped exactly once, whatever the client left unescaped. */
  readonly path: string;
  readonly query: ReadonlyMap<string, readonly string[]>;
}

/** Path and query from the raw request target: URLSearchParams would read a `+` as a space, WHATWG URL would fold `..`. */
export const parseTarget = (target: string): ParsedTarget => {
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = new Map<string, string[]>();
  for (const pair of mark < 0 ? [] : target.slice(mark + 1).split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? "" : decoded(pair.slice(equals + 1));
    query.set(name, [...(query.get(name) ?? []), value]);
  }
  return {
    path: path
      .split("/")
      .map((segment) => escapeUri(decoded(segment)))
      .join("/"),
    query,
  };
};

const headerOf = (request: IncomingMessage, name: string): string | undefined => {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : value;
};

const queryClaim = (request: IncomingMessage, { query }: ParsedTarget, options: AuthenticationOptions): Claim => {
  const malformed = (message: string) => new AuthenticationError(400, "AuthorizationQueryParametersError", message);
  const [algorithmName, credential, date, expires, signedHeaders, signature] = queryParameters.map((name) => {
    const values = query.get(name);
    if (values?.length !== 1) {
      throw malformed(`Query-string authentication version 4 requires each of ${queryParameters.join(", ")} once.`);
    }
    return values[0];
  });
  if (algorithmName !== algorithm) throw malformed(`X-Amz-Algorithm only supports "${algorithm}"`);
  const expiresIn = /^[1-9]\d{0,6}$/.test(expires) ? Number(expires) : 0;
  if (expiresIn < 1 || expiresIn > maxExpiresSeconds) {
    throw malformed(`X-Amz-Expires must be between 1 and ${maxExpiresSeconds} seconds`);
  }
  const [accessKeyId, ...scope] = credential.split("/");
  const hoisted = [...query].find(([name]) => name.toLowerCase() === "x-amz-content-sha256")?.[1][0];
  return {
    presigned: true,
    accessKeyId,
    scope,
    signedHeaders: signedHeaders.split(";"),
    signature,
    date,
    expiresIn,
    payloadHash:
      hoisted ??
      headerOf(request, "x-amz-content-sha256") ??
      (options.service === "s3" ? "UNSIGNED-PAYLOAD" : sha256(options.body ?? Buffer.alloc(0))),
  };
};

const headerClaim = (request: IncomingMessage, authorization: string, options: AuthenticationOptions): Claim => {
  const match = /^AWS4-HMAC-SHA256 Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([^,\s]+)$/.exec(
    authorization,
  );
  if (match === null) {
    throw authorization.startsWith(algorithm)
      ? new AuthenticationError(400, "AuthorizationHeaderMalformed", "The authorization header is malformed.")
      : new AuthenticationError(
          400,
          "InvalidRequest",
          `The authorization mechanism you have provided is not supported. Please use ${algorithm}.`,
        );
  }
  const date = headerOf(request, "x-amz-date");
  if (date === undefined) throw denied("AWS authentication requires a valid x-amz-date header");
  const payloadHash =
    headerOf(request, "x-amz-content-sha256") ?? (options.body === undefined ? undefined : sha256(options.body));
  if (payloadHash === undefined) {
    throw new AuthenticationError(
      400,
      "InvalidRequest",
      "Missing required header for this request: x-amz-content-sha256",
    );
  }
  const [accessKeyId, ...scope] = match[1].split("/");
  return {
    presigned: false,
    accessKeyId,
    scope,
    signedHeaders: match[2].split(";"),
    signature: match[3],
    date,
    expiresIn: 0,
    payloadHash,
  };
};

const claimOf = (request: IncomingMessage, target: ParsedTarget, options: AuthenticationOptions): Claim => {
  const authorization = headerOf(request, "authorization");
  const names = [...target.query.keys()];
  const presigned = names.some((name) => queryParameters.includes(name));
  // The signer leaves this parameter out in any case of letters: another spelling would be a part that nobody signed.
  if (names.some((name) => name.toLowerCase() === "x-amz-signature" && name !== "X-Amz-Signature")) {
    throw new AuthenticationError(
      400,
      "AuthorizationQueryParametersError",
      "Expected X-Amz-Signature in this spelling",
    );
  }
  if (presigned && authorization !== undefined) {
    throw new AuthenticationError(400, "InvalidArgument", "Only one auth mechanism allowed");
  }
  if (presigned) return queryClaim(request, target, options);
  if (authorization === undefined) throw denied("Access Denied");
  return headerClaim(request, authorization, options);
};

const checkScope = ({ scope, date, presigned }: Claim, { service, region }: AuthenticationOptions): void => {
  const wanted = [date.slice(0, 8), region, service, "aws4_request"];
  const wrong = wanted.findIndex((part, index) => scope[index] !== part);
  if (wrong < 0 && scope.length === wanted.length) return;
  const part = ["date", "region", "service", "terminator"][wrong] ?? "length";
  throw new AuthenticationError(
    400,
    presigned ? "AuthorizationQueryParametersError" : "AuthorizationHeaderMalformed",
    `The credential scope is malformed; its ${part} is wrong; expecting '${wanted.join("/")}'`,
  );
};

const checkSignedHeaders = (request: IncomingMessage, { signedHeaders }: Claim): void => {
  const unsigned = ["host", ...Object.keys(request.headers).filter((name) => name.startsWith("x-amz-"))].filter(
    (name) => !signedHeaders.includes(name),
  );
  if (unsigned.length > 0) {
    throw denied(`There were headers present in the request which were not signed: ${unsigned.join(", ")}`);
  }
};

const parseDate = (text: string): Date => {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  const date = match === null ? undefined : new Date(text.replace(/^(....)(..)(..T..)(..)(..Z)$/, "$1-$2-$3:$4:$5"));
  if (date === undefined || Number.isNaN(date.getTime())) {
    throw denied("AWS authentication requires a valid Date or x-amz-date header");
  }
  return date;
};

const checkTime = (claim: Claim, signedAt: Date, now: Date): void => {
  const ageMs = now.getTime() - signedAt.getTime();
  if (!claim.presigned && Math.abs(ageMs) > skewMs) {
    throw new AuthenticationError(
      403,
      "RequestTimeTooSkewed",
      "The difference between the request time and the current time is too large.",
    );
  }
  if (claim.presigned && ageMs < -skewMs) throw denied("Request is not valid yet");
  if (claim.presigned && ageMs > claim.expiresIn * 1000) throw denied("Request has expired");
};

const hmac = (key: Uint8Array | string, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** The last signing key of each secret: it holds for all requests of a day. */
const signingKeys = new WeakMap<AccessKey, { readonly scope: string; readonly signingKey: Uint8Array }>();

const signingKeyOf = (key: AccessKey, parts: readonly string[]): Uint8Array => {
  const scope = parts.join("/");
  const known = signingKeys.get(key);
  if (known?.scope === scope) return known.signingKey;
  const signingKey = parts.reduce<Uint8Array>(hmac, Buffer.from(`AWS4${key.secretAccessKey}`));
  signingKeys.set(key, { scope, signingKey });
  return signingKey;
};

/** S3 takes the path as it is, all others fold its dots and escape it once more. */
const canonicalPath = (path: string, service: AuthenticationOptions["service"]): string => {
  if (service === "s3") return path;
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(escapeUri(segment));
  }
  return `/${segments.join("/")}${segments.length > 0 && path.endsWith("/") ? "/" : ""}`;
};

const canonicalQuery = (query: ParsedTarget["query"]): string =>
  [...query]
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, values]) => [escapeUri(name), values] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, values]) =>
      values
        .map(escapeUri)
        .sort()
        .map((value) => `${name}=${value}`),
    )
    .join("&");

/**
 * The list of signed headers and the signature that this signing key would have made for this very request.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
const proofOf = (
  signingKey: Uint8Array,
  request: IncomingMessage,
  { path, query }: ParsedTarget,
  { signedHeaders, payloadHash, date, scope }: Claim,
  service: AuthenticationOptions["service"],
): string => {
  const names = [...new Set(signedHeaders)].filter((name) => Object.hasOwn(request.headers, name)).sort();
  const canonicalRequest = [
    request.method,
    canonicalPath(path, service),
    canonicalQuery(query),
    ...names.map(
      (name) =>
        `${name}:${headerOf(request, name)
          ?.replace(/[ \t]+/g, " ")
          .trim()}`,
    ),
    "",
    names.join(";"),
    payloadHash,
  ].join("\n");
  const stringToSign = [algorithm, date, scope.join("/"), sha256(canonicalRequest)].join("\n");
  return `${names.join(";")} ${hmac(signingKey, stringToSign).toString("hex")}`;
};

/**
 * Says who signed this request, by AWS Signature Version 4 in the headers or in the query.
 * The signature is made anew from the raw target and the signed headers, and compared in constant time.
 * @throws AuthenticationError with AWS's own status, code and sentence
 */
export const authenticate = async (request: IncomingMessage, options: AuthenticationOptions): Promise<Identity> => {
  const target = parseTarget(request.url ?? "/");
  const claim = claimOf(request, target, options);
  const key = options.keys.find(({ accessKeyId }) => accessKeyId === claim.accessKeyId);
  if (key === undefined) {
    throw new AuthenticationError(
      403,
      "InvalidAccessKeyId",
      "The AWS Access Key Id you provided does not exist in our records.",
    );
  }
  checkScope(claim, options);
  checkSignedHeaders(request, claim);
  const signedAt = parseDate(claim.date);
  checkTime(claim, signedAt, options.now ?? new Date());
  const signingKey = signingKeyOf(key, claim.scope);
  const wanted = Buffer.from(proofOf(signingKey, request, target, claim, options.service));
  // The list counts too: it holds each header once, in order and only if it came; another list is a false claim.
  const given = Buffer.from(`${claim.signedHeaders.join(";")} ${claim.signature}`);
  const bodyDiffers =
    options.body !== undefined &&
    /^[0-9a-f]{64}$/.test(claim.payloadHash) &&
    sha256(options.body) !== claim.payloadHash;
  if (wanted.length !== given.length || !timingSafeEqual(wanted, given) || bodyDiffers) {
    throw new AuthenticationError(
      403,
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    );
  }
  return {
    role: key.role,
    accessKeyId: key.accessKeyId,
    payloadHash: claim.payloadHash,
    presigned: claim.presigned,
    signedAt,
    signature: claim.signature,
    signText: (text) => hmac(signingKey, text(claim.date, claim.scope.join("/"))).toString("hex"),
  };
};
