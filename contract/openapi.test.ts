// Does not prove that the handlers answer as described; functions/openapi.test.ts does.
import Ajv2020 from "ajv/dist/2020";
import { describe, expect, it } from "vitest";
import type { Job } from "./job";
import { type OpenApiDocument, type Operation, openapiDocument } from "./openapi";
import { problemCodes, problemStatus } from "./problem";
import { routes } from "./routes";
import { version } from "./version";

const document = openapiDocument();

const operations = (): readonly (readonly [string, Operation])[] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const),
  );

const resolve = (pointer: string): unknown =>
  pointer
    .replace(/^#\//, "")
    .split("/")
    .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);

const collect = (value: unknown, found: string[] = []): readonly string[] => {
  if (typeof value !== "object" || value === null) return found;
  for (const [key, each] of Object.entries(value)) {
    if (key === "$ref" && typeof each === "string") found.push(each);
    else collect(each, found);
  }
  return found;
};

/** The codes that an operation shows as examples, by status. */
const codesOf = ({ responses }: Operation): readonly (readonly [string, string])[] =>
  Object.entries(responses).flatMap(([status, { content }]) =>
    Object.keys(content?.["application/problem+json"]?.examples ?? {}).map((code) => [status, code] as const),
  );

const correlation = { horizontal: [0, 0, 0], vertical: [0, 0, 0] };
const typical = { sigmaBeforeLsb: 80, sigmaAfterLsb: 8, snrGainDb: 20, meanShiftLsb: -1, clippedShare: 0 };
const plane = {
  page: 0,
  channel: 0,
  flat: {
    share: 0.5,
    sigmaBeforeLsb: 80,
    sigmaBeforePercent: 0.12,
    sigmaAfterLsb: 8,
    sigmaAfterPercent: 0.012,
    snrGainDb: 20,
    correlation,
  },
  meanShiftLsb: -1,
  clippedShare: 0,
  residual: { correlation, gradientCorrelation: -0.1, structure: 0 },
  seamRatio: 1,
};

const everything: Required<Job> = {
  id: "0123456789abcdefghijklmnop",
  file: "a.tif",
  output: "b.tif",
  options: { strength: 1, sigma: 0.01 },
  status: "succeeded",
  progress: { done: 4, total: 4 },
  etaSeconds: 10,
  attempts: 1,
  createdAt: "2026-11-23T12:00:00.000Z",
  startedAt: "2026-11-23T12:00:01.000Z",
  finishedAt: "2026-11-23T12:00:02.000Z",
  cancelRequestedAt: "2026-11-23T12:00:02.000Z",
  input: { bytes: 9, etag: '"e"', sha256: "00", width: 1, height: 1, pages: 1, channels: 1, bits: 16 },
  result: { bytes: 9, etag: '"r"', versionId: "v", sha256: "00" },
  model: { name: "ddn", version: "1", sha256: "00" },
  engine: "onnx",
  timings: { queueMs: 1, readMs: 1, decodeMs: 1, inferMs: 1, encodeMs: 1, writeMs: 1, totalMs: 1 },
  warnings: [{ code: "tags_lost", detail: "Copyright." }],
  report: {
    noise: [{ page: 0, channel: 0, a: 0.1, b: 0.1, sigmaLsb: 80 }],
    quality: { planes: 1, typical, worst: plane, each: [plane], words: ["The mean moved by 0 LSB."] },
  },
  cost: { gpuSeconds: 0.1, usd: 0.001 },
  error: { code: "image_corrupt", title: "T", detail: "D" },
  worker: "server-1",
  requestHash: "00",
};

describe("the OpenAPI document", () => {
  it("is of OpenAPI 3.1 and of this version", () => {
    expect(document).toMatchObject({ openapi: "3.1.0", info: { version }, servers: [{ url: "/" }] });
    expect(openapiDocument({ serverUrl: "https://api.example.com" }).servers).toEqual([
      { url: "https://api.example.com" },
    ]);
  });

  it("describes every route and no other", () => {
    const described = operations().map(([key]) => key);
    const routed = routes.map(({ key }) => key).filter((key) => key !== "$default");
    expect([...described].sort()).toEqual([...routed].sort());
  });

  it("asks for authorisation exactly where the routes do", () => {
    for (const [key, { security }] of operations()) {
      expect([key, security.length === 0]).toEqual([key, routes.find((route) => route.key === key)?.open]);
    }
  });

  it("names every problem code, and each where its own status stands", () => {
    expect(resolve("#/components/schemas/ProblemCode")).toMatchObject({ enum: problemCodes() });
    const shown = operations().flatMap(([, operation]) => codesOf(operation));
    for (const [status, code] of shown) {
      expect(status).toBe(String(problemStatus(code as ReturnType<typeof problemCodes>[number])));
    }
    const missing = problemCodes().filter((code) => !shown.some(([, other]) => other === code));
    expect(missing).toEqual(["route_not_found", "method_not_allowed"]);
    for (const code of missing) expect(document.info.description).toContain(code);
  });

  it("has a success, a unique name and its path's parameters for every operation", () => {
    const names = operations().map(([, { operationId }]) => operationId);
    expect(new Set(names).size).toBe(names.length);
    for (const [key, { responses, parameters = [] }] of operations()) {
      expect(Object.keys(responses).some((status) => status.startsWith("2"))).toBe(true);
      const inPath = parameters.filter((parameter) => parameter.in === "path").map(({ name }) => `{${name}}`);
      expect(Array.from(key.matchAll(/\{\w+\}/g), ([name]) => name)).toEqual(inPath);
    }
  });

  it("points nowhere that is not there", () => {
    const references = collect(document);
    expect(references.length).toBeGreaterThan(20);
    expect(references.filter((reference) => resolve(reference) === undefined)).toEqual([]);
  });

  it("is JSON, and the same each time", () => {
    const copy = JSON.parse(JSON.stringify(document)) as OpenApiDocument;
    expect(copy).toEqual(document);
    expect(openapiDocument()).toEqual(document);
  });

  it("has sound schemas that know every field of a job, and whose example is one", () => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, validateFormats: false });
    ajv.addVocabulary(["components"]);
    ajv.addSchema({ $id: "api", components: document.components });
    for (const name of Object.keys(document.components.schemas ?? {})) {
      expect(() => ajv.getSchema(`api#/components/schemas/${name}`)).not.toThrow();
    }
    const job = document.components.schemas?.Job as { properties: object; examples: unknown[] };
    expect(Object.keys(job.properties)).toEqual(Object.keys(everything));
    const validate = ajv.getSchema("api#/components/schemas/Job");
    for (const each of [everything, ...job.examples]) {
      expect(validate?.(each), JSON.stringify(validate?.errors)).toBe(true);
    }
    expect(validate?.({ ...everything, status: "done" })).toBe(false);
  });
});
