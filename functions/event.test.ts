// Does not prove how API Gateway itself fills an event; the shape is from its documentation.
import { describe, expect, it } from "vitest";
import { problem } from "../contract/problem";
import { bodyText, header, problemResult, queryPairs } from "./event";
import { eventOf } from "./testing/events";

describe("an event", () => {
  it("has its headers in any case", () => {
    const event = eventOf("POST /jobs", { headers: { "Content-Type": "a", prefer: "b" } });
    expect([header(event, "content-type"), header(event, "prefer"), header(event, "accept")]).toEqual([
      "a",
      "b",
      undefined,
    ]);
  });

  it.each([
    ["", []],
    [
      "a=1&a=2&b=,",
      [
        ["a", "1"],
        ["a", "2"],
        ["b", ","],
      ],
    ],
    ["file=a%2Cb%2B%EA%B0%80+c", [["file", "a,b+가 c"]]],
    [
      "a&&=b",
      [
        ["a", ""],
        ["", "b"],
      ],
    ],
  ])("has the pairs of the query %s", (rawQueryString, pairs) => {
    expect(queryPairs(eventOf("GET /presign", { rawQueryString }))).toEqual(pairs);
  });

  it("has the text of its body, encoded or not, and none at all", () => {
    const body = Buffer.from("가").toString("base64");
    expect(bodyText(eventOf("POST /jobs", { body: "가" }))).toEqual({ ok: true, value: "가" });
    expect(bodyText(eventOf("POST /jobs", { body, isBase64Encoded: true }))).toEqual({ ok: true, value: "가" });
    expect(bodyText(eventOf("POST /jobs"))).toEqual({ ok: true, value: "" });
  });
});

describe("a problem's answer", () => {
  it("names the request, unless the problem names a job", () => {
    const ofRequest = problemResult(eventOf("GET /ping"), problem("job_ended", "Why."));
    const ofJob = problemResult(eventOf("GET /ping"), problem("job_ended", "Why.", "/jobs/x"));
    expect(JSON.parse(ofRequest.body)).toMatchObject({ instance: "urn:ddn:request:request-1" });
    expect(JSON.parse(ofJob.body)).toMatchObject({ instance: "/jobs/x" });
  });

  it("asks to come again after a 503, and only then", () => {
    expect(problemResult(eventOf("GET /ping"), problem("overloaded", "Why.")).headers).toEqual({
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "retry-after": "5",
    });
    expect(problemResult(eventOf("GET /ping"), problem("job_ended", "Why.")).headers).not.toHaveProperty("retry-after");
  });
});
