// Does not prove where each code arises; the tests of those places do.
import { describe, expect, it } from "vitest";
import { expected, problem, problemCodes, problemStatus, problemTitle, quote } from "./problem";

describe("the problems", () => {
  it("are those of the contract and three of the server's, each with its status", () => {
    const byStatus: Record<number, string[]> = {};
    for (const code of problemCodes()) {
      byStatus[problemStatus(code)] = [...(byStatus[problemStatus(code)] ?? []), code];
    }
    expect(byStatus).toEqual({
      400: [
        "file_missing",
        "file_invalid",
        "mode_invalid",
        "size_invalid",
        "sha256_invalid",
        "type_invalid",
        "expires_invalid",
        "job_invalid",
        "option_invalid",
        "field_unknown",
        "parameter_repeated",
        "body_not_json",
        "body_empty",
        "request_malformed",
        "idempotency_key_invalid",
      ],
      404: ["input_not_found", "result_not_found", "job_not_found", "route_not_found"],
      405: ["method_not_allowed"],
      409: ["idempotency_conflict", "job_ended", "input_changed"],
      413: ["body_too_large", "image_too_large"],
      415: ["content_type_unsupported"],
      422: ["image_unsupported", "image_corrupt", "image_empty", "image_too_many_pixels", "image_too_many_pages"],
      431: ["headers_too_large"],
      500: ["attempts_exhausted", "internal_error"],
      503: ["overloaded", "engine_unavailable", "upstream_unavailable", "draining"],
      504: ["engine_timeout"],
    });
  });

  it("have a title each, no two the same", () => {
    const titles = problemCodes().map(problemTitle);
    expect(new Set(titles).size).toBe(titles.length);
  });

  it("are written as RFC 9457 has them", () => {
    expect(problem("job_ended", "Too late.", "/jobs/x")).toEqual({
      type: "urn:ddn:problem:job_ended",
      title: "The job has already ended",
      status: 409,
      detail: "Too late.",
      instance: "/jobs/x",
      code: "job_ended",
    });
    expect(problem("job_ended", "Too late.")).not.toHaveProperty("instance");
  });
});

describe("a value in a detail", () => {
  it.each([
    [undefined, "nothing"],
    [null, "null"],
    ["a\n\u0000", '"a\\n\\u0000"'],
    [1.5, "1.5"],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "Infinity"],
    [{ a: [1] }, '{"a":[1]}'],
    ["x".repeat(62), `"${"x".repeat(62)}"`],
    ["x".repeat(63), `"${"x".repeat(62)}…`],
    ["가".repeat(100), `"${"가".repeat(62)}…`],
    ["\u{20000}".repeat(100), `"${"\u{20000}".repeat(62)}…`],
  ])("%j reads %s", (value, text) => {
    expect(quote(value)).toBe(text);
    expect(Array.from(text).length).toBeLessThanOrEqual(64);
  });

  it("stands in the one sentence", () => {
    expect(expected("a number", "strength", "x", "Try 1.")).toBe(
      'Expected a number for `strength` but received "x". Try 1.',
    );
  });
});
