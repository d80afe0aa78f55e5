import type { Plane, TilePlan } from "./tiles";

/** Neighbouring pairs of pixels on each side of a seam that it is held against. */
const beside = 4;

/**
 * Mean absolute difference of the two pixels at the borders of tiles, over the mean of the four pairs on either side of
 * each: 1 where no seam shows. Undefined on a page of one tile. A picture's own edge along a border raises it too.
 */
export const seamRatio = (
  { samples, width, height, channels, channel }: Plane,
  { rows, columns }: TilePlan,
): number | undefined => {
  let at = 0;
  let atCount = 0;
  let near = 0;
  let nearCount = 0;
  const compare = (seams: readonly number[], along: number, across: number, step: number, jump: number): void => {
    for (const seam of seams) {
      const from = Math.max(1, seam - beside);
      const to = Math.min(across - 1, seam + beside);
      for (let line = 0; line < along; line++) {
        for (let place = from; place <= to; place++) {
          const index = line * jump + place * step + channel;
          const difference = Math.abs(samples[index] - samples[index - step]);
          if (place === seam) {
            at += difference;
            atCount++;
          } else {
            near += difference;
            nearCount++;
          }
        }
      }
    }
  };
  const seamsOf = (spans: TilePlan["rows"]) => spans.slice(1).map(({ coreStart }) => coreStart);
  compare(seamsOf(columns), height, width, channels, width * channels);
  compare(seamsOf(rows), width, height, width * channels, channels);
  if (atCount === 0) return undefined;
  // Counted from half a step, below which rounding alone decides; so that two flat tiles compare, too.
  const half = 0.5;
  return (at / atCount + half) / (near / Math.max(1, nearCount) + half);
};
