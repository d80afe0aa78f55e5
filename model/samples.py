"""Training samples: pieces of clean images, faint defects added, and noise as detectors make it."""

from pathlib import Path

import cv2
import numpy
from numpy.random import Generator

from textures import Image, log_uniform

# Drawn this much larger and averaged, so that edges of defects lie anywhere between pixels.
FINE = 4
FULL_SCALE = 65535
DEFECT_SHARE = 0.3
PLAIN_SHARE = 0.3
EMPTY_SHARE_OF_PLAIN = 0.5
# What is made up where nothing is costs this much more than an error elsewhere; what is lost of a defect, as much.
EMPTY_WEIGHT = 3.0
DEFECT_WEIGHT = 3.0
SIGNAL_DEPENDENT_SHARE = 0.3


class Bank:
    """The images of all `*.npy` files of a folder (uint16 [count, size, size]); files that appear later join in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[Path] = []
        self.images: list[Image] = []

    def look(self) -> None:
        for file in sorted(self.folder.glob("*.npy")):
            if file not in self.files:
                self.files.append(file)
                self.images.extend(numpy.load(file, mmap_mode="r"))
        if not self.images:
            raise SystemExit(f"Expected *.npy files in {self.folder} but found none. Write some with generate.py.")

    def piece(self, random: Generator, size: int) -> Image:
        """[size, size] float32 of about 0-1: flipped, turned, now and then inverted, paled and moved."""
        for _ in range(3):
            image = self.images[random.integers(len(self.images))]
            row, column = random.integers(0, image.shape[0] - size + 1, 2)
            piece = image[row : row + size, column : column + size]
            if piece.std() > 0.01 * FULL_SCALE:
                break
        piece = numpy.rot90(piece, random.integers(4))
        if random.random() < 0.5:
            piece = piece[:, ::-1]
        piece = piece.astype(numpy.float32) / FULL_SCALE
        kind = random.random()
        if kind < 0.25:
            piece = 1 - piece
        if kind < 0.5:
            contrast = random.uniform(0.4, 1)
            piece = piece * contrast + random.uniform(0, 1 - contrast)
        return piece


def plain(random: Generator, size: int) -> Image:
    """Flat or gently sloping and bent, as between the details of a radiograph."""
    axis = numpy.linspace(-1, 1, size, dtype=numpy.float32)
    down, right = axis[:, None], axis[None, :]
    steep = 0 if random.random() < 0.3 else log_uniform(random, 0.003, 0.3)
    slope, bend = random.normal(size=2) * steep, random.normal(size=3) * steep * 0.5
    return (
        random.uniform(0.05, 0.95)
        + slope[0] * down
        + slope[1] * right
        + bend[0] * down * down
        + bend[1] * right * right
        + bend[2] * down * right
    ).astype(numpy.float32)


def defect(random: Generator, size: int) -> Image:
    """The shape of one defect, 0-1 [size, size]: a disc, a crack or the edge of something larger."""
    fine = size * FINE
    mask = numpy.zeros((fine, fine), numpy.uint8)
    kind = random.random()
    if kind < 0.4:
        radius = log_uniform(random, 1, 9) * FINE
        cv2.circle(mask, tuple(map(int, random.integers(0, fine, 2))), int(round(radius)), 255, -1)
    elif kind < 0.75:
        wide = int(round(random.uniform(0.8, 2.2) * FINE))
        point, heading = random.uniform(0, fine, 2), random.uniform(0, 2 * numpy.pi)
        wander = 0 if random.random() < 0.5 else random.uniform(0, 0.4)
        for _ in range(int(random.integers(2, 14))):
            heading += random.normal() * wander
            further = point + 6 * FINE * numpy.array([numpy.cos(heading), numpy.sin(heading)])
            cv2.line(mask, tuple(map(int, point)), tuple(map(int, further)), 255, wide)
            point = further
    else:
        angle, shift = random.uniform(0, 2 * numpy.pi), random.uniform(-0.4, 0.4) * fine
        axis = numpy.arange(fine) - fine / 2
        mask[axis[:, None] * numpy.sin(angle) + axis[None, :] * numpy.cos(angle) > shift] = 255
    shape = cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA).astype(numpy.float32) / 255
    if random.random() < 0.3:
        shape = cv2.GaussianBlur(shape, (0, 0), random.uniform(0.4, 1.2))
    return shape


def noise_law(random: Generator) -> tuple[float, float]:
    """a and b of variance = a * x + b, x of 0-1."""
    if random.random() < SIGNAL_DEPENDENT_SHARE:
        return log_uniform(random, 1e-5, 4e-2), log_uniform(random, 0.001, 0.04) ** 2
    level = random.uniform(1, 60) if random.random() < 0.6 else log_uniform(random, 0.2, 55)
    return 0.0, (level / 255) ** 2


def sample(random: Generator, bank: Bank, size: int) -> tuple[Image, Image, tuple[float, float], Image]:
    """Clean [size, size], noisy, (a, b), and how much each pixel's error counts (defects more than their share)."""
    a, b = noise_law(random)
    quiet = random.random() < PLAIN_SHARE
    empty = quiet and random.random() < EMPTY_SHARE_OF_PLAIN
    clean = plain(random, size) if quiet else bank.piece(random, size)
    weight = numpy.full_like(clean, EMPTY_WEIGHT if empty else 1)
    if not empty and (quiet or random.random() < DEFECT_SHARE):
        sigma = numpy.sqrt(max(a * float(clean.mean()), 0) + b)
        for _ in range(random.integers(1, 6)):
            shape = defect(random, size)
            clean = clean + shape * random.choice([-1, 1]) * log_uniform(random, 0.8, 12) * sigma
            if shape.mean() < 0.2:
                weight = numpy.maximum(weight, 1 + (DEFECT_WEIGHT - 1) * shape)
    sigma = numpy.sqrt(numpy.maximum(a * clean, 0) + b)
    noisy = clean + sigma * random.standard_normal(clean.shape, dtype=numpy.float32)
    return clean, noisy.astype(numpy.float32), (a, b), weight
