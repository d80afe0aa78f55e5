import type { JobOptions, NoiseReport, PlaneQuality } from "../../../contract/job";
import type { Params, TileEngine } from "../engines/engine";
import type { PageHeader, Samples } from "../images/image";
import { blend } from "./blend";
import { estimateNoise, type Noise, type NoiseEstimate, sigmaAt, varianceLsb } from "./noise";
import { pageParams, valueRange } from "./params";
import { measureQuality } from "./quality";
import { cutTile, type Plane, type PlannedTile, pasteCore, planTiles, type TilePlan, tilesOf } from "./tiles";

export interface DenoisePageArgs {
  /** The page as decoded; read only. */
  readonly samples: Samples;
  readonly page: Pick<PageHeader, "width" | "height" | "channels">;
  readonly engine: TileEngine;
  readonly options: JobOptions;
  readonly signal?: AbortSignal;
  /** Called once for each of the page's tiles (`countTiles`), sent or skipped. */
  readonly onTile?: () => void;
  /** Where the noise is known beforehand. @default estimateNoise */
  readonly estimate?: (plane: Plane) => NoiseEstimate;
}

export interface DenoisedPage {
  /** As many as came in; the very input where nothing was to be done. */
  readonly samples: Samples;
  /** The noise that was removed, channel by channel: estimated, or what `sigma` said. */
  readonly noise: readonly Omit<NoiseReport, "page">[];
  /** Channel by channel. */
  readonly quality: readonly Omit<PlaneQuality, "page">[];
}

interface Work {
  readonly plane: Plane;
  readonly params: Params;
  readonly tile: PlannedTile;
}

/** How many tiles are held at a time: what keeps the engine busy, one that waits, and one that is cut or pasted meanwhile. */
const lanesFor = (
  { concurrency, pixelsInFlight = Number.POSITIVE_INFINITY }: TileEngine,
  { rows, columns }: TilePlan,
): number => {
  const largest = Math.max(...rows.map(({ size }) => size)) * Math.max(...columns.map(({ size }) => size));
  return Math.min(concurrency, Math.ceil(pixelsInFlight / largest) + 1) + 1;
};

/**
 * Denoises one page: one noise estimate and one set of parameters per channel, tile by tile through the engine.
 * A channel without noise is its own best estimate and is not sent, nor is anything at strength 0.
 * Holds the input, a result of the same size, and the tiles of its lanes (`lanesFor`).
 * @throws what the engine throws, or the signal's reason; no tile is under way any more by then
 */
export const denoisePage = async ({
  samples,
  page: { width, height, channels },
  engine,
  options: { strength, sigma },
  signal,
  onTile,
  estimate = estimateNoise,
}: DenoisePageArgs): Promise<DenoisedPage> => {
  signal?.throwIfAborted();
  const plan = planTiles(width, height, engine.model);
  const noise: Omit<NoiseReport, "page">[] = [];
  const found: { plane: Plane; removed: Noise; estimated: NoiseEstimate }[] = [];
  const noisy: { plane: Plane; params: Params }[] = [];
  for (let channel = 0; channel < channels; channel++) {
    const plane = { samples, width, height, channels, channel };
    const estimated = estimate(plane);
    const removed: Noise = sigma === undefined ? estimated.noise : { a: 0, b: sigma ** 2 };
    found.push({ plane, removed, estimated });
    noise.push({ channel, ...removed, sigmaLsb: 65535 * sigmaAt(removed, estimated.median) });
    const params = pageParams(valueRange(plane), removed);
    if (strength > 0 && (params.a !== 0 || params.b !== 0)) noisy.push({ plane, params });
    else for (const _ of tilesOf(plan)) onTile?.();
  }
  const measured = (result: Samples) =>
    found.map(({ plane, removed, estimated: { flat, clippedShare } }) => ({
      channel: plane.channel,
      ...measureQuality({
        before: plane,
        after: { ...plane, samples: result },
        varianceAt: varianceLsb(removed),
        flat,
        clippedShare,
        plan,
      }),
    }));
  if (noisy.length === 0) return { samples, noise, quality: measured(samples) };

  const result = samples.slice();
  const work = (function* (): Generator<Work> {
    for (const { plane, params } of noisy) for (const tile of tilesOf(plan)) yield { plane, params, tile };
  })();
  const failure = new AbortController();
  const stop = signal === undefined ? failure.signal : AbortSignal.any([signal, failure.signal]);
  const lane = async (): Promise<void> => {
    for (const { plane, params, tile } of work) {
      stop.throwIfAborted();
      const size = { height: tile.row.size, width: tile.column.size };
      const denoised = await engine.denoise({ ...size, image: cutTile(plane, tile) }, params, stop);
      stop.throwIfAborted();
      // Cut anew: the engine keeps what it is given.
      const blended = strength === 1 ? denoised : blend(cutTile(plane, tile), denoised, strength);
      pasteCore({ ...plane, samples: result }, tile, blended);
      onTile?.();
    }
  };
  const lanes = Array.from({ length: lanesFor(engine, plan) }, () =>
    lane().catch((reason: unknown) => failure.abort(reason)),
  );
  await Promise.all(lanes);
  stop.throwIfAborted();
  return { samples: result, noise, quality: measured(result) };
};
