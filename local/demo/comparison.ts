import sharp from "sharp";
import type { Phantom } from "./phantoms";

const side = 320;
const gap = 8;

/** The darkest and brightest value that count: 0.5 % of the samples lie outside on either side. */
const windowOf = (samples: Uint16Array): readonly [number, number] => {
  const sorted = samples.slice().sort();
  return [sorted[Math.floor(sorted.length * 0.005)], sorted[Math.ceil(sorted.length * 0.995) - 1]];
};

/** Writes an 8-bit picture of the page's most structured square: noisy, denoised and clean through one window. */
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
  const [low, high] = windowOf(crop(clean));
  const margin = (high - low) * 0.1;
  const level = (value: number): number =>
    Math.round(Math.min(255, Math.max(0, (255 * (value - low + margin)) / (high - low + 2 * margin))));
  const parts = [noisy, denoised, clean].map((samples, index) => ({
    input: Buffer.from(Uint8Array.from(crop(samples), level)),
    raw: { width: size, height: size, channels: 1 as const },
    left: index * (size + gap),
    top: 0,
  }));
  await sharp({ create: { width: 3 * size + 2 * gap, height: size, channels: 3, background: "#ffffff" } })
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
