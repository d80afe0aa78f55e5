import { type Random, seededRandom } from "./random";
import { add, addEverywhere, ball, bar, blurred, disc, emptyThickness, inside, type Thickness } from "./thickness";

/** One demo picture: what a perfect detector would give, and what a real one gives. 16-bit samples, row by row. */
export interface Phantom {
  readonly width: number;
  readonly height: number;
  readonly clean: Uint16Array;
  readonly noisy: Uint16Array;
}

/** How the picture is taken. */
export interface Exposure {
  /** Linear attenuation of the part's material, per millimetre. */
  readonly attenuation: number;
  /** X-ray quanta per pixel that reach the detector where nothing is in the way. */
  readonly quanta: number;
  /** Samples per quantum, 16-bit steps. */
  readonly gain: number;
  /** Standard deviation of the read-out noise, 16-bit steps. */
  readonly readNoise: number;
  /** What the detector gives in the dark, 16-bit steps. */
  readonly offset: number;
  /** Unsharpness of the focal spot, standard deviation in pixels. */
  readonly blur: number;
}

/** Beer-Lambert, focal blur, Poisson quanta, Gaussian read-out. The noise is white: no scintillator blurs it. */
const expose = (part: Thickness, exposure: Exposure, random: Random): Phantom => {
  const { width, height } = part;
  const transmitted = part.millimetres.map(
    (millimetres) => exposure.quanta * Math.exp(-exposure.attenuation * millimetres),
  );
  const quanta = blurred(transmitted, width, height, exposure.blur);
  const sample = (count: number, read: number): number =>
    Math.min(65535, Math.max(0, Math.round(exposure.offset + exposure.gain * count + read)));
  return {
    width,
    height,
    clean: Uint16Array.from(quanta, (count) => sample(count, 0)),
    noisy: Uint16Array.from(quanta, (count) => sample(random.poisson(count), exposure.readNoise * random.normal())),
  };
};

const millimetresPerPixel = 0.1;

/** A butt weld in steel: rippled bead, pores, a lack of fusion, and the seven wires of an image quality indicator. */
export const weld = (width: number, height: number, seed: number): Phantom => {
  const random = seededRandom(seed);
  const part = emptyThickness(width, height);
  const middle = height / 2;
  const halfBead = height * 0.17;
  const bead = (x: number): number => middle + 4 * Math.sin(x / 97) + 2 * Math.sin(x / 31 + 1);
  addEverywhere(part, (x, y) => {
    const across = (y - bead(x)) / halfBead;
    const cap = across * across < 1 ? 2.4 * (1 - across * across) : 0;
    const ripple = 0.14 * Math.sin((x + 9 * across * across) / 3.1) * (cap > 0 ? 1 - Math.abs(across) : 0);
    const undercut = 0.25 * Math.exp(-(((Math.abs(across) - 1.04) / 0.05) ** 2));
    return 9 + 0.2 * (x / width) + cap + ripple - undercut;
  });
  for (let pore = 0; pore < 26; pore++) {
    const x = width * (0.1 + 0.5 * random.uniform());
    const y = bead(x) + halfBead * 0.6 * (2 * random.uniform() - 1);
    ball(part, x, y, 1.5 + 7 * random.uniform() ** 3, millimetresPerPixel, -1);
  }
  const fusion = [width * 0.68, bead(width * 0.68) - halfBead * 0.45] as const;
  bar(part, fusion, [width * 0.83, bead(width * 0.83) - halfBead * 0.41], 1.1, () => -0.9);
  for (let wire = 0; wire < 7; wire++) {
    const radius = 4 / 1.26 ** wire;
    const x = width * 0.86 + wire * width * 0.018;
    bar(part, [x, middle - halfBead * 1.7], [x, middle + halfBead * 1.7], radius, (distance) => {
      return 2 * Math.sqrt(Math.max(0, radius * radius - distance * distance)) * millimetresPerPixel;
    });
  }
  return expose(part, { attenuation: 0.11, quanta: 2600, gain: 17, readNoise: 55, offset: 900, blur: 0.8 }, random);
};

/** An aluminium casting seen under a turning angle: ribs, bores, gas pores and a sponge of shrinkage. `angle` in degrees. */
export const casting = (width: number, height: number, seed: number, angle: number): Phantom => {
  const random = seededRandom(seed);
  const part = emptyThickness(width, height);
  const turn = (angle * Math.PI) / 180;
  const cx = width / 2;
  const cy = height / 2;
  const size = Math.min(width, height);
  const place = (radius: number, degrees: number): [number, number] => {
    const phi = turn + (degrees * Math.PI) / 180;
    return [cx + radius * size * Math.cos(phi), cy + radius * size * Math.sin(phi)];
  };
  disc(part, cx, cy, size * 0.44, 14);
  disc(part, cx, cy, size * 0.3, 9);
  disc(part, cx, cy, size * 0.13, -23);
  for (let rib = 0; rib < 6; rib++) {
    bar(part, place(0.15, rib * 60), place(0.43, rib * 60), size * 0.018, () => 8);
    const [x, y] = place(0.37, rib * 60 + 30);
    disc(part, x, y, size * 0.032, -14);
  }
  for (let pore = 0; pore < 60; pore++) {
    const [x, y] = place(0.15 + 0.27 * random.uniform(), 360 * random.uniform());
    ball(part, x, y, 1.2 + 6 * random.uniform() ** 4, 0.25, -1);
  }
  const [spongeX, spongeY] = place(0.24, 200);
  for (let cell = 0; cell < 420; cell++) {
    const spread = size * 0.035;
    ball(
      part,
      spongeX + spread * random.normal(),
      spongeY + spread * random.normal(),
      0.8 + 1.6 * random.uniform(),
      0.2,
      -1,
    );
  }
  return expose(part, { attenuation: 0.04, quanta: 260, gain: 180, readNoise: 90, offset: 1200, blur: 0.9 }, random);
};

/** A populated printed circuit board: traces, vias, a ball grid with voids, a wire-bonded chip. Low dose. */
export const circuitBoard = (width: number, height: number, seed: number): Phantom => {
  const random = seededRandom(seed);
  const part = emptyThickness(width, height);
  addEverywhere(part, (x, y) => 1 + 0.05 * (Math.sin(x * 0.9) * Math.sin(y * 0.9)));
  const pitch = 16;
  for (let trace = 0; trace < 90; trace++) {
    let x = pitch * Math.floor((random.uniform() * width) / pitch);
    let y = pitch * Math.floor((random.uniform() * height) / pitch);
    const thick = random.uniform() < 0.3 ? 2.4 : 1.2;
    const via = (): void => {
      disc(part, x, y, 4.5, 0.5);
      disc(part, x, y, 2, -0.5);
    };
    via();
    for (let leg = 0; leg < 4; leg++) {
      const length = pitch * (1 + Math.floor(random.uniform() * 9));
      const direction = Math.floor(random.uniform() * 8) * (Math.PI / 4);
      const to = [
        x + length * Math.sign(Math.round(Math.cos(direction))),
        y + length * Math.sign(Math.round(Math.sin(direction))),
      ] as const;
      bar(part, [x, y], to, thick, () => 0.35);
      [x, y] = to;
    }
    via();
  }
  const grid = { x: width * 0.12, y: height * 0.16, pitch: 24, count: 15 };
  for (let row = 0; row < grid.count; row++) {
    for (let column = 0; column < grid.count; column++) {
      const x = grid.x + column * grid.pitch;
      const y = grid.y + row * grid.pitch;
      ball(part, x, y, 8 + 0.6 * random.normal(), 0.32, 1);
      if (random.uniform() < 0.35) {
        ball(
          part,
          x + 3 * (random.uniform() - 0.5),
          y + 3 * (random.uniform() - 0.5),
          1.4 + 2.6 * random.uniform(),
          0.5,
          -1,
        );
      }
    }
  }
  const chip = { left: width * 0.62, top: height * 0.5, right: width * 0.8, bottom: height * 0.78 };
  add(part, chip, (x, y) => {
    const distance = Math.max(chip.left - x, x - chip.right, chip.top - y, y - chip.bottom);
    return 1.1 * inside(distance);
  });
  const pads = 26;
  for (let pad = 0; pad < pads; pad++) {
    const share = (pad + 0.5) / pads;
    const x = chip.left + share * (chip.right - chip.left);
    const fan = (share - 0.5) * 90;
    for (const [inner, outer] of [
      [chip.top + 8, chip.top - 46],
      [chip.bottom - 8, chip.bottom + 46],
    ] as const) {
      bar(part, [x, inner], [x + fan, outer], 0.7, () => 0.55);
      bar(part, [x + fan, outer], [x + fan * 1.25, outer + Math.sign(outer - inner) * 26], 3, () => 0.6);
    }
  }
  return expose(part, { attenuation: 0.32, quanta: 380, gain: 120, readNoise: 90, offset: 600, blur: 0.7 }, random);
};
