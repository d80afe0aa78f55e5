import type { Batch } from "../batches";

/** A tensor as KServe v2 describes it; its samples travel apart. */
export interface TensorHead {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

export const batchPixels = ({ height, width, images }: Batch): number => height * width * images.length;

/** The request's tensors: `image` and `params`. */
export const inputHeads = ({ height, width, images }: Batch): readonly TensorHead[] => [
  { name: "image", datatype: "UINT16", shape: [images.length, 1, height, width] },
  { name: "params", datatype: "FP32", shape: [images.length, 4] },
];

/** The answer's one tensor. */
export const outputHead = ({ height, width, images }: Batch): TensorHead => ({
  name: "denoised",
  datatype: "UINT16",
  shape: [images.length, 1, height, width],
});

// Tensors travel little-endian, as every processor that this runs on keeps its numbers.
const bytesOf = ({ buffer, byteOffset, byteLength }: Uint16Array | Float32Array): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);

/** The images' samples without a copy of them, one buffer each. */
export const imageBytes = ({ images }: Batch): readonly Buffer[] => images.map(bytesOf);

export const paramsBytes = ({ params }: Batch): Buffer =>
  bytesOf(Float32Array.from(params.flatMap(({ offset, scale, a, b }) => [offset, scale, a, b])));
