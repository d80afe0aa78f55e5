import { createHash, randomBytes } from "node:crypto";

const idLength = 26;

/** 26 characters of base 36 from 32 bytes: 134 of their 256 bits. */
const base36 = (hex: string): string => BigInt(`0x${hex}`).toString(36).padStart(50, "0").slice(-idLength);

export const randomJobId = (): string => base36(randomBytes(32).toString("hex"));

/** The id that a replay with the same Idempotency-Key finds again; `index` is the place in a batch, 0 for a single job. */
export const jobIdForKey = (idempotencyKey: string, index: number): string =>
  base36(createHash("sha256").update(`${index}\n${idempotencyKey}`).digest("hex"));

/** The id of the job that an upload starts by itself; `etag` and `sequencer` as S3's event notification has them. */
export const jobIdForUpload = (key: string, etag: string, sequencer: string): string =>
  base36(createHash("sha256").update(`upload\n${sequencer}\n${etag}\n${key}`).digest("hex"));

/** Tells a replay from a conflict: equal for equal requests, whatever the order of the fields was. */
export const hashOfRequests = (requests: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(requests)).digest("hex");
