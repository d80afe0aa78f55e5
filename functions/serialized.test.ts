// Does not prove that AWS takes the archive, nor what Lambda's own runtime adds; Node is this machine's.
import { rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Job, queuedJob, serviceKey } from "../contract/job";
import { openapiDocument } from "../contract/openapi";
import type { Role } from "../contract/permissions";
import type { Problem } from "../contract/problem";
import type { FunctionName } from "../contract/routes";
import type { ApiResult } from "./event";
import type { PresignAnswer } from "./presign";
import { bodyOf, eventOf } from "./testing/events";
import { type LambdaPackage, packLambda, unpackLambdas, withoutEngine } from "./testing/lambdaPackage";
import { type LambdaProcess, startLambda } from "./testing/lambdaProcess";
import { nativeRequire, projectRoot } from "./testing/nativeProgram";
import { startTwin, type TestTwin } from "./testing/twin";

const names: readonly FunctionName[] = ["presign", "jobs", "ping", "document"];

let lambdas: Record<FunctionName, LambdaPackage>;
let directory: string;
let twin: TestTwin;
const started: Partial<Record<FunctionName, LambdaProcess>> = {};

const lambda = (name: FunctionName): LambdaProcess => {
  const environment = name === "document" ? {} : twin.environmentOf(name satisfies Role);
  started[name] ??= startLambda(path.join(directory, `${name}.js`), environment);
  return started[name];
};

beforeAll(async () => {
  await withoutEngine();
  const { callbacks } = nativeRequire()("./functions/callbacks") as typeof import("./callbacks");
  const packed = names.map(async (name) => [name, await packLambda(name, callbacks[name])] as const);
  lambdas = Object.fromEntries(await Promise.all(packed)) as Record<FunctionName, LambdaPackage>;
  directory = await unpackLambdas(lambdas);
  twin = await startTwin();
}, 180_000);

afterAll(async () => {
  await Promise.all(Object.values(started).map((each) => each.stop()));
  await twin.close();
  await rm(directory, { recursive: true, force: true });
});

describe("what is deployed", () => {
  it.each([
    ["presign", ["@aws-sdk/client-s3", "@aws-sdk/s3-request-presigner"]],
    ["jobs", ["@aws-sdk/client-s3", "@aws-sdk/client-sqs", "crypto"]],
    ["ping", ["@aws-sdk/client-s3", "@aws-sdk/client-sqs"]],
    ["document", []],
  ] as const)("of %s requires %j and nothing else", (name, modules) => {
    const required = Array.from(lambdas[name].text.matchAll(/require\("([^"]+)"\)/g), ([, module = ""]) =>
      module.replace(/\/dist-cjs\/index\.js$/, ""),
    );
    expect(required.sort()).toEqual(modules);
  });

  it.each(names)("of %s knows nothing of the machine that packed it, nor of Pulumi", (name) => {
    for (const foreign of [projectRoot, homedir(), tmpdir(), "@pulumi", "file://"]) {
      expect(lambdas[name].text).not.toContain(foreign);
    }
  });

  it("has beside it the SDK and what the SDK needs, and nothing else", () => {
    const packages = [
      "@aws-sdk/checksums",
      "@aws-sdk/client-s3",
      "@aws-sdk/client-sqs",
      "@aws-sdk/core",
      "@aws-sdk/credential-provider-env",
      "@aws-sdk/credential-provider-http",
      "@aws-sdk/credential-provider-ini",
      "@aws-sdk/credential-provider-login",
      "@aws-sdk/credential-provider-node",
      "@aws-sdk/credential-provider-process",
      "@aws-sdk/credential-provider-sso",
      "@aws-sdk/credential-provider-web-identity",
      "@aws-sdk/middleware-sdk-s3",
      "@aws-sdk/middleware-sdk-sqs",
      "@aws-sdk/nested-clients",
      "@aws-sdk/s3-request-presigner",
      "@aws-sdk/signature-v4-multi-region",
      "@aws-sdk/token-providers",
      "@aws-sdk/types",
      "@aws-sdk/xml-builder",
      "@aws/lambda-invoke-store",
      "@smithy/core",
      "@smithy/credential-provider-imds",
      "@smithy/fetch-http-handler",
      "@smithy/node-http-handler",
      "@smithy/signature-v4",
      "@smithy/types",
      "bowser",
      "tslib",
    ].map((name) => `node_modules/${name}`);
    for (const name of names) expect(lambdas[name].packages).toEqual(packages);
  });
});

const presign = async (parameters: Readonly<Record<string, string>>): Promise<PresignAnswer> => {
  const rawQueryString = new URLSearchParams(parameters).toString();
  const result = await lambda("presign").invoke(eventOf("GET /presign", { rawQueryString }));
  expect(result.statusCode, result.body).toBe(200);
  return bodyOf<PresignAnswer>(result);
};

const transfer = ({ url, method, headers }: PresignAnswer, body?: Uint8Array<ArrayBuffer>): Promise<Response> =>
  fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });

const jobs = (routeKey: string, id?: string, body?: unknown): Promise<ApiResult> =>
  lambda("jobs").invoke(
    eventOf(routeKey, {
      ...(id === undefined ? {} : { pathParameters: { id } }),
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "idempotency-key": "once" } }),
    }),
  );

const image = new Uint8Array(70_000).map((_, index) => index * 7);
const file = "검사 2/용접,부+1.tif";

describe("the deployed text, in a process with the shipped packages alone,", () => {
  it("signs an upload that S3 takes with no header at all", async () => {
    const answer = await presign({ file, mode: "upload" });

    expect(answer.headers).toEqual({});
    expect(new URL(answer.url).searchParams.get("X-Amz-SignedHeaders")).toBe("host");
    expect(answer.url).not.toMatch(/checksum/i);
    expect((await transfer(answer, image)).status).toBe(200);
    expect(await twin.read("in", file)).toEqual(image);
  });

  it("signs an upload that S3 holds to its size, type, checksum and place", async () => {
    const digest = Buffer.from(await crypto.subtle.digest("SHA-256", image)).toString("base64");
    const options = { size: "70000", type: "image/tiff", sha256: digest, overwrite: "false", expires: "60" };
    const answer = await presign({ file: "pinned.tif", mode: "upload", ...options });

    expect(
      (
        await transfer(
          answer,
          image.map((value) => value + 1),
        )
      ).status,
    ).toBe(400);
    expect((await transfer(answer, image)).status).toBe(200);
    expect((await transfer(answer, image)).status).toBe(412);
    expect(await twin.read("in", "pinned.tif")).toEqual(image);
  });

  it("submits, shows, repeats and cancels a job", async () => {
    await twin.put("in", file, image);
    const submitted = await jobs("POST /jobs", undefined, { file });
    const job = bodyOf<Job>(submitted);
    expect(submitted).toMatchObject({ statusCode: 202, headers: { location: `/jobs/${job.id}` } });
    expect(job).toMatchObject({ file, status: "queued", input: { bytes: 70_000 } });
    expect(bodyOf<Job>(await jobs("GET /jobs/{id}", job.id))).toEqual(job);
    expect(await twin.messages()).toEqual([{ job: job.id }]);
    expect(bodyOf<Job>(await jobs("POST /jobs", undefined, { file }))).toEqual(job);
    expect(await twin.messages()).toEqual([{ job: job.id }]);

    const cancelled = bodyOf<Job>(await jobs("DELETE /jobs/{id}", job.id));

    expect(cancelled).toMatchObject({ id: job.id, status: "cancelled" });
    expect(await twin.job(job.id)).toEqual(cancelled);
    expect(bodyOf<Problem>(await jobs("DELETE /jobs/{id}", job.id))).toMatchObject({ status: 409, code: "job_ended" });
    expect(bodyOf<Problem>(await jobs("POST /inference", undefined, { file }))).toMatchObject({ code: "job_ended" });
  });

  it.each([
    ["counts the jobs of a stack", { DDN_STACK: "dev" }, [{ Stack: "dev", JobsSubmitted: 1 }]],
    ["logs nothing where no stack is named", {}, []],
  ])("%s", async (_, stack, lines) => {
    await twin.put("in", file, image);
    const counting = startLambda(path.join(directory, "jobs.js"), { ...twin.environmentOf("jobs"), ...stack });
    const result = await counting.invoke(eventOf("POST /jobs", { body: JSON.stringify({ file }) }));
    await counting.stop();
    await twin.messages();

    expect(result.statusCode).toBe(202);
    const logged = counting
      .log()
      .split("\n")
      .filter((line) => line.startsWith("{"));
    expect(logged.map((line) => JSON.parse(line))).toEqual(lines.map((line) => expect.objectContaining(line)));
  });

  it("signs the download of a file and of one job's own version", async () => {
    const request = { file, output: file, options: { strength: 1 } };
    const id = "0123456789abcdefghijklmnop";
    const mine = await twin.put("out", file, image);
    await twin.putJob({
      ...queuedJob(id, request, { bytes: 70_000, etag: mine.etag }, new Date()),
      status: "succeeded",
      result: { bytes: 70_000, sha256: "00", ...mine },
    });
    await twin.put("out", file, "another's");

    const latest = await transfer(await presign({ file, mode: "download" }));
    const own = await transfer(await presign({ job: id, mode: "download" }));

    expect(await latest.text()).toBe("another's");
    expect(new Uint8Array(await own.arrayBuffer())).toEqual(image);
    expect(own.headers.get("content-disposition")).toBe(
      "attachment; filename=\"__,_+1.tif\"; filename*=UTF-8''%EC%9A%A9%EC%A0%91%2C%EB%B6%80%2B1.tif",
    );
  });

  it("refuses with the whole problem", async () => {
    const result = await lambda("presign").invoke(
      eventOf("GET /presign", { rawQueryString: "file=a.exe&mode=upload" }),
    );
    expect(result).toMatchObject({ statusCode: 400, headers: { "content-type": "application/problem+json" } });
    expect(bodyOf<Problem>(result)).toEqual({
      type: "urn:ddn:problem:file_invalid",
      title: "The file name is not allowed",
      status: 400,
      detail: 'Expected a name ending in .tif, .tiff or .png for `file` but received "a.exe".',
      instance: "urn:ddn:request:request-1",
      code: "file_invalid",
    });
  });

  it("tells by ping whether a server is ready", async () => {
    const ping = async () => bodyOf<{ service: string }>(await lambda("ping").invoke(eventOf("GET /ping"))).service;
    expect(await ping()).toBe("asleep");
    const record = { instance: "a", ready: true, since: "2026-11-23T00:00:00Z", version: "0.1.0" };
    await twin.put("out", serviceKey("a"), JSON.stringify(record));
    expect(await ping()).toBe("ready");
  });

  it("serves the OpenAPI document as it is here", async () => {
    expect(bodyOf(await lambda("document").invoke(eventOf("GET /openapi.json")))).toEqual(openapiDocument());
  });
});
