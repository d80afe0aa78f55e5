// Does not prove that a route uses these parsers; the functions' and the server's tests do.
import { describe, expect, it } from "vitest";
import type { Checked } from "./problem";
import {
  atIndex,
  maxBodyBytes,
  parseIdempotencyKey,
  parseInferenceRequest,
  parseJobsRequest,
  parseWaitSeconds,
} from "./request";

const refusal = (parsed: Checked<unknown>): { code: string; detail: string } => {
  if (parsed.ok) throw new Error(`Expected a refusal but received ${JSON.stringify(parsed.value)}.`);
  const { code, detail } = parsed.problem;
  return { code, detail };
};

const one = (body: unknown) => parseInferenceRequest(JSON.stringify(body), "application/json");
const many = (body: unknown) => parseJobsRequest(JSON.stringify(body), undefined);

describe("a request for one job", () => {
  it("writes under the input's own name at full strength, unless told otherwise", () => {
    expect(one({ file: "a.tif" })).toEqual({
      ok: true,
      value: { file: "a.tif", output: "a.tif", options: { strength: 1 } },
    });
    expect(one({ file: "a.tif", output: "b.png", strength: 0, sigma: 1 })).toEqual({
      ok: true,
      value: { file: "a.tif", output: "b.png", options: { strength: 0, sigma: 1 } },
    });
  });

  it.each([undefined, "application/json", "Application/JSON; charset=utf-8", "application/vnd.ddn+json"])(
    "may come as %s",
    (type) => {
      expect(parseInferenceRequest('{"file":"a.tif"}', type).ok).toBe(true);
    },
  );

  it.each(["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])(
    "may not come as %j",
    (type) => {
      expect(refusal(parseInferenceRequest('{"file":"a.tif"}', type))).toEqual({
        code: "content_type_unsupported",
        detail: `Expected application/json for \`content-type\` but received "${type}".`,
      });
    },
  );

  it.each([
    [{}, "file_missing", "Expected a file name such as scan-0042.tif for `file` but received nothing."],
    [{ file: 42 }, "file_invalid", "Expected a string for `file` but received 42."],
    [
      { file: "a.tif", output: "b.jpg" },
      "file_invalid",
      'Expected a name ending in .tif, .tiff or .png for `output` but received "b.jpg".',
    ],
    [
      { file: "a.tif", output: null },
      "file_invalid",
      "Expected a file name, or no such field for `output` but received null.",
    ],
    [
      { file: "a.tif", strength: -0.1 },
      "option_invalid",
      "Expected a number from 0 to 1 for `strength` but received -0.1. 1 denoises fully, 0 not at all.",
    ],
    [
      { file: "a.tif", strength: "1" },
      "option_invalid",
      'Expected a number from 0 to 1 for `strength` but received "1". 1 denoises fully, 0 not at all.',
    ],
    [
      { file: "a.tif", sigma: 1.5 },
      "option_invalid",
      "Expected a number from 0 to 1 for `sigma` but received 1.5. It is the noise's standard deviation as a fraction of full scale; leave it out to have it estimated.",
    ],
    [
      { file: "a.tif", key: "b" },
      "field_unknown",
      'Expected only file, output, strength, sigma but received the field "key".',
    ],
  ])("%j is refused", (body, code, detail) => {
    expect(refusal(one(body))).toEqual({ code, detail });
  });

  it("has no field __proto__", () => {
    expect(refusal(parseInferenceRequest('{"file":"a.tif","__proto__":{}}', undefined)).code).toBe("field_unknown");
  });

  it.each([
    [" \n", "body_empty", 'Expected a JSON object such as {"file":"scan-0042.tif"} but received an empty body.'],
    ["null", "body_not_json", "Expected a JSON object for `body` but received null."],
    ['"a.tif"', "body_not_json", 'Expected a JSON object for `body` but received "a.tif".'],
    ["{'a'}", "body_not_json", "Expected a JSON object for `body` but received \"{'a'}\"."],
  ])("is not %j", (text, code, detail) => {
    expect(refusal(parseInferenceRequest(text, undefined))).toEqual({ code, detail });
  });

  it("has a body of 256 KiB at most, counted in bytes", () => {
    const text = JSON.stringify({ file: "가".repeat(maxBodyBytes / 3) });
    expect(refusal(parseInferenceRequest(text, undefined))).toEqual({
      code: "body_too_large",
      detail:
        "Expected a body of at most 262144 bytes but received 262154. Images travel by presigned URL, not through the API.",
    });
  });
});

describe("a request for jobs", () => {
  it("is one job, or a batch of jobs and names", () => {
    expect(many({ file: "a.tif" })).toMatchObject({ value: { batch: false, requests: [{ file: "a.tif" }] } });
    expect(many({ files: ["a.tif", { file: "b.tif", output: "c.tif" }] })).toEqual({
      ok: true,
      value: {
        batch: true,
        requests: [
          { file: "a.tif", output: "a.tif", options: { strength: 1 } },
          { file: "b.tif", output: "c.tif", options: { strength: 1 } },
        ],
      },
    });
  });

  it("takes a hundred of the longest names, and no more", () => {
    const names = Array.from({ length: 101 }, (_, index) => `${"가".repeat(168)}${String(index).padStart(3, "0")}.tif`);
    expect(many({ files: names.slice(1) }).ok).toBe(true);
    expect(refusal(many({ files: names }))).toEqual({
      code: "option_invalid",
      detail: 'Expected an array of 1 to 100 jobs for `files` but received "101 entries".',
    });
  });

  it.each([
    [{ files: [] }, "option_invalid", 'Expected an array of 1 to 100 jobs for `files` but received "0 entries".'],
    [{ files: "a.tif" }, "option_invalid", 'Expected an array of 1 to 100 jobs for `files` but received "a.tif".'],
    [
      { files: ["a.tif"], strength: 1 },
      "field_unknown",
      'Expected `files` alone but received also the field "strength". Give options inside each entry.',
    ],
    [{ files: ["a.tif", 7] }, "body_not_json", "files[1]: Expected an object for `files[1]` but received 7."],
    [
      { files: ["a.tif", { file: "b.tif", strength: 7 }] },
      "option_invalid",
      "files[1]: Expected a number from 0 to 1 for `strength` but received 7. 1 denoises fully, 0 not at all.",
    ],
    [
      { files: ["b.tif", "a.tif", { file: "c.tif", output: "a.tif" }] },
      "option_invalid",
      'files[2]: Expected an `output` of its own but "a.tif" is that of files[1] too.',
    ],
    [
      { files: ["é.tif".normalize("NFD"), "é.tif".normalize("NFC")] },
      "option_invalid",
      'files[1]: Expected an `output` of its own but "é.tif" is that of files[0] too.',
    ],
  ])("%j is refused", (body, code, detail) => {
    expect(refusal(many(body))).toEqual({ code, detail });
  });

  it("may read one input twice when the outputs differ", () => {
    expect(many({ files: ["a.tif", { file: "a.tif", output: "b.tif", strength: 0.5 }] }).ok).toBe(true);
  });
});

describe("headers", () => {
  it.each([
    [undefined, 25],
    ["", 25],
    ["wait=0", 0],
    ["wait=7", 7],
    ['WAIT = "7"', 7],
    ["wait=99", 25],
    ["wait=-1", 25],
    ["wait=soon", 25],
    ["respond-async", 0],
    ["respond-async, wait=10", 10],
    ["wait=10, respond-async", 10],
    ["return=minimal, wait=3", 3],
  ])("Prefer: %s waits %i s", (prefer, seconds) => {
    expect(parseWaitSeconds(prefer)).toBe(seconds);
  });

  it.each([undefined, "a", "~".repeat(255), "8e03978e-40d5-43e8-bc93-6894a57f9324"])(
    "Idempotency-Key: %.40s",
    (key) => {
      expect(parseIdempotencyKey(key)).toEqual({ ok: true, value: key });
    },
  );

  it.each([
    ["", '""'],
    ["a b", '"a b"'],
    ["가", '"가"'],
    ["a".repeat(256), `"${"a".repeat(62)}…`],
  ])("Idempotency-Key may not be %.40j", (key, shown) => {
    expect(refusal(parseIdempotencyKey(key))).toEqual({
      code: "idempotency_key_invalid",
      detail: `Expected 1 to 255 printable ASCII characters without spaces for \`Idempotency-Key\` but received ${shown}.`,
    });
  });
});

describe("a problem of a batch", () => {
  it("says which entry it is about", () => {
    expect(atIndex({ detail: "Wrong.", code: "x" }, 3)).toEqual({ detail: "files[3]: Wrong.", code: "x" });
  });
});
