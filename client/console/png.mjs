/**
 * Reads PNGs at their own bit depth: a browser's decoder gives 8 bits, and the contrast of an X-ray image may lie in the others.
 * Source: https://www.w3.org/TR/png-3/
 */

const signature = [137, 80, 78, 71, 13, 10, 26, 10];

const paeth = (left, up, corner) => {
  const guess = left + up - corner;
  const [toLeft, toUp, toCorner] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
};

/** Takes the filter of one row away, in place; `above` is the row before it, zeros for the first. */
const unfilter = (type, row, above, pixelBytes) => {
  for (let at = 0; at < row.length; at += 1) {
    const left = at < pixelBytes ? 0 : row[at - pixelBytes];
    const corner = at < pixelBytes ? 0 : above[at - pixelBytes];
    if (type === 1) row[at] += left;
    else if (type === 2) row[at] += above[at];
    else if (type === 3) row[at] += (left + above[at]) >> 1;
    else if (type === 4) row[at] += paeth(left, above[at], corner);
  }
};

/**
 * The page of a PNG of 8 or 16 bits, grey or RGB, not interlaced; undefined for the other kinds.
 * @param {ArrayBuffer} buffer
 */
export const readPng = async (buffer) => {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  if (signature.some((byte, index) => bytes[index] !== byte)) throw new Error("no PNG signature");
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [bits, colour, interlaced] = [bytes[24], bytes[25], bytes[28]];
  if (!(bits === 8 || bits === 16) || !(colour === 0 || colour === 2) || interlaced !== 0) return undefined;

  const parts = [];
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    const isData = view.getUint32(at + 4) === 0x49444154;
    if (isData) parts.push(bytes.subarray(at + 8, at + 8 + view.getUint32(at)));
  }
  const inflated = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  const filtered = new Uint8Array(await new Response(inflated).arrayBuffer());

  const channels = colour === 2 ? 3 : 1;
  const pixelBytes = (channels * bits) / 8;
  const rowBytes = width * pixelBytes;
  if (filtered.length < height * (rowBytes + 1)) throw new Error("the PNG ends too early");
  const count = width * height * channels;
  const samples = bits === 16 ? new Uint16Array(count) : new Uint8Array(count);
  let above = new Uint8Array(rowBytes);
  for (let y = 0; y < height; y += 1) {
    const start = y * (rowBytes + 1);
    const row = filtered.subarray(start + 1, start + 1 + rowBytes);
    unfilter(filtered[start], row, above, pixelBytes);
    const out = y * width * channels;
    if (bits === 8) samples.set(row, out);
    else for (let at = 0; at < rowBytes; at += 2) samples[out + at / 2] = (row[at] << 8) | row[at + 1];
    above = row;
  }
  return { width, height, channels, bits, inverted: false, samples };
};
