import type { JobResult } from "../../../contract/job";
import type { ObjectHead, ObjectStore, Upload } from "../store/objects";
import { UpstreamError } from "../store/upstream";
import type { Lease } from "./lease";

/** S3 metadata that names the job which wrote an object, and the SHA-256 of what it wrote. */
const jobMetadata = "ddn-job";
const sha256Metadata = "ddn-sha256";

export interface ResultTarget {
  readonly bucket: string;
  readonly key: string;
  readonly jobId: string;
}

const tries = 20;

/**
 * Puts a job's result under its key: the last to finish wins, and none overwrites what it has not seen.
 * When the object there turns out to be this very job's, that is the result: the put, or another run of the job, was through.
 * @param before what stood there when the run began
 * @param lease confirmed after each look at what stands there: a worker whose job was taken over meanwhile either learns
 * it or meets what the other wrote
 */
export const putResult = async (
  store: ObjectStore,
  target: ResultTarget,
  file: Omit<Upload, "condition">,
  before: ObjectHead | undefined,
  lease: Pick<Lease, "confirm" | "signal">,
): Promise<JobResult> => {
  const { bucket, key, jobId } = target;
  const metadata = { ...file.metadata, [jobMetadata]: jobId, [sha256Metadata]: file.sha256 };
  let standing = before;
  for (let attempt = 1; attempt <= tries; attempt++) {
    await lease.confirm();
    const condition = standing === undefined ? ({ absent: true } as const) : { etag: standing.etag };
    const written = await store.upload(bucket, key, { ...file, metadata, condition }, lease.signal);
    if (written !== "conflict") return { bytes: file.bytes, ...written, sha256: file.sha256 };
    standing = await store.head(bucket, key);
    if (standing?.metadata[jobMetadata] === jobId) {
      const { bytes, etag, versionId } = standing;
      const sha256 = standing.metadata[sha256Metadata] ?? file.sha256;
      return { bytes, etag, ...(versionId === undefined ? {} : { versionId }), sha256 };
    }
  }
  throw new UpstreamError(
    `Expected to write a result within ${tries} tries, but others wrote under its key each time.`,
  );
};
