import { pipeline } from "node:stream/promises";
import { authorise, type Call, concealed } from "./call";
import { notModified, rangeOf, writeGuard } from "./conditions";
import { invalidArgument, noSuchKey, S3Error } from "./error";
import { receiveBody } from "./receiveBody";
import { type Bucket, type Description, isVersionId, type Version } from "./store";

const keptHeaders = ["cache-control", "content-disposition", "content-encoding", "content-language", "expires"];
const maxMetadataBytes = 2048;
/** More than this is streamed. */
const maxReadBytes = 1024 ** 2;

/** What of the request's headers stays with the object. */
export const descriptionOf = ({ request, amz, identity }: Call): Description => {
  const kept = keptHeaders.flatMap((name) => {
    const value = request.headers[name];
    if (typeof value !== "string") return [];
    // aws-chunked is how the body travels, not what it is.
    const own = name === "content-encoding" && identity.payloadHash.startsWith("STREAMING-");
    const rest = own ? value.replace(/\baws-chunked\b,?\s*/, "").replace(/,\s*$/, "") : value;
    return rest === "" ? [] : [[name, rest]];
  });
  const metadata = [...amz].filter(([name]) => name.startsWith("x-amz-meta-"));
  const bytes = metadata.reduce((sum, [name, value]) => sum + name.length - "x-amz-meta-".length + value.length, 0);
  if (bytes > maxMetadataBytes) {
    throw new S3Error(400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size.");
  }
  return {
    headers: {
      "content-type": request.headers["content-type"] ?? "binary/octet-stream",
      ...Object.fromEntries(kept),
    },
    metadata: Object.fromEntries(metadata),
  };
};

/** May this caller write here, and on this condition? If-Match tells what is there, so it needs GetObject too. */
export const authoriseWrite = (call: Call): void => {
  authorise(call, "s3:PutObject");
  if (call.request.headers["if-match"] !== undefined) authorise(call, "s3:GetObject");
};

/** Runs a conditional write; a key that is not there is told only to those who may know. */
export const concealingMissing = async <T>(call: Call, write: () => Promise<T>): Promise<T> => {
  try {
    return await write();
  } catch (error) {
    throw error instanceof S3Error && error.code === "NoSuchKey" ? concealed(call, error) : error;
  }
};

export const putObject = async (call: Call, bucket: Bucket, temporaryFolder: string): Promise<void> => {
  authoriseWrite(call);
  const guard = writeGuard(call.request.headers);
  const description = descriptionOf(call);
  const stored = await receiveBody(call, temporaryFolder);
  const version = await concealingMissing(call, () => bucket.put(call.key, stored, description, guard));
  call.response
    .writeHead(200, {
      etag: `"${version.etag}"`,
      "x-amz-version-id": version.versionId,
      ...version.checksums,
      "content-length": 0,
    })
    .end();
};

/** The version asked for, or the reason why this caller does not get it. */
const findVersion = (call: Call, bucket: Bucket): Version => {
  const versionId = call.query.get("versionId");
  authorise(call, versionId === undefined ? "s3:GetObject" : "s3:GetObjectVersion");
  if (versionId !== undefined && versionId !== "null" && !isVersionId(versionId)) {
    throw invalidArgument("Invalid version id specified");
  }
  const version = bucket.read(call.key, versionId);
  if (version === undefined) {
    const missing =
      versionId === undefined
        ? noSuchKey()
        : new S3Error(404, "NoSuchVersion", "The specified version does not exist.");
    throw concealed(call, missing);
  }
  if (!version.deleted) return version;
  const marker = { "x-amz-delete-marker": "true", "x-amz-version-id": version.versionId };
  throw versionId === undefined
    ? concealed(call, noSuchKey(marker))
    : new S3Error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.", marker);
};

const answerHeaders = (call: Call, version: Version): Record<string, string> => {
  const overridden = [...call.query].flatMap(([name, value]) =>
    name.startsWith("response-") ? [[name.slice("response-".length), value]] : [],
  );
  return {
    ...version.headers,
    ...Object.fromEntries(overridden),
    ...version.metadata,
    etag: `"${version.etag}"`,
    "last-modified": new Date(version.lastModified).toUTCString(),
    "accept-ranges": "bytes",
    "x-amz-version-id": version.versionId,
  };
};

/** GetObject and HeadObject. */
export const getObject = async (call: Call, bucket: Bucket): Promise<void> => {
  const { request, response, amz } = call;
  const version = findVersion(call, bucket);
  for (const [name, value] of Object.entries(answerHeaders(call, version))) {
    try {
      response.setHeader(name, value);
    } catch {
      throw invalidArgument(`The value given for ${name} cannot stand in a header.`);
    }
  }
  if (notModified(request.headers, version)) {
    response.writeHead(304).end();
    return;
  }
  const range = rangeOf(request.headers, version);
  if (range === "unsatisfiable") {
    throw new S3Error(416, "InvalidRange", "The requested range is not satisfiable", {
      "content-range": `bytes */${version.bytes}`,
    });
  }
  const { first, last } = range ?? { first: 0, last: version.bytes - 1 };
  if (range !== undefined) response.setHeader("content-range", `bytes ${first}-${last}/${version.bytes}`);
  else if (amz.get("x-amz-checksum-mode")?.toUpperCase() === "ENABLED") {
    for (const [name, value] of Object.entries(version.checksums)) response.setHeader(name, value);
  }
  const bytes = last - first + 1;
  response.setHeader("content-length", bytes);
  const status = range === undefined ? 200 : 206;
  if (request.method === "HEAD" || last < first) {
    response.writeHead(status).end();
    return;
  }
  if (bytes <= maxReadBytes) {
    response.writeHead(status).end(bucket.readPart(version, first, bytes));
    return;
  }
  const file = await bucket.open(version);
  response.writeHead(status);
  await pipeline(file.createReadStream({ start: first, end: last, highWaterMark: maxReadBytes }), response);
};

export const deleteObject = async (call: Call, bucket: Bucket): Promise<void> => {
  authorise(call, "s3:DeleteObject");
  const marker = await bucket.remove(call.key);
  call.response.writeHead(204, { "x-amz-delete-marker": "true", "x-amz-version-id": marker.versionId }).end();
};
