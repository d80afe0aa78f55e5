// Does not prove how much memory a page really takes (bench/).
import { expect, it } from "vitest";
import { testEngine, testImaging } from "../testing/world";
import { denoiseFile } from "./denoiseFile";
import type { Imaging } from "./imaging";
import { createSlots } from "./slots";

const page = {
  width: 1000,
  height: 600,
  channels: 3,
  bits: 16,
  photometric: 2,
  compressed: false,
  lost: [],
} as const;

const denoise = (imaging: Partial<Imaging>, memoryMiB: number, onProgress = () => {}) =>
  denoiseFile(
    {
      inputPath: "",
      outputPath: "",
      options: { strength: 1 },
      limits: { maxPixels: 1e6, maxPages: 1 },
      software: "",
      urgent: false,
      signal: new AbortController().signal,
      onProgress,
    },
    {
      imaging: {
        ...testImaging(() => {}),
        readImageHeader: async () => ({ container: "tiff", littleEndian: true, pages: [{ ...page, width: 10 }, page] }),
        ...imaging,
      },
      engine: testEngine,
      memory: createSlots(memoryMiB * 2 ** 20),
    },
  );

it("a file whose pages would not fit into memory even alone is refused before any is decoded", async () => {
  const denoising = denoise({}, 10, () => expect.fail("nothing may begin"));
  await expect(denoising).rejects.toMatchObject({
    name: "ImageError",
    code: "image_too_many_pixels",
    message:
      "Expected pages that take at most 10 MiB of this server's memory but 1000×600 pixels take 18 MiB. Cut the image into parts, or give the server more memory.",
  });
});

it("a result that S3 would not take in one piece is the file's fault, not the platform's", async () => {
  const timings = { decodeMs: 0, inferMs: 0, encodeMs: 0 };
  const denoisePages = async () => ({ bytes: 5 * 2 ** 30 + 1, sha256: "", timings, noise: [], quality: [] });
  await expect(denoise({ denoisePages }, 100)).rejects.toMatchObject({
    name: "ImageError",
    code: "image_too_large",
    message:
      "Expected a result of at most 5368709120 bytes but it has 5368709121. Divide the pages among several files.",
  });
});
