import { ImageError, type ImageLimits } from "./image";

/** Refuses a page with more pixels than allowed, before any of them is decoded. */
export const requirePixels = (
  { width, height }: { readonly width: number; readonly height: number },
  limits: ImageLimits,
  page: number,
): void => {
  if (width * height > limits.maxPixels) {
    throw new ImageError(
      "image_too_many_pixels",
      `Expected at most ${limits.maxPixels} pixels on a page but page ${page} has ${width} × ${height}. Cut the image into parts.`,
    );
  }
};
