import { createHash, randomBytes, randomUUID } from "node:crypto";
import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { authorise, type Call, readText, sendXml } from "./call";
import { writeGuard } from "./conditions";
import { invalidArgument, S3Error } from "./error";
import { discard, place, readJson, writeWhole } from "./files";
import { keyLock } from "./keyLock";
import { authoriseWrite, concealingMissing, descriptionOf } from "./objects";
import { receiveBody } from "./receiveBody";
import type { Bucket, Description, Stored } from "./store";
import { document, element, type ListedPart, parseListedParts, text } from "./xml";

/** Limits of S3. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const maxPartNumber = 10_000;
const minPartBytes = 5 * 1024 ** 2;
const maxCompleteBytes = 4 * 1024 ** 2;
/** Uploads that nobody completes are aborted after this, as the buckets' lifecycle rules say. */
const abandonedMs = 7 * 86_400_000;

interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly description: Description;
}

type Part = Omit<Stored, "body"> & { readonly number: number; readonly lastModified: string };

const partNumberOf = (call: Call): number => {
  const value = call.query.get("partNumber") ?? "";
  const number = /^\d{1,5}$/.test(value) ? Number(value) : 0;
  if (number < 1 || number > maxPartNumber) {
    throw invalidArgument(`Part number must be an integer between 1 and ${maxPartNumber}, inclusive`);
  }
  return number;
};

/**
 * Multipart uploads: each is a folder with `upload.json` and, for each part, `<number>.bytes` and `<number>.json`.
 * Completing joins the parts into one file and commits that like any other object.
 */
export const openUploads = async (folder: string, temporaryFolder: string) => {
  const locked = keyLock();
  const folderOf = (uploadId: string): string => join(folder, uploadId);

  const find = (call: Call): { uploadId: string; upload: Upload } => {
    const uploadId = call.query.get("uploadId") ?? "";
    const upload = /^[0-9a-f]{32}$/.test(uploadId)
      ? readJson<Upload>(join(folderOf(uploadId), "upload.json"))
      : undefined;
    if (upload === undefined || upload.bucket !== call.bucket || upload.key !== call.key) {
      throw new S3Error(404, "NoSuchUpload", "The specified multipart upload does not exist.");
    }
    return { uploadId, upload };
  };

  const readPart = (uploadId: string, number: number) => readJson<Part>(join(folderOf(uploadId), `${number}.json`));

  const checkParts = (uploadId: string, listed: readonly ListedPart[]): Part[] => {
    const parts: Part[] = [];
    for (const { number, etag, checksums } of listed) {
      const part = readPart(uploadId, number);
      const differs = Object.entries(checksums).some(([name, value]) => part?.checksums[name] !== value);
      if (part === undefined || part.etag !== etag || differs) {
        throw new S3Error(400, "InvalidPart", `Part ${number} could not be found, or its entity tag does not match.`);
      }
      if (number <= (parts.at(-1)?.number ?? 0)) {
        throw new S3Error(400, "InvalidPartOrder", "The list of parts was not in ascending order.");
      }
      parts.push(part);
    }
    if (parts.slice(0, -1).some(({ bytes }) => bytes < minPartBytes)) {
      throw new S3Error(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size");
    }
    return parts;
  };

  const joined = async (uploadId: string, parts: readonly Part[]): Promise<Stored> => {
    const path = join(temporaryFolder, randomUUID());
    const md5 = createHash("md5");
    const file = await open(path, "wx");
    try {
      for (const { number, etag } of parts) {
        md5.update(Buffer.from(etag, "hex"));
        const part = await open(join(folderOf(uploadId), `${number}.bytes`));
        for await (const piece of part.createReadStream()) await file.writeFile(piece);
      }
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    return { body: path, bytes, etag: `${md5.digest("hex")}-${parts.length}`, checksums: {} };
  };

  const prune = async (now: Date): Promise<void> => {
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      if (now.getTime() - (await stat(path)).mtimeMs > abandonedMs) await rm(path, { recursive: true, force: true });
    }
  };

  await mkdir(folder, { recursive: true });
  await prune(new Date());

  return {
    create: async (call: Call): Promise<void> => {
      authorise(call, "s3:PutObject");
      const uploadId = randomBytes(16).toString("hex");
      const upload: Upload = { bucket: call.bucket, key: call.key, description: descriptionOf(call) };
      await mkdir(folderOf(uploadId));
      await writeWhole(temporaryFolder, join(folderOf(uploadId), "upload.json"), JSON.stringify(upload));
      sendXml(
        call,
        document(
          "InitiateMultipartUploadResult",
          text("Bucket", call.bucketName),
          text("Key", call.key),
          text("UploadId", uploadId),
        ),
      );
    },

    putPart: async (call: Call): Promise<void> => {
      authorise(call, "s3:PutObject");
      const number = partNumberOf(call);
      const { uploadId } = find(call);
      const { body, ...received } = await receiveBody(call, temporaryFolder);
      const part: Part = { ...received, number, lastModified: new Date().toISOString() };
      try {
        await locked(uploadId, async () => {
          find(call);
          await place(temporaryFolder, join(folderOf(uploadId), `${number}.bytes`), body);
          await writeWhole(temporaryFolder, join(folderOf(uploadId), `${number}.json`), JSON.stringify(part));
        });
      } catch (error) {
        await discard(body);
        throw error;
      }
      call.response.writeHead(200, { etag: `"${part.etag}"`, ...part.checksums, "content-length": 0 }).end();
    },

    complete: async (call: Call, bucket: Bucket): Promise<void> => {
      authoriseWrite(call);
      const guard = writeGuard(call.request.headers);
      const listed = parseListedParts(await readText(call, maxCompleteBytes));
      const { uploadId, upload } = find(call);
      const version = await locked(uploadId, async () => {
        find(call);
        const stored = await joined(uploadId, checkParts(uploadId, listed));
        const made = await concealingMissing(call, () => bucket.put(call.key, stored, upload.description, guard));
        await rm(folderOf(uploadId), { recursive: true, force: true });
        return made;
      });
      call.response.setHeader("x-amz-version-id", version.versionId);
      sendXml(
        call,
        document(
          "CompleteMultipartUploadResult",
          text("Bucket", call.bucketName),
          text("Key", call.key),
          text("ETag", `"${version.etag}"`),
        ),
      );
    },

    abort: async (call: Call): Promise<void> => {
      authorise(call, "s3:AbortMultipartUpload");
      const { uploadId } = find(call);
      await locked(uploadId, () => rm(folderOf(uploadId), { recursive: true, force: true }));
      call.response.writeHead(204).end();
    },

    listParts: async (call: Call): Promise<void> => {
      authorise(call, "s3:ListMultipartUploadParts");
      const { uploadId } = find(call);
      const numbers = (await readdir(folderOf(uploadId)))
        .flatMap((name) => /^(\d+)\.json$/.exec(name)?.[1] ?? [])
        .map(Number)
        .sort((a, b) => a - b);
      const parts = numbers.map((number) => readPart(uploadId, number));
      sendXml(
        call,
        document(
          "ListPartsResult",
          text("Bucket", call.bucketName),
          text("Key", call.key),
          text("UploadId", uploadId),
          text("IsTruncated", false),
          ...parts.flatMap((part) =>
            part === undefined
              ? []
              : element(
                  "Part",
                  text("PartNumber", part.number),
                  text("LastModified", part.lastModified),
                  text("ETag", `"${part.etag}"`),
                  text("Size", part.bytes),
                ),
          ),
        ),
      );
    },

    prune,
  };
};

export type Uploads = Awaited<ReturnType<typeof openUploads>>;
