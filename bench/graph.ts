export interface Series {
  readonly name: string;
  readonly unit: string;
  /** x ascending. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

const width = 720;
const height = 240;
const margin = { left: 64, right: 16, top: 28, bottom: 36 };

/** The next of 1, 2, 5, 10, 20, … that is at least `value`. */
const roundUp = (value: number): number => {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value * (1 - 1e-9)) ?? 10) * power;
};

const steps = 5;

/** Values from 0 on, at which the axis up to `most` has its marks: five or fewer stretches. */
export const marks = (most: number): number[] => {
  const step = roundUp(Math.max(most, Number.MIN_VALUE * 2 ** 60) / steps);
  const count = Math.ceil(most / step - 1e-9);
  return Array.from({ length: Math.max(1, count) + 1 }, (_, index) => Number((index * step).toPrecision(12)));
};

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/**
 * One series as a line over time, from zero, as an SVG file of its own.
 * @param across what x is, such as `minutes`
 */
export const lineGraph = ({ name, unit, points }: Series, across: string): string => {
  if (points.length < 2) throw new RangeError(`Expected at least two points of ${name} but received ${points.length}.`);
  const [xs, ys] = [0, 1].map((axis) => marks(Math.max(...points.map((point) => point[axis]))));
  const place = ([x, y]: readonly [number, number]): [string, string] => {
    const right = margin.left + ((width - margin.left - margin.right) * x) / xs[xs.length - 1];
    const down = height - margin.bottom - ((height - margin.top - margin.bottom) * y) / ys[ys.length - 1];
    return [right.toFixed(1), down.toFixed(1)];
  };
  const horizontal = ys.map((value) => {
    const [x, y] = place([0, value]);
    return `<path class="grid" d="M${x} ${y}H${width - margin.right}"/><text x="${margin.left - 8}" y="${y}" dy="4" text-anchor="end">${value}</text>`;
  });
  const vertical = xs.map((value) => {
    const [x, y] = place([value, 0]);
    return `<text x="${x}" y="${Number(y) + 16}" text-anchor="middle">${value}</text>`;
  });
  const line = points.map((point) => place(point).join(" ")).join("L");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(`${name}, ${unit}`)}">`,
    "<style>text{font:12px sans-serif;fill:#444}.grid{stroke:#ddd}.line{stroke:#0969da;stroke-width:1.5;fill:none}</style>",
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${margin.left}" y="16">${escaped(`${name}, ${unit}`)}</text>`,
    ...horizontal,
    ...vertical,
    `<text x="${width - margin.right}" y="${height - 4}" text-anchor="end">${escaped(across)}</text>`,
    `<path class="line" d="M${line}"/>`,
    "</svg>\n",
  ].join("\n");
};
