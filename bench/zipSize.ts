import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";

// Of a ZIP file's records without their names. Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.7–4.3.16
const localHeaderBytes = 30;
const centralHeaderBytes = 46;
const endBytes = 22;

/** All files below a folder, by their paths within it; a linked folder is entered. */
const filesBelow = (folder: string, within = ""): string[] =>
  readdirSync(join(folder, within)).flatMap((entry) => {
    const path = within === "" ? entry : `${within}/${entry}`;
    return statSync(join(folder, path)).isDirectory() ? filesBelow(folder, path) : [path];
  });

/** Bytes of a ZIP file that holds a folder's files, each deflated at zlib's default level. */
export const zipSize = (folder: string): number =>
  filesBelow(folder).reduce((sum, path) => {
    const records = localHeaderBytes + centralHeaderBytes + 2 * Buffer.byteLength(path);
    return sum + records + deflateRawSync(readFileSync(join(folder, path))).length;
  }, endBytes);
