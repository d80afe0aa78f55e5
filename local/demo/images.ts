import type { ImageHeader, PageHeader } from "../../server/src/images/image";
import { createImageWriter } from "../../server/src/images/writer";
import { casting, circuitBoard, type Phantom, weld } from "./phantoms";

/** A demo image: its file name, and its pages as a perfect and as a real detector would give them. */
export interface DemoImage {
  readonly name: string;
  readonly what: string;
  readonly pages: readonly Phantom[];
}

/** Made anew at every run, equal on every machine. */
export const demoImages = (): readonly DemoImage[] => [
  {
    name: "용접부 검사 03.tif",
    what: "a steel weld with pores, a lack of fusion and an image quality indicator",
    pages: [weld(1000, 700, 3)],
  },
  {
    name: "casting-turned.tif",
    what: "an aluminium casting at three angles",
    pages: [0, 20, 40].map((angle) => casting(448, 448, 5, angle)),
  },
  { name: "circuit-board.tif", what: "a populated circuit board at low dose", pages: [circuitBoard(2200, 900, 7)] },
  { name: "casting-512.png", what: "the casting as a 16-bit PNG", pages: [casting(512, 512, 11, 10)] },
];

const pageHeader = ({ width, height }: Phantom, description: string): PageHeader => ({
  width,
  height,
  channels: 1,
  bits: 16,
  photometric: 1,
  compressed: true,
  resolution: { x: 254, y: 254, unit: 2 },
  description,
  lost: [],
});

/** Writes one kind of a demo image's pages (clean or noisy) as the file that a detector's software would save. */
export const writeDemoImage = async (path: string, image: DemoImage, kind: "clean" | "noisy"): Promise<number> => {
  const header: ImageHeader = {
    container: image.name.endsWith(".png") ? "png" : "tiff",
    littleEndian: true,
    pages: image.pages.map((page) => pageHeader(page, `${image.what} (${kind})`)),
  };
  const writer = createImageWriter(path, header, { software: "ddn demo phantoms" });
  for (const page of image.pages) await writer.writePage(page[kind]);
  return (await writer.finish()).bytes;
};
