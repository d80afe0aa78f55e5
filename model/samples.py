"""Training samples: pieces of clean images, faint defects added, and noise as detectors make it.

Everything is drawn in whole batches on the device that trains, where the bank of images lies, too.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy
import torch
from torch import Tensor
from torch.nn import functional

DEFECT_SHARE = 0.3
PLAIN_SHARE = 0.2
FLAWED_SHARE_OF_PLAIN = 0.5
# What is lost of a defect costs this much more than an error elsewhere.
DEFECT_WEIGHT = 3.0
SIGNAL_DEPENDENT_SHARE = 0.3
# Of the samples, whose noise neighbours share; the network tells it by the high frequencies that the announced variance
# lets expect.
SHARED_NOISE_SHARE = 0.1
SHARED_NOISE_RADIUS_PX = 4
# A defect that covers less is weighted as a whole, a larger one along its border.
SMALL_SHARE = 0.2
# Deviation of a pixel's own aperture, a box of 1 px: no edge is sharper.
APERTURE_PX = 12**-0.5
# Below this deviation, a share of full scale, a piece of an image shows next to nothing.
LIVELY = 0.01
CRACK_SEGMENTS = 13
CRACK_SEGMENT_PX = 6.0


class Random:
    """Seeded draws on one device; `host` draws what steers the program, for which a GPU would be waited for."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self.device = device
        self.generator = torch.Generator(device).manual_seed(seed)
        self.host = numpy.random.default_rng(seed)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=self.generator, device=self.device)

    def log_uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return self.uniform(math.log(low), math.log(high), *shape).exp()

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.device)

    def whole(self, limit: int, *shape: int) -> Tensor:
        """Whole numbers from 0 to below `limit`."""
        return torch.randint(limit, shape, generator=self.generator, device=self.device)

    def chance(self, share: float, *shape: int) -> Tensor:
        """True for this share of them."""
        return self.uniform(0, 1, *shape) < share

    def picked(self, share: float, among: numpy.ndarray) -> numpy.ndarray:
        """About this share of these numbers, on the host: how many there are steers the program."""
        return among[self.host.random(len(among)) < share]

    def places(self, numbers: numpy.ndarray) -> Tensor:
        """The same numbers on the device, to index with."""
        return torch.from_numpy(numbers).to(self.device, non_blocking=True)

    def sign(self, *shape: int) -> Tensor:
        return 1 - 2 * self.whole(2, *shape)


class Bank:
    """The images of all `*.npy` files of a folder (uint16 [count, size, size]); files that appear later join in."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder = folder
        self.device = device
        self.files: dict[Path, Tensor] = {}

    def look(self) -> None:
        for file in sorted(self.folder.glob("*.npy")):
            if file not in self.files:
                # PyTorch hardly computes with uint16. On the CPU the file stays where it is, shared by all processes.
                images = torch.from_numpy(numpy.load(file, mmap_mode="c").view(numpy.int16))
                self.files[file] = images.to(self.device)
        if not self.files:
            raise SystemExit(f"Expected *.npy files in {self.folder} but found none. Write some with generate.py.")

    def __len__(self) -> int:
        return sum(map(len, self.files.values()))

    def crops(self, random: Random, count: int, size: int) -> Tensor:
        """[count, size, size] float32 of 0-1, all from one file, so that a single gather fetches them."""
        files = list(self.files.values())
        images = files[random.host.choice(len(files), p=[len(file) / len(self) for file in files])]
        row, column = random.whole(images.shape[1] - size + 1, 2, count)
        pieces = images.unfold(1, size, 1).unfold(2, size, 1)[random.whole(len(images), count), row, column]
        return (pieces.to(torch.int32) & 0xFFFF) / 65535

    def pieces(self, random: Random, count: int, size: int) -> Tensor:
        """[count, 1, size, size] of about 0-1: flipped, turned, now and then inverted, paled and moved."""
        first, second = self.crops(random, 2 * count, size)[:, None].chunk(2)
        one_each = (count, 1, 1, 1)
        pieces = torch.where(first.std((2, 3), keepdim=True) > LIVELY, first, second)
        pieces = torch.where(random.chance(0.5, *one_each), pieces.transpose(2, 3), pieces)
        for axis in (2, 3):
            pieces = torch.where(random.chance(0.5, *one_each), pieces.flip(axis), pieces)
        kind = random.uniform(0, 1, *one_each)
        pieces = torch.where(kind < 0.25, 1 - pieces, pieces)
        contrast = random.uniform(0.4, 1, *one_each)
        paled = pieces * contrast + random.uniform(0, 1, *one_each) * (1 - contrast)
        return torch.where(kind < 0.5, paled, pieces)


def plain(random: Random, count: int, size: int) -> Tensor:
    """[count, 1, size, size]: flat or gently sloping and bent, as between the details of a radiograph."""
    axis = torch.linspace(-1, 1, size, device=random.device)
    down, right = axis[:, None], axis[None, :]
    one_each = (count, 1, 1, 1)
    steep = random.log_uniform(0.003, 0.3, *one_each) * random.chance(0.7, *one_each)
    slopes = [(1, down), (1, right), (0.5, down * down), (0.5, right * right), (0.5, down * right)]
    relief = sum(share * random.normal(*one_each) * slope for share, slope in slopes)
    return random.uniform(0.05, 0.95, *one_each) + steep * relief


# Signed distance in px [count, 1, size, size] to the border of one shape a sample, negative inside.
Outlines = Callable[[Random, int, int], Tensor]


def offsets(random: Random, count: int, size: int) -> tuple[Tensor, Tensor]:
    """How far below and right of a point anywhere in the sample each pixel lies."""
    axis = torch.arange(size, dtype=torch.float32, device=random.device)
    row, column = random.uniform(-0.5, size - 0.5, 2, count, 1, 1, 1)
    return axis[:, None] - row, axis[None, :] - column


def discs(random: Random, count: int, size: int) -> Tensor:
    down, right = offsets(random, count, size)
    return torch.hypot(down, right) - random.log_uniform(1, 9, count, 1, 1, 1)


def cracks(random: Random, count: int, size: int) -> Tensor:
    """Lines of straight segments, half of them straight altogether."""
    one_each = (count, 1, 1, 1)
    down, right = offsets(random, count, size)
    heading = random.uniform(0, 2 * math.pi, *one_each)
    wander = random.uniform(0, 0.4, *one_each) * random.chance(0.5, *one_each)
    segments = 2 + random.whole(CRACK_SEGMENTS - 1, *one_each)
    nearest = torch.full_like(down + right, math.inf)
    for number in range(CRACK_SEGMENTS):
        heading = heading + wander * random.normal(*one_each)
        step_down, step_right = heading.sin(), heading.cos()
        along = (down * step_down + right * step_right).clamp(0, CRACK_SEGMENT_PX)
        distance = torch.hypot(down - along * step_down, right - along * step_right)
        nearest = torch.where(number < segments, torch.minimum(nearest, distance), nearest)
        down, right = down - CRACK_SEGMENT_PX * step_down, right - CRACK_SEGMENT_PX * step_right
    return nearest - random.log_uniform(0.8, 3, *one_each) / 2


def edges(random: Random, count: int, size: int) -> Tensor:
    """Straight from side to side: steps, wires and bars, near a detector's rows or columns more often than not."""
    one_each = (count, 1, 1, 1)
    down, right = offsets(random, count, size)
    upright = random.whole(2, *one_each) * math.pi / 2 + random.uniform(-0.1, 0.1, *one_each)
    angle = torch.where(random.chance(0.5, *one_each), upright, random.uniform(0, 2 * math.pi, *one_each))
    across = down * angle.cos() + right * angle.sin()
    return torch.where(random.chance(0.5, *one_each), across, across.abs() - random.log_uniform(0.4, 12, *one_each))


class Defect(NamedTuple):
    outlines: Outlines
    share: float
    # In noise levels.
    contrast: tuple[float, float]


# Each sample with defects has up to two of each, either by this share.
DEFECTS = [
    Defect(discs, 0.6, (0.8, 12)),
    Defect(cracks, 0.5, (0.8, 12)),
    # A faint crack tells of itself over its whole length only: what is hardest to find is shown most.
    Defect(cracks, 0.3, (1, 4)),
    Defect(edges, 0.5, (0.8, 40)),
]


def shape(random: Random, distance: Tensor) -> Tensor:
    """0-1: the share of a pixel that lies inside, seen through the pixel's aperture or something less sharp."""
    one_each = (len(distance), 1, 1, 1)
    soft = random.uniform(0.4, 1.5, *one_each)
    sigma = torch.where(random.chance(0.4, *one_each), soft, APERTURE_PX)
    return 0.5 * torch.erfc(distance / (sigma * math.sqrt(2)))


def noise_laws(random: Random, count: int) -> tuple[Tensor, Tensor]:
    """a and b [count, 1, 1, 1] of variance = a * x + b, x of 0-1."""
    one_each = (count, 1, 1, 1)
    level = torch.where(
        random.chance(0.7, *one_each), random.uniform(1, 60, *one_each), random.log_uniform(0.2, 55, *one_each)
    )
    dependent = random.chance(SIGNAL_DEPENDENT_SHARE, *one_each)
    a = random.log_uniform(1e-5, 4e-2, *one_each) * dependent
    return a, torch.where(dependent, random.log_uniform(0.001, 0.04, *one_each), level / 255) ** 2


def shared_noise(random: Random, count: int, size: int) -> Tensor:
    """[count, 1, size, size] of variance 1, through a Gaussian of 0.3 to 1.2 px: what a scintillator or an interpolation does."""
    distance = torch.arange(-SHARED_NOISE_RADIUS_PX, SHARED_NOISE_RADIUS_PX + 1, device=random.device)
    bell = torch.exp(-0.5 * (distance / random.log_uniform(0.3, 1.2, count, 1)) ** 2)
    bell = (bell / bell.square().sum(1, keepdim=True).sqrt())[:, None, :, None]
    side = size + 2 * SHARED_NOISE_RADIUS_PX
    # A kernel of its own for each sample: they are the channels of one convolution.
    white = random.normal(1, count, side, side)
    down = functional.conv2d(white, bell, groups=count)
    return functional.conv2d(down, bell.transpose(2, 3), groups=count).transpose(0, 1)


class Samples(NamedTuple):
    """A batch; all but a and b [count, 1, size, size]."""

    clean: Tensor
    noisy: Tensor
    # The variance of the noise is a * clean + b; [count, 1, 1, 1].
    a: Tensor
    b: Tensor
    # How much a pixel's error counts.
    weight: Tensor


def draw(random: Random, bank: Bank, count: int, size: int) -> Samples:
    a, b = noise_laws(random, count)
    quiet = random.picked(PLAIN_SHARE, numpy.arange(count))
    lively = numpy.setdiff1d(numpy.arange(count), quiet)
    flawed = numpy.concatenate([random.picked(FLAWED_SHARE_OF_PLAIN, quiet), random.picked(DEFECT_SHARE, lively)])
    clean = torch.empty(count, 1, size, size, device=random.device)
    clean[random.places(quiet)] = plain(random, len(quiet), size)
    # Of no pieces PyTorch would say that they have no deviation.
    if len(lively):
        clean[random.places(lively)] = bank.pieces(random, len(lively), size)
    weight = torch.ones_like(clean)
    level = (a * clean.mean((2, 3), keepdim=True) + b).clamp(min=0).sqrt()
    for outlines, share, contrast in 2 * DEFECTS:
        chosen = random.places(random.picked(share, flawed))
        one_each = (len(chosen), 1, 1, 1)
        inside = shape(random, outlines(random, len(chosen), size))
        height = random.sign(*one_each) * random.log_uniform(*contrast, *one_each)
        clean[chosen] += inside * (height * level[chosen]).clamp(-1, 1)
        small = inside.mean((2, 3), keepdim=True) < SMALL_SHARE
        watched = torch.where(small, inside, 4 * inside * (1 - inside))
        weight[chosen] = torch.maximum(weight[chosen], 1 + (DEFECT_WEIGHT - 1) * watched)
    # Quanta are counted from nothing upwards.
    clean = torch.where(a > 0, clean.clamp(min=0), clean)
    noise = random.normal(count, 1, size, size)
    shared = random.picked(SHARED_NOISE_SHARE, numpy.arange(count))
    if len(shared):
        noise[random.places(shared)] = shared_noise(random, len(shared), size)
    return Samples(clean, clean + (a * clean).clamp(min=0).add(b).sqrt() * noise, a, b, weight)
