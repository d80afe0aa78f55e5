import { parseFileKey } from "../contract/fileKey";
import { isJobId } from "../contract/job";
import { type Checked, checked, expected, quote, refused } from "../contract/problem";
import type { PresignSettings } from "./settings";

export interface Upload {
  readonly mode: "upload";
  readonly expiresSeconds: number;
  readonly file: string;
  readonly size?: number;
  readonly type?: string;
  readonly sha256?: string;
  readonly overwrite: boolean;
}

export interface Download {
  readonly mode: "download";
  readonly expiresSeconds: number;
  readonly of: { readonly file: string } | { readonly job: string };
}

const expiresSeconds = { least: 30, usual: 900, most: 3600 };
const uploadOptions = ["size", "type", "sha256", "overwrite"];
const parameters = ["file", "mode", "expires", "job", ...uploadOptions];

const parseExpires = (value: string | undefined): Checked<number> => {
  if (value === undefined) return checked(expiresSeconds.usual);
  const seconds = /^[1-9]\d{0,3}$/.test(value) ? Number(value) : 0;
  return seconds >= expiresSeconds.least && seconds <= expiresSeconds.most
    ? checked(seconds)
    : refused(
        "expires_invalid",
        expected(`whole seconds from ${expiresSeconds.least} to ${expiresSeconds.most}`, "expires", value),
      );
};

const parseSize = (value: string | undefined, settings: PresignSettings): Checked<number | undefined> => {
  if (value === undefined && !settings.requireSize) return checked(undefined);
  if (value === undefined || !/^[1-9]\d{0,14}$/.test(value)) {
    const remedy = settings.requireSize ? "Every upload must state its size here." : undefined;
    return refused("size_invalid", expected("the file's size in bytes, a whole number from 1", "size", value, remedy));
  }
  return Number(value) <= settings.maxBytes
    ? checked(Number(value))
    : refused("image_too_large", expected(`at most ${settings.maxBytes} bytes`, "size", Number(value)));
};

/** Types that a browser would run are not for images. */
const parseType = (value: string | undefined): Checked<string | undefined> =>
  value === undefined || /^(image\/[A-Za-z0-9][\w.+-]{0,62}|application\/octet-stream)$/.test(value)
    ? checked(value)
    : refused(
        "type_invalid",
        expected("an image type such as image/tiff or image/png, or application/octet-stream", "type", value),
      );

const parseSha256 = (value: string | undefined): Checked<string | undefined> =>
  value === undefined ||
  (/^[A-Za-z0-9+/]{43}=$/.test(value) && Buffer.from(value, "base64").toString("base64") === value)
    ? checked(value)
    : refused(
        "sha256_invalid",
        expected("the base64 of the 32 bytes of a SHA-256", "sha256", value, "In a query, + is written %2B."),
      );

const parseOverwrite = (value: string | undefined): Checked<boolean> =>
  value === undefined || value === "true" || value === "false"
    ? checked(value !== "false")
    : refused("option_invalid", expected("true or false", "overwrite", value));

const parseUpload = (
  given: Readonly<Record<string, string | undefined>>,
  seconds: number,
  settings: PresignSettings,
): Checked<Upload> => {
  if (given.job !== undefined) {
    return refused("option_invalid", "Expected `job` with mode=download only. An upload names its `file`.");
  }
  const file = parseFileKey(given.file, "file");
  if (!file.ok) return file;
  const size = parseSize(given.size, settings);
  if (!size.ok) return size;
  const type = parseType(given.type);
  if (!type.ok) return type;
  const sha256 = parseSha256(given.sha256);
  if (!sha256.ok) return sha256;
  const overwrite = parseOverwrite(given.overwrite);
  if (!overwrite.ok) return overwrite;
  return checked({
    mode: "upload",
    expiresSeconds: seconds,
    file: file.value,
    overwrite: overwrite.value,
    ...(size.value === undefined ? {} : { size: size.value }),
    ...(type.value === undefined ? {} : { type: type.value }),
    ...(sha256.value === undefined ? {} : { sha256: sha256.value }),
  });
};

const parseDownload = (given: Readonly<Record<string, string | undefined>>, seconds: number): Checked<Download> => {
  const stray = uploadOptions.find((name) => given[name] !== undefined);
  if (stray !== undefined) return refused("option_invalid", `Expected \`${stray}\` with mode=upload only.`);
  if (given.job === undefined) {
    const file = parseFileKey(given.file, "file");
    return file.ok ? checked({ mode: "download", expiresSeconds: seconds, of: { file: file.value } }) : file;
  }
  if (given.file !== undefined) {
    return refused("option_invalid", "Expected either `file` or `job` but received both. A job names its own result.");
  }
  return isJobId(given.job)
    ? checked({ mode: "download", expiresSeconds: seconds, of: { job: given.job } })
    : refused("job_invalid", expected("a job id, 26 of the characters 0-9 and a-z,", "job", given.job));
};

/** The query of `GET /presign`, checked; the first thing that is wrong is the problem. */
export const parsePresign = (
  pairs: readonly (readonly [string, string])[],
  settings: PresignSettings,
): Checked<Upload | Download> => {
  const stranger = pairs.find(([name]) => !parameters.includes(name));
  if (stranger !== undefined) {
    return refused(
      "field_unknown",
      `Expected only ${parameters.join(", ")} but received the parameter ${quote(stranger[0])}.`,
    );
  }
  const repeated = pairs.find(([name], index) => pairs.findIndex(([other]) => other === name) !== index);
  if (repeated !== undefined) {
    return refused("parameter_repeated", `Expected \`${repeated[0]}\` once but received it more than once.`);
  }
  const given: Readonly<Record<string, string | undefined>> = Object.fromEntries(pairs);
  if (given.mode !== "upload" && given.mode !== "download") {
    return refused("mode_invalid", expected("upload or download", "mode", given.mode));
  }
  const expires = parseExpires(given.expires);
  if (!expires.ok) return expires;
  return given.mode === "upload" ? parseUpload(given, expires.value, settings) : parseDownload(given, expires.value);
};
