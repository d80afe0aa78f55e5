import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";
import type { AccessKey, TwinRole } from "./access";

export interface AuthenticationOptions {
  readonly service: "s3" | "sqs" | "sns" | "execute-api";
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
  signText(text: (date: string, scope: string) => string): Promise<string>;
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
/** A presigned URL's own parameters; the signer writes them anew. */
const queryParameters = [
  "X-Amz-Algorithm",
  "X-Amz-Credential",
  "X-Amz-Date",
  "X-Amz-Expires",
  "X-Amz-SignedHeaders",
  "X-Amz-Signature",
];

const denied = (message: string): AuthenticationError => new AuthenticationError(403, "AccessDenied", message);
const sha256 = (body: Uint8Array): string => createHash("sha256").update(body).digest("hex");

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

const signerOf = (key: AccessKey, { service, region }: AuthenticationOptions): SignatureV4 =>
  new SignatureV4({
    service,
    region,
    credentials: key,
    sha256: Sha256,
    // S3 escapes the path once, all others twice; the headers are taken as they came.
    uriEscapePath: service !== "s3",
    applyChecksum: false,
  });

/** The list of signed headers and the signature that the claimed key would have made for this very request. */
const proofOf = async (
  signer: SignatureV4,
  request: IncomingMessage,
  { path, query }: ParsedTarget,
  claim: Claim,
  signedAt: Date,
): Promise<string> => {
  const signedHeaders = new Set(claim.signedHeaders);
  const headers = Object.fromEntries(
    claim.signedHeaders.flatMap((name) => {
      const value = headerOf(request, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const toSign = {
    method: request.method ?? "GET",
    protocol: "http:",
    hostname: "127.0.0.1",
    path,
    query: Object.fromEntries(
      [...query].filter(([name]) => !queryParameters.includes(name)).map(([name, values]) => [name, [...values]]),
    ),
    // The signer reads the payload's hash from here, whether or not this header is among the signed ones.
    headers: { ...headers, "x-amz-content-sha256": claim.payloadHash },
  };
  const unsignableHeaders = new Set(["x-amz-content-sha256"]);
  if (claim.presigned) {
    const signed = await signer.presign(toSign, {
      signingDate: signedAt,
      expiresIn: claim.expiresIn,
      signableHeaders: signedHeaders,
      unsignableHeaders,
      unhoistableHeaders: new Set([...signedHeaders, ...unsignableHeaders]),
    });
    return `${signed.query?.["X-Amz-SignedHeaders"]} ${signed.query?.["X-Amz-Signature"]}`;
  }
  const signed = await signer.sign(toSign, {
    signingDate: signedAt,
    signableHeaders: signedHeaders,
    unsignableHeaders,
  });
  return signed.headers.authorization.replace(/^.*SignedHeaders=(.*), Signature=(.*)$/, "$1 $2");
};

/**
 * Says who signed this request, by AWS Signature Version 4 in the headers or in the query.
 * The signature is made anew with AWS's own signer from the raw target and the signed headers, and compared in constant time.
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
  const signer = signerOf(key, options);
  const wanted = Buffer.from(await proofOf(signer, request, target, claim, signedAt));
  // The list counts too: the signer leaves out headers that are absent, and a claim to have signed them is false.
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
    signText: (text) => signer.sign(text(claim.date, claim.scope.join("/")), { signingDate: signedAt }),
  };
};
