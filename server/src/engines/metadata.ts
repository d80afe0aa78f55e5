import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { expected } from "../../../contract/problem";
import { EngineError, type Model } from "./engine";
import { integer, messages, text } from "./protobuf";

// Field numbers and element types of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
const modelField = { graph: 7, metadataProps: 14 } as const;
const graphField = { initializer: 5, input: 11, output: 12 } as const;
const elementTypes: Readonly<Record<number, string>> = {
  1: "FLOAT",
  2: "UINT8",
  3: "INT8",
  4: "UINT16",
  5: "INT16",
  6: "INT32",
  7: "INT64",
  9: "BOOL",
  10: "FLOAT16",
  11: "DOUBLE",
  12: "UINT32",
  13: "UINT64",
  16: "BFLOAT16",
};

const contractInputs = ["image UINT16 rank 4", "params FLOAT rank 2"];
const contractOutputs = ["denoised UINT16 rank 4"];

const refuse = (what: string, name: string, value: unknown, remedy?: string): never => {
  throw new EngineError("engine_unavailable", expected(what, name, value, remedy));
};

/** A tensor of the graph's signature, such as `image UINT16 rank 4`. */
const signature = (valueInfo: Buffer): string => {
  const [tensor] = messages(valueInfo, 2).flatMap((type) => messages(type, 1));
  if (tensor === undefined) return `${text(valueInfo, 1)} no tensor`;
  const [shape] = messages(tensor, 2);
  const rank = shape === undefined ? "any rank" : `rank ${messages(shape, 1).length}`;
  return `${text(valueInfo, 1)} ${elementTypes[integer(tensor, 1)] ?? `type ${integer(tensor, 1)}`} ${rank}`;
};

const checkTensors = (graph: Buffer, field: number, name: string, wanted: readonly string[]): void => {
  const found = messages(graph, field).map(signature).sort();
  if (found.join() !== wanted.join()) refuse(wanted.join(" and "), name, found.join(" and "));
};

/** A hash of the file stands for the model in every record, so the weights have to lie inside. */
const checkWeightsInside = (graph: Buffer): void => {
  const outside = messages(graph, graphField.initializer).find((tensor) => integer(tensor, 14) === 1);
  if (outside !== undefined) {
    refuse(
      "all weights inside the ONNX file",
      "model",
      `external data for ${text(outside, 8)}`,
      "Save it as one file.",
    );
  }
};

const label = (metadata: ReadonlyMap<string, string>, name: "name" | "version"): string => {
  const value = metadata.get(name);
  // It travels in an HTTP header and in an ASCII tag of the result.
  if (value !== undefined && /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/.test(value)) return value;
  return refuse("1 to 64 letters, digits and . _ + -", `metadata ${name}`, value);
};

const parseJson = (value: string | undefined): unknown => {
  try {
    return JSON.parse(value ?? "");
  } catch {
    return undefined;
  }
};

const tileSizesOf = (metadata: ReadonlyMap<string, string>): number[] => {
  const value = metadata.get("tile_sizes");
  const sizes = parseJson(value);
  const legal =
    Array.isArray(sizes) &&
    sizes.length > 0 &&
    sizes.every((size, index) => Number.isSafeInteger(size) && size % 64 === 0 && size > (sizes[index - 1] ?? 0));
  return legal ? sizes : refuse("a JSON array of ascending multiples of 64", "metadata tile_sizes", value);
};

const haloOf = (metadata: ReadonlyMap<string, string>, largestTile: number): number => {
  const value = metadata.get("halo");
  const halo = /^\d{1,6}$/.test(value ?? "") ? Number(value) : Number.NaN;
  if (halo % 8 === 0 && 2 * halo < largestTile) return halo;
  return refuse(`a multiple of 8 below half the largest tile (${largestTile})`, "metadata halo", value);
};

const goldenOf = (metadata: ReadonlyMap<string, string>): string | undefined => {
  const value = metadata.get("golden_sha256");
  if (value === undefined || /^[0-9a-f]{64}$/.test(value)) return value;
  return refuse("64 lower-case hexadecimal digits, or no such entry", "metadata golden_sha256", value);
};

const describe = (file: Buffer): Omit<Model, "sha256"> | undefined => {
  const [graph] = messages(file, modelField.graph);
  if (graph === undefined) return undefined;
  checkTensors(graph, graphField.input, "model inputs", contractInputs);
  checkTensors(graph, graphField.output, "model outputs", contractOutputs);
  checkWeightsInside(graph);
  const metadata = new Map(messages(file, modelField.metadataProps).map((entry) => [text(entry, 1), text(entry, 2)]));
  const tileSizes = tileSizesOf(metadata);
  const goldenSha256 = goldenOf(metadata);
  return {
    name: label(metadata, "name"),
    version: label(metadata, "version"),
    tileSizes,
    halo: haloOf(metadata, tileSizes[tileSizes.length - 1]),
    ...(goldenSha256 === undefined ? {} : { goldenSha256 }),
  };
};

/** Undefined for bytes that are no protobuf message at some depth, too. */
const describeIfOnnx = (file: Buffer): Omit<Model, "sha256"> | undefined => {
  try {
    return describe(file);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
};

/**
 * Reads what a model file says of itself and checks that its tensors are those of the contract.
 * onnxruntime-node gives no access to a model's metadata, hence the own reader.
 * @throws EngineError `engine_unavailable` when the file cannot be read, is no ONNX file or breaks the contract
 */
export const readModel = async (path: string): Promise<Model> => {
  const file = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new EngineError("engine_unavailable", expected("a readable file", "model", path, `${cause.code}.`), {
      cause,
    });
  });
  const description =
    describeIfOnnx(file) ?? refuse("an ONNX file", "model", basename(path), "Write one with model/export.py.");
  return { ...description, sha256: createHash("sha256").update(file).digest("hex") };
};
