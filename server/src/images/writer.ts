import type { ImageHeader, PageHeader, Samples } from "./image";
import { pngEncoder } from "./pngWriter";
import { type ResultFile, resultFile } from "./resultFile";
import { tiffEncoder } from "./tiffWriter";

/** What the result says of its making. */
export interface Provenance {
  /** `ddn <version>; model <name>@<hash>; job <id>`: the Software tag or text. */
  readonly software: string;
}

/** Writes an image of the same container, pages, sizes, channels and bits as its header says. */
export interface ImageWriter {
  /** The next page's height·width·channels samples; 8-bit pages are v·257, rounded. The samples are not kept. */
  writePage(samples: Samples): Promise<void>;
  /** After the last page; the hash is hexadecimal. */
  finish(): Promise<{ bytes: number; sha256: string }>;
  /** Removes what was written. */
  abort(): Promise<void>;
}

/** One container's way to write; sizes and order have been checked before. */
export interface ImageEncoder {
  writePage(samples: Samples, page: PageHeader): Promise<void>;
  finish(): Promise<void>;
}

const encoder = (file: ResultFile, header: ImageHeader, provenance: Provenance): ImageEncoder =>
  header.container === "png" ? pngEncoder(file, provenance) : tiffEncoder(file, header, provenance);

/** Writes the image described by `header` to `path`, page by page, in bounded memory. */
export const createImageWriter = (path: string, header: ImageHeader, provenance: Provenance): ImageWriter => {
  const file = resultFile(path);
  const encode = encoder(file, header, provenance);
  let pages = 0;
  return {
    writePage: async (samples) => {
      const page = header.pages[pages];
      if (page === undefined) throw new RangeError(`Expected ${header.pages.length} pages but received another one.`);
      const count = page.width * page.height * page.channels;
      if (samples.length !== count) {
        throw new RangeError(`Expected ${count} samples for page ${pages + 1} but received ${samples.length}.`);
      }
      pages += 1;
      await encode.writePage(samples, page);
    },
    finish: async () => {
      if (pages !== header.pages.length) {
        throw new RangeError(`Expected ${header.pages.length} pages but received ${pages}.`);
      }
      await encode.finish();
      return file.finish();
    },
    abort: () => file.abort(),
  };
};
