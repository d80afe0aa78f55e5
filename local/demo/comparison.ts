import sharp from "sharp";
import type { Phantom } from "./phantoms";

const side = 256;
const gap = 8;

/** The darkest and brightest value that count: 0.5 % of the samples lie outside on either side. */
const windowOf = (samples: Uint16Array): readonly [number, number] => {
  const sorted = samples.slice().sort();
  return [sorted[Math.floor(sorted.length * 0.005)], sorted[Math.ceil(sorted.length * 0.995) - 1]];
};

/** A grey of 0–255 for each value: `low` a tenth above black, `high` a tenth below white. */
const greyLevels =
  (low: number, high: number) =>
  (value: number): number => {
    const margin = (high - low) * 0.1;
    return Math.round(Math.min(255, Math.max(0, (255 * (value - low + margin)) / (high - low + 2 * margin))));
  };

/**
 * Writes an 8-bit picture of the page's most structured square: noisy, denoised and clean through one window, and what was
 * removed, noisy − denoised, through one of its own with nothing removed in the middle.
 */
export const comparison = async (
  path: string,
  { width, height, clean, noisy }: Phantom,
  denoised: Uint16Array,
): Promise<void> => {
  const size = Math.min(side, width, height);
  const [left, top] = mostStructured(clean, width, height, size);
  const crop = (samples: Uint16Array): Uint16Array => {
    const cut = new Uint16Array(size * size);
    for (let y = 0; y < size; y++) {
      const start = (top + y) * width + left;
      cut.set(samples.subarray(start, start + size), y * size);
    }
    return cut;
  };
  const [before, after, truth] = [noisy, denoised, clean].map(crop);
  const removed = Float32Array.from(before, (value, index) => value - after[index]);
  const most = Float32Array.from(removed, Math.abs).sort()[Math.ceil(removed.length * 0.99) - 1];
  const level = greyLevels(...windowOf(truth));
  const panels = [before, after, truth].map((samples) => Uint8Array.from(samples, level));
  panels.push(Uint8Array.from(removed, greyLevels(-most, most)));
  const parts = panels.map((panel, index) => ({
    input: Buffer.from(panel),
    raw: { width: size, height: size, channels: 1 as const },
    left: index * (size + gap),
    top: 0,
  }));
  const across = panels.length * (size + gap) - gap;
  await sharp({ create: { width: across, height: size, channels: 3, background: "#ffffff" } })
    .composite(parts)
    .greyscale()
    .png({ compressionLevel: 9 })
    .toFile(path);
};

/** Corner of the square whose neighbouring samples differ most, looked for on a coarse grid. */
const mostStructured = (
  samples: Uint16Array,
  width: number,
  height: number,
  size: number,
): readonly [number, number] => {
  let best: readonly [number, number] = [0, 0];
  let most = -1;
  for (let top = 0; top + size <= height; top += 50) {
    for (let left = 0; left + size <= width; left += 50) {
      let sum = 0;
      for (let y = top; y < top + size - 1; y += 2) {
        for (let x = left; x < left + size - 1; x += 2) {
          const at = y * width + x;
          sum += Math.abs(samples[at] - samples[at + 1]) + Math.abs(samples[at] - samples[at + width]);
        }
      }
      if (sum > most) {
        most = sum;
        best = [left, top];
      }
    }
  }
  return best;
};
