import type { IncomingHttpHeaders } from "node:http";
import { noSuchKey, notImplemented, preconditionFailed } from "./error";
import type { Version } from "./store";

const unquoted = (etag: string): string => etag.trim().replace(/^(W\/)?"?([^"]*)"?$/, "$2");
const names = (header: string, etag: string): boolean =>
  header.trim() === "*" || header.split(",").some((one) => unquoted(one) === etag);

/** Seconds since 1970, or undefined for a date that cannot be read: such a condition is ignored, as RFC 9110 asks. */
const secondsOf = (date: string | undefined): number | undefined => {
  const milliseconds = Date.parse(date ?? "");
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
};

/**
 * The guard of a conditional write; called under the key's lock, so that of many writers one wins.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
export const writeGuard = (headers: IncomingHttpHeaders): ((current: Version | undefined) => void) => {
  const { "if-match": match, "if-none-match": noneMatch } = headers;
  if (noneMatch !== undefined && noneMatch !== "*") throw notImplemented("If-None-Match with anything but *");
  return (current) => {
    if (noneMatch !== undefined && current !== undefined) throw preconditionFailed("If-None-Match");
    if (match === undefined) return;
    if (current === undefined) throw noSuchKey();
    if (unquoted(match) !== current.etag) throw preconditionFailed("If-Match");
  };
};

/** Whether a conditional read is answered with 304; throws 412 where it must not be answered at all (RFC 9110 §13.2.2). */
export const notModified = (headers: IncomingHttpHeaders, { etag, lastModified }: Version): boolean => {
  const modified = Date.parse(lastModified) / 1000;
  const { "if-match": match, "if-none-match": noneMatch } = headers;
  const unmodifiedSince = secondsOf(headers["if-unmodified-since"]);
  const modifiedSince = secondsOf(headers["if-modified-since"]);
  if (match !== undefined) {
    if (!names(match, etag)) throw preconditionFailed("If-Match");
  } else if (unmodifiedSince !== undefined && modified > unmodifiedSince) {
    throw preconditionFailed("If-Unmodified-Since");
  }
  if (noneMatch !== undefined) return names(noneMatch, etag);
  return modifiedSince !== undefined && modified <= modifiedSince;
};

export interface Range {
  readonly first: number;
  readonly last: number;
}

/** The one range asked for, undefined for the whole object, "unsatisfiable" for one that lies behind its end. */
export const rangeOf = (headers: IncomingHttpHeaders, version: Version): Range | "unsatisfiable" | undefined => {
  const match = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? "");
  const ifRange = headers["if-range"];
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  if (typeof ifRange === "string" && unquoted(ifRange) !== version.etag) return undefined;
  const end = version.bytes - 1;
  const first = match[1] === "" ? Math.max(0, version.bytes - Number(match[2])) : Number(match[1]);
  const last = match[1] === "" || match[2] === "" ? end : Math.min(Number(match[2]), end);
  if (match[1] !== "" && match[2] !== "" && Number(match[2]) < first) return undefined;
  return first > last ? "unsatisfiable" : { first, last };
};
