import type { ImageHeader, Samples } from "./image";
import { decodeBySharp } from "./sharpDecoder";
import { decodeTiffPage } from "./tiffDecoder";

/**
 * Decodes one page, samples as stored: MinIsWhite is not turned round, no colour profile, gamma or orientation applied.
 * JPEG inside TIFF is the one lossy source; its YCbCr comes back as RGB.
 *
 * TIFF is decoded here rather than by sharp, which inverts MinIsWhite, cannot read planes in tiles, refuses
 * compressed strips over 50 MB and walks the whole chain of directories for each page.
 * @param page from 0
 * @returns height·width·channels samples, interleaved; 8-bit samples as v·257
 * @throws ImageError `image_corrupt`
 */
export const decodePage = async (path: string, header: ImageHeader, page: number): Promise<Samples> => {
  const found = header.pages[page];
  if (found === undefined)
    throw new RangeError(`Expected a page from 0 to ${header.pages.length - 1} but got ${page}.`);
  const { layout } = found;
  if (layout === undefined || layout.compression === 7) return decodeBySharp(path, found, layout?.directory, page + 1);
  return decodeTiffPage(path, header, found, layout, page + 1);
};
