import { escapeUri } from "../sigv4";
import { authorise, type Call, sendXml } from "./call";
import { invalidArgument } from "./error";
import type { Listed } from "./store";
import { document, element, text } from "./xml";

const maxKeysLimit = 1000;

interface ListingQuery {
  readonly prefix: string;
  /** Empty for none. */
  readonly delimiter: string;
  /** Names up to this one are left out; empty for none. */
  readonly startAfter: string;
  /** The last name of the page before; empty for the first page. */
  readonly resumeAfter: string;
  readonly maxKeys: number;
}

/** A line of a listing: an object, or a prefix that several share. */
type ListingItem = { readonly name: string; readonly object?: Listed };

interface ListingPage {
  readonly items: readonly ListingItem[];
  readonly truncated: boolean;
}

/** S3 sorts by UTF-8 bytes; JavaScript's own order differs beyond the basic plane. */
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

const pageOf = (objects: Iterable<Listed>, query: ListingQuery): ListingPage => {
  const { prefix, delimiter, startAfter, resumeAfter, maxKeys } = query;
  const items = new Map<string, ListingItem>();
  for (const object of objects) {
    if (!object.key.startsWith(prefix)) continue;
    if (startAfter !== "" && byBytes(object.key, startAfter) <= 0) continue;
    const end = delimiter === "" ? -1 : object.key.indexOf(delimiter, prefix.length);
    const name = end < 0 ? object.key : object.key.slice(0, end + delimiter.length);
    if (resumeAfter !== "" && byBytes(name, resumeAfter) <= 0) continue;
    items.set(name, end < 0 ? { name, object } : { name });
  }
  const sorted = [...items.values()].sort((a, b) => byBytes(a.name, b.name));
  return { items: sorted.slice(0, maxKeys), truncated: maxKeys > 0 && sorted.length > maxKeys };
};

export const listObjects = (call: Call, objects: Iterable<Listed>): void => {
  authorise(call, "s3:ListBucket");
  const { query } = call;
  const maxKeysText = query.get("max-keys") ?? `${maxKeysLimit}`;
  if (!/^\d{1,9}$/.test(maxKeysText)) throw invalidArgument("Provided max-keys not an integer or within integer range");
  const encoding = query.get("encoding-type");
  if (encoding !== undefined && encoding !== "url")
    throw invalidArgument("Invalid Encoding Method specified in Request");
  const token = query.get("continuation-token");
  if (token === "") throw invalidArgument("The continuation token provided is incorrect");
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") ?? "";
  const startAfter = query.get("start-after") ?? "";
  const maxKeys = Math.min(Number(maxKeysText), maxKeysLimit);
  const resumeAfter = Buffer.from(token ?? "", "base64url").toString();
  const { items, truncated } = pageOf(objects, { prefix, delimiter, startAfter, resumeAfter, maxKeys });
  const name = (tag: string, value: string): string =>
    text(tag, encoding === "url" ? escapeUri(value).replaceAll("%2F", "/") : value);
  const next = Buffer.from(items.at(-1)?.name ?? "").toString("base64url");
  sendXml(
    call,
    document(
      "ListBucketResult",
      text("Name", call.bucketName),
      name("Prefix", prefix),
      delimiter === "" ? "" : name("Delimiter", delimiter),
      startAfter === "" ? "" : name("StartAfter", startAfter),
      encoding === undefined ? "" : text("EncodingType", encoding),
      text("KeyCount", items.length),
      text("MaxKeys", maxKeys),
      text("IsTruncated", truncated),
      token === undefined ? "" : text("ContinuationToken", token),
      truncated ? text("NextContinuationToken", next) : "",
      ...items.map((item) =>
        item.object === undefined
          ? element("CommonPrefixes", name("Prefix", item.name))
          : element(
              "Contents",
              name("Key", item.name),
              text("LastModified", item.object.lastModified),
              text("ETag", `"${item.object.etag}"`),
              text("Size", item.object.bytes),
              text("StorageClass", "STANDARD"),
            ),
      ),
    ),
  );
};
