/** To the nearest integer, halves to the even one, as the model's graph rounds. */
const roundHalfToEven = (value: number): number => {
  const floor = Math.floor(value);
  const fraction = value - floor;
  return fraction > 0.5 || (fraction === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
};

/**
 * `image + strength·(denoised − image)`, rounded half to even; with a strength from 0 to 1 it lies between the two.
 */
export const blend = (image: Uint16Array, denoised: Uint16Array, strength: number): Uint16Array =>
  image.map((value, index) => roundHalfToEven(value + strength * (denoised[index] - value)));
