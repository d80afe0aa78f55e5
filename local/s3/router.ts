import type { IncomingMessage, ServerResponse } from "node:http";
import { type Identity, parseTarget } from "../sigv4";
import { authorise, type Call, sendXml } from "./call";
import { checksumHeaders } from "./checksum";
import { type BucketRole, bucketRoles, type S3Config } from "./config";
import { invalidArgument, notImplemented, S3Error } from "./error";
import { listObjects } from "./listing";
import type { Uploads } from "./multipart";
import { deleteObject, getObject, putObject } from "./objects";
import type { Bucket } from "./store";
import { document } from "./xml";

/** What the operations work on. */
export interface Stores {
  readonly buckets: Readonly<Record<BucketRole, Bucket>>;
  readonly uploads: Uploads;
  readonly temporaryFolder: string;
}

interface Operation {
  readonly method: string;
  readonly on: "bucket" | "object";
  /** Query parameters that make this the operation. */
  readonly needs?: readonly string[];
  /** Query parameters that it understands besides. */
  readonly takes?: readonly string[];
  /** `x-amz-*` headers that it understands besides the signature's own; what stands here with `*` is a prefix. */
  readonly amz?: readonly string[];
  run(call: Call, stores: Stores, config: S3Config): Promise<void> | void;
}

const responseOverrides = [
  "response-cache-control",
  "response-content-disposition",
  "response-content-encoding",
  "response-content-language",
  "response-content-type",
  "response-expires",
];
const bodyHeaders = [
  ...checksumHeaders,
  "x-amz-decoded-content-length",
  "x-amz-sdk-checksum-algorithm",
  "x-amz-trailer",
];
const signatureHeaders = ["x-amz-content-sha256", "x-amz-date", "x-amz-user-agent"];
const listingParameters = ["prefix", "delimiter", "max-keys", "encoding-type", "continuation-token", "start-after"];

const read: Pick<Operation, "on" | "takes" | "amz" | "run"> = {
  on: "object",
  takes: ["versionId", ...responseOverrides],
  amz: ["x-amz-checksum-mode"],
  run: (call, { buckets }) => getObject(call, buckets[call.bucket]),
};

/** All that this store does; what is asked for in any other way is not implemented, and says so. */
const operations: readonly Operation[] = [
  {
    method: "PUT",
    on: "object",
    amz: [...bodyHeaders, "x-amz-meta-*"],
    run: (call, { buckets, temporaryFolder }) => putObject(call, buckets[call.bucket], temporaryFolder),
  },
  { method: "GET", ...read },
  { method: "HEAD", ...read },
  { method: "DELETE", on: "object", run: (call, { buckets }) => deleteObject(call, buckets[call.bucket]) },
  {
    method: "POST",
    on: "object",
    needs: ["uploads"],
    amz: ["x-amz-checksum-algorithm", "x-amz-checksum-type", "x-amz-meta-*"],
    run: (call, { uploads }) => uploads.create(call),
  },
  {
    method: "PUT",
    on: "object",
    needs: ["partNumber", "uploadId"],
    amz: bodyHeaders,
    run: (call, { uploads }) => uploads.putPart(call),
  },
  {
    method: "POST",
    on: "object",
    needs: ["uploadId"],
    run: (call, { uploads, buckets }) => uploads.complete(call, buckets[call.bucket]),
  },
  { method: "DELETE", on: "object", needs: ["uploadId"], run: (call, { uploads }) => uploads.abort(call) },
  { method: "GET", on: "object", needs: ["uploadId"], run: (call, { uploads }) => uploads.listParts(call) },
  {
    method: "GET",
    on: "bucket",
    needs: ["list-type"],
    takes: listingParameters,
    run: (call, { buckets }) => {
      if (call.query.get("list-type") !== "2") throw invalidArgument("list-type must be 2");
      listObjects(call, buckets[call.bucket].list());
    },
  },
  {
    method: "GET",
    on: "bucket",
    needs: ["location"],
    run: (call, _stores, { region }) => {
      authorise(call, "s3:GetBucketLocation");
      // us-east-1 is written as nothing at all.
      sendXml(call, document("LocationConstraint", region === "us-east-1" ? "" : region));
    },
  },
  {
    method: "HEAD",
    on: "bucket",
    run: (call, _stores, { region }) => {
      authorise(call, "s3:ListBucket");
      call.response.writeHead(200, { "x-amz-bucket-region": region }).end();
    },
  },
];

const operationOf = (call: Call): Operation => {
  const on = call.key === "" ? "bucket" : "object";
  const names = [...call.query.keys()].filter((name) => name !== "x-id");
  const operation = operations.find(
    ({ method, on: level, needs = [], takes = [] }) =>
      method === call.request.method &&
      level === on &&
      needs.every((name) => names.includes(name)) &&
      names.every((name) => needs.includes(name) || takes.includes(name)),
  );
  if (operation === undefined) throw notImplemented(`${call.request.method} with this query`);
  const understood = [...signatureHeaders, ...(operation.amz ?? [])];
  const stranger = [...call.amz.keys()].find(
    (name) => !understood.some((known) => (known.endsWith("*") ? name.startsWith(known.slice(0, -1)) : name === known)),
  );
  if (stranger !== undefined) throw notImplemented(`The header ${stranger}`);
  return operation;
};

/** What of a query belongs to the signature alone. */
const signatureParameters: ReadonlySet<string> = new Set([
  "x-amz-algorithm",
  "x-amz-credential",
  "x-amz-date",
  "x-amz-expires",
  "x-amz-signature",
  "x-amz-signedheaders",
]);

/** Splits a path-style target into what it is about. */
const callOf = (request: IncomingMessage, response: ServerResponse, identity: Identity, config: S3Config): Call => {
  const { path, query } = parseTarget(request.url ?? "/");
  const [, name, ...rest] = path.split("/");
  const key = decodeURIComponent(rest.join("/"));
  if (name === "") throw notImplemented("A request without a bucket");
  const bucketName = decodeURIComponent(name);
  const bucket = bucketRoles.find((role) => config.buckets[role] === bucketName);
  if (bucket === undefined) throw new S3Error(404, "NoSuchBucket", "The specified bucket does not exist");
  if (Buffer.byteLength(key) > 1024) throw new S3Error(400, "KeyTooLongError", "Your key is too long");
  const amz = new Map<string, string>();
  const parameters = new Map<string, string>();
  for (const [parameter, values] of query) {
    if (values.length > 1) throw invalidArgument(`The parameter ${parameter} is repeated`);
    const lower = parameter.toLowerCase();
    if (!lower.startsWith("x-amz-")) parameters.set(parameter, values[0]);
    else if (!signatureParameters.has(lower)) amz.set(lower, values[0]);
  }
  for (const [header, value] of Object.entries(request.headers)) {
    if (header.startsWith("x-amz-") && value !== undefined) amz.set(header, `${value}`);
  }
  async function* body(): AsyncGenerator<Buffer> {
    if (request.headers.expect !== undefined) response.writeContinue();
    // Left open when the reader gives up, so that the caller still hears why.
    yield* request.iterator({ destroyOnReturn: false });
    // The silence from here on is the store's own: syncing gigabytes takes its time.
    request.setTimeout(0);
  }
  return { request, response, identity, bucket, bucketName, key, query: parameters, amz, body };
};

/** Finds the operation that an authenticated request asks for, and runs it. */
export const route = async (
  request: IncomingMessage,
  response: ServerResponse,
  identity: Identity,
  stores: Stores,
  config: S3Config,
): Promise<void> => {
  const call = callOf(request, response, identity, config);
  await operationOf(call).run(call, stores, config);
};
