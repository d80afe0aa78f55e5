/**
 * Two canvases that show two images through one view: the same place, the same zoom, the same window of values.
 * Only the pixels of the screen are computed, so that the size of an image does not matter.
 */

const background = 0xff0c0908;
const mostPerSide = 4;
const zoomStep = 1.25;
const mostZoom = 64;

/** What each value is shown as, 0–255, between the values for black and for white. */
const shades = ({ low, high }, inverted, bits) => {
  const table = new Uint8ClampedArray(2 ** bits);
  const slope = 255 / Math.max(1, high - low);
  for (let value = 0; value < table.length; value += 1) {
    const shade = (value - low) * slope;
    table[value] = inverted ? 255 - shade : shade;
  }
  return table;
};

/**
 * Places in the image of the samples that the pixels of the screen average along one axis, `perSide` for each pixel, from the
 * first pixel that lies wholly in the image to the one after the last.
 */
const placesAlong = (pixels, centre, scale, size, perSide) => {
  const places = new Int32Array(pixels * perSide);
  for (let at = 0; at < places.length; at += 1) {
    places[at] = Math.floor(centre + ((at + 0.5) / perSide - pixels / 2) / scale);
  }
  let first = 0;
  while (first < pixels && places[first * perSide] < 0) first += 1;
  let end = pixels;
  while (end > first && places[end * perSide - 1] >= size) end -= 1;
  return { places, first, end };
};

const render = (canvas, page, view, shown) => {
  const context = canvas.getContext("2d", { alpha: false });
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer).fill(background);
  if (page !== undefined) {
    const { width, height, channels, samples } = page;
    // Averaging keeps a reduced image as calm as the eye would see it from afar.
    const perSide = Math.min(mostPerSide, Math.max(1, Math.ceil(1 / view.scale)));
    const columns = placesAlong(canvas.width, view.x, view.scale, width, perSide);
    const rows = placesAlong(canvas.height, view.y, view.scale, height, perSide);
    const table = shades(shown, page.inverted, page.bits);
    const share = 1 / (perSide * perSide);
    const sums = new Float64Array(canvas.width * channels);
    for (let y = rows.first; y < rows.end; y += 1) {
      sums.fill(0);
      for (let down = y * perSide; down < (y + 1) * perSide; down += 1) {
        const row = rows.places[down] * width;
        for (let channel = 0; channel < channels; channel += 1) {
          for (let x = columns.first; x < columns.end; x += 1) {
            let sum = 0;
            for (let along = x * perSide; along < (x + 1) * perSide; along += 1) {
              sum += samples[(row + columns.places[along]) * channels + channel];
            }
            sums[x * channels + channel] += sum;
          }
        }
      }
      for (let x = columns.first; x < columns.end; x += 1) {
        const at = x * channels;
        const red = table[Math.round(sums[at] * share)];
        const green = channels === 1 ? red : table[Math.round(sums[at + 1] * share)];
        const blue = channels === 1 ? red : table[Math.round(sums[at + 2] * share)];
        pixels[y * canvas.width + x] = 0xff000000 | (blue << 16) | (green << 8) | red;
      }
    }
  }
  context.putImageData(image, 0, 0);
};

/**
 * @param {readonly HTMLCanvasElement[]} canvases
 * @param {(x: number, y: number) => void} onPoint told the pixel under the pointer
 */
export const linkedPanes = (canvases, onPoint) => {
  const pages = canvases.map(() => undefined);
  /** The image's point in the middle, and device pixels per image pixel. */
  const view = { x: 0, y: 0, scale: 1, fitted: true };
  let shown = { low: 0, high: 65535 };
  let scheduled = false;

  const draw = () => {
    scheduled = false;
    for (const [index, canvas] of canvases.entries()) render(canvas, pages[index], view, shown);
  };
  const redraw = () => {
    if (!scheduled) requestAnimationFrame(draw);
    scheduled = true;
  };

  const fitScale = () => {
    const page = pages[0];
    return page === undefined ? 1 : Math.min(canvases[0].width / page.width, canvases[0].height / page.height);
  };
  const showWhole = () => {
    const page = pages[0];
    if (page !== undefined)
      Object.assign(view, { x: page.width / 2, y: page.height / 2, scale: fitScale(), fitted: true });
    redraw();
  };
  const move = (dx, dy) => {
    const { width = 0, height = 0 } = pages[0] ?? {};
    view.x = Math.min(width, Math.max(0, view.x - dx / view.scale));
    view.y = Math.min(height, Math.max(0, view.y - dy / view.scale));
    view.fitted = false;
    redraw();
  };
  /** Zooms so that the point of the image under (x, y), in device pixels off the middle, stays there. */
  const zoom = (scale, x = 0, y = 0) => {
    const bounded = Math.min(mostZoom, Math.max(fitScale() / 2, scale));
    view.x += x / view.scale - x / bounded;
    view.y += y / view.scale - y / bounded;
    view.scale = bounded;
    view.fitted = false;
    redraw();
  };

  const fromMiddle = (canvas, event) => {
    const box = canvas.getBoundingClientRect();
    const ratio = canvas.width / box.width;
    return [
      (event.clientX - box.left) * ratio - canvas.width / 2,
      (event.clientY - box.top) * ratio - canvas.height / 2,
    ];
  };

  const keys = {
    "+": () => zoom(view.scale * zoomStep),
    "=": () => zoom(view.scale * zoomStep),
    "-": () => zoom(view.scale / zoomStep),
    0: showWhole,
    ArrowLeft: () => move(40, 0),
    ArrowRight: () => move(-40, 0),
    ArrowUp: () => move(0, 40),
    ArrowDown: () => move(0, -40),
  };

  for (const canvas of canvases) {
    /** Pointers that are down, with where each was last; two of them pinch. */
    const down = new Map();
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      down.set(event.pointerId, fromMiddle(canvas, event));
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => down.delete(event.pointerId));
    }
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = fromMiddle(canvas, event);
      onPoint(Math.floor(view.x + x / view.scale), Math.floor(view.y + y / view.scale));
      const last = down.get(event.pointerId);
      if (last === undefined) return;
      const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
      move((x - last[0]) / down.size, (y - last[1]) / down.size);
      if (other !== undefined) {
        const before = Math.hypot(last[0] - other[0], last[1] - other[1]);
        const now = Math.hypot(x - other[0], y - other[1]);
        if (before > 0) zoom((view.scale * now) / before, (x + other[0]) / 2, (y + other[1]) / 2);
      }
      down.set(event.pointerId, [x, y]);
    });
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        zoom(view.scale * zoomStep ** (-event.deltaY / 100), ...fromMiddle(canvas, event));
      },
      { passive: false },
    );
    canvas.addEventListener("keydown", (event) => {
      const act = keys[event.key];
      if (act === undefined || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      act();
    });
  }

  const sized = new ResizeObserver(() => {
    for (const canvas of canvases) {
      canvas.width = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
      canvas.height = Math.max(1, Math.round(canvas.clientHeight * devicePixelRatio));
    }
    if (view.fitted) showWhole();
    else redraw();
  });
  for (const canvas of canvases) sized.observe(canvas);

  return {
    fit: showWhole,
    zoomTo: (scale) => zoom(scale * devicePixelRatio),
    /** Shows a page in one pane, or nothing; the view stays unless the size of the first one changes. */
    show: (index, page) => {
      const { width, height } = pages[0] ?? {};
      pages[index] = page;
      if (index === 0 && (page?.width !== width || page?.height !== height)) showWhole();
      else redraw();
    },
    setWindow: (range) => {
      shown = range;
      redraw();
    },
  };
};
