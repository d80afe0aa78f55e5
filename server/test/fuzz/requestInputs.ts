import * as fc from "fast-check";

/** Code units in any order, halves of surrogate pairs among them. */
const codeUnits = fc
  .array(fc.nat({ max: 0xffff }), { maxLength: 200 })
  .map((units) => units.map((unit) => String.fromCharCode(unit)).join(""));

/** Any text, and what is nearly right or has made trouble elsewhere. */
export const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 2, arbitrary: fc.string({ maxLength: 30 }) },
  { weight: 2, arbitrary: fc.string({ unit: "binary", minLength: 60, maxLength: 700, size: "max" }) },
  codeUnits,
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      "",
      "a.tif",
      "b/c.PNG",
      "../a.tif",
      ".ddn/jobs/00000000000000000000000000.json",
      "용접.tif",
      "용접.tif".normalize("NFD"),
      `${"a".repeat(100)}.tif`,
      `${"가".repeat(170)}.tif`,
      "a.tif\0.exe",
      "%2e%2e%2fa.tif",
      "__proto__",
      "constructor",
      "0".repeat(26),
      "1e999",
      "-0",
      "NaN",
      "\u202egnp.tif",
    ),
  },
);

const value = fc.oneof(
  text,
  fc.double(),
  fc.jsonValue({ stringUnit: "binary" }),
  fc.constantFrom<unknown>(null, true, 0, 0.5, 1, [], {}),
);

/** Often a job as it should be but for one thing. */
const job = fc.oneof(
  fc.record({ file: text, output: text, strength: value, sigma: value }, { requiredKeys: ["file"] }),
  {
    weight: 4,
    arbitrary: fc.record(
      { file: fc.constant("a.tif"), output: text, strength: fc.double({ min: 0, max: 1, noNaN: true }) },
      { requiredKeys: ["file"] },
    ),
  },
  fc.dictionary(fc.oneof(fc.constantFrom("file", "output", "strength", "sigma", "files"), text), value),
);

const json = fc
  .oneof(
    { weight: 4, arbitrary: job },
    { weight: 2, arbitrary: fc.record({ files: fc.array(fc.oneof(job, text, value), { maxLength: 5 }) }) },
    fc.record({ files: value, more: value }, { requiredKeys: [] }),
    fc.integer({ min: 99, max: 102 }).map((count) => ({ files: Array.from({ length: count }, () => "none.tif") })),
    value,
  )
  .map((body) => JSON.stringify(body) ?? "");

/** The text of a body: JSON, JSON with a part missing, or no JSON at all. */
export const bodyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: json },
  fc.tuple(json, fc.nat(), fc.nat({ max: 9 })).map(([whole, from, length]) => {
    const at = from % (whole.length + 1);
    return whole.slice(0, at) + whole.slice(at + length);
  }),
  text,
  fc.constant(`{"file":"${"a".repeat(300_000)}"}`),
);

export const bytes: fc.Arbitrary<Buffer> = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

export const contentType: fc.Arbitrary<string> = fc.oneof(
  { weight: 12, arbitrary: fc.constant("application/json") },
  fc.constantFrom("application/json; charset=utf-8", "text/plain", "application/ld+json", "multipart/form-data", "/"),
  text,
);

export const idempotencyKey: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("k1", "k2") },
  fc.constantFrom("", "k".repeat(256)),
  text,
);

const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("file", "mode", "size", "type", "sha256", "overwrite", "expires", "job") },
  text,
);

const parameter = fc.oneof(
  text,
  fc.constantFrom("upload", "download", "1", "16", "3600", "0x10", "1e3", "true", "image/tiff", `${"A".repeat(43)}=`),
  fc.double().map(String),
);

/** Pairs that are right, to which others are added. */
const usual = fc.constantFrom<readonly (readonly [string, string])[]>(
  [],
  [
    ["file", "a.tif"],
    ["mode", "upload"],
  ],
  [
    ["file", "a.tif"],
    ["mode", "download"],
  ],
  [
    ["job", "0".repeat(26)],
    ["mode", "download"],
  ],
);

/** A raw query: as a form would write it, or with nothing escaped, or anything. */
export const query: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(usual, fc.array(fc.tuple(name, parameter), { maxLength: 3 }))
      .map(([right, more]) =>
        new URLSearchParams([...right, ...more].map(([key, is]): [string, string] => [key, is])).toString(),
      ),
  },
  fc
    .array(fc.tuple(name, parameter), { maxLength: 6 })
    .map((pairs) => pairs.map(([key, is]) => `${key}=${is}`).join("&")),
  text,
);
