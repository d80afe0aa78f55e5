// Does not prove that S3 stores these keys; the twin's and the functions' tests do.
import { describe, expect, it } from "vitest";
import { parseFileKey } from "./fileKey";

const allowed = "letters, digits, marks, spaces and _ . ' ( ) + , = @ & ~ - ! only";

describe("a file key", () => {
  it.each([
    "a.tif",
    "A.TIFF",
    "a.PnG",
    "a..tif",
    "라인 2/용접부 (1).tif",
    "a_b.c'd(e)f+g,h=i@j&k~l-m!n.tif",
    "日本語/数字１２.tif",
    "हिन्दी.tif",
    "𠀀.tif",
    "1/2/3/4/5/6/7/8.tif",
    `${"x".repeat(508)}.tif`,
    `${"가".repeat(169)}x.tif`,
  ])("may be %.40s", (key) => {
    expect(parseFileKey(key, "file")).toEqual({ ok: true, value: key });
  });

  it("is brought to NFC, and nothing else of it is changed", () => {
    const nfc = "검사/é Å.tif";
    expect(nfc.normalize("NFD")).not.toBe(nfc);
    expect(parseFileKey(nfc.normalize("NFD"), "file")).toEqual({ ok: true, value: nfc });
  });

  it.each([
    [`${"x".repeat(509)}.tif`, "at most 512 bytes of UTF-8 (it has 513)"],
    [`${"가".repeat(170)}.tif`, "at most 512 bytes of UTF-8 (it has 514)"],
    ["a\\b.tif", `${allowed} (U+005C is none of them)`],
    ["a%2fb.tif", `${allowed} (U+0025 is none of them)`],
    ["a\0.tif", `${allowed} (U+0000 is none of them)`],
    ["a\r\n.tif", `${allowed} (U+000D is none of them)`],
    ["a\u202e.tif", `${allowed} (U+202E is none of them)`],
    ["a\u200b.tif", `${allowed} (U+200B is none of them)`],
    ["a\ufeff.tif", `${allowed} (U+FEFF is none of them)`],
    ["a\ue000.tif", `${allowed} (U+E000 is none of them)`],
    ["a\ud800.tif", `${allowed} (U+D800 is none of them)`],
    ["a\u{1f600}.tif", `${allowed} (U+1F600 is none of them)`],
    ["a:b.tif", `${allowed} (U+003A is none of them)`],
    ["a*.tif", `${allowed} (U+002A is none of them)`],
    ['a".tif', `${allowed} (U+0022 is none of them)`],
    ["1/2/3/4/5/6/7/8/9.tif", "at most 8 segments parted by / (it has 9)"],
    ["/a.tif", "no empty segment: no / at the start or the end, nor two in a row"],
    ["a//b.tif", "no empty segment: no / at the start or the end, nor two in a row"],
    ["a.tif/", "no empty segment: no / at the start or the end, nor two in a row"],
    ["../a.tif", "no segment that starts or ends with a dot or a space"],
    ["a/./b.tif", "no segment that starts or ends with a dot or a space"],
    [".ddn/jobs/a.tif", "no segment that starts or ends with a dot or a space"],
    ["a /b.tif", "no segment that starts or ends with a dot or a space"],
    [" a.tif", "no segment that starts or ends with a dot or a space"],
    ["a.tif ", "no segment that starts or ends with a dot or a space"],
    ["a.exe", "a name ending in .tif, .tiff or .png"],
    ["tif", "a name ending in .tif, .tiff or .png"],
    ["a.tif.gz", "a name ending in .tif, .tiff or .png"],
  ])("may not be %j", (key, what) => {
    const parsed = parseFileKey(key, "output");
    expect(parsed).toMatchObject({ ok: false, problem: { code: "file_invalid", status: 400 } });
    const detail = parsed.ok ? "" : parsed.problem.detail;
    expect(detail.startsWith(`Expected ${what} for \`output\` but received "`)).toBe(true);
  });

  it.each([undefined, null, ""])("that is %j is missing as a file and wrong as an output", (value) => {
    const shown = value === undefined ? "nothing" : JSON.stringify(value);
    expect(parseFileKey(value, "file")).toMatchObject({
      problem: {
        code: "file_missing",
        detail: `Expected a file name such as scan-0042.tif for \`file\` but received ${shown}.`,
      },
    });
    expect(parseFileKey(value, "output")).toMatchObject({
      problem: {
        code: "file_invalid",
        detail: `Expected a file name, or no such field for \`output\` but received ${shown}.`,
      },
    });
  });

  it.each([[42], [["a.tif"]], [{ key: "a.tif" }], [true]])("that is %j is no string", (value) => {
    expect(parseFileKey(value, "file")).toMatchObject({
      problem: {
        code: "file_invalid",
        detail: `Expected a string for \`file\` but received ${JSON.stringify(value)}.`,
      },
    });
  });
});
