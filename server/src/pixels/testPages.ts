/** Seeded standard normal deviates (mulberry32, Box and Muller), so that tests see the same noise every time. */
export const gaussian = (seed: number): (() => number) => {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
};

/** A casting seen by X-rays: a wedge with soft pores and a rim, in units of full scale, 0.15 to 0.85. */
export const phantom = (width: number, height: number): Float64Array =>
  Float64Array.from({ length: width * height }, (_, index) => {
    const [x, y] = [(index % width) / width, Math.floor(index / width) / height];
    const pores = [
      [0.3, 0.4, 0.06],
      [0.62, 0.25, 0.03],
      [0.7, 0.7, 0.1],
    ].reduce((sum, [px, py, radius]) => sum + 1 / (1 + Math.exp((Math.hypot(x - px, y - py) - radius) * 200)), 0);
    const rim = 1 / (1 + Math.exp((Math.hypot(x - 0.5, y - 0.5) - 0.42) * 300));
    return 0.15 + 0.1 * x + 0.45 * rim + 0.15 * pores * rim;
  });

/** A page of the clean values with noise of variance a·v + b, v in units of full scale, rounded and clipped to 16 bits. */
export const withNoise = (clean: Float64Array, a: number, b: number, seed: number): Uint16Array => {
  const normal = gaussian(seed);
  return Uint16Array.from(clean, (value) =>
    Math.min(65535, Math.max(0, Math.round(65535 * (value + Math.sqrt(a * value + b) * normal())))),
  );
};

/** Noise of variance 1 that neighbours share: white noise through a Gaussian of `blur` px, which goes on round the page. */
export const sharedNoise = (width: number, height: number, blur: number, seed: number): Float64Array => {
  const bell = [-3, -2, -1, 0, 1, 2, 3].map((distance) => Math.exp(-((distance / blur) ** 2) / 2));
  const norm = Math.sqrt(bell.reduce((sum, weight) => sum + weight ** 2, 0));
  const normal = gaussian(seed);
  const white = Float64Array.from({ length: width * height }, normal);
  const blurred = (values: Float64Array, at: (x: number, y: number, step: number) => number) =>
    Float64Array.from(values, (_, index) =>
      bell.reduce(
        (sum, weight, tap) => sum + (weight / norm) * values[at(index % width, Math.floor(index / width), tap - 3)],
        0,
      ),
    );
  const across = blurred(white, (x, y, step) => y * width + ((x + step + width) % width));
  return blurred(across, (x, y, step) => ((y + step + height) % height) * width + x);
};
