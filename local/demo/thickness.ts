/**
 * A map of how much material a ray meets at each pixel, in millimetres of the part's own material.
 * Shapes are added with edges one pixel wide, so that nothing is sharper than a detector could see.
 */
export interface Thickness {
  readonly width: number;
  readonly height: number;
  readonly millimetres: Float64Array;
}

export const emptyThickness = (width: number, height: number): Thickness => ({
  width,
  height,
  millimetres: new Float64Array(width * height),
});

/** 1 inside (distance < 0), 0 outside, a straight ramp of one pixel between. */
export const inside = (distance: number): number => Math.min(1, Math.max(0, 0.5 - distance));

/** Adds `depth(x, y)` millimetres inside a box, pixel by pixel. */
export const add = (
  target: Thickness,
  box: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number },
  depth: (x: number, y: number) => number,
): void => {
  const right = Math.min(target.width, Math.ceil(box.right) + 1);
  const bottom = Math.min(target.height, Math.ceil(box.bottom) + 1);
  for (let y = Math.max(0, Math.floor(box.top) - 1); y < bottom; y++) {
    for (let x = Math.max(0, Math.floor(box.left) - 1); x < right; x++) {
      const at = y * target.width + x;
      target.millimetres[at] = Math.max(0, (target.millimetres[at] as number) + depth(x, y));
    }
  }
};

export const addEverywhere = (target: Thickness, depth: (x: number, y: number) => number): void =>
  add(target, { left: 0, top: 0, right: target.width, bottom: target.height }, depth);

/** A disc of constant depth; negative drills a hole. */
export const disc = (target: Thickness, cx: number, cy: number, radius: number, depth: number): void =>
  add(target, { left: cx - radius, top: cy - radius, right: cx + radius, bottom: cy + radius }, (x, y) => {
    return depth * inside(Math.hypot(x - cx, y - cy) - radius);
  });

/** A ball (a pore when `sign` is −1): the chord through it, `perPixel` millimetres a pixel. */
export const ball = (target: Thickness, cx: number, cy: number, radius: number, perPixel: number, sign: 1 | -1): void =>
  add(target, { left: cx - radius, top: cy - radius, right: cx + radius, bottom: cy + radius }, (x, y) => {
    const squared = radius * radius - (x - cx) ** 2 - (y - cy) ** 2;
    return squared <= 0 ? 0 : sign * 2 * Math.sqrt(squared) * perPixel;
  });

/** A straight bar between two points with round ends, `profile` gives the depth at a distance from its axis. */
export const bar = (
  target: Thickness,
  [x0, y0]: readonly [number, number],
  [x1, y1]: readonly [number, number],
  halfWidth: number,
  profile: (distance: number) => number,
): void => {
  const squared = Math.max(1e-9, (x1 - x0) ** 2 + (y1 - y0) ** 2);
  const box = {
    left: Math.min(x0, x1) - halfWidth,
    right: Math.max(x0, x1) + halfWidth,
    top: Math.min(y0, y1) - halfWidth,
    bottom: Math.max(y0, y1) + halfWidth,
  };
  add(target, box, (x, y) => {
    const along = Math.min(1, Math.max(0, ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / squared));
    const distance = Math.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0));
    return profile(distance) * inside(distance - halfWidth);
  });
};

/** Separable Gaussian blur with mirrored edges: the focal spot's unsharpness; `sigma` in pixels. */
export const blurred = (values: Float64Array, width: number, height: number, sigma: number): Float64Array => {
  const radius = Math.ceil(3 * sigma);
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)),
  );
  const sum = kernel.reduce((total, weight) => total + weight, 0);
  const mirror = (index: number, length: number): number => {
    const folded = Math.abs(index) % (2 * length - 2 || 1);
    return folded < length ? folded : 2 * length - 2 - folded;
  };
  const pass = (
    source: Float64Array,
    length: number,
    stride: number,
    lines: number,
    lineStride: number,
  ): Float64Array => {
    const result = new Float64Array(source.length);
    for (let line = 0; line < lines; line++) {
      for (let i = 0; i < length; i++) {
        let value = 0;
        for (let k = -radius; k <= radius; k++) {
          value +=
            (kernel[k + radius] as number) * (source[line * lineStride + mirror(i + k, length) * stride] as number);
        }
        result[line * lineStride + i * stride] = value / sum;
      }
    }
    return result;
  };
  return pass(pass(values, width, 1, height, width), height, width, width, 1);
};
