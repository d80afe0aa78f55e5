import { expected } from "../../../contract/problem";
import { EngineError, type Model, type Params, type Tile } from "./engine";

const check = (holds: boolean, what: string, name: string, value: unknown): void => {
  if (!holds) throw new EngineError("engine_unavailable", expected(what, name, value));
};

/**
 * Refuses what the runtimes would take without a word and answer with garbage: illegal sizes, and parameters that are not
 * finite, or zero, once they are 32-bit floats.
 * @throws EngineError `engine_unavailable`, since only a fault of the server itself can cause it
 */
export const checkRequest = (model: Model, { height, width, image }: Tile, params: Params): void => {
  const sizes = `one of ${model.tileSizes.join(", ")}`;
  check(model.tileSizes.includes(height), sizes, "height", height);
  check(model.tileSizes.includes(width), sizes, "width", width);
  check(image.length === height * width, `${height * width} samples`, "image", image.length);
  const [offset, scale, a, b] = [params.offset, params.scale, params.a, params.b].map(Math.fround);
  check(Number.isFinite(offset), "a finite number", "offset", params.offset);
  check(Number.isFinite(scale) && scale > 0, "a finite number above 0", "scale", params.scale);
  // Either may be negative: a where bright is less noisy, b over a pedestal; the graph keeps the variance above 0.
  check(Number.isFinite(a), "a finite number", "a", params.a);
  check(Number.isFinite(b), "a finite number", "b", params.b);
};
