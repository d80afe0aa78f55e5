// Does not prove what the gateway answers itself, nor the server's answers to POST /inference.
import Ajv2020 from "ajv/dist/2020";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jobIdForKey } from "../contract/jobId";
import { type Operation, openapiDocument } from "../contract/openapi";
import { documentHandler } from "./document";
import type { ApiResult } from "./event";
import { jobsHandler } from "./jobs";
import { pingHandler } from "./ping";
import { presignHandler } from "./presign";
import { bodyOf, eventOf } from "./testing/events";
import { startTwin, type TestTwin } from "./testing/twin";

let twin: TestTwin;

beforeAll(async () => {
  twin = await startTwin();
  await twin.put("in", "a.tif", "four");
  await twin.put("out", "a.tif", "four");
});
afterAll(() => twin.close());

/** The same schemas with no field allowed that they do not name, so that a new field must be described. */
const closed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, closed(each)] as const);
  const object = Object.fromEntries(entries);
  return "properties" in object ? { additionalProperties: false, ...object } : object;
};

const document = openapiDocument();
const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema({ $id: "api", components: closed(document.components) });

const violations = (routeKey: string, { statusCode, headers, body }: ApiResult): unknown => {
  const [method = "", path = ""] = routeKey.split(" ");
  const operation: Operation | undefined = document.paths[path]?.[method.toLowerCase()];
  const response = operation?.responses[String(statusCode)];
  const media = response?.content?.[headers["content-type"] ?? ""];
  if (media === undefined) return `no ${statusCode} of ${headers["content-type"]} in ${routeKey}`;
  const schema = JSON.parse(JSON.stringify(media.schema).replaceAll('"#/', '"api#/'));
  const validate = ajv.compile(schema);
  return validate(JSON.parse(body)) ? undefined : validate.errors;
};

const presign = (rawQueryString: string): Promise<ApiResult> =>
  presignHandler({
    inBucket: twin.inBucket,
    outBucket: twin.outBucket,
    maxBytes: 1000,
    requireSize: false,
    clients: twin.clientsOf("presign"),
  })(eventOf("GET /presign", { rawQueryString }));

const jobs = (routeKey: string, more: Parameters<typeof eventOf>[1]): Promise<ApiResult> =>
  jobsHandler({
    inBucket: twin.inBucket,
    outBucket: twin.outBucket,
    queueUrl: twin.queueUrl,
    maxBytes: 1000,
    wakeSeconds: 300,
    clients: twin.clientsOf("jobs"),
  })(eventOf(routeKey, more));

const ping = (): Promise<ApiResult> =>
  pingHandler({ outBucket: twin.outBucket, queueUrl: twin.queueUrl, clients: twin.clientsOf("ping") })(
    eventOf("GET /ping"),
  );

const keyed = (key: string, body: unknown) => ({ body: JSON.stringify(body), headers: { "idempotency-key": key } });
const known = { pathParameters: { id: jobIdForKey("known", 0) } };

describe("what the functions answer is what the OpenAPI document says:", () => {
  it.each([
    ["GET /ping", 200, () => ping()],
    ["GET /openapi.json", 200, () => documentHandler()(eventOf("GET /openapi.json"))],
    ["GET /presign", 200, () => presign("file=a.tif&mode=upload&size=4&type=image/tiff&overwrite=false")],
    ["GET /presign", 200, () => presign("file=a.tif&mode=download")],
    ["GET /presign", 400, () => presign("file=a.tif")],
    ["GET /presign", 404, () => presign("file=none.tif&mode=download")],
    ["GET /presign", 413, () => presign("file=a.tif&mode=upload&size=1001")],
    ["POST /jobs", 202, () => jobs("POST /jobs", keyed("known", { file: "a.tif" }))],
    ["POST /jobs", 202, () => jobs("POST /jobs", keyed("batch", { files: ["a.tif"] }))],
    ["POST /jobs", 400, () => jobs("POST /jobs", keyed("bad", {}))],
    ["POST /jobs", 404, () => jobs("POST /jobs", keyed("lost", { file: "none.tif" }))],
    ["POST /jobs", 409, () => jobs("POST /jobs", keyed("known", { file: "a.tif", strength: 0 }))],
    ["GET /jobs/{id}", 200, () => jobs("GET /jobs/{id}", known)],
    ["GET /jobs/{id}", 400, () => jobs("GET /jobs/{id}", { pathParameters: { id: "x" } })],
    ["GET /jobs/{id}", 404, () => jobs("GET /jobs/{id}", { pathParameters: { id: "0".repeat(26) } })],
    ["DELETE /jobs/{id}", 202, () => jobs("DELETE /jobs/{id}", known)],
    ["DELETE /jobs/{id}", 409, () => jobs("DELETE /jobs/{id}", known)],
    [
      "POST /inference",
      202,
      () => jobs("POST /inference", { ...keyed("b", { file: "a.tif" }), headers: { prefer: "wait=0" } }),
    ],
    ["POST /inference", 409, () => jobs("POST /inference", keyed("known", { file: "a.tif" }))],
    ["POST /inference", 400, () => jobs("POST /inference", keyed("c", { file: "a.exe" }))],
  ] as const)("%s with %i", async (routeKey, status, ask) => {
    const result = await ask();
    expect(result.statusCode, result.body).toBe(status);
    expect(violations(routeKey, result)).toBeUndefined();
  });

  it("and a field that it does not know would be noticed", async () => {
    const result = await ping();
    const grown = { ...result, body: JSON.stringify({ ...bodyOf<object>(result), extra: 1 }) };
    expect(violations("GET /ping", grown)).toMatchObject([{ keyword: "additionalProperties" }]);
  });
});
