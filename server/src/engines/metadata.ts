import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { expected } from "../../../contract/problem";
import { EngineError, type Model } from "./engine";
import { fieldsOf, integer, messages, text } from "./protobuf";

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

/** The contract's tensors: N, H and W are free, the numbers fixed. */
const contractInputs: Readonly<Record<string, string>> = { image: "UINT16 [N,1,H,W]", params: "FLOAT [N,4]" };
const contractOutputs: Readonly<Record<string, string>> = { denoised: "UINT16 [N,1,H,W]" };

/** What a model file says of itself, and what keeps it from being one of the contract, sentence by sentence. */
export interface Inspection {
  /** Absent where there is any fault. */
  readonly model?: Model;
  readonly faults: {
    readonly file: readonly string[];
    /** Absent, like `metadata`, where the file is no ONNX file. */
    readonly tensors?: readonly string[];
    readonly metadata?: readonly string[];
  };
}

/** Notes a fault, and so gives no value. */
type Note = (what: string, name: string, value: unknown, remedy?: string) => undefined;

const noteIn =
  (faults: string[]): Note =>
  (what, name, value, remedy) => {
    faults.push(expected(what, name, value, remedy));
  };

interface Signature {
  readonly name: string;
  readonly elementType: string;
  /** A name, possibly empty, where a size is free; no shape where even the rank is. */
  readonly shape?: readonly (number | string)[];
}

const signatureOf = (valueInfo: Buffer): Signature => {
  const name = text(valueInfo, 1);
  const [tensor] = messages(valueInfo, 2).flatMap((type) => messages(type, 1));
  if (tensor === undefined) return { name, elementType: "no tensor" };
  const elementType = elementTypes[integer(tensor, 1)] ?? `type ${integer(tensor, 1)}`;
  const [shape] = messages(tensor, 2);
  if (shape === undefined) return { name, elementType };
  const sizes = messages(shape, 1).map((size) => {
    const isFixed = [...fieldsOf(size)].some((field) => field.number === 1);
    return isFixed ? integer(size, 1) : text(size, 2);
  });
  return { name, elementType, shape: sizes };
};

const inWords = ({ elementType, shape }: Signature): string =>
  `${elementType} ${shape === undefined ? "of any shape" : `[${shape.map((size) => (size === "" ? "?" : size)).join()}]`}`;

/** A size that the contract fixes may be free in the model; one that it leaves free may not be fixed. */
const fits = ({ elementType, shape }: Signature, wanted: string): boolean => {
  const [wantedType, wantedShape] = wanted.split(" ");
  const sizes = wantedShape.slice(1, -1).split(",");
  return (
    elementType === wantedType &&
    shape?.length === sizes.length &&
    sizes.every((size, axis) => typeof shape[axis] === "string" || String(shape[axis]) === size)
  );
};

const checkTensors = (
  found: readonly Signature[],
  kind: "input" | "output",
  wanted: Readonly<Record<string, string>>,
  note: Note,
): void => {
  for (const [name, words] of Object.entries(wanted)) {
    const tensor = found.find((each) => each.name === name);
    if (tensor === undefined) note(`an ${kind} ${words}`, name, undefined);
    else if (!fits(tensor, words)) {
      note(words, name, inWords(tensor), "Leave these axes free (dynamic) when exporting, and cast inside the graph.");
    }
  }
  for (const tensor of found.filter(({ name }) => !Object.hasOwn(wanted, name))) {
    const remedy = kind === "input" ? "Compute it inside the graph, from image and params." : "Leave it out.";
    note(
      `no other ${kind} than ${Object.keys(wanted).join(" and ")}`,
      tensor.name.slice(0, 64),
      inWords(tensor),
      remedy,
    );
  }
};

/** A hash of the file stands for the model in every record, so the weights have to lie inside. */
const checkWeightsInside = (initializers: readonly Buffer[], note: Note): void => {
  const outside = initializers.find((tensor) => integer(tensor, 14) === 1);
  if (outside === undefined) return;
  note("all weights inside the ONNX file", "model", `external data for ${text(outside, 8)}`, "Save it as one file.");
};

type Metadata = ReadonlyMap<string, string>;

const labelOf = (metadata: Metadata, name: "name" | "version", note: Note): string | undefined => {
  const value = metadata.get(name);
  // It travels in an HTTP header and in an ASCII tag of the result.
  if (value !== undefined && /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/.test(value)) return value;
  return note("1 to 64 letters, digits and . _ + -", `metadata ${name}`, value);
};

const parseJson = (value: string | undefined): unknown => {
  try {
    return JSON.parse(value ?? "");
  } catch {
    return undefined;
  }
};

const tileSizesOf = (metadata: Metadata, note: Note): number[] | undefined => {
  const value = metadata.get("tile_sizes");
  const sizes = parseJson(value);
  const legal =
    Array.isArray(sizes) &&
    sizes.length > 0 &&
    sizes.every((size, index) => Number.isSafeInteger(size) && size % 64 === 0 && size > (sizes[index - 1] ?? 0));
  return legal ? sizes : note("a JSON array of ascending multiples of 64", "metadata tile_sizes", value);
};

const haloOf = (metadata: Metadata, largestTile: number | undefined, note: Note): number | undefined => {
  const value = metadata.get("halo");
  const halo = /^\d{1,6}$/.test(value ?? "") ? Number(value) : Number.NaN;
  if (halo % 8 === 0 && 2 * halo < (largestTile ?? Number.POSITIVE_INFINITY)) return halo;
  return note(
    `a multiple of 8 below half the largest tile${largestTile === undefined ? "" : ` (${largestTile})`}`,
    "metadata halo",
    value,
  );
};

const goldenOf = (metadata: Metadata, note: Note): string | undefined => {
  const value = metadata.get("golden_sha256");
  if (value === undefined || /^[0-9a-f]{64}$/.test(value)) return value;
  return note("64 lower-case hexadecimal digits, or no such entry", "metadata golden_sha256", value);
};

const modelOf = (metadata: Metadata, note: Note): Omit<Model, "sha256"> | undefined => {
  const name = labelOf(metadata, "name", note);
  const version = labelOf(metadata, "version", note);
  const tileSizes = tileSizesOf(metadata, note);
  const halo = haloOf(metadata, tileSizes?.at(-1), note);
  const goldenSha256 = goldenOf(metadata, note);
  if (name === undefined || version === undefined || tileSizes === undefined || halo === undefined) return undefined;
  return { name, version, tileSizes, halo, ...(goldenSha256 === undefined ? {} : { goldenSha256 }) };
};

const inspect = (file: Buffer): Inspection | undefined => {
  const [graph] = messages(file, modelField.graph);
  if (graph === undefined) return undefined;
  const faults = { file: [] as string[], tensors: [] as string[], metadata: [] as string[] };
  const initializers = messages(graph, graphField.initializer);
  checkWeightsInside(initializers, noteIn(faults.file));
  // Files of an old IR version list weights among the inputs.
  const weights = new Set(initializers.map((tensor) => text(tensor, 8)));
  const inputs = messages(graph, graphField.input).map(signatureOf);
  const free = inputs.filter(({ name }) => !weights.has(name));
  checkTensors(free, "input", contractInputs, noteIn(faults.tensors));
  checkTensors(messages(graph, graphField.output).map(signatureOf), "output", contractOutputs, noteIn(faults.tensors));
  const entries = messages(file, modelField.metadataProps);
  const metadata = new Map(entries.map((entry) => [text(entry, 1), text(entry, 2)]));
  const model = modelOf(metadata, noteIn(faults.metadata));
  if (model === undefined || Object.values(faults).flat().length > 0) return { faults };
  return { model: { ...model, sha256: createHash("sha256").update(file).digest("hex") }, faults };
};

/** Undefined for bytes that are no protobuf message at some depth, too. */
const inspectIfOnnx = (file: Buffer): Inspection | undefined => {
  try {
    return inspect(file);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
};

/**
 * Reads what a model file says of itself, without running it, and compares it with the contract.
 * onnxruntime-node gives no access to a model's metadata, hence the own reader.
 * @param name the file's name, for the sentences
 */
export const inspectModel = (file: Buffer, name: string): Inspection => {
  const notOnnx = () => expected("an ONNX file", "model", name, "Write one with model/export.py.");
  return inspectIfOnnx(file) ?? { faults: { file: [notOnnx()] } };
};

/**
 * Reads the description of a model that keeps the contract.
 * @throws EngineError `engine_unavailable` when the file cannot be read, is no ONNX file or breaks the contract
 */
export const readModel = async (path: string): Promise<Model> => {
  const file = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new EngineError("engine_unavailable", expected("a readable file", "model", path, `${cause.code}.`), {
      cause,
    });
  });
  const { model, faults } = inspectModel(file, basename(path));
  if (model === undefined) throw new EngineError("engine_unavailable", Object.values(faults).flat().join(" "));
  return model;
};
