import { createHash, randomUUID } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Call } from "./call";
import { type ChecksumHeader, checksumHeaders, type Digest, digestOf, isChecksumHeader } from "./checksum";
import { decodeChunks, isChunked } from "./chunkedBody";
import { incompleteBody, invalidArgument, S3Error } from "./error";
import type { Body } from "./files";
import type { Stored } from "./store";

/** One PUT takes at most 5 GiB. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html */
const maxBytes = 5 * 1024 ** 3;

/** A body up to this is held; of a longer one, so much may wait for the disk. */
const maxHeldBytes = 1024 ** 2;

/** What the headers say of the body, checked before a byte of it is read. */
interface Expectation {
  readonly bytes: number;
  readonly chunked: boolean;
  readonly sha256?: string;
  readonly contentMd5?: string;
  readonly checksums: ReadonlyMap<ChecksumHeader, string>;
  /** The checksum that is announced to follow the body. */
  readonly trailer?: ChecksumHeader;
}

const invalidRequest = (message: string): S3Error => new S3Error(400, "InvalidRequest", message);

const lengthOf = (text: string | undefined): number => {
  if (text === undefined) {
    throw new S3Error(411, "MissingContentLength", "You must provide the Content-Length HTTP header.");
  }
  if (!/^\d{1,15}$/.test(text)) throw invalidArgument("The length of the body is not a number.");
  if (Number(text) > maxBytes) {
    throw new S3Error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.");
  }
  return Number(text);
};

const expectationOf = ({ request, identity, amz }: Call): Expectation => {
  const chunked = isChunked(identity.payloadHash);
  const hashed = /^[0-9a-f]{64}$/.test(identity.payloadHash);
  if (!chunked && !hashed && identity.payloadHash !== "UNSIGNED-PAYLOAD") {
    throw invalidArgument("x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-… or a valid sha256 value.");
  }
  const contentMd5 = request.headers["content-md5"];
  if (contentMd5 !== undefined && !/^[A-Za-z0-9+/]{22}==$/.test(`${contentMd5}`)) {
    throw new S3Error(400, "InvalidDigest", "The Content-MD5 you specified was invalid.");
  }
  const checksums = new Map(
    checksumHeaders.flatMap((header) => {
      const value = amz.get(header);
      return value === undefined ? [] : [[header, value] as const];
    }),
  );
  for (const [header, value] of checksums) {
    if (Buffer.from(value, "base64").length !== digestOf(header).digest().length) {
      throw invalidRequest(`Value for ${header} header is invalid.`);
    }
  }
  const trailer = amz.get("x-amz-trailer")?.toLowerCase();
  if (trailer !== undefined && !(chunked && isChecksumHeader(trailer))) {
    throw invalidRequest("The value specified in the x-amz-trailer header is not supported");
  }
  if (checksums.size + (trailer === undefined ? 0 : 1) > 1) {
    throw invalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
  }
  if (amz.has("x-amz-sdk-checksum-algorithm") && checksums.size === 0 && trailer === undefined) {
    throw invalidRequest(
      "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
    );
  }
  return {
    bytes: lengthOf(chunked ? amz.get("x-amz-decoded-content-length") : request.headers["content-length"]),
    chunked,
    sha256: hashed ? identity.payloadHash : undefined,
    contentMd5: contentMd5 === undefined ? undefined : `${contentMd5}`,
    checksums,
    trailer: trailer as ChecksumHeader | undefined,
  };
};

/** The pieces themselves, each measured as it passes; fails at the end when the body was not as long as announced. */
async function* measured(
  pieces: AsyncIterable<Buffer>,
  digests: Iterable<Digest>,
  expectedBytes: number,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > expectedBytes) break;
    for (const digest of digests) digest.update(piece);
    yield piece;
  }
  if (bytes !== expectedBytes) {
    throw incompleteBody("You did not provide the number of bytes specified by the Content-Length HTTP header.");
  }
}

/** A small body itself; a larger one goes to a file at `path`. */
const take = async (pieces: AsyncIterable<Buffer>, path: string, bytes: number): Promise<Body> => {
  if (bytes <= maxHeldBytes) {
    const held: Buffer[] = [];
    for await (const piece of pieces) held.push(piece);
    return Buffer.concat(held);
  }
  const file = await open(path, "wx");
  try {
    await pipeline(pieces, file.createWriteStream({ highWaterMark: maxHeldBytes }));
  } finally {
    await file.close();
  }
  return path;
};

const badDigest = (what: string): S3Error =>
  new S3Error(400, "BadDigest", `The ${what} you specified did not match the calculated checksum.`);

/**
 * Takes a request's body, a larger one into the temporary folder, and holds it against everything that was said of it.
 * Whatever does not match leaves nothing behind.
 */
export const receiveBody = async (call: Call, temporaryFolder: string): Promise<Stored> => {
  const expectation = expectationOf(call);
  const path = join(temporaryFolder, randomUUID());
  const md5 = createHash("md5");
  const wanted = [...expectation.checksums.keys(), ...(expectation.trailer === undefined ? [] : [expectation.trailer])];
  const digests = wanted.map((header) => [header, digestOf(header)] as const);
  // The signature's hash and the checksum may be the same.
  const sha256 = new Map(digests).get("x-amz-checksum-sha256") ?? createHash("sha256");
  const meters = new Set([
    md5,
    ...(expectation.sha256 === undefined ? [] : [sha256]),
    ...digests.map(([, digest]) => digest),
  ]);
  const trailers = new Map<string, string>();
  try {
    const body = call.body();
    const pieces = expectation.chunked ? decodeChunks(body, call.identity, trailers) : body;
    const received = await take(measured(pieces, meters, expectation.bytes), path, expectation.bytes);
    const etag = md5.digest();
    const checksums = digests.map(([header, digest]) => [header, digest.digest()] as const);
    const hash = new Map(checksums).get("x-amz-checksum-sha256") ?? sha256.digest();
    if (expectation.sha256 !== undefined && hash.toString("hex") !== expectation.sha256) {
      throw new S3Error(
        400,
        "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
      );
    }
    if (expectation.contentMd5 !== undefined && etag.toString("base64") !== expectation.contentMd5) {
      throw badDigest("Content-MD5");
    }
    for (const [header, made] of checksums) {
      const claimed = expectation.checksums.get(header) ?? trailers.get(header);
      if (claimed === undefined) {
        throw new S3Error(400, "MalformedTrailerError", `The request announced ${header} as a trailer but sent none.`);
      }
      if (claimed !== made.toString("base64")) throw badDigest(header.slice("x-amz-checksum-".length).toUpperCase());
    }
    return {
      body: received,
      bytes: expectation.bytes,
      etag: etag.toString("hex"),
      checksums: Object.fromEntries(checksums.map(([header, made]) => [header, made.toString("base64")])),
    };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
};
