import { type Constant, type Operation, onnxFile, type Signature } from "./onnxFile";

const image: Signature = { name: "image", type: "UINT16", shape: ["n", 1, "height", "width"] };

const float32 = 1;
export const int32 = 6;
export const uint16 = 4;

export const operation = (
  op: string,
  inputs: readonly string[],
  output: string,
  attributes?: Operation["attributes"],
): Operation => ({ op, inputs, outputs: [output], ...(attributes === undefined ? {} : { attributes }) });

/** The mean of 3·3 samples, trusted the less the more σ it is away, from 4 σ not at all: named by what each step gives. */
const steps: Readonly<Record<string, readonly Operation[]>> = {
  rows: [operation("Reshape", ["params", "column"], "rows")],
  parts: [{ op: "Split", inputs: ["rows"], outputs: ["offset", "scale", "a", "b"], attributes: { axis: 1 } }],
  samples: [operation("Cast", ["image"], "samples", { to: float32 })],
  shifted: [operation("Sub", ["samples", "offset"], "shifted")],
  x: [operation("Mul", ["shifted", "scale"], "x")],
  padded: [operation("Pad", ["x", "border"], "padded", { mode: "edge" })],
  mean: [operation("AveragePool", ["padded"], "mean", { kernel_shape: [3, 3], strides: [1, 1] })],
  variance: [operation("Mul", ["a", "mean"], "signal"), operation("Add", ["signal", "b"], "variance")],
  positive: [operation("Max", ["variance", "floor"], "positive")],
  sigma: [operation("Sqrt", ["positive"], "sigma")],
  limit: [operation("Mul", ["sigma", "four"], "limit")],
  residual: [operation("Sub", ["x", "mean"], "residual")],
  noise: [
    operation("Div", ["residual", "limit"], "ratio"),
    operation("Mul", ["ratio", "ratio"], "square"),
    operation("Sub", ["one", "square"], "trust"),
    operation("Max", ["trust", "zero"], "weight"),
    operation("Mul", ["residual", "weight"], "noise"),
  ],
  taken: [operation("Div", ["noise", "scale"], "taken")],
  clean: [operation("Sub", ["samples", "taken"], "clean")],
  rounded: [operation("Round", ["clean"], "rounded")],
  clipped: [operation("Clip", ["rounded", "zero", "full"], "clipped")],
  denoised: [operation("Cast", ["clipped"], "denoised", { to: uint16 })],
};

export const scalar = (value: number): Constant => ({ type: "FLOAT", shape: [], values: [value] });
export const integers = (...values: number[]): Constant => ({ type: "INT64", shape: [values.length], values });

const constants: Readonly<Record<string, Constant>> = {
  column: integers(-1, 4, 1, 1),
  border: integers(0, 0, 1, 1, 0, 0, 1, 1),
  floor: scalar(1e-12),
  four: scalar(4),
  one: scalar(1),
  zero: scalar(0),
  full: scalar(65535),
};

export interface TinyModelChange {
  /** Other operations for steps of the graph. */
  readonly steps?: Readonly<Record<string, readonly Operation[]>>;
  readonly constants?: Readonly<Record<string, Constant>>;
  readonly metadata?: Readonly<Record<string, string | undefined>>;
  readonly imageType?: Signature["type"];
}

/** A denoiser that keeps the whole contract in two dozen operations, and with a change one that breaks a part of it. */
export const tinyModel = (change: TinyModelChange = {}): Buffer =>
  onnxFile({
    inputs: [
      { ...image, type: change.imageType ?? "UINT16" },
      { name: "params", type: "FLOAT", shape: ["n", 4] },
    ],
    outputs: [{ ...image, name: "denoised" }],
    operations: Object.entries(steps).flatMap(([name, operations]) => change.steps?.[name] ?? operations),
    constants: { ...constants, ...change.constants },
    metadata: { name: "tiny", version: "1.0.0", tile_sizes: "[64, 128]", halo: "16", ...change.metadata },
  });
