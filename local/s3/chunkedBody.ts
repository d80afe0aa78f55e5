import { createHash } from "node:crypto";
import type { Identity } from "../sigv4";
import { incompleteBody, S3Error } from "./error";

const maxLineBytes = 8192;
const maxTrailers = 16;

/** The ways to send a body in chunks that AWS knows and this store reads. */
const modes: ReadonlySet<string> = new Set([
  "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
]);

/** Whether the body comes as aws-chunked; refuses a way of streaming that nobody here can check. */
export const isChunked = (payloadHash: string): boolean => {
  if (!payloadHash.startsWith("STREAMING-")) return false;
  if (modes.has(payloadHash)) return true;
  throw new S3Error(
    400,
    "InvalidRequest",
    "The value of x-amz-content-sha256 header is invalid: it names an unknown way of streaming.",
  );
};

const malformed = (what: string): S3Error =>
  new S3Error(400, "InvalidRequest", `The chunked body is malformed: ${what}.`);
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

const byteReader = (source: AsyncIterable<Buffer>) => {
  const iterator = source[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  /** Takes in more; false at the end. */
  const more = async (): Promise<boolean> => {
    const next = await iterator.next();
    if (!next.done) held = held.length === 0 ? next.value : Buffer.concat([held, next.value]);
    return !next.done;
  };
  const mustHaveMore = async (): Promise<void> => {
    if (!(await more())) throw incompleteBody("The request body terminated unexpectedly");
  };
  return {
    line: async (): Promise<string> => {
      let end = held.indexOf("\r\n");
      while (end < 0) {
        if (held.length > maxLineBytes) throw malformed("a line is too long");
        await mustHaveMore();
        end = held.indexOf("\r\n");
      }
      const line = held.toString("latin1", 0, end);
      held = held.subarray(end + 2);
      return line;
    },
    async *pieces(bytes: number): AsyncGenerator<Buffer> {
      for (let left = bytes; left > 0; ) {
        if (held.length === 0) await mustHaveMore();
        const piece = held.subarray(0, left);
        held = held.subarray(piece.length);
        left -= piece.length;
        yield piece;
      }
    },
    end: async (): Promise<void> => {
      if (held.length > 0 || (await more())) throw malformed("bytes follow its end");
    },
    /** Lets go of the source, so that another can read on. */
    close: async (): Promise<void> => {
      await iterator.return?.();
    },
  };
};

/** Each chunk's signature covers the one before it, the first the request's own. */
const chunkVerifier = (identity: Identity) => {
  let previous = identity.signature;
  return (kind: "PAYLOAD" | "TRAILER", hashes: readonly string[], given: string | undefined): void => {
    const wanted = identity.signText((date, scope) =>
      [`AWS4-HMAC-SHA256-${kind}`, date, scope, previous, ...hashes].join("\n"),
    );
    if (wanted !== given) {
      throw new S3Error(
        403,
        "SignatureDoesNotMatch",
        "A chunk's signature does not match the signature we calculated.",
      );
    }
    previous = wanted;
  };
};

/**
 * The bytes inside an aws-chunked body; signed chunks are verified one by one.
 * @param trailers filled with what follows the last chunk, names in lower case
 */
export async function* decodeChunks(
  source: AsyncIterable<Buffer>,
  identity: Identity,
  trailers: Map<string, string>,
): AsyncGenerator<Buffer> {
  const reader = byteReader(source);
  const verify = identity.payloadHash.startsWith("STREAMING-AWS4-") ? chunkVerifier(identity) : undefined;
  const hasTrailer = identity.payloadHash.endsWith("-TRAILER");
  try {
    for (let bytes = 1; bytes > 0; ) {
      const head = /^([0-9a-fA-F]{1,10})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(await reader.line());
      if (head === null) throw malformed("a chunk's size was expected");
      bytes = Number.parseInt(head[1], 16);
      const hash = createHash("sha256");
      for await (const piece of reader.pieces(bytes)) {
        if (verify !== undefined) hash.update(piece);
        yield piece;
      }
      verify?.("PAYLOAD", [sha256(""), hash.digest("hex")], head[2]);
      if (bytes > 0 && (await reader.line()) !== "") throw malformed("a chunk is longer than its size");
    }
    for (let line = await reader.line(); line !== ""; line = await reader.line()) {
      const colon = line.indexOf(":");
      if (!hasTrailer || colon < 1 || trailers.size >= maxTrailers) throw malformed("a trailer was not expected");
      trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    }
    if (verify !== undefined && hasTrailer) {
      const signature = trailers.get("x-amz-trailer-signature");
      trailers.delete("x-amz-trailer-signature");
      const signed = [...trailers].map(([name, value]) => `${name}:${value}\n`).join("");
      verify("TRAILER", [sha256(signed)], signature);
    }
    await reader.end();
  } finally {
    await reader.close();
  }
}
