import sharp from "sharp";
import { ImageError, type PageHeader, type Samples } from "./image";

// Every image is read once: a cache would only hold memory.
sharp.cache(false);

/** Failures of the machine, not of the image; libtiff speaks of memory, too, when a damaged tag asks for much. */
const machineFailure = /^Input file is missing|vips_(malloc|tracked)/;

const colourspace = (page: PageHeader): "b-w" | "grey16" | "srgb" | "rgb16" => {
  if (page.channels === 1) return page.bits === 8 ? "b-w" : "grey16";
  return page.bits === 8 ? "srgb" : "rgb16";
};

/** Decodes a PNG, or a JPEG-compressed TIFF page, with no colour management and nothing narrowed to 8 bit. */
export const decodeBySharp = async (
  path: string,
  page: PageHeader,
  directory: number | undefined,
  number: number,
): Promise<Samples> => {
  const damaged = (cause?: unknown) =>
    new ImageError(
      "image_corrupt",
      `Expected whole image data on page ${number} but it is damaged or cut short. Export the image again.`,
      { cause },
    );
  const image = sharp(path, {
    failOn: "warning",
    ignoreIcc: true,
    limitInputPixels: page.width * page.height,
    ...(directory === undefined ? {} : { page: directory }),
  });
  const { data, info } = await image
    .toColourspace(colourspace(page))
    .raw({ depth: page.bits === 8 ? "uchar" : "ushort" })
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => {
      throw cause instanceof Error && machineFailure.test(cause.message) ? cause : damaged(cause);
    });
  const count = page.width * page.height * page.channels;
  const isAsAnnounced = info.width === page.width && info.height === page.height && info.channels === page.channels;
  if (!isAsAnnounced || data.length !== count * (page.bits / 8)) throw damaged();
  if (page.bits === 16) return new Uint16Array(data.buffer, data.byteOffset, count);
  const samples = new Uint16Array(count);
  // libvips turns MinIsWhite round; turned back, the samples are as stored.
  const turn = page.photometric === 0 ? 255 : 0;
  for (let index = 0; index < count; index += 1) samples[index] = ((data[index] ?? 0) ^ turn) * 257;
  return samples;
};
