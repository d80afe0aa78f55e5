import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { gatewayAnswer, type HttpAnswer } from "./result";

const root = join(__dirname, "../..");
const consoleFolder = join(root, "client/console");
const vendored: Readonly<Record<string, string>> = {
  "geotiff.js": join(root, "node_modules/geotiff/dist-browser/geotiff.js"),
};

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
};

const prefix = "/console/";
const vendorPrefix = "/console/vendor/";

/** The file behind a path: from a list, so that no path leads out of the folder. */
const fileOf = async (path: string): Promise<string | undefined> => {
  if (path === "/") return join(consoleFolder, "index.html");
  const vendor = path.startsWith(vendorPrefix) ? path.slice(vendorPrefix.length) : "";
  if (Object.hasOwn(vendored, vendor)) return vendored[vendor];
  const name = (await readdir(consoleFolder)).find((each) => each === path.slice(prefix.length));
  return name !== undefined && extname(name) in contentTypes ? join(consoleFolder, name) : undefined;
};

export const isConsolePath = (path: string): boolean => path === "/" || path.startsWith(prefix);

/**
 * The static console: `/` and `/console/<file>`. Its page may talk to this gateway and to S3, and to nobody else.
 * @param s3Url origin of the S3 that presigned URLs lead to
 */
export const consoleAnswer = async (path: string, s3Url: string): Promise<HttpAnswer> => {
  const file = await fileOf(path);
  if (file === undefined) return gatewayAnswer(404, "Not Found");
  return {
    status: 200,
    headers: {
      "content-type": contentTypes[extname(file)],
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "content-security-policy": [
        "default-src 'self'",
        `connect-src 'self' ${s3Url}`,
        "img-src 'self' blob: data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
      ].join("; "),
    },
    body: await readFile(file),
  };
};
