// Does not prove that a runtime accepts these files: they are the smallest bytes that carry a signature and metadata.
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EngineError } from "./engine";
import { readModel } from "./metadata";

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
const number = (field: number, value: number): Buffer => Buffer.from([...varint(field * 8), ...varint(value)]);
const bytes = (field: number, ...parts: (Buffer | string)[]): Buffer => {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(content.length)]), content]);
};

const float = 1;
const uint16 = 4;
const tensor = (field: number, name: string, elementType: number, rank: number): Buffer => {
  const dimensions = Array.from({ length: rank }, () => bytes(1, bytes(2, "n")));
  return bytes(field, bytes(1, name), bytes(2, bytes(1, number(1, elementType), bytes(2, ...dimensions))));
};
const image = tensor(11, "image", uint16, 4);
const params = tensor(11, "params", float, 2);
const denoised = tensor(12, "denoised", uint16, 4);

const legal = { name: "tiny", version: "1.0.0", tile_sizes: "[64, 128]", halo: "16" };
const onnx = (metadata: Record<string, string | undefined> = legal, graph = [image, params, denoised]): Buffer =>
  Buffer.concat([
    number(1, 8),
    bytes(7, ...graph),
    ...Object.entries(metadata).map(([key, value]) =>
      value === undefined ? Buffer.alloc(0) : bytes(14, bytes(1, key), bytes(2, value)),
    ),
  ]);

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
    expect((await read(onnx({ ...legal, golden_sha256: "0a".repeat(32) }))).goldenSha256).toBe("0a".repeat(32));
  });

  it("skips fields it does not know, of every width", async () => {
    const strangers = Buffer.concat([
      number(200, 2 ** 40),
      Buffer.from([0x81, 2, ...Array(8).fill(1)]),
      bytes(99, "x"),
    ]);
    const fixed32 = Buffer.from([0x8d, 2, 1, 2, 3, 4]);
    expect((await read(Buffer.concat([strangers, fixed32, onnx()]))).name).toBe("tiny");
  });

  it("accepts the shipped model", async () => {
    const model = await readModel(resolve(__dirname, "../../triton/models/ddn/1/model.onnx"));
    expect(model).toMatchObject({ name: "ddn-unet", version: "0.1.0", halo: 96 });
    expect(model.tileSizes).toEqual([64, 256, 384, 512, 768, 1024, 1536, 2048]);
  });

  it.each<[string, Buffer | string]>([
    ["an empty file", ""],
    ["a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4418902\n"],
    ["a file cut short", onnx().subarray(0, -1)],
    ["a file without a graph", Buffer.concat([number(1, 8), bytes(14, bytes(1, "name"), bytes(2, "tiny"))])],
    ["a graph that is no message", Buffer.concat([number(1, 8), bytes(7, "graph")])],
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

  it.each<[string, Buffer[], string]>([
    [
      "inputs of other names and types",
      [tensor(11, "x", float, 4), params, denoised],
      'Expected image UINT16 rank 4 and params FLOAT rank 2 for `model inputs` but received "params FLOAT rank 2 and x FLOAT rank 4".',
    ],
    [
      "an image in float",
      [tensor(11, "image", float, 4), params, denoised],
      'Expected image UINT16 rank 4 and params FLOAT rank 2 for `model inputs` but received "image FLOAT rank 4 and params FLOAT rank 2".',
    ],
    [
      "one input too many",
      [image, params, tensor(11, "sigma", float, 4), denoised],
      'Expected image UINT16 rank 4 and params FLOAT rank 2 for `model inputs` but received "image UINT16 rank 4 and params FLOAT rank 2 and sigma FLOAT ra….',
    ],
    [
      "an image of another rank",
      [tensor(11, "image", uint16, 3), params, denoised],
      'Expected image UINT16 rank 4 and params FLOAT rank 2 for `model inputs` but received "image UINT16 rank 3 and params FLOAT rank 2".',
    ],
    [
      "an output in an unknown type",
      [image, params, tensor(12, "denoised", 77, 4)],
      'Expected denoised UINT16 rank 4 for `model outputs` but received "denoised type 77 rank 4".',
    ],
    [
      "weights in another file",
      [image, params, denoised, bytes(5, bytes(8, "head.weight"), number(14, 1))],
      'Expected all weights inside the ONNX file for `model` but received "external data for head.weight". Save it as one file.',
    ],
  ])("refuses %s", async (_, graph, message) => {
    expect(await refusal(onnx(legal, graph))).toBe(message);
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
    expect(await refusal(onnx({ ...legal, ...change }))).toBe(message);
  });
});
