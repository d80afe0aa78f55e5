import { expected } from "../../../../contract/problem";
import type { Batch } from "../batches";
import type { Model } from "../engine";
import { outputHead, type TensorHead } from "./batch";
import { unexpected } from "./failure";

/** How Triton is configured to serve the model. */
export interface ServedModel {
  /** Tiles of one request at most; 0 where requests are not batched. */
  readonly maxBatchSize: number;
  readonly inputs: readonly ServedTensor[];
  readonly outputs: readonly ServedTensor[];
  /** The configuration's parameter `model_sha256`, where there is one. */
  readonly sha256?: string;
}

export interface ServedTensor {
  readonly name: string;
  /** Such as `TYPE_UINT16`. */
  readonly dataType: string;
  /** Without that of the batch, if there is one. */
  readonly dimensions: number;
}

const contractInputs = "image TYPE_UINT16 rank 4 and params TYPE_FP32 rank 2";
const contractOutputs = "denoised TYPE_UINT16 rank 4";

/**
 * Compares what Triton serves with the contract and with the file that the server knows the model by.
 * Triton tells nothing of an ONNX file's metadata, so that the server reads its own copy of the file; the hash that the Triton
 * image notes in the configuration tells whether both are the same.
 * @throws TritonError saying what does not fit
 */
export const checkServed = ({ maxBatchSize, inputs, outputs, sha256 }: ServedModel, model: Model): void => {
  const batched = maxBatchSize > 0 ? 1 : 0;
  const signature = (tensors: readonly ServedTensor[]): string =>
    tensors
      .map(({ name, dataType, dimensions }) => `${name} ${dataType} rank ${dimensions + batched}`)
      .sort()
      .join(" and ");
  const check = (wanted: string, name: string, found: string, remedy?: string): void => {
    if (found !== wanted) throw unexpected(expected(wanted, name, found, remedy));
  };
  check(contractInputs, "Triton's inputs", signature(inputs));
  check(contractOutputs, "Triton's outputs", signature(outputs));
  if (sha256 === undefined) return;
  const remedy = "Deploy the images of the server and of Triton from one build.";
  check(model.sha256.slice(0, 12), "Triton's model", sha256.slice(0, 12), remedy);
};

const sentence = ({ name, datatype, shape }: TensorHead): string => `${name} ${datatype} [${shape.join(", ")}]`;

/**
 * @param samples how many 16-bit numbers came with the answer
 * @throws TritonError when an answer's tensors are not those that its request asks for
 */
export const checkAnswer = (batch: Batch, outputs: readonly TensorHead[], samples: number): void => {
  const wanted = outputHead(batch);
  const found = outputs.map(sentence).join(" and ");
  if (found !== sentence(wanted)) throw unexpected(expected(sentence(wanted), "Triton's answer", found));
  const wantedSamples = wanted.shape.reduce((product, size) => product * size, 1);
  if (samples !== wantedSamples) throw unexpected(expected(`${wantedSamples} samples`, "Triton's answer", samples));
};
