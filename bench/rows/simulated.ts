import type { TestTriton } from "../../server/test/triton/server";
import { type Platform, startPlatform } from "../platform";
import type { Bench } from "../row";
import { simulatorEnvironment, startSimulator } from "../simulator";

/** A twin whose server has a simulated GPU, for as long as the work takes. */
export const withSimulatedGpu = async <T>(
  bench: Bench,
  megapixelsPerSecond: number,
  work: (platform: Platform, triton: TestTriton) => Promise<T>,
): Promise<T> => {
  const triton = await startSimulator(megapixelsPerSecond);
  try {
    const platform = await startPlatform(bench, simulatorEnvironment(triton));
    try {
      return await work(platform, triton);
    } finally {
      await platform.close();
    }
  } finally {
    await triton.stop();
  }
};
