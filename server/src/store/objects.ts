import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import {
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from "@aws-sdk/client-s3";
import { serviceFailure, UpstreamError, upstreamError } from "./upstream";

export interface ObjectHead {
  readonly etag: string;
  readonly bytes: number;
  readonly versionId?: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface StoredText {
  readonly text: string;
  readonly etag: string;
  /** S3's own `Date` − `Last-Modified`: no clock of ours is in it. */
  readonly ageSeconds: number;
}

/** What must still stand under the key: nothing (`absent`), or the object of this ETag. */
export type Condition = { readonly absent: true } | { readonly etag: string };

export interface Upload {
  readonly path: string;
  readonly bytes: number;
  /** Hexadecimal; S3 refuses the body when it differs. */
  readonly sha256: string;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly condition: Condition;
}

export interface Written {
  readonly etag: string;
  readonly versionId?: string;
}

/** The few things done with S3. What a caller must handle comes back as a value; all else throws UpstreamError. */
export interface ObjectStore {
  head(bucket: string, key: string): Promise<ObjectHead | undefined>;
  readText(bucket: string, key: string): Promise<StoredText | undefined>;
  /** Without a condition it overwrites. */
  writeText(bucket: string, key: string, text: string, condition?: Condition): Promise<Written | "conflict">;
  /** Streams the object that was noted to a file; a body of another length is fetched again, never kept. */
  download(
    bucket: string,
    key: string,
    noted: Pick<ObjectHead, "etag" | "bytes">,
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly bytes: number; readonly sha256: string } | "changed" | "missing">;
  upload(bucket: string, key: string, upload: Upload, signal: AbortSignal): Promise<Written | "conflict">;
}

/** The SDK itself tries each request three times; but it never sends or fetches a stream twice. */
const tries = 2;
const streamTries = 4;
const pauseMilliseconds = 100;
/** A file up to this travels in one piece, which costs less than a stream. */
const maxWholeBytes = 1024 ** 2;

const conditionHeaders = (condition: Condition | undefined): Pick<PutObjectCommandInput, "IfMatch" | "IfNoneMatch"> => {
  if (condition === undefined) return {};
  return "absent" in condition ? { IfNoneMatch: "*" } : { IfMatch: condition.etag };
};

const etagOf = (etag: string | undefined, action: string): string => {
  if (etag === undefined) throw new UpstreamError(`Expected an ETag from ${action} but received nothing.`);
  return etag;
};

const versionOf = (versionId: string | undefined): { versionId?: string } =>
  versionId === undefined ? {} : { versionId };

/** Runs `once` until it answers: what S3 or the network may do better next time is tried again. */
const persist = async <T>(
  action: string,
  signal: AbortSignal | undefined,
  most: number,
  once: () => Promise<T>,
): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await once();
    } catch (error) {
      signal?.throwIfAborted();
      const { status } = serviceFailure(error);
      // 409 ConditionalRequestConflict: two conditional writes met; S3 asks to try again.
      // Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
      const hopeless = status !== undefined && status >= 400 && status < 500 && status !== 409;
      if (hopeless || attempt === most) throw error instanceof UpstreamError ? error : upstreamError(action, error);
      await pause(pauseMilliseconds * 2 ** attempt * (0.5 + Math.random()), undefined, { signal }).catch(() => {});
    }
  }
};

interface Kept {
  readonly bytes: number;
  readonly sha256: string;
}

const keepWhole = async (body: Readable, path: string, signal: AbortSignal): Promise<Kept> => {
  const whole = Buffer.concat(await body.toArray({ signal }));
  await writeFile(path, whole, { signal });
  return { bytes: whole.length, sha256: createHash("sha256").update(whole).digest("hex") };
};

const keepStream = async (body: Readable, path: string, signal: AbortSignal): Promise<Kept> => {
  const hash = createHash("sha256");
  let bytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  await pipeline(body, measure, createWriteStream(path), { signal });
  return { bytes, sha256: hash.digest("hex") };
};

export const createObjectStore = (s3: S3Client): ObjectStore => {
  const put = (command: PutObjectCommand, signal?: AbortSignal): Promise<Written | "conflict"> =>
    s3.send(command, { abortSignal: signal }).then(
      (answer) => ({ etag: etagOf(answer.ETag, "PutObject"), ...versionOf(answer.VersionId) }),
      (error) => {
        const { status } = serviceFailure(error);
        // If-Match on an object that has since been deleted answers 404.
        if (status === 412 || status === 404) return "conflict";
        throw error;
      },
    );

  return {
    head: (bucket, key) =>
      persist("HeadObject", undefined, tries, () =>
        s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key })).then(
          (answer) => ({
            etag: etagOf(answer.ETag, "HeadObject"),
            bytes: answer.ContentLength ?? 0,
            ...versionOf(answer.VersionId),
            metadata: answer.Metadata ?? {},
          }),
          (error) => {
            if (serviceFailure(error).status === 404) return undefined;
            throw error;
          },
        ),
      ),

    readText: (bucket, key) =>
      persist("GetObject", undefined, tries, async () => {
        const command = new GetObjectCommand({ Bucket: bucket, Key: key });
        let date = "";
        command.middlewareStack.add(
          (next) => async (input) => {
            const result = await next(input);
            date = (result.response as { headers?: Record<string, string> }).headers?.date ?? "";
            return result;
          },
          { step: "deserialize" },
        );
        try {
          const answer = await s3.send(command);
          const text = (await answer.Body?.transformToString()) ?? "";
          const age = (Date.parse(date) - (answer.LastModified?.getTime() ?? Number.NaN)) / 1000;
          // Without both dates nothing is known to be old.
          return { text, etag: etagOf(answer.ETag, "GetObject"), ageSeconds: Number.isNaN(age) ? 0 : age };
        } catch (error) {
          if (serviceFailure(error).status === 404) return undefined;
          throw error;
        }
      }),

    writeText: (bucket, key, text, condition) =>
      persist("PutObject", undefined, tries, () =>
        put(
          new PutObjectCommand({
            Bucket: bucket,
            Key: key,
            Body: text,
            ContentType: "application/json",
            ...conditionHeaders(condition),
          }),
        ),
      ),

    download: (bucket, key, noted, path, signal) =>
      persist("GetObject", signal, streamTries, async () => {
        try {
          const command = new GetObjectCommand({
            Bucket: bucket,
            Key: key,
            IfMatch: noted.etag,
            // The body is held against whatever checksum S3 has of it.
            ChecksumMode: "ENABLED",
          });
          const answer = await s3.send(command, { abortSignal: signal });
          if (!(answer.Body instanceof Readable)) throw new UpstreamError("Expected a body from GetObject.");
          const { bytes, sha256 } =
            noted.bytes <= maxWholeBytes
              ? await keepWhole(answer.Body, path, signal)
              : await keepStream(answer.Body, path, signal);
          if (bytes !== noted.bytes) {
            throw new UpstreamError(`Expected ${noted.bytes} bytes from GetObject but received ${bytes}.`);
          }
          return { bytes, sha256 };
        } catch (error) {
          const { status } = serviceFailure(error);
          if (status === 412) return "changed";
          if (status === 404) return "missing";
          throw error;
        }
      }),

    upload: (bucket, key, upload, signal) => {
      const whole = upload.bytes <= maxWholeBytes;
      return persist("PutObject", signal, whole ? tries : streamTries, async () => {
        const broken = new AbortController();
        const body = whole
          ? await readFile(upload.path)
          : createReadStream(upload.path).once("error", (error) => broken.abort(error));
        const command = new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: body,
          ContentLength: upload.bytes,
          ContentType: upload.contentType,
          ChecksumSHA256: Buffer.from(upload.sha256, "hex").toString("base64"),
          Metadata: { ...upload.metadata },
          ...conditionHeaders(upload.condition),
        });
        // The signer takes the known hash, rather than make its own or leave a stream's out.
        command.middlewareStack.add(
          (next) => (input) => {
            (input.request as { headers: Record<string, string> }).headers["x-amz-content-sha256"] = upload.sha256;
            return next(input);
          },
          { step: "build" },
        );
        // The SDK neither hears of a stream that breaks nor closes one that it did not read to its end.
        return put(command, AbortSignal.any([signal, broken.signal])).finally(() => {
          if (body instanceof Readable) body.destroy();
        });
      });
    },
  };
};
