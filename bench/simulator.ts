import { join } from "node:path";
import { readModel } from "../server/src/engines/metadata";
import { planTiles } from "../server/src/pixels/tiles";
import { howToInstallTriton, startTriton, type TestTriton, tritonIsInstalled } from "../server/test/triton/server";

export const modelPath = join(__dirname, "../server/triton/models/ddn/1/model.onnx");

export const missingTriton = (): string | undefined => (tritonIsInstalled ? undefined : howToInstallTriton);

/** A real Triton whose models take as long as a GPU of so many Mpixel/s would, and no processor. */
export const startSimulator = (megapixelsPerSecond: number): Promise<TestTriton> =>
  startTriton(["ddn", "legacy_fp32"], {
    repositories: [join(__dirname, "simulator")],
    environment: { DDN_SIMULATED_MPIXELS_PER_SECOND: String(megapixelsPerSecond) },
  });

/** What makes the twin's server use it. */
export const simulatorEnvironment = (triton: TestTriton): Record<string, string> => ({
  DDN_ENGINE: "triton",
  TRITON_PROTOCOL: "http",
  TRITON_URL: triton.url("http"),
});

/** Pixels that the engine computes for a grey page, halos and fillings with them. */
export const pixelsSent = async (width: number, height: number): Promise<number> => {
  const { rows, columns } = planTiles(width, height, await readModel(modelPath));
  const length = (spans: typeof rows): number => spans.reduce((sum, { size }) => sum + size, 0);
  return length(rows) * length(columns);
};
