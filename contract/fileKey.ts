import { type Checked, checked, expected, refused } from "./problem";

/** Prefix of the platform's own objects in the out bucket; no file key can reach it. */
export const platformPrefix = ".ddn/";

const maxBytes = 512;
const maxSegments = 8;
const foreign = /[^\p{L}\p{N}\p{M} _.'()+,=@&~!/-]/u;
const extension = /\.(tiff?|png)$/i;

const violation = (key: string): string | undefined => {
  const bytes = new TextEncoder().encode(key).length;
  if (bytes > maxBytes) return `at most ${maxBytes} bytes of UTF-8 (it has ${bytes})`;
  const stranger = foreign.exec(key);
  if (stranger !== null) {
    const codePoint = (key.codePointAt(stranger.index) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    return `letters, digits, marks, spaces and _ . ' ( ) + , = @ & ~ - ! only (U+${codePoint} is none of them)`;
  }
  const segments = key.split("/");
  if (segments.length > maxSegments) return `at most ${maxSegments} segments parted by / (it has ${segments.length})`;
  if (segments.includes("")) return "no empty segment: no / at the start or the end, nor two in a row";
  if (segments.some((segment) => /^[. ]|[. ]$/.test(segment)))
    return "no segment that starts or ends with a dot or a space";
  if (!extension.test(key)) return "a name ending in .tif, .tiff or .png";
  return undefined;
};

/**
 * Checks a file key and brings it to NFC, the one change that is made to it: macOS sends names in NFD.
 * Anything else that does not fit is refused, never rewritten, since a rewritten key can collide.
 */
export const parseFileKey = (value: unknown, name: "file" | "output"): Checked<string> => {
  if (value === undefined || value === null || value === "") {
    return name === "file"
      ? refused("file_missing", expected("a file name such as scan-0042.tif", name, value))
      : refused("file_invalid", expected("a file name, or no such field", name, value));
  }
  if (typeof value !== "string") return refused("file_invalid", expected("a string", name, value));
  const key = value.normalize("NFC");
  const broken = violation(key);
  return broken === undefined ? checked(key) : refused("file_invalid", expected(broken, name, value));
};
