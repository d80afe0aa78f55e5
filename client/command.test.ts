// Does not prove that the platform answers as this fake does, nor what a terminal makes of the live lines.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { version } from "../contract/version";
import { main } from "./command";
import { keyFor } from "./denoise";
import { displayOn, fitted } from "./display";
import { denoised, type FakePlatform, running, startFakePlatform } from "./testing/fakePlatform";

let platform: FakePlatform;
let folder: string;

const put = async (name: string, text: string): Promise<string> => {
  const path = join(folder, name);
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, text);
  return path;
};

const out = (name = ""): string => join(folder, "out", name);

const readOut = (name: string): Promise<string> => readFile(out(name), "utf8");

const backwards = (text: string): string => denoised(Buffer.from(text)).toString();

/** Runs the command in this process; `lines` is all that it wrote. */
const ddn = async (
  ...argv: string[]
): Promise<{ readonly code: number; readonly text: string; readonly lines: string[] }> => {
  let text = "";
  const output = { write: (part: string) => (text += part) };
  const surroundings = {
    argv: ["node", "ddn", ...argv],
    stdout: output,
    stderr: output,
    on: () => undefined,
    off: () => undefined,
    exit: () => undefined,
  };
  const code = await main(surroundings);
  return { code, text, lines: text.trimEnd().split("\n") };
};

const denoise = (...argv: string[]) => ddn("denoise", ...argv, "--out", out(), "--api", platform.url);

beforeEach(async () => {
  platform = await startFakePlatform();
  platform.steps = [];
  folder = await mkdtemp(join(tmpdir(), "ddn-command-"));
});
afterEach(async () => {
  await platform.close();
  await rm(folder, { recursive: true, force: true });
});

describe("what is denoised", () => {
  it("takes images of every depth and case below a folder, keeps its structure, and leaves the rest alone", async () => {
    await put("scans/a.tif", "a");
    await put("scans/deep/er/b.TIFF", "b");
    await put("scans/deep/용접부.png", "c");
    await put("scans/notes.txt", "x");
    await put("scans/._a.tif", "x");

    const { code, lines } = await denoise(join(folder, "scans"));

    expect(code).toBe(0);
    expect(await readOut("a.tif")).toBe(backwards("a"));
    expect(await readOut("deep/er/b.TIFF")).toBe(backwards("b"));
    expect(await readOut("deep/용접부.png")).toBe(backwards("c"));
    expect((await readdir(out())).sort()).toEqual([".ddn-resume.ndjson", "a.tif", "deep"]);
    expect(lines.at(-1)).toBe("3 done, 0 skipped, 0 failed");
  });

  it("uploads exactly the file, its size and its SHA-256 pinned, and asks for the options given", async () => {
    const path = await put("a.tif", "abc");

    await denoise(path, "--strength", "0.5", "--sigma", "0.01");

    const presign = platform.requests.find(({ path: at }) => at === "/presign");
    expect(presign?.query.get("size")).toBe("3");
    expect(presign?.query.get("sha256")).toBe("ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    const created = platform.requests.find(({ method }) => method === "POST");
    expect(created?.headers["idempotency-key"]).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.parse(created?.body.toString() ?? "")).toEqual({
      file: presign?.query.get("file"),
      strength: 0.5,
      sigma: 0.01,
    });
  });

  it("does not denoise its own results when the output folder lies below the input folder", async () => {
    await put("a.tif", "a");
    await denoise(folder);

    const { lines } = await denoise(folder);

    expect(lines.at(-1)).toBe("0 done, 1 skipped, 0 failed");
  });
});

describe("the key in the bucket", () => {
  const sha256 = Buffer.alloc(32, 1);

  it("is equal for equal file, name and options, and for nothing else", () => {
    const key = keyFor("deep/a.tif", sha256, "{}");

    expect(key).toMatch(/^[0-9a-f]{16}\/a\.tif$/);
    expect(keyFor("deep/a.tif", Buffer.alloc(32, 1), "{}")).toBe(key);
    const others = [
      keyFor("a.tif", sha256, "{}"),
      keyFor("deep/a.tif", Buffer.alloc(32, 2), "{}"),
      keyFor("deep/a.tif", sha256, '{"strength":0.5}'),
    ];
    expect(new Set([key, ...others]).size).toBe(4);
  });

  it("keeps Korean names, in NFC", () => {
    expect(keyFor("용접부.tif".normalize("NFD"), sha256, "{}").slice(17)).toBe("용접부.tif");
  });

  it.each([
    ["scan #1.tif", "_scan__1.tif"],
    [".hidden.tif", "_.hidden.tif"],
    ["50%.png", "_50_.png"],
    ["a\u202eb.tif", "_a_b.tif"],
  ])("replaces what a key cannot hold in %j", (name, expected) => {
    expect(keyFor(name, sha256, "{}").slice(17)).toBe(expected);
  });

  it("gives the result its own name back", async () => {
    const path = await put("scan #1.tif", "abc");

    expect((await denoise(path)).code).toBe(0);
    expect(await readOut("scan #1.tif")).toBe("cba");
  });
});

describe("a second run", () => {
  it("skips what is finished and does what is new, changed, differently asked for or lost", async () => {
    for (const name of ["same", "changed", "lost"]) await put(`scans/${name}.tif`, name);
    await denoise(join(folder, "scans"));
    await put("scans/changed.tif", "other");
    await put("scans/new.tif", "new");
    await rm(out("lost.tif"));

    const second = await denoise(join(folder, "scans"));
    const third = await denoise(join(folder, "scans"), "--strength", "0.5");

    expect(second.lines).toContain("skipped same.tif: finished before");
    expect(second.lines.at(-1)).toBe("3 done, 1 skipped, 0 failed");
    expect(await readOut("changed.tif")).toBe(backwards("other"));
    expect(await readOut("lost.tif")).toBe(backwards("lost"));
    expect(third.lines.at(-1)).toBe("4 done, 0 skipped, 0 failed");
  });

  it("does everything again with --force", async () => {
    const path = await put("a.tif", "a");
    await denoise(path);

    expect((await denoise(path, "--force")).lines.at(-1)).toBe("1 done, 0 skipped, 0 failed");
  });

  it("survives a record cut off in the middle of a line", async () => {
    const paths = [await put("a.tif", "a"), await put("b.tif", "b")];
    await denoise(...paths);
    const record = await readOut(".ddn-resume.ndjson");
    await writeFile(out(".ddn-resume.ndjson"), record.trimEnd().slice(0, -5));

    const { code, lines } = await denoise(...paths);

    expect([code, lines.at(-1)]).toEqual([0, "1 done, 1 skipped, 0 failed"]);
    expect((await denoise(...paths)).lines.at(-1)).toBe("0 done, 2 skipped, 0 failed");
  });

  it("does not overwrite a file that it did not write", async () => {
    const path = await put("a.tif", "abc");
    await put("out/a.tif", "precious");

    const { code, text } = await denoise(path);

    expect(code).toBe(1);
    expect(text).toContain(`a.tif: output_exists: Expected no file at ${out("a.tif")}`);
    expect(await readOut("a.tif")).toBe("precious");
    expect((await denoise(path, "--force")).code).toBe(0);
    expect(await readOut("a.tif")).toBe("cba");
  });
});

describe("what goes wrong", () => {
  it("fails one file alone and says why at the end", async () => {
    await put("scans/bad.tif", "bad");
    await put("scans/good.tif", "good");
    const error = { code: "image_corrupt", title: "The image file is damaged", detail: "Expected a TIFF." } as const;
    platform.steps = [(job) => (job.file.endsWith("bad.tif") ? { ...job, status: "failed", error } : undefined)];

    const { code, lines } = await denoise(join(folder, "scans"));

    expect(code).toBe(1);
    expect(lines.slice(-2)).toEqual(["1 done, 0 skipped, 1 failed", "  bad.tif: image_corrupt: Expected a TIFF."]);
    expect(await readOut("good.tif")).toBe(backwards("good"));
  });

  it("names paths that are not there, folders without images and files of other kinds, and goes on", async () => {
    const good = await put("good.tif", "good");
    const text = await put("notes.txt", "x");
    await mkdir(join(folder, "empty"));
    const missing = join(folder, "missing.tif");

    const { code, lines } = await denoise(missing, join(folder, "empty"), text, good);

    expect(code).toBe(1);
    expect(lines.slice(-4)).toEqual([
      "1 done, 0 skipped, 3 failed",
      `  ${missing}: file_not_found: Expected a file or folder at ${missing} but met ENOENT. There is nothing at this path.`,
      `  ${join(folder, "empty")}: folder_empty: Expected images in ${join(folder, "empty")} but found no .tif, .tiff or .png there or below.`,
      expect.stringContaining(`  ${text}: file_invalid: Expected a name ending in .tif, .tiff or .png for \`PATH\``),
    ]);
  });

  it("names a file that cannot be read, and goes on", async () => {
    await put("scans/good.tif", "good");
    await symlink(join(folder, "nowhere"), join(folder, "scans/dead.tif"));

    const { code, text } = await denoise(join(folder, "scans"));

    expect(code).toBe(1);
    expect(text).toContain(
      `dead.tif: file_not_found: Expected a readable file at ${join(folder, "scans/dead.tif")} but met ENOENT.`,
    );
    expect(await readOut("good.tif")).toBe(backwards("good"));
  });

  it("refuses two inputs for one output before anything is sent", async () => {
    const [one, two] = [await put("one/a.tif", "1"), await put("two/a.tif", "2")];

    const { code, text } = await denoise(one, two);

    expect(code).toBe(2);
    expect(text).toContain(`Expected one input for each output but ${one} and ${two} would both write a.tif.`);
    expect(platform.requests).toEqual([]);
  });

  it("refuses to overwrite an input", async () => {
    const path = await put("out/a.tif", "precious");

    const { code, text } = await denoise(path, "--force");

    expect(code).toBe(2);
    expect(text).toContain(`Expected an output folder that keeps the inputs but ${path} would be overwritten.`);
    expect(await readOut("a.tif")).toBe("precious");
  });

  it("keeps no result whose SHA-256 is not the job's", async () => {
    const path = await put("a.tif", "abc");
    const other = { status: 200, body: "torn" };
    platform.script("GET /out", other, other, other);

    const { code, text } = await denoise(path);

    expect(code).toBe(1);
    expect(text).toContain("a.tif: result_changed: Expected the result to have SHA-256");
    expect(await readdir(out())).toEqual([".ddn-resume.ndjson"]);
  });

  it("fetches a result again when the connection broke off", async () => {
    const path = await put("a.tif", "abc");
    platform.script(
      "GET /out",
      { status: 200, headers: { "content-length": "3" }, body: "cb", cut: true },
      { status: 200, body: "cba" },
    );

    expect((await denoise(path)).code).toBe(0);
    expect(await readOut("a.tif")).toBe("cba");
  });

  it("says once that the platform does not answer", async () => {
    const path = await put("a.tif", "abc");
    const refused = { status: 401, body: '{"message":"Unauthorized"}' };
    platform.script("GET /ping", refused);

    const { code, lines } = await denoise(path);

    expect(code).toBe(1);
    expect(lines).toEqual([
      expect.stringMatching(
        /^unauthorized: Expected a token, which this API asks for\. Give one in DDN_TOKEN or by --token/,
      ),
    ]);
  });
});

describe("the command line", () => {
  it.each<[string, string[], RegExp]>([
    ["no output folder", ["denoise", "a.tif"], /required option '--out <dir>'/],
    ["no path", ["denoise", "--out", "x"], /missing required argument 'path'/],
    [
      "a wrong -j",
      ["denoise", "a", "--out", "x", "-j", "0"],
      /Expected a whole number from 1 to 32 for `jobs` but received "0"\./,
    ],
    [
      "a wrong strength",
      ["denoise", "a", "--out", "x", "--strength", "2"],
      /Expected a number from 0 to 1 for `strength` but received "2"\./,
    ],
    ["an empty sigma", ["denoise", "a", "--out", "x", "--sigma", ""], /Expected a number from 0 to 1 for `sigma`/],
    [
      "a wrong address",
      ["denoise", "a", "--out", "x", "--api", "ftp://x"],
      /Expected an http or https address for `api`/,
    ],
    ["an unknown command", ["enlarge"], /unknown command 'enlarge'/],
  ])("answers 2 to %s", async (_name, argv, message) => {
    const { code, text } = await ddn(...argv);

    expect(code).toBe(2);
    expect(text).toMatch(message);
  });

  it("tells its version and how it is used", async () => {
    expect(await ddn("--version")).toMatchObject({ code: 0, text: `${version}\n` });
    const help = await ddn("denoise", "--help");
    expect(help.code).toBe(0);
    expect(help.text).toContain("Exit codes: 0 all fine, 1 a file failed, 2 wrong usage, 130 interrupted.");
  });

  it("writes one plain line for each stage where there is no terminal", async () => {
    const path = await put("a.tif", "abc");
    platform.steps = [running(0, 2), running(1, 2), () => undefined];

    const { lines } = await denoise(path);

    expect(lines).toEqual([
      "uploading a.tif",
      "denoising a.tif",
      "downloading a.tif",
      `done a.tif → ${out("a.tif")}`,
      "1 done, 0 skipped, 0 failed",
    ]);
  });

  it("cancels what runs and ends with 130 at Ctrl-C", async () => {
    const path = await put("a.tif", "abc");
    platform.steps = [running(1, 4)];
    const child = spawn(
      process.execPath,
      [join(__dirname, "ddn.cjs"), "denoise", path, "--out", out(), "--api", platform.url],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    let text = "";
    child.stdout.on("data", (part: Buffer) => {
      text += part.toString();
      if (text.includes("denoising") && !child.killed) child.kill("SIGINT");
    });

    const code = await new Promise((resolve) => child.on("close", resolve));

    expect(code).toBe(130);
    expect(platform.count("DELETE /jobs")).toBe(1);
    expect(text).toContain("Stopping: cancelling 1 running");
    expect(await readdir(out())).toEqual([]);
  });
});

describe("the live lines of a terminal", () => {
  it("are redrawn in place, with finished files left above", () => {
    const written: string[] = [];
    const display = displayOn({ isTTY: true, columns: 40, write: (text) => written.push(text) });

    display.update("a.tif", "uploading", "1 %");
    display.update("b.tif", "queued", "");
    display.finish("a.tif", "done a.tif");

    expect(written).toEqual([
      "\x1b[J  uploading    a.tif  1 %\n",
      "\x1b[1A\x1b[J  uploading    a.tif  1 %\n  queued       b.tif  \n",
      "\x1b[2A\x1b[Jdone a.tif\n  queued       b.tif  \n",
    ]);
  });

  it("never wrap, since Korean letters count as two columns", () => {
    expect(fitted("abcdef", 5)).toBe("abcd…");
    expect(fitted("용접부", 5)).toBe("용접…");
    expect(fitted("용접", 5)).toBe("용접");
  });
});
