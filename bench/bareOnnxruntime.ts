import { availableParallelism } from "node:os";
import { readModel } from "../server/src/engines/metadata";
import { loadOnnxSession } from "../server/src/engines/onnxSession";
import { planTiles, tilesOf } from "../server/src/pixels/tiles";
import { modelPath } from "./simulator";

/**
 * `bareOnnxruntime.ts SIDE IMAGES`: the tiles of so many pages through ONNX Runtime, one after another and nothing else, with
 * the server's own settings; prints the seconds that it took.
 */

const main = async (): Promise<void> => {
  const [side, images] = process.argv.slice(2).map(Number);
  const plan = planTiles(side, side, await readModel(modelPath));
  const tiles = [...tilesOf(plan)].map(({ row, column }) => ({
    height: row.size,
    width: column.size,
    image: Uint16Array.from({ length: row.size * column.size }, (_, index) => (index * 40_503) & 0xffff),
  }));
  const params = [{ offset: 0, scale: 1 / 65_535, a: 0, b: (1500 / 65_535) ** 2 }];
  const session = await loadOnnxSession(modelPath, availableParallelism());
  const page = async (): Promise<void> => {
    for (const tile of tiles) await session.run([tile], params);
  };
  await page();
  const start = performance.now();
  for (let image = 0; image < images; image++) await page();
  process.stdout.write(String((performance.now() - start) / 1000));
  await session.release();
};

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
