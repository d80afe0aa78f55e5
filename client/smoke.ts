import { createHash, randomBytes } from "node:crypto";
import { fromArrayBuffer } from "geotiff";
import type { Job } from "../contract/job";
import { routes } from "../contract/routes";
import { type ApiCall, type ApiFetch, apiFetch } from "./apiFetch";
import { type Client, type ClientOptions, createClient, DdnError, errorOfJob, type Presigned } from "./client";
import { exitCodes } from "./denoise";
import type { Output } from "./display";
import { errorOfNetwork } from "./error";
import { greyTiff } from "./smokeImage";

/** What the checks share: the deployment, and what the ones before found. */
interface Visit {
  readonly client: Client;
  /** Sends to the API as the client does, and without credentials. */
  readonly api: { readonly authorized: ApiFetch; readonly open: ApiFetch };
  /** Segment in front of every file of this visit; the buckets' lifecycle removes them. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

interface Check {
  /** A sentence of what holds. */
  readonly name: string;
  run(visit: Visit): Promise<string | undefined>;
}

const size = 96;

const expect = (holds: boolean, expectation: string, came: unknown): void => {
  if (!holds) throw new DdnError(0, "smoke", `Expected ${expectation} but received ${JSON.stringify(came)}.`);
};

/** The code that a call is refused with; complains when it is not refused. */
const refusal = async (call: Promise<unknown>): Promise<string> => {
  try {
    await call;
  } catch (error) {
    if (error instanceof DdnError) return error.code;
    throw error;
  }
  return "no refusal";
};

const codeOf = async (send: ApiFetch, path: string, call: ApiCall): Promise<string> => {
  const answer = await send(path, call);
  const { code } = (await answer.json()) as { code?: string };
  return `${answer.status} ${code}`;
};

/** Says which address does not answer. */
const send: typeof fetch = async (input, init) => {
  try {
    return await fetch(input, init);
  } catch (cause) {
    throw errorOfNetwork(String(input), cause);
  }
};

const put = async (
  { signal }: Visit,
  { url }: Presigned,
  body: Uint8Array<ArrayBuffer>,
  headers = {},
): Promise<number> => (await send(url, { method: "PUT", body, headers, signal })).status;

const bytesOf = async ({ client, signal }: Visit, job: Job): Promise<ArrayBuffer> =>
  (await client.download({ job: job.id }, { signal })).arrayBuffer();

const checks: readonly Check[] = [
  {
    name: "ping answers, whatever the GPU does",
    run: async ({ client, signal }) => {
      const { status, version, service } = await client.ping({ signal });
      expect(status === "ok", "status ok", status);
      return `version ${version}, service ${service}`;
    },
  },
  {
    name: "the OpenAPI document describes every route",
    run: async ({ api, signal }) => {
      const { paths } = (await (await api.open("/openapi.json", { signal })).json()) as { paths: object };
      const missing = routes
        .map(({ key }) => key.split(" ")[1])
        .filter((path) => path !== undefined && !(path in paths));
      expect(missing.length === 0, "every route", missing);
      return undefined;
    },
  },
  {
    name: "a client that sends nothing but file and mode uploads without any header",
    run: async (visit) => {
      const signed = await visit.client.presignUpload(`${visit.folder}/legacy.tif`, { signal: visit.signal });
      const query = new URL(signed.url).searchParams;
      expect(query.get("X-Amz-SignedHeaders") === "host", "host alone to be signed", query.get("X-Amz-SignedHeaders"));
      expect(![...query.keys()].some((name) => /checksum/i.test(name)), "no checksum in the URL", [...query.keys()]);
      const status = await put(visit, signed, greyTiff(size));
      expect(status === 200, "the upload to be taken (200)", status);
      return undefined;
    },
  },
  {
    name: "storage refuses another length than the announced one",
    run: async (visit) => {
      const announced = { size: 10, signal: visit.signal };
      const status = await put(
        visit,
        await visit.client.presignUpload(`${visit.folder}/size.tif`, announced),
        greyTiff(size),
      );
      expect(status === 403, "403", status);
      return undefined;
    },
  },
  {
    name: "storage does not replace a file that must not be replaced",
    run: async (visit) => {
      const terms = { overwrite: false, signal: visit.signal } as const;
      const once = await visit.client.presignUpload(`${visit.folder}/once.tif`, terms);
      const statuses = [
        await put(visit, once, greyTiff(size), once.headers),
        await put(visit, once, greyTiff(size), once.headers),
      ];
      expect(statuses.join() === "200,412", "200 and then 412", statuses);
      return undefined;
    },
  },
  {
    name: "what is wrong with a request is said by its code",
    run: async (visit) => {
      const { client, api, folder, signal } = visit;
      const json = { method: "POST", headers: { "content-type": "application/json" }, signal };
      const found = [
        await codeOf(api.authorized, "/presign?mode=upload&file=..%2Fa.tif", { signal }),
        await codeOf(api.authorized, "/presign?mode=upload&file=a.tif&file=b.tif", { signal }),
        await codeOf(api.authorized, "/jobs", { ...json, body: "{" }),
        await codeOf(api.open, "/nowhere", { signal }),
        await codeOf(api.open, "/presign", json),
        await refusal(client.presignDownload({ file: `${folder}/nothing.tif` }, { signal })),
        await refusal(client.createJob({ file: `${folder}/nothing.tif` }, { signal })),
        await refusal(client.job("0".repeat(26), { signal })),
      ];
      const wanted = [
        "400 file_invalid",
        "400 parameter_repeated",
        "400 body_not_json",
        "404 route_not_found",
        "405 method_not_allowed",
        "result_not_found",
        "input_not_found",
        "job_not_found",
      ];
      expect(found.join() === wanted.join(), wanted.join(", "), found);
      return undefined;
    },
  },
  {
    name: "a queued image comes back denoised, as large and as deep as it went in, and the job can be told from its like",
    run: async (visit) => {
      const { client, folder, signal } = visit;
      const image = greyTiff(size);
      const sha256 = createHash("sha256").update(image).digest("base64");
      const file = await client.upload(`${folder}/시편 03.tif`.normalize("NFD"), image, {
        size: image.length,
        sha256,
        signal,
      });
      expect(file === `${folder}/시편 03.tif`.normalize("NFC"), "the name in NFC", file);
      const idempotencyKey = randomBytes(12).toString("hex");
      const first = await client.createJob({ file }, { idempotencyKey, signal });
      const again = await client.createJob({ file }, { idempotencyKey, signal });
      expect(first.id === again.id, "the same job for the same Idempotency-Key", [first.id, again.id]);
      const conflict = await refusal(client.createJob({ file, strength: 0.5 }, { idempotencyKey, signal }));
      expect(conflict === "idempotency_conflict", "idempotency_conflict", conflict);

      const job = await client.waitForJob(first.id, { signal });
      const failure = errorOfJob(job);
      if (failure !== undefined) throw failure;
      const result = await bytesOf(visit, job);
      const found = createHash("sha256").update(new Uint8Array(result)).digest("hex");
      expect(found === job.result?.sha256, `the bytes of SHA-256 ${job.result?.sha256}`, found);
      const page = await (await fromArrayBuffer(result)).getImage();
      const shape = [page.getWidth(), page.getHeight(), page.getSamplesPerPixel(), page.getBitsPerSample()];
      expect(shape.join() === [size, size, 1, 16].join(), `${size}×${size}, one channel, 16 bit`, shape);
      const ended = await refusal(client.cancel(job.id, { signal }));
      expect(ended === "job_ended", "job_ended for a cancel that comes too late", ended);
      return `${job.engine}, model ${job.model?.name} ${job.model?.version}, ${job.timings?.totalMs} ms`;
    },
  },
  {
    name: "POST /inference answers the finished job, or where it is",
    run: async ({ client, folder, signal }) => {
      const job = await client.infer({ file: `${folder}/legacy.tif` }, { signal });
      const failure = errorOfJob(await client.waitForJob(job.id, { signal }));
      if (failure !== undefined) throw failure;
      return undefined;
    },
  },
];

/**
 * The contract's checks against any deployment, over HTTP alone: one line each. Open routes are asked without credentials.
 * @returns the exit code: 0 when all hold, 1 when one does not
 */
export const smoke = async (
  { baseUrl, authorization }: Pick<ClientOptions, "baseUrl" | "authorization">,
  output: Output,
  signal: AbortSignal,
): Promise<number> => {
  const base = baseUrl.replace(/\/+$/, "");
  const folder = `ddn-smoke/${randomBytes(6).toString("hex")}`;
  const visit: Visit = {
    client: createClient({ baseUrl: base, authorization }),
    api: { authorized: apiFetch(base, authorization, send), open: apiFetch(base, undefined, send) },
    folder,
    signal,
  };
  let held = 0;
  for (const [index, { name, run }] of checks.entries()) {
    const start = performance.now();
    try {
      const found = await run(visit);
      held += 1;
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      output.write(`ok    ${name}${found === undefined ? "" : ` (${found})`}, ${seconds} s\n`);
    } catch (error) {
      signal.throwIfAborted();
      const why = error instanceof DdnError ? `${error.code}: ${error.detail}` : String(error);
      output.write(`FAIL  ${name}\n      ${why}\n`);
      // Where nobody listens the others would fail alike.
      if (index === 0 && error instanceof DdnError && error.code === "network_failed") break;
    }
  }
  output.write(`${held} of ${checks.length} checks hold at ${base}\n`);
  return held === checks.length ? exitCodes.fine : exitCodes.failed;
};
