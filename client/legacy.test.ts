// Does not prove that AWS's own S3 answers as the twin's does.
import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { fromArrayBuffer } from "geotiff";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTwin, type Twin } from "../local/twin";
import { noisyTiff } from "./testing/images";

/** The old scripts know `file` and `mode`, the `url` in the answer, a plain PUT and a plain GET, and nothing else. */

let twin: Twin;
let folder: string;
let image: Buffer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ddn-legacy-"));
  [twin, image] = await Promise.all([startTwin({ directory: join(folder, "twin") }), noisyTiff(64, 48, 1)]);
});
afterAll(async () => {
  await twin.close();
  await rm(folder, { recursive: true, force: true });
});

/** Asks with the name as a script writes it into the URL. */
const urlFor = async (query: string): Promise<string> => {
  const answer = (await (await fetch(`${twin.url}/presign?${query}`)).json()) as { url: string };
  return answer.url;
};

const curl = async (...args: string[]): Promise<string> => {
  const { stdout } = await promisify(execFile)("curl", ["--silent", "--show-error", "--fail", ...args]);
  return stdout;
};

const hasCurl = spawnSync("curl", ["--version"]).status === 0;
if (!hasCurl) console.warn("The upload by curl is not tested: install curl for it.");

const sizeOf = async (bytes: Uint8Array<ArrayBuffer>): Promise<[number, number]> => {
  const page = await (await fromArrayBuffer(bytes.buffer)).getImage();
  return [page.getWidth(), page.getHeight()];
};

describe("a legacy client", () => {
  it("uploads, denoises and downloads by fetch without any header of its own", async () => {
    const put = await fetch(await urlFor("file=test.tif&mode=upload"), { method: "PUT", body: new Uint8Array(image) });
    const inference = await fetch(`${twin.url}/inference`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ file: "test.tif" }),
    });
    const job = await inference.json();
    const got = await fetch(await urlFor("file=test.tif&mode=download"));
    const result = new Uint8Array(await got.arrayBuffer());

    expect([put.status, inference.status, got.status]).toEqual([200, 200, 200]);
    expect(job).toMatchObject({ status: "succeeded", result: { bytes: result.length } });
    expect(await sizeOf(result)).toEqual([64, 48]);
    expect(Buffer.from(result).equals(image)).toBe(false);
  });

  it.skipIf(!hasCurl)("uploads a Korean name by curl, as the shell scripts do", async () => {
    const [input, output] = [join(folder, "입력.tif"), join(folder, "출력.tif")];
    await writeFile(input, image);
    const name = encodeURIComponent("용접 01.tif");

    await curl("--upload-file", input, await urlFor(`file=${name}&mode=upload`));
    const json = ["--header", "content-type: application/json", "--data", '{"file":"용접 01.tif"}'];
    await curl(...json, `${twin.url}/inference`);
    await curl("--output", output, await urlFor(`file=${name}&mode=download`));

    expect(await sizeOf(new Uint8Array(await readFile(output)))).toEqual([64, 48]);
  });

  it("is told that the result is not there yet", async () => {
    const answer = await fetch(`${twin.url}/presign?file=none.tif&mode=download`);

    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ code: "result_not_found" });
  });
});
