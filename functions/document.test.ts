// Does not prove that the gateway sends here what no route takes; that is the infrastructure's and the twin's own test.
import { describe, expect, it } from "vitest";
import { openapiDocument } from "../contract/openapi";
import type { Problem } from "../contract/problem";
import { documentHandler } from "./document";
import type { ApiResult } from "./event";
import { bodyOf, eventOf } from "./testing/events";

const ask = (method: string, rawPath: string): Promise<ApiResult> =>
  documentHandler()(eventOf("$default", { rawPath, requestContext: { requestId: "request-1", http: { method } } }));

describe("the document function", () => {
  it("serves the OpenAPI document", async () => {
    const result = await documentHandler()(eventOf("GET /openapi.json"));
    expect(result).toMatchObject({
      statusCode: 200,
      headers: { "content-type": "application/json", "cache-control": "no-store" },
    });
    expect(bodyOf(result)).toEqual(openapiDocument());
  });

  it.each([
    ["GET", "/"],
    ["GET", "/ping/"],
    ["GET", "/jobs/"],
    ["GET", "/jobs/a/b"],
    ["GET", "/Presign"],
    ["POST", "/../inference"],
  ])("%s %s is no route", async (method, path) => {
    const result = await ask(method, path);
    expect(result).toMatchObject({ statusCode: 404, headers: { "content-type": "application/problem+json" } });
    expect(bodyOf<Problem>(result)).toMatchObject({
      code: "route_not_found",
      detail: `Expected a route of this API but received "${method} ${path}". GET /openapi.json describes them all.`,
      instance: "urn:ddn:request:request-1",
    });
  });

  it.each([
    ["POST", "/ping", "GET"],
    ["POST", "/presign", "GET"],
    ["GET", "/inference", "POST"],
    ["GET", "/jobs", "POST"],
    ["PUT", "/jobs/abc", "GET, DELETE"],
    ["HEAD", "/openapi.json", "GET"],
  ])("%s %s is not allowed, but %s is", async (method, path, allow) => {
    const result = await ask(method, path);
    expect(result).toMatchObject({ statusCode: 405, headers: { allow } });
    expect(bodyOf<Problem>(result)).toMatchObject({
      code: "method_not_allowed",
      detail: `Expected ${allow} for "${path}" but received "${method}".`,
    });
  });

  it("echoes no more than 64 characters of a path", async () => {
    const { detail } = bodyOf<Problem>(await ask("GET", `/${"x".repeat(500)}`));
    expect(detail).toContain(`"GET /${"x".repeat(57)}…`);
    expect(detail.length).toBeLessThan(160);
  });
});
