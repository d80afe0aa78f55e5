import { quote } from "../../../contract/problem";
import { withBoundedFile } from "./boundedFile";
import { ImageError, type ImageHeader, type ImageLimits } from "./image";
import { pngSignature, readPngHeader } from "./pngHeader";
import { readTiffStart } from "./tiffDirectory";
import { readTiffHeader } from "./tiffHeader";

const startBytes = 132;

const others: readonly (readonly [name: string, start: string, at: number])[] = [
  ["a JPEG", "\xff\xd8\xff", 0],
  ["a GIF", "GIF8", 0],
  ["a BMP", "BM", 0],
  ["a PDF", "%PDF-", 0],
  ["a ZIP archive", "PK\x03\x04", 0],
  ["a DICOM file", "DICM", 128],
];

const found = (start: Buffer): string => {
  const text = start.toString("latin1");
  const name = others.find(([, magic, at]) => text.startsWith(magic, at))?.[0];
  return name ?? `a file that starts with ${quote(text.slice(0, 16))}`;
};

/**
 * Reads what can be known of an image before any pixel is decoded: only its directories and chunks are read, never the
 * whole file, and everything that the decoder could not bring back exactly is refused.
 * @throws ImageError `image_empty`, `image_unsupported`, `image_corrupt`, `image_too_many_pixels`, `image_too_many_pages`
 */
export const readImageHeader = (path: string, limits: ImageLimits): Promise<ImageHeader> =>
  withBoundedFile(path, async (file) => {
    if (file.size === 0) {
      throw new ImageError("image_empty", "Expected a TIFF or PNG image but received an empty file. Upload it again.");
    }
    const start = Buffer.from(await file.read(0, Math.min(startBytes, file.size), "the start"));
    if (start.subarray(0, pngSignature.length).equals(pngSignature)) return readPngHeader(file, limits);
    const tiff = readTiffStart(start);
    if (tiff !== undefined) return readTiffHeader(file, tiff.flavour, tiff.first, limits);
    throw new ImageError(
      "image_unsupported",
      `Expected a TIFF or PNG image but received ${found(start)}. Convert the image to 16-bit TIFF.`,
    );
  });
