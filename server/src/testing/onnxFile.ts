/** Writes ONNX files small enough for a test; field numbers of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];

/** A field that holds a non-negative integer. */
export const integerField = (field: number, value: number): Buffer =>
  Buffer.from([...varint(field * 8), ...varint(value)]);

/** A field with a length: a message, a string or bytes. */
export const bytesField = (field: number, ...parts: (Uint8Array | string)[]): Buffer => {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(content.length)]), content]);
};

const elementTypes = { FLOAT: 1, UINT16: 4, INT64: 7, DOUBLE: 11 } as const;
export type ElementType = keyof typeof elementTypes;

/** A tensor of the graph's signature; a name in place of a size leaves it free. Without a shape it may have any. */
export interface Signature {
  readonly name: string;
  readonly type: ElementType | number;
  readonly shape?: readonly (number | string)[];
}

export interface Operation {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number | readonly number[] | string>>;
}

/** Numbers of the graph: FLOAT, or INT64 for shapes, pads and axes. */
export interface Constant {
  readonly type: "FLOAT" | "INT64";
  readonly shape: readonly number[];
  readonly values: readonly number[];
  /** Says that the numbers lie in another file. */
  readonly outside?: boolean;
}

export interface OnnxFile {
  readonly inputs: readonly Signature[];
  readonly outputs: readonly Signature[];
  readonly operations?: readonly Operation[];
  readonly constants?: Readonly<Record<string, Constant>>;
  readonly metadata?: Readonly<Record<string, string | undefined>>;
}

const signatureField = (field: number, { name, type, shape }: Signature): Buffer => {
  const dimensions = shape?.map((size) =>
    bytesField(1, typeof size === "number" ? integerField(1, size) : bytesField(2, size)),
  );
  const elementType = typeof type === "number" ? type : elementTypes[type];
  const tensor = [integerField(1, elementType), ...(dimensions === undefined ? [] : [bytesField(2, ...dimensions)])];
  return bytesField(field, bytesField(1, name), bytesField(2, bytesField(1, ...tensor)));
};

const attributeField = (name: string, value: number | readonly number[] | string): Buffer => {
  const [type, content] =
    typeof value === "number"
      ? [2, integerField(3, value)]
      : typeof value === "string"
        ? [3, bytesField(4, value)]
        : [7, Buffer.concat(value.map((each) => integerField(8, each)))];
  return bytesField(5, bytesField(1, name), content, integerField(20, type));
};

const operationField = ({ op, inputs, outputs, attributes = {} }: Operation): Buffer =>
  bytesField(
    1,
    ...inputs.map((name) => bytesField(1, name)),
    ...outputs.map((name) => bytesField(2, name)),
    bytesField(4, op),
    ...Object.entries(attributes).map(([name, value]) => attributeField(name, value)),
  );

const constantField = (name: string, { type, shape, values, outside }: Constant): Buffer => {
  const raw = type === "FLOAT" ? Float32Array.from(values) : BigInt64Array.from(values, BigInt);
  return bytesField(
    5,
    ...shape.map((size) => integerField(1, size)),
    integerField(2, elementTypes[type]),
    bytesField(8, name),
    outside ? integerField(14, 1) : bytesField(9, new Uint8Array(raw.buffer)),
  );
};

/** The file's bytes, in opset 17. */
export const onnxFile = ({ inputs, outputs, operations = [], constants = {}, metadata = {} }: OnnxFile): Buffer =>
  Buffer.concat([
    integerField(1, 8),
    bytesField(8, integerField(2, 17)),
    bytesField(
      7,
      ...operations.map(operationField),
      bytesField(2, "test"),
      ...Object.entries(constants).map(([name, constant]) => constantField(name, constant)),
      ...inputs.map((input) => signatureField(11, input)),
      ...outputs.map((output) => signatureField(12, output)),
    ),
    ...Object.entries(metadata).map(([key, value]) =>
      value === undefined ? Buffer.alloc(0) : bytesField(14, bytesField(1, key), bytesField(2, value)),
    ),
  ]);
