/** A small seeded generator (xorshift128), so that the demo images are the same on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
  /** Poisson with the given mean; exact below 30, normal above, where the two differ by less than the rounding. */
  poisson(mean: number): number;
}

export const seededRandom = (seed: number): Random => {
  const state = new Uint32Array([seed ^ 0x9e3779b9, seed ^ 0x243f6a88, seed ^ 0xb7e15162, 0xdeadbeef]);
  const next = (): number => {
    const [x, , , w] = state as unknown as [number, number, number, number];
    const t = x ^ (x << 11);
    state.copyWithin(0, 1);
    state[3] = w ^ (w >>> 19) ^ t ^ (t >>> 8);
    return (state[3] as number) >>> 0;
  };
  for (let warmUp = 0; warmUp < 16; warmUp++) next();
  const uniform = (): number => next() / 2 ** 32;
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const poisson = (mean: number): number => {
    if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()));
    const limit = Math.exp(-mean);
    let count = 0;
    for (let product = uniform(); product > limit; product *= uniform()) count++;
    return count;
  };
  return { uniform, normal, poisson };
};
