// Does not prove how much memory a page really takes (bench/).
import { expect, it } from "vitest";
import { testEngine, testImaging } from "../testing/world";
import { denoiseFile } from "./denoiseFile";
import { createSlots } from "./slots";

it("a file whose pages would not fit into memory even alone is refused before any is decoded", async () => {
  const imaging = testImaging(() => {});
  const page = {
    width: 1000,
    height: 600,
    channels: 3,
    bits: 16,
    photometric: 2,
    compressed: false,
    lost: [],
  } as const;
  const denoising = denoiseFile(
    {
      inputPath: "",
      outputPath: "",
      options: { strength: 1 },
      limits: { maxPixels: 1e6, maxPages: 1 },
      software: "",
      urgent: false,
      signal: new AbortController().signal,
      onProgress: () => expect.fail("nothing may begin"),
    },
    {
      imaging: {
        ...imaging,
        readImageHeader: async () => ({ container: "tiff", littleEndian: true, pages: [{ ...page, width: 10 }, page] }),
      },
      engine: testEngine,
      memory: createSlots(10 * 2 ** 20),
    },
  );
  await expect(denoising).rejects.toMatchObject({
    name: "ImageError",
    code: "image_too_many_pixels",
    message:
      "Expected pages that take at most 10 MiB of this server's memory but 1000×600 pixels take 18 MiB. Cut the image into parts, or give the server more memory.",
  });
});
