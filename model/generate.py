"""Writes clean training images, drawn by rule from a seed: `python model/generate.py OUT.npy --count 2000 --seed 1`.

OUT.npy is uint16 [count, size, size]; image i depends on the seed, i // GROUP and i alone, so that banks with other
seeds share nothing and a bank can be continued by `--start`. No photograph is read. `--phantoms` draws the families of
phantoms.py that training may see, with seeds other than those of the evaluation.
"""

import argparse
import itertools
import os
import sys
import time
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy
from numpy.random import Generator

import scenes
from phantoms import SIZE_PX, TRAINED_FAMILIES, phantom
from textures import Image, log_uniform, spectral, texture

# Images of one group share a library of textures, each time turned, scaled and cut out anew: drawing them costs most.
GROUP = 16
LIBRARY_TEXTURES = 24
LIBRARY_SIZE_PX = 1024
TEXTURES_PER_IMAGE = 8


def library(seed: int, group: int) -> list[Image]:
    random = numpy.random.default_rng([seed, group, 1])
    return [texture(random, LIBRARY_SIZE_PX) for _ in range(LIBRARY_TEXTURES)]


def cut(random: Generator, image: Image, size: int) -> Image:
    """A turned and scaled piece [size, size]; beyond the edges it is mirrored."""
    zoom = log_uniform(random, 0.7, 2.2)
    turn = cv2.getRotationMatrix2D(
        tuple(map(float, random.uniform(0, image.shape[0], 2))), random.uniform(0, 360), zoom
    )
    turn[:, 2] += size / 2 - random.uniform(0, image.shape[0], 2)
    return cv2.warpAffine(image, turn, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def photographed(random: Generator, image: Image, factor: int) -> Image:
    """Optics and a camera's processing: blur, scaling down by `factor`, uneven light, sharpening, tone curve."""
    if random.random() < 0.35:
        image = cv2.GaussianBlur(image, (0, 0), random.uniform(0.25, 1) * factor)
    size = image.shape[0] // factor
    image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    if random.random() < 0.2:
        light = cv2.resize(spectral(random, 64, 2.5), (size, size), interpolation=cv2.INTER_CUBIC)
        image = image * numpy.clip(1 + 0.25 * light, 0.2, 2)
    if random.random() < 0.25:
        image = image + random.uniform(0.2, 1) * (image - cv2.GaussianBlur(image, (0, 0), random.uniform(0.7, 1.5)))
    image = numpy.clip(image, 0, 1)
    if random.random() < 0.4:
        image = image ** log_uniform(random, 0.6, 1.7)
    return image


def generate(seed: int, index: int, size: int, textures: list[Image], kinds: scenes.Kinds = scenes.KINDS) -> Image:
    random = numpy.random.default_rng([seed, index, 0])
    factor = 2 if random.random() < 0.7 else 3
    shares = numpy.array([share for share, _ in kinds])
    scene = kinds[random.choice(len(shares), p=shares / shares.sum())][1]
    chosen = random.choice(len(textures), TEXTURES_PER_IMAGE, replace=False)
    pieces = [cut(random, textures[which], size * factor) for which in chosen]
    return photographed(random, scene(random, size * factor, pieces), factor)


def generate_group(seed: int, indices: list[int], size: int, kinds: scenes.Kinds) -> list[Image]:
    """The images of one group, which share their textures."""
    cv2.setNumThreads(1)
    textures = library(seed, indices[0] // GROUP)
    return [generate(seed, index, size, textures, kinds) for index in indices]


def phantom_group(seed: int, indices: list[int]) -> list[Image]:
    count = len(TRAINED_FAMILIES)
    return [phantom(TRAINED_FAMILIES[index % count], index // count, f"training {seed}") for index in indices]


def kinds_named(names: str) -> scenes.Kinds:
    known = {scene.__name__: (share, scene) for share, scene in scenes.KINDS}
    for name in names.split(","):
        if name not in known:
            raise argparse.ArgumentTypeError(f"Expected some of {', '.join(known)} but received {name}.")
    return [known[name] for name in names.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--count", type=int, default=2000)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--phantoms", action="store_true", help=f"{', '.join(TRAINED_FAMILIES)}, {SIZE_PX} px")
    names = ", ".join(scene.__name__ for _, scene in scenes.KINDS)
    what.add_argument("--only", type=kinds_named, default=scenes.KINDS, metavar="KIND,KIND", help=f"some of {names}")
    parser.add_argument("--size", type=int, default=320, help="pixels along each side; not of phantoms")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0, help="index of the first image")
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()

    started, done = time.monotonic(), 0
    size = SIZE_PX if arguments.phantoms else arguments.size
    drawn = (
        partial(phantom_group, arguments.seed)
        if arguments.phantoms
        else partial(generate_group, arguments.seed, size=size, kinds=arguments.only)
    )
    shape = (arguments.count, size, size)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    part = arguments.output.with_suffix(".part")
    bank = numpy.lib.format.open_memmap(part, mode="w+", dtype=numpy.uint16, shape=shape)
    indices = range(arguments.start, arguments.start + arguments.count)
    groups = [list(group) for _, group in itertools.groupby(indices, lambda index: index // GROUP)]
    with Pool(arguments.processes) as pool:
        for images in pool.imap(drawn, groups):
            bank[done : done + len(images)] = numpy.round(numpy.stack(images) * 65535)
            done += len(images)
            each = (time.monotonic() - started) / done
            print(f"\r{done} of {arguments.count} images, {each:.3f} s each", end="", file=sys.stderr, flush=True)
    bank.flush()
    # A training that reads the folder takes the file up only when it is whole.
    os.replace(part, arguments.output)
    print(f"\n{arguments.output}: uint16 {shape}", file=sys.stderr)


if __name__ == "__main__":
    main()
