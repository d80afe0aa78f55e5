import { XMLParser, XMLValidator } from "fast-xml-parser";
import { S3Error } from "./error";

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Control characters are legal in keys but not in XML 1.0 as themselves; S3 writes them as references. */
const escapeXml = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
  text.replace(/[&<>"\x00-\x1f]/g, (c) => entities[c] ?? `&#x${c.charCodeAt(0).toString(16)};`);

/** An element holding text. */
export const text = (name: string, value: string | number | boolean): string =>
  `<${name}>${escapeXml(String(value))}</${name}>`;

/** An element holding elements. */
export const element = (name: string, ...children: readonly string[]): string =>
  `<${name}>${children.join("")}</${name}>`;

/** A whole document in S3's namespace. */
export const document = (name: string, ...children: readonly string[]): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${children.join("")}</${name}>`;

/** Errors carry no namespace. */
export const errorDocument = (code: string, message: string, requestId: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n${element("Error", text("Code", code), text("Message", message), text("RequestId", requestId))}`;

/** One part as the client lists it to complete an upload. */
export interface ListedPart {
  readonly number: number;
  /** Without quotes. */
  readonly etag: string;
  /** Base64 by header name, such as `x-amz-checksum-crc32`. */
  readonly checksums: Readonly<Record<string, string>>;
}

const malformed = (): S3Error =>
  new S3Error(
    400,
    "MalformedXML",
    "The XML you provided was not well-formed or did not validate against our published schema.",
  );

const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === "Part" });

/** The body of CompleteMultipartUpload. */
export const parseListedParts = (body: string): ListedPart[] => {
  if (XMLValidator.validate(body) !== true) throw malformed();
  const parts: unknown = parser.parse(body)?.CompleteMultipartUpload?.Part;
  if (!Array.isArray(parts)) throw malformed();
  return parts.map((part: Record<string, unknown>) => {
    if (typeof part.PartNumber !== "string" || typeof part.ETag !== "string") throw malformed();
    const checksums = Object.entries(part).flatMap(([name, value]) =>
      name.startsWith("Checksum") ? [[`x-amz-checksum-${name.slice(8).toLowerCase()}`, String(value)]] : [],
    );
    return {
      number: Number(part.PartNumber),
      etag: part.ETag.replace(/&quot;|"/g, ""),
      checksums: Object.fromEntries(checksums),
    };
  });
};
