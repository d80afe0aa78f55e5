// Does not prove anything about the pixels: the server's own tests do.
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startTwin, type Twin } from "../local/twin";
import { signedByAws } from "./awsSignature";
import { bearer, type Client, createClient, errorOfJob } from "./client";
import { main } from "./command";
import { smoke } from "./smoke";
import { signedFor, startGuard, testKey, withToken } from "./testing/guard";
import { noisyTiff } from "./testing/images";

let twin: Twin;
let folder: string;
let image: Buffer;
let client: Client;

const sha256Of = (bytes: Uint8Array) => createHash("sha256").update(bytes);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ddn-platform-"));
  [twin, image] = await Promise.all([startTwin({ directory: join(folder, "twin") }), noisyTiff(64, 48, 2)]);
  client = createClient({ baseUrl: twin.url });
});
afterAll(async () => {
  await twin.close();
  await rm(folder, { recursive: true, force: true });
});

describe("the client on a real platform", () => {
  it("takes an image all the way, its size and checksum pinned, and gets the bytes that the job names", async () => {
    const bytes = new Uint8Array(image);
    const terms = { size: bytes.length, sha256: sha256Of(bytes).digest("base64") };

    const file = await client.upload("스캔/a.tif".normalize("NFD"), bytes, terms);
    const created = await client.createJob({ file, strength: 0.5 });
    const job = await client.waitForJob(created.id);
    const result = new Uint8Array(await (await client.download({ job: job.id })).arrayBuffer());

    expect(file).toBe("스캔/a.tif");
    expect(job).toMatchObject({ status: "succeeded", options: { strength: 0.5 }, input: { pages: 2, bits: 16 } });
    expect(sha256Of(result).digest("hex")).toBe(job.result?.sha256);
  });

  it("streams an upload through, and storage refuses bytes that were not announced", async () => {
    const source = { size: image.length, stream: () => new Blob([new Uint8Array(image)]).stream() };
    const seen: number[] = [];
    const onProgress = (sent: number) => seen.push(sent);

    await client.upload("streamed.tif", source, { size: image.length, onProgress });
    const wrong = client.upload("wrong.tif", source, { sha256: sha256Of(Buffer.from("x")).digest("base64") });

    expect(seen.at(-1)).toBe(image.length);
    await expect(wrong).rejects.toMatchObject({ status: 400, code: "storage_bad_digest" });
  });

  it("does not replace a file when told not to", async () => {
    await client.upload("once.tif", new Uint8Array(image), { overwrite: false });

    const again = client.upload("once.tif", new Uint8Array(image), { overwrite: false });

    await expect(again).rejects.toMatchObject({ status: 412, code: "storage_precondition_failed" });
  });

  it("tells what is wrong with a file, a job and an image", async () => {
    await client.upload("text.tif", new TextEncoder().encode("no image"));

    const [job] = await client.createJobs([{ file: "text.tif" }]);
    const ended = await client.waitForJob(job?.id ?? "");

    expect(errorOfJob(ended)?.code).toBe("image_unsupported");
    await expect(client.createJob({ file: "none.tif" })).rejects.toMatchObject({
      status: 404,
      code: "input_not_found",
    });
    await expect(client.presignUpload("a.exe")).rejects.toMatchObject({ status: 400, code: "file_invalid" });
    await expect(client.job("x")).rejects.toMatchObject({ status: 400, code: "job_invalid" });
    await expect(client.cancel(job?.id ?? "")).rejects.toMatchObject({ status: 409, code: "job_ended" });
    await expect(client.infer({ file: "text.tif" })).rejects.toMatchObject({ status: 422, code: "image_unsupported" });
  });

  it("finds the same job by the same Idempotency-Key", async () => {
    const file = await client.upload("same.tif", new Uint8Array(image));

    const first = await client.createJob({ file }, { idempotencyKey: "k-1" });
    const second = await client.createJob({ file }, { idempotencyKey: "k-1" });

    expect(second.id).toBe(first.id);
    const other = client.createJob({ file, strength: 0 }, { idempotencyKey: "k-1" });
    await expect(other).rejects.toMatchObject({ status: 409, code: "idempotency_conflict" });
  });
});

describe("ddn denoise on a real platform", () => {
  it("denoises a folder, fails the one bad file, and skips the finished ones the next time", async () => {
    await mkdir(join(folder, "scans/깊은"), { recursive: true });
    await writeFile(join(folder, "scans/깊은/용접 #1.tif"), image);
    await writeFile(join(folder, "scans/bad.tif"), "no image");
    const out = join(folder, "out");
    const ddn = async () => {
      let text = "";
      const output = { write: (part: string) => (text += part) };
      const argv = ["node", "ddn", "denoise", join(folder, "scans"), "--out", out, "--api", twin.url];
      const none = () => undefined;
      const code = await main({ argv, stdout: output, stderr: output, on: none, off: none, exit: none });
      return { code, text };
    };

    const first = await ddn();
    const second = await ddn();

    expect([first.code, second.code]).toEqual([1, 1]);
    expect(first.text).toContain("1 done, 0 skipped, 1 failed\n  bad.tif: image_unsupported: ");
    expect(first.text).toContain("64×48, 16 bit, 2 pages, noise ");
    expect(second.text).toContain("0 done, 1 skipped, 1 failed\n");
    expect((await readFile(join(out, "깊은/용접 #1.tif"))).subarray(0, 2).toString()).toBe("II");
  });
});

describe("ddn smoke", () => {
  it("finds a whole platform to hold every check", async () => {
    const lines: string[] = [];

    const code = await smoke(
      { baseUrl: `${twin.url}/` },
      { write: (text) => lines.push(text) },
      new AbortController().signal,
    );

    expect(lines.filter((line) => line.startsWith("FAIL"))).toEqual([]);
    expect(lines.at(-1)).toBe(`8 of 8 checks hold at ${twin.url}\n`);
    expect(code).toBe(0);
  });

  it.each([
    ["a token", () => bearer("good"), withToken("good")],
    ["signatures", () => signedByAws("http://127.0.0.1", "ap-northeast-2"), signedFor("ap-northeast-2")],
  ])("is let in by %s, and finds the open routes open", async (_name, authorization, admits) => {
    vi.stubEnv("AWS_PROFILE", undefined);
    vi.stubEnv("AWS_ACCESS_KEY_ID", testKey.accessKeyId);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", testKey.secretAccessKey);
    vi.stubEnv("AWS_SESSION_TOKEN", undefined);
    const guard = await startGuard(twin.url, admits);
    const lines: string[] = [];
    const output = { write: (text: string) => lines.push(text) };

    const signal = new AbortController().signal;
    const code = await smoke({ baseUrl: guard.url, authorization: authorization() }, output, signal);
    await guard.close();
    vi.unstubAllEnvs();

    expect(lines.filter((line) => line.startsWith("FAIL"))).toEqual([]);
    expect(code).toBe(0);
    const carrying = guard.requests.filter(({ headers }) => headers.authorization !== undefined);
    expect(carrying.filter(({ open }) => open)).toEqual([]);
    expect(carrying.length).toBeGreaterThan(0);
  });

  it("says once that nobody listens", async () => {
    const lines: string[] = [];

    const code = await smoke(
      { baseUrl: "http://127.0.0.1:1" },
      { write: (text) => lines.push(text) },
      new AbortController().signal,
    );

    expect(lines).toEqual([
      expect.stringMatching(
        /^FAIL {2}ping .*\n {6}network_failed: Expected an answer from http:\/\/127\.0\.0\.1:1\/ping /,
      ),
      "0 of 8 checks hold at http://127.0.0.1:1\n",
    ]);
    expect(code).toBe(1);
  });

  it("says which checks do not hold", async () => {
    const lines: string[] = [];

    const code = await smoke(
      { baseUrl: twin.s3.endpoint },
      { write: (text) => lines.push(text) },
      new AbortController().signal,
    );

    expect(lines.filter((line) => line.startsWith("FAIL"))).toHaveLength(8);
    expect(code).toBe(1);
  });
});
