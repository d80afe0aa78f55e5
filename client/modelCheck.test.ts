// Does not prove that a model denoises well, nor what Triton makes of it: only what the checks see on their own test pages.
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  int32,
  integers,
  operation,
  scalar,
  type TinyModelChange,
  tinyModel,
  uint16,
} from "../server/src/testing/tinyModel";
import { type CheckResult, checkModel, type ModelReport } from "./modelCheck";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ddn-model-check-"));
});
afterAll(() => rm(folder, { recursive: true }));

const check = async (file: Buffer | string): Promise<ModelReport> => {
  const path = join(folder, "model.onnx");
  await writeFile(path, file);
  return checkModel(path, () => {}, new AbortController().signal);
};

const found = ({ checks }: ModelReport, status: CheckResult["status"]) =>
  checks.filter((each) => each.status === status).map(({ code }) => code);

const detailsOf = ({ checks }: ModelReport, code: string): string =>
  checks.find((each) => each.code === code)?.details.join(" ") ?? "no such check";

describe("ddn model check", () => {
  it("finds nothing wrong with a model that keeps the contract, and says what it measured", async () => {
    const report = await check(tinyModel());

    expect(report.fits).toBe(true);
    expect(report.model).toMatchObject({ name: "tiny", version: "1.0.0", tileSizes: [64, 128], halo: 16 });
    expect(found(report, "ok")).toEqual([
      "file",
      "tensors",
      "metadata",
      "load",
      "golden",
      "tile_sizes",
      "batch",
      "deterministic",
      "range",
      "constant",
      "offset_scale",
      "variance",
      "params",
      "halo",
      "noise",
    ]);
    expect(found(report, "note")).toEqual(["speed"]);
    expect(detailsOf(report, "halo")).toBe("at most 0 steps apart, 8 of 16 pixels were needed here");
    expect(detailsOf(report, "speed")).toMatch(/^\d+\.\d\d Mpixel per second of one core, in tiles of 128$/);
  });

  const block = (pool: ReturnType<typeof operation>[]): TinyModelChange => ({
    steps: {
      limit: [...pool, operation("Add", ["level", "four"], "width"), operation("Mul", ["sigma", "width"], "limit")],
    },
    constants: { enlarged: { type: "FLOAT", shape: [4], values: [1, 1, 16, 16] } },
  });
  it.each<[string, TinyModelChange, string, RegExp, string[]?]>([
    [
      "returns its input",
      { steps: { clean: [operation("Identity", ["samples"], "clean")] } },
      "golden",
      /^Expected at least 3 dB less noise of the golden image but received 0\.00 dB\.$/,
    ],
    [
      "promises other pixels than it gives",
      { metadata: { golden_sha256: "0a".repeat(32) } },
      "golden",
      /^Expected pixels with the SHA-256 (0a){32} of the golden image but received [0-9a-f]{64}\.$/,
    ],
    [
      "fails at one of its sizes",
      {
        steps: { x: [operation("Mul", ["shifted", "scale"], "flat"), operation("Add", ["flat", "shading"], "x")] },
        constants: { shading: { type: "FLOAT", shape: [128, 128], values: Array(128 * 128).fill(0) } },
      },
      "tile_sizes",
      /^The ONNX engine could not denoise a tile of 64 by 64 pixels\. .*Add/,
      ["tile_sizes", "halo"],
    ],
    [
      "takes the first row of params for all images",
      {
        steps: {
          rows: [
            operation("Reshape", ["params", "column"], "all"),
            operation("Gather", ["all", "first"], "rows", { axis: 0 }),
          ],
        },
        constants: { first: integers(0) },
      },
      "batch",
      /^Expected a batch of 2 to give what each image gives alone but received a difference of \d+ steps\. Row n of params/,
    ],
    [
      "draws random numbers",
      {
        steps: {
          clean: [
            operation("Sub", ["samples", "taken"], "calm"),
            operation("RandomNormalLike", ["calm"], "dither"),
            operation("Add", ["calm", "dither"], "clean"),
          ],
        },
      },
      "deterministic",
      /^Expected the same pixels from two runs but received a difference of \d+ steps\. Leave random operators/,
      ["batch", "deterministic", "offset_scale", "halo"],
    ],
    [
      "overshoots and does not clip",
      {
        steps: {
          clean: [
            operation("Add", ["taken", "taken"], "twice"),
            operation("Sub", ["samples", "twice"], "sharp"),
            operation("Add", ["sharp", "samples"], "sum"),
            operation("Sub", ["sum", "taken"], "both"),
            operation("Div", ["both", "two"], "clean"),
          ],
          clipped: [operation("Cast", ["rounded"], "clipped", { to: int32 })],
          denoised: [operation("Cast", ["clipped"], "denoised", { to: uint16 })],
        },
        constants: { two: scalar(2) },
      },
      "range",
      /^Expected samples near 0 to stay there but received 6\d{4}\. Round, then clip to 0–65535, before the cast to UINT16\.$/,
    ],
    [
      "sees black beyond the image's edge",
      { steps: { padded: [operation("Pad", ["x", "border"], "padded", { mode: "constant" })] } },
      "constant",
      /^Expected 4000 everywhere to stay within 655 steps but received \d+ steps off at column 1, row 0 of 128\. Off at the edge/,
    ],
    [
      "takes the scale for granted",
      { steps: { taken: [operation("Mul", ["noise", "full"], "taken")] } },
      "offset_scale",
      /^Expected the same picture to 2 steps but received a difference of \d+ steps\. Compute on x/,
    ],
    [
      "takes the root of a negative variance",
      { steps: { positive: [operation("Identity", ["variance"], "positive")] } },
      "variance",
      /^Expected the mean to stay within 0\.5 % for a = 0 and b = -0\.0001 but received a shift of -100\.00 %\. Limit the variance/,
    ],
    [
      "announces too small a halo",
      { metadata: { halo: "0" } },
      "halo",
      /^Expected tiles with a halo of 0 pixels .* but received a difference of \d+ steps\. Here a halo of 8 pixels would do/,
    ],
    [
      "looks at the mean of the whole tile",
      block([operation("GlobalAveragePool", ["x"], "level")]),
      "halo",
      /^Expected tiles with a halo of 16 pixels .* The difference reaches across the tile: the net sees too far, or computes a mean/,
    ],
    [
      "works in blocks of 16",
      block([
        operation("AveragePool", ["x"], "coarse", { kernel_shape: [16, 16], strides: [16, 16] }),
        operation("Resize", ["coarse", "", "enlarged"], "level", { mode: "nearest" }),
      ]),
      "halo",
      /^Expected the same from tiles that start at any multiple of 8 pixels but received a difference of \d+ steps at 72, none at 64\./,
    ],
  ])("finds a model that %s", async (_, change, code, sentence, codes = [code]) => {
    const report = await check(tinyModel(change));

    expect(report.fits).toBe(false);
    expect(found(report, "failed")).toEqual(codes);
    expect(detailsOf(report, code)).toMatch(sentence);
  });

  it("takes a blind model, and says that it is one", async () => {
    const report = await check(
      tinyModel({
        steps: { sigma: [operation("Identity", ["fixed"], "sigma")] },
        constants: { fixed: scalar(0.02) },
      }),
    );

    expect(report.fits).toBe(true);
    expect(found(report, "note")).toEqual(["noise", "speed"]);
  });

  it("names all that is missing in a file, and does not run it then", async () => {
    const report = await check(tinyModel({ imageType: "FLOAT", metadata: { halo: undefined } }));

    expect(report.fits).toBe(false);
    expect(found(report, "failed")).toEqual(["tensors", "metadata"]);
    expect(detailsOf(report, "tensors")).toContain('but received "FLOAT [n,1,height,width]"');
    expect(detailsOf(report, "metadata")).toMatch(
      /`metadata halo` but received nothing\. onnx\.helper\.set_model_props writes it/,
    );
    expect(found(report, "ok")).toEqual(["file"]);
    expect(found(report, "skipped")).toHaveLength(13);
  });

  it("does not judge what it cannot read", async () => {
    const report = await check("no model");

    expect(found(report, "failed")).toEqual(["file"]);
    expect(found(report, "skipped")).toHaveLength(15);
  });

  it("passes on why ONNX Runtime does not load a model", async () => {
    const report = await check(tinyModel({ steps: { rounded: [operation("Denoise", ["clean"], "rounded")] } }));

    expect(found(report, "failed")).toEqual(["load"]);
    expect(detailsOf(report, "load")).toMatch(/^The ONNX engine could not load the model\. .*Denoise/);
    expect(found(report, "skipped")).toHaveLength(12);
  });

  it("stops when it is told to", async () => {
    const path = join(folder, "stopped.onnx");
    await writeFile(path, tinyModel());
    const reason = new Error("stopped by the test");
    const abort = new AbortController();
    const running = checkModel(path, ({ code }) => code === "golden" && abort.abort(reason), abort.signal);
    await expect(running).rejects.toBe(reason);
  });
});

/** Runs the command as its own process; tsx loads the checks there, as for a user. */
const ddn = (...argv: string[]): Promise<{ code: number | null; text: string; errors: string }> => {
  const child = spawn(process.execPath, [join(__dirname, "ddn.cjs"), ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  let errors = "";
  child.stdout.on("data", (part: Buffer) => {
    text += part.toString();
  });
  child.stderr.on("data", (part: Buffer) => {
    errors += part.toString();
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, text, errors })));
};

describe("the command", () => {
  it("writes a line for each check and ends with 0 where all hold", async () => {
    const path = join(folder, "good.onnx");
    await writeFile(path, tinyModel());

    const { code, text } = await ddn("model", "check", path);

    expect(code).toBe(0);
    const lines = text.trimEnd().split("\n");
    expect(lines).toHaveLength(17);
    expect(lines[0]).toBe("ok    it is an ONNX file, its weights inside");
    expect(lines[16]).toBe(`${path} fits the contract`);
  });

  it("writes one JSON object with --json, and ends with 1 where a check fails", async () => {
    const path = join(folder, "bad.onnx");
    await writeFile(path, tinyModel({ metadata: { halo: "0" } }));

    const { code, text } = await ddn("model", "check", "--json", path);

    expect(code).toBe(1);
    const report: ModelReport = JSON.parse(text);
    expect(report).toMatchObject({ file: path, fits: false, model: { name: "tiny", halo: 0 } });
    expect(found(report, "failed")).toEqual(["halo"]);
  });

  it("tells what is wrong below the line of its check", async () => {
    const path = join(folder, "empty.onnx");
    await writeFile(path, "");

    const { code, text } = await ddn("model", "check", path);

    expect(code).toBe(1);
    expect(text.split("\n")).toEqual([
      "FAIL  it is an ONNX file, its weights inside",
      '      Expected an ONNX file for `model` but received "empty.onnx". Write one with model/export.py.',
      `${path} does not fit the contract: 1 of 16 checks failed, 15 could not be made`,
      "",
    ]);
  });

  it("says that there is no such file", async () => {
    const path = join(folder, "absent.onnx");

    expect(await ddn("model", "check", path)).toEqual({
      code: 1,
      text: "",
      errors: expect.stringMatching(/^file_not_found: Expected a readable file for `FILE` but received .* ENOENT\.\n$/),
    });
  });
});
