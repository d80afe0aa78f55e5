"""How much context a model needs: `python model/halo.py MODEL.onnx FOLDER`, largest differences in 16-bit steps.

Between one run of the whole image and runs of 128 px cores with a halo towards their neighbours, all on the 8-pixel grid.
The images are those of a folder, their full scale the full scale of 16 bits, with white noise of 25 of 255, and noise
alone. Differences come from few places, so one image proves little.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy
from numpy import ndarray

from evaluate import folder_pictures
from noise import gaussian, seeded
from pages import FULL_SCALE, Denoise
from runners import onnx_runner

CORE_PX = 128
SIDE_PX = 512
HALOS_PX = (48, 64, 80, 88, 96, 104, 112)
SIGMA = 25 / 255


def tiled(denoise: Denoise, image: ndarray, params: ndarray, halo: int) -> ndarray:
    """uint16 [H,W] in cores, each computed with its halo, cut off at the image's edge."""
    result = numpy.empty_like(image)
    for row in range(0, image.shape[0], CORE_PX):
        for column in range(0, image.shape[1], CORE_PX):
            top, left = max(0, row - halo), max(0, column - halo)
            tile = image[top : row + CORE_PX + halo, left : column + CORE_PX + halo]
            core = denoise(tile[None], params)[0, row - top :, column - left :][:CORE_PX, :CORE_PX]
            result[row : row + CORE_PX, column : column + CORE_PX] = core
    return result


def pages(folder: Path) -> Iterator[tuple[str, ndarray]]:
    """Noisy pages uint16 [512,512]; smaller images are repeated."""
    flat = numpy.full((SIDE_PX, SIDE_PX), 0.5)
    for name, clean in [("noise alone", flat), *((one.name, one.clean) for one in folder_pictures(folder))]:
        times = [-(-SIDE_PX // side) for side in clean.shape]
        noisy = gaussian(numpy.tile(clean, times)[:SIDE_PX, :SIDE_PX], SIGMA, seeded("halo", name))
        yield name, FULL_SCALE.stored(noisy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    denoise = onnx_runner(arguments.model)
    params = numpy.float32([[0, 1 / 65535, 0, SIGMA**2]])
    columns = ["halo, px", *map(str, HALOS_PX)]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    worst = dict.fromkeys(HALOS_PX, 0)
    for name, page in pages(arguments.folder):
        whole = denoise(page[None], params)[0].astype(int)
        found = {halo: int(abs(tiled(denoise, page, params, halo) - whole).max()) for halo in HALOS_PX}
        worst = {halo: max(worst[halo], found[halo]) for halo in HALOS_PX}
        print(f"| {name} | {' | '.join(map(str, found.values()))} |", flush=True)
    print(f"| worst | {' | '.join(map(str, worst.values()))} |")


if __name__ == "__main__":
    main()
