/**
 * Peak signal-to-noise ratio of two arrays of 16-bit samples in dB, the peak being full scale (65535).
 * Infinity when they are equal.
 */
export const psnr = (reference: Uint16Array, samples: Uint16Array): number => {
  if (reference.length !== samples.length)
    throw new RangeError(`Expected ${reference.length} samples for \`samples\` but received ${samples.length}.`);
  let squares = 0;
  for (let index = 0; index < reference.length; index++) squares += (samples[index] - reference[index]) ** 2;
  return squares === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10((65535 ** 2 * reference.length) / squares);
};
