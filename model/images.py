"""Grey images from a folder, as float64 with full scale 1."""

from pathlib import Path

import numpy
from numpy import ndarray

SUFFIXES = {".png", ".tif", ".tiff"}


def image_files(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise SystemExit(f"Expected PNG or TIFF files in {folder} but received none.")
    return files


def grey_image(file: Path) -> ndarray:
    """[H,W] in 0-1; the first page, 8 or 16 bit unsigned."""
    if file.suffix.lower() == ".png":
        from PIL import Image

        with Image.open(file) as image:
            if image.mode not in ("L", "I;16"):
                raise SystemExit(f"Expected a grey PNG of 8 or 16 bit but received mode {image.mode} in {file}.")
            samples = numpy.asarray(image)
    else:
        import tifffile

        samples = tifffile.imread(file, key=0)
    if samples.ndim != 2 or samples.dtype not in (numpy.uint8, numpy.uint16):
        raise SystemExit(f"Expected grey uint8 or uint16 but received {samples.dtype} {samples.shape} in {file}.")
    return samples / float(numpy.iinfo(samples.dtype).max)
