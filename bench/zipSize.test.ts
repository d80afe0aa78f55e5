// Does not prove how well the archiver of a deployment compresses.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { zipSize } from "./zipSize";

const folder = mkdtempSync(join(tmpdir(), "ddn-zip-"));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const zipWithPython = `
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[2], "w", zipfile.ZIP_DEFLATED) as archive:
    for place, _, names in os.walk(sys.argv[1], followlinks=True):
        for name in names:
            path = os.path.join(place, name)
            archive.write(path, os.path.relpath(path, sys.argv[1]))
    compressed = sum(entry.compress_size for entry in archive.infolist())
print(os.path.getsize(sys.argv[2]) - compressed)
`;

const havePython = (() => {
  try {
    execFileSync("python3", ["-c", "import zipfile, zlib"]);
    return true;
  } catch {
    return false;
  }
})();

describe("zipSize", () => {
  it.runIf(havePython)("has the records that another archiver writes around what Node deflates, links followed", () => {
    const content = join(folder, "content");
    const files = {
      "content/index.js": "exports.handler = 1;\n".repeat(500),
      "content/a/b/용접.js": "x".repeat(10_000),
      "elsewhere/linked.js": Array.from({ length: 3000 }, (_, index) => index * index).join(),
    };
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    symlinkSync(join(folder, "elsewhere"), join(content, "linked"));
    const records = execFileSync("python3", ["-c", zipWithPython, content, join(folder, "all.zip")]);
    const deflated = Object.values(files).map((text) => deflateRawSync(text).length);
    expect(zipSize(content)).toBe(Number(records) + deflated.reduce((sum, bytes) => sum + bytes));
  });
});
