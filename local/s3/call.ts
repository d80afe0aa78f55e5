import type { IncomingMessage, ServerResponse } from "node:http";
import { allows } from "../access";
import type { Identity } from "../sigv4";
import type { BucketRole } from "./config";
import { accessDenied, S3Error } from "./error";

/** One authenticated request on its way to an operation. */
export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly identity: Identity;
  readonly bucket: BucketRole;
  /** The bucket's name, as the client wrote it. */
  readonly bucketName: string;
  /** Empty when the request is about the bucket itself. */
  readonly key: string;
  /** The query without what belongs to the signature. */
  readonly query: ReadonlyMap<string, string>;
  /** All `x-amz-*` headers, names in lower case, those among them that a presigned URL carries in its query. */
  readonly amz: ReadonlyMap<string, string>;
  /** The raw body; to be read at most once. */
  body(): AsyncIterable<Buffer>;
}

const may = ({ identity, bucket, key }: Call, action: string): boolean =>
  allows(identity.role, action, action === "s3:ListBucket" || key === "" ? bucket : `${bucket}/${key}`);

export const authorise = (call: Call, action: string): void => {
  if (!may(call, action)) throw accessDenied();
};

/**
 * What a caller learns of a key that is not there: without ListBucket only that it is denied.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (Permissions)
 */
export const concealed = (call: Call, missing: S3Error): S3Error =>
  may(call, "s3:ListBucket") ? missing : accessDenied();

/** Answers with XML. */
export const sendXml = ({ response }: Call, body: string): void => {
  response.writeHead(200, { "content-type": "application/xml", "content-length": Buffer.byteLength(body) }).end(body);
};

/** The whole of a small body as text. */
export const readText = async (call: Call, maxBytes: number): Promise<string> => {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of call.body()) {
    bytes += piece.length;
    if (bytes > maxBytes) throw new S3Error(400, "MaxMessageLengthExceeded", "Your request was too big.");
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
};
