import { InferenceSession, Tensor } from "onnxruntime-node";
import type { Params, Tile } from "./engine";

/** A model in ONNX Runtime, as it is: nothing is checked before a run. */
export interface OnnxSession {
  /**
   * Denoises tiles of one size in one run, each with its own parameters.
   * @returns as many samples for each as it has
   * @throws Error of ONNX Runtime, or when what came is no UINT16 [N,1,H,W]
   */
  run(tiles: readonly Tile[], params: readonly Params[]): Promise<Uint16Array[]>;
  release(): Promise<void>;
}

/** One after the other; a single one as it is. */
const joined = (images: readonly Uint16Array[]): Uint16Array => {
  if (images.length === 1) return images[0];
  const all = new Uint16Array(images.reduce((sum, image) => sum + image.length, 0));
  let start = 0;
  for (const image of images) {
    all.set(image, start);
    start += image.length;
  }
  return all;
};

/**
 * Loads a model to run on the CPU.
 * @param threads within one run
 * @throws Error of ONNX Runtime
 */
export const loadOnnxSession = async (modelPath: string, threads: number): Promise<OnnxSession> => {
  const session = await InferenceSession.create(modelPath, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    // Measured: without the arena large tiles take a third longer; memory patterns make it grow by a quarter over mixed
    // shapes for no gain in speed. So it levels off at what the largest tile needs.
    enableCpuMemArena: true,
    enableMemPattern: false,
    // Threads that spin while they wait take the cores from the decoders and from the neighbours of this process.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
  return {
    run: async (tiles, params) => {
      const [{ height, width }] = tiles;
      const shape = [tiles.length, 1, height, width];
      const sets = Float32Array.from(params.flatMap(({ offset, scale, a, b }) => [offset, scale, a, b]));
      const { denoised } = await session.run({
        image: new Tensor("uint16", joined(tiles.map(({ image }) => image)), shape),
        params: new Tensor("float32", sets, [params.length, 4]),
      });
      if (denoised.type !== "uint16" || denoised.dims.join() !== shape.join()) {
        throw new Error(`Expected uint16 [${shape}] from the model but received ${denoised.type} [${denoised.dims}].`);
      }
      const samples = denoised.data as Uint16Array;
      return tiles.map((_, index) => samples.subarray(index * height * width, (index + 1) * height * width));
    },
    release: () => session.release(),
  };
};
