// Does not prove that a runtime accepts these files: they are the smallest bytes that carry a signature and metadata.
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesField, integerField, type OnnxFile, onnxFile, type Signature } from "../testing/onnxFile";
import { EngineError } from "./engine";
import { inspectModel, readModel } from "./metadata";

const image: Signature = { name: "image", type: "UINT16", shape: ["n", 1, "height", "width"] };
const params: Signature = { name: "params", type: "FLOAT", shape: ["n", 4] };
const denoised: Signature = { ...image, name: "denoised" };

const legal = { name: "tiny", version: "1.0.0", tile_sizes: "[64, 128]", halo: "16" };
const onnx = (change: Partial<OnnxFile> = {}): Buffer =>
  onnxFile({ inputs: [image, params], outputs: [denoised], metadata: legal, ...change });
const withMetadata = (change: Record<string, string | undefined>) => onnx({ metadata: { ...legal, ...change } });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ddn-model-"));
});
afterAll(() => rm(folder, { recursive: true }));

const read = async (file: Buffer | string) => {
  const path = join(folder, "model.onnx");
  await writeFile(path, file);
  return readModel(path);
};
const refusal = async (file: Buffer | string): Promise<string> => {
  const error = await read(file).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof EngineError)) throw new Error(`not refused with an EngineError: ${error}`);
  expect(error.code).toBe("engine_unavailable");
  return error.message;
};

describe("readModel", () => {
  it("reads name, version, tile sizes and halo, and hashes the whole file", async () => {
    const file = onnx();
    expect(await read(file)).toEqual({
      name: "tiny",
      version: "1.0.0",
      tileSizes: [64, 128],
      halo: 16,
      sha256: createHash("sha256").update(file).digest("hex"),
    });
  });

  it("reads the golden hash where the model carries one", async () => {
    expect((await read(withMetadata({ golden_sha256: "0a".repeat(32) }))).goldenSha256).toBe("0a".repeat(32));
  });

  it("skips fields it does not know, of every width", async () => {
    const strangers = Buffer.concat([
      integerField(200, 2 ** 40),
      Buffer.from([0x81, 2, ...Array(8).fill(1)]),
      bytesField(99, "x"),
    ]);
    const fixed32 = Buffer.from([0x8d, 2, 1, 2, 3, 4]);
    expect((await read(Buffer.concat([strangers, fixed32, onnx()]))).name).toBe("tiny");
  });

  it("accepts the shipped model", async () => {
    const model = await readModel(resolve(__dirname, "../../triton/models/ddn/1/model.onnx"));
    expect(model).toMatchObject({ name: "ddn-unet", version: "0.5.0", halo: 104 });
    expect(model.tileSizes).toEqual([64, 256, 384, 512, 768, 1024, 1536, 2048]);
  });

  it.each<[string, Buffer | string]>([
    ["an empty file", ""],
    ["a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4418902\n"],
    ["a file cut short", onnx().subarray(0, -1)],
    [
      "a file without a graph",
      Buffer.concat([integerField(1, 8), bytesField(14, bytesField(1, "name"), bytesField(2, "tiny"))]),
    ],
    ["a graph that is no message", Buffer.concat([integerField(1, 8), bytesField(7, "graph")])],
    ["a varint without an end", Buffer.alloc(16, 0xff)],
  ])("refuses %s", async (_, file) => {
    expect(await refusal(file)).toBe(
      'Expected an ONNX file for `model` but received "model.onnx". Write one with model/export.py.',
    );
  });

  it("says why a file cannot be read", async () => {
    const path = join(folder, "absent.onnx");
    await expect(readModel(path)).rejects.toThrow(/^Expected a readable file for `model` but received .*ENOENT\.$/);
  });

  const free = "Leave these axes free (dynamic) when exporting, and cast inside the graph.";
  const other = "Expected no other input than image and params for ";
  it.each<[string, Partial<OnnxFile>, string[]]>([
    [
      "an input of another name",
      { inputs: [{ ...image, name: "x" }, params] },
      [
        "Expected an input UINT16 [N,1,H,W] for `image` but received nothing.",
        `${other}\`x\` but received "UINT16 [n,1,height,width]". Compute it inside the graph, from image and params.`,
      ],
    ],
    [
      "an image in float",
      { inputs: [{ ...image, type: "FLOAT" }, params] },
      [`Expected UINT16 [N,1,H,W] for \`image\` but received "FLOAT [n,1,height,width]". ${free}`],
    ],
    [
      "a batch and an image of one size",
      { inputs: [{ ...image, shape: [1, 1, 512, 512] }, params] },
      [`Expected UINT16 [N,1,H,W] for \`image\` but received "UINT16 [1,1,512,512]". ${free}`],
    ],
    [
      "three channels",
      { inputs: [{ ...image, shape: ["n", 3, "h", "w"] }, params] },
      [`Expected UINT16 [N,1,H,W] for \`image\` but received "UINT16 [n,3,h,w]". ${free}`],
    ],
    [
      "one input too many",
      { inputs: [image, params, { name: "sigma", type: "FLOAT" }] },
      [`${other}\`sigma\` but received "FLOAT of any shape". Compute it inside the graph, from image and params.`],
    ],
    [
      "an image of another rank",
      { inputs: [{ ...image, shape: ["n", "h", "w"] }, params] },
      [`Expected UINT16 [N,1,H,W] for \`image\` but received "UINT16 [n,h,w]". ${free}`],
    ],
    [
      "parameters of another count",
      { inputs: [image, { ...params, shape: ["n", 2] }] },
      [`Expected FLOAT [N,4] for \`params\` but received "FLOAT [n,2]". ${free}`],
    ],
    [
      "an output in an unknown type and one too many",
      {
        outputs: [
          { ...denoised, type: 77 },
          { ...denoised, name: "noise" },
        ],
      },
      [
        `Expected UINT16 [N,1,H,W] for \`denoised\` but received "type 77 [n,1,height,width]". ${free}`,
        'Expected no other output than denoised for `noise` but received "UINT16 [n,1,height,width]". Leave it out.',
      ],
    ],
  ])("refuses %s", async (_, change, sentences) => {
    expect(await refusal(onnx(change))).toBe(sentences.join(" "));
  });

  it("refuses weights in another file", async () => {
    const weight = { type: "FLOAT", shape: [1], values: [1], outside: true } as const;
    expect(await refusal(onnx({ constants: { "head.weight": weight } }))).toBe(
      'Expected all weights inside the ONNX file for `model` but received "external data for head.weight". Save it as one file.',
    );
  });

  it("takes free sizes without a name, and weights among the inputs, as old files have them", async () => {
    const weight: Signature = { name: "kernel", type: "FLOAT", shape: [1] };
    const file = onnx({
      inputs: [{ ...image, shape: ["", "", "", ""] }, params, weight],
      constants: { kernel: { type: "FLOAT", shape: [1], values: [1] } },
    });
    expect((await read(file)).name).toBe("tiny");
  });

  it("names everything that is missing at once", async () => {
    const file = onnxFile({ inputs: [], outputs: [] });
    expect(Object.values(inspectModel(file, "model.onnx").faults).map((faults) => faults.length)).toEqual([0, 3, 4]);
  });

  const sizes = "Expected a JSON array of ascending multiples of 64 for `metadata tile_sizes` but received ";
  const halo = "Expected a multiple of 8 below half the largest tile (128) for `metadata halo` but received ";
  const label = (name: string) => `Expected 1 to 64 letters, digits and . _ + - for \`metadata ${name}\` but received `;
  it.each<[Record<string, string | undefined>, string]>([
    [{ name: undefined }, `${label("name")}nothing.`],
    [{ name: "" }, `${label("name")}"".`],
    [{ name: "a; job x" }, `${label("name")}"a; job x".`],
    [{ version: undefined }, `${label("version")}nothing.`],
    [{ version: "1.0\n" }, `${label("version")}"1.0\\n".`],
    [{ tile_sizes: undefined }, `${sizes}nothing.`],
    [{ tile_sizes: "64, 128" }, `${sizes}"64, 128".`],
    [{ tile_sizes: "[]" }, `${sizes}"[]".`],
    [{ tile_sizes: "[64, 100]" }, `${sizes}"[64, 100]".`],
    [{ tile_sizes: "[128, 64]" }, `${sizes}"[128, 64]".`],
    [{ tile_sizes: "[64, 64]" }, `${sizes}"[64, 64]".`],
    [{ tile_sizes: "[0, 64]" }, `${sizes}"[0, 64]".`],
    [{ tile_sizes: '["64"]' }, `${sizes}"[\\"64\\"]".`],
    [{ halo: undefined }, `${halo}nothing.`],
    [{ halo: "12" }, `${halo}"12".`],
    [{ halo: "-8" }, `${halo}"-8".`],
    [{ halo: "64" }, `${halo}"64".`],
    [{ halo: "1e1" }, `${halo}"1e1".`],
    [
      { golden_sha256: "0A" },
      'Expected 64 lower-case hexadecimal digits, or no such entry for `metadata golden_sha256` but received "0A".',
    ],
  ])("refuses metadata with %j", async (change, message) => {
    expect(await refusal(withMetadata(change))).toBe(message);
  });
});
