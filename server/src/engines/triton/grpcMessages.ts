import type { Batch } from "../batches";
import { fieldHead, integer, integerField, integers, integersField, lengthField, messages, text } from "../protobuf";
import { batchPixels, imageBytes, inputHeads, outputHead, paramsBytes, type TensorHead } from "./batch";
import type { ServedModel } from "./model";

// The few messages and fields that are used of Triton's gRPC service. Source:
// https://github.com/triton-inference-server/common/blob/main/protobuf/grpc_service.proto and model_config.proto
const inferRequest = { modelName: 1, parameters: 4, inputs: 5, outputs: 6, rawInputContents: 7 } as const;
const inferResponse = { outputs: 5, rawOutputContents: 6 } as const;
const tensor = { name: 1, datatype: 2, shape: 3 } as const;
const mapEntry = { key: 1, value: 2 } as const;
const int64Parameter = 2;
const config = { maxBatchSize: 4, input: 5, output: 6, parameters: 14 } as const;
/** Of model_config.proto's DataType those that the contract has; another one shows as its number. */
const dataTypes: Readonly<Record<number, string>> = { 3: "TYPE_UINT16", 11: "TYPE_FP32" };

/** ModelReadyRequest and ModelConfigRequest alike. */
export const modelRequest = (modelName: string): Buffer => lengthField(1, modelName);

/** A ModelInferRequest in parts, the tiles among them as they are: copied by nobody. */
export const inferRequestParts = (modelName: string, batch: Batch, milliseconds: number): readonly Buffer[] => {
  const timeout = integerField(int64Parameter, Math.ceil(milliseconds * 1000));
  const params = paramsBytes(batch);
  return [
    lengthField(inferRequest.modelName, modelName),
    lengthField(inferRequest.parameters, lengthField(mapEntry.key, "timeout"), lengthField(mapEntry.value, timeout)),
    ...inputHeads(batch).map(({ name, datatype, shape }) =>
      lengthField(
        inferRequest.inputs,
        lengthField(tensor.name, name),
        lengthField(tensor.datatype, datatype),
        integersField(tensor.shape, shape),
      ),
    ),
    lengthField(inferRequest.outputs, lengthField(tensor.name, outputHead(batch).name)),
    fieldHead(inferRequest.rawInputContents, 2 * batchPixels(batch)),
    ...imageBytes(batch),
    fieldHead(inferRequest.rawInputContents, params.length),
    params,
  ];
};

/** What a ModelInferResponse holds: its tensors' heads and the samples of the first. */
export const parseInferResponse = (
  message: Buffer,
): { readonly outputs: readonly TensorHead[]; readonly samples: Uint16Array } => {
  const outputs = messages(message, inferResponse.outputs).map((output) => ({
    name: text(output, tensor.name),
    datatype: text(output, tensor.datatype),
    shape: integers(output, tensor.shape),
  }));
  const [raw = Buffer.alloc(0)] = messages(message, inferResponse.rawOutputContents);
  // A copy, since the bytes may begin at an odd place.
  const samples = new Uint16Array(Math.floor(raw.length / 2));
  raw.copy(Buffer.from(samples.buffer));
  return { outputs, samples };
};

export const isReady = (modelReadyResponse: Buffer): boolean => integer(modelReadyResponse, 1) === 1;

/** The ModelConfig in a ModelConfigResponse. */
export const parseServedModel = (modelConfigResponse: Buffer): ServedModel => {
  const [found = Buffer.alloc(0)] = messages(modelConfigResponse, 1);
  const tensors = (number: number) =>
    messages(found, number).map((one) => {
      const dataType = integer(one, 2);
      return {
        name: text(one, 1),
        dataType: dataTypes[dataType] ?? `type ${dataType}`,
        dimensions: integers(one, number === config.input ? 4 : 3).length,
      };
    });
  const sha256 = messages(found, config.parameters)
    .filter((entry) => text(entry, mapEntry.key) === "model_sha256")
    .map((entry) => messages(entry, mapEntry.value).map((value) => text(value, 1))[0])[0];
  return {
    maxBatchSize: integer(found, config.maxBatchSize),
    inputs: tensors(config.input),
    outputs: tensors(config.output),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
};
