import { join } from "node:path";
import type { Engine } from "../../server/src/engines/engine";
import { readModel } from "../../server/src/engines/metadata";
import { decodePage } from "../../server/src/images/decode";
import { readImageHeader } from "../../server/src/images/header";
import { createImageWriter } from "../../server/src/images/writer";
import { denoisePage } from "../../server/src/pixels/denoisePage";
import { estimateNoise, varianceLsb } from "../../server/src/pixels/noise";
import { valueRange } from "../../server/src/pixels/params";
import { measureQuality } from "../../server/src/pixels/quality";
import { cutTile, pasteCore, planTiles, tilesOf } from "../../server/src/pixels/tiles";
import type { Finding } from "../finding";
import { writeNoisyImage } from "../images";
import type { Bench, Row } from "../row";
import { modelPath } from "../simulator";
import { spreadOf } from "../statistics";

const limits = { maxPixels: 2 ** 28, maxPages: 1 };
/** Until the code is compiled, as it is in a server that serves. */
const warmUps = 3;

/** Processor milliseconds of this process, its collector with it, by stage. */
type Spent = Map<string, number[]>;

const timed = async <T>(spent: Spent, stage: string, work: () => T | Promise<T>): Promise<T> => {
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  spent.set(stage, [...(spent.get(stage) ?? []), (user + system) / 1000]);
  return result;
};

/** The stages of a page one by one, as a run meets them, without S3 and with an engine that takes no time. */
const once = async (
  spent: Spent,
  path: string,
  side: number,
  model: Engine["model"],
  folder: string,
): Promise<void> => {
  const header = await readImageHeader(path, limits);
  const samples = await timed(spent, "decode", () => decodePage(path, header, 0));
  const plane = { samples, width: side, height: side, channels: 1, channel: 0 };
  const plan = planTiles(side, side, model);
  const { noise, flat, clippedShare } = await timed(spent, "noise estimate", () => estimateNoise(plane));
  await timed(spent, "value range", () => valueRange(plane));
  const after = { ...plane, samples: await timed(spent, "copy of the page", () => samples.slice()) };
  const tiles = [...tilesOf(plan)];
  const cut = await timed(spent, "cut into tiles", () => tiles.map((tile) => cutTile(plane, tile)));
  await timed(spent, "paste", () => {
    for (const [index, tile] of tiles.entries()) pasteCore(after, tile, cut[index]);
  });
  const varianceAt = varianceLsb(noise);
  await timed(spent, "quality report", () =>
    measureQuality({ before: plane, after, varianceAt, flat, clippedShare, plan }),
  );
  await timed(spent, "encode, hash and write", async () => {
    const writer = createImageWriter(join(folder, "stages-out.tif"), header, { software: "ddn bench" });
    await writer.writePage(after.samples);
    await writer.finish();
  });
  const engine: Engine = {
    name: "none",
    model,
    concurrency: 1,
    denoise: async ({ image }) => image,
    ready: async () => {},
    close: async () => {},
  };
  const page = { width: side, height: side, channels: 1 } as const;
  await timed(spent, "all of the page but decoding and encoding", () =>
    denoisePage({ samples, page, engine, options: { strength: 1 } }),
  );
};

const findingsOf = async (bench: Bench, side: number): Promise<Finding[]> => {
  const path = await writeNoisyImage(bench.folder, "stages.tif", [side, side]);
  const model = await readModel(modelPath);
  const spent: Spent = new Map();
  for (let run = 0; run < warmUps + bench.rounds; run++) await once(spent, path, side, model, bench.folder);
  return [...spent].map(([stage, milliseconds]) => ({
    what: `${side}²: ${stage}`,
    unit: "ms",
    measured: spreadOf(milliseconds.slice(warmUps)),
    runs: bench.rounds,
  }));
};

const run: Row["run"] = async (bench) => [...(await findingsOf(bench, 512)), ...(await findingsOf(bench, 2048))];

export const stages: Row = { name: "stages", title: "Processor time of the server's own stages, a page", run };
