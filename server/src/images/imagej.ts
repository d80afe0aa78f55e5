const number = (description: string, name: string): number | undefined => {
  const match = new RegExp(`^${name}=(\\d{1,15})\\s*$`, "m").exec(description);
  return match === null ? undefined : Number(match[1]);
};

/** Images in a stack that tifffile wrote with a single directory: `{"shape": [5, 64, 64], "truncated": true}`. */
const truncatedStack = (description: string): number => {
  if (!description.startsWith('{"shape"') || !/"truncated": *true/.test(description)) return 0;
  const lengths = (/"shape": *\[([\d, ]+)\]/.exec(description)?.[1] ?? "").split(",").map(Number);
  return lengths.slice(0, -2).reduce((product, length) => product * length, 1);
};

/**
 * How many images a description says that the file holds; 0 when it says nothing.
 * ImageJ writes one directory and all images behind it; its `images` counts them, or channels × slices × frames do.
 * Source: https://github.com/imagej/ImageJ/blob/master/ij/io/TiffDecoder.java
 */
export const announcedPages = (description: string): number => {
  if (!description.startsWith("ImageJ=")) return truncatedStack(description);
  const product =
    (number(description, "channels") ?? 1) *
    (number(description, "slices") ?? 1) *
    (number(description, "frames") ?? 1);
  return number(description, "images") ?? product;
};
