import type { Model } from "../engines/engine";
import type { ImageHeader, ImageLimits, PageHeader, Samples } from "../images/image";
import type { ImageWriter, Provenance } from "../images/writer";
import type { DenoisedPage, DenoisePageArgs } from "../pixels/denoisePage";

/** What a run needs of images and pixels; the tests bring their own. */
export interface Imaging {
  readImageHeader(path: string, limits: ImageLimits): Promise<ImageHeader>;
  decodePage(path: string, header: ImageHeader, page: number): Promise<Samples>;
  createImageWriter(path: string, header: ImageHeader, provenance: Provenance): ImageWriter;
  denoisePage(args: DenoisePageArgs): Promise<DenoisedPage>;
  countTiles(page: Pick<PageHeader, "width" | "height" | "channels">, model: Model): number;
}
