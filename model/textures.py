"""Procedural textures: float32 [size, size], mean about 0, standard deviation 1.

Each is what photographs and radiographs are made of and plain dead leaves lack: grain of any roughness, fibres,
fabrics, masonry, granules, dots.
"""

from collections.abc import Callable

import cv2
import numpy
from numpy.random import Generator

Image = numpy.ndarray


def standardised(image: Image) -> Image:
    image = image.astype(numpy.float32)
    return (image - image.mean()) / (image.std() + 1e-6)


def log_uniform(random: Generator, low: float, high: float) -> float:
    return float(numpy.exp(random.uniform(numpy.log(low), numpy.log(high))))


def turned(random: Generator, size: int, angle: float | None = None) -> tuple[Image, Image]:
    """Pixel coordinates along and across a direction, a random one without `angle`."""
    angle = random.uniform(0, numpy.pi) if angle is None else angle
    axis = numpy.arange(size, dtype=numpy.float32)
    down, right = axis[:, None], axis[None, :]
    along = right * numpy.cos(angle) + down * numpy.sin(angle)
    across = down * numpy.cos(angle) - right * numpy.sin(angle)
    return along.astype(numpy.float32), across.astype(numpy.float32)


def boundary_distance(labels: Image) -> Image:
    """Pixels to the nearest edge between two labels."""
    edge = numpy.zeros(labels.shape, bool)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    return cv2.distanceTransform((~edge).astype(numpy.uint8), cv2.DIST_L2, 3)


def spectral(random: Generator, size: int, slope: float, stretch: float = 0.0) -> Image:
    """Gaussian noise whose amplitude falls as frequency^-slope, drawn out along a random direction by 1 + stretch."""
    angle = random.uniform(0, numpy.pi)
    down = numpy.fft.fftfreq(size).astype(numpy.float32)[:, None]
    right = numpy.fft.rfftfreq(size).astype(numpy.float32)[None, :]
    along = right * numpy.cos(angle) + down * numpy.sin(angle)
    across = down * numpy.cos(angle) - right * numpy.sin(angle)
    frequency = numpy.sqrt((along * (1 + stretch)) ** 2 + across**2).astype(numpy.float32)
    frequency[0, 0] = 1
    amplitude = frequency**-slope
    amplitude[0, 0] = 0
    white = numpy.fft.rfft2(random.standard_normal((size, size), dtype=numpy.float32))
    return standardised(numpy.fft.irfft2(white * amplitude, (size, size)))


def profile(random: Generator, length: int, period: int) -> numpy.ndarray:
    """Values [length]: one period of a random stripe profile, from sinus to hard-edged, repeated; or a profile that never repeats."""
    kind = random.random()
    phase = numpy.arange(length, dtype=numpy.float32) / period
    if kind < 0.35:
        wave = numpy.sin(2 * numpy.pi * phase)
    elif kind < 0.6:
        wave = numpy.tanh(random.uniform(1, 6) * (numpy.sin(2 * numpy.pi * phase) - random.uniform(-0.8, 0.8)))
    elif kind < 0.75:
        harmonics = random.normal(size=(4, 2)) / numpy.arange(1, 5)[:, None]
        wave = sum(
            a * numpy.sin(2 * numpy.pi * n * phase) + b * numpy.cos(2 * numpy.pi * n * phase)
            for n, (a, b) in enumerate(harmonics, 1)
        )
    else:
        steps = random.standard_normal(length // period + 3).astype(numpy.float32)
        wave = numpy.interp(phase, numpy.arange(steps.size), steps)
        if random.random() < 0.5:
            wave = steps[phase.astype(int)]
    return wave.astype(numpy.float32)


def waved(random: Generator, size: int, period: float) -> Image:
    """Stripes along a coordinate that folds: fabric, wood, hair, ripples."""
    _, across = turned(random, size)
    if random.random() < 0.8:
        across = across + spectral(random, size, random.uniform(1.8, 2.8)) * period * log_uniform(random, 0.1, 6)
    fine = 16
    length = int((across.max() - across.min()) * fine) + 2
    wave = profile(random, length, max(2, int(period * fine)))
    return wave[((across - across.min()) * fine).astype(int)]


def stripes(random: Generator, size: int) -> Image:
    wave = waved(random, size, log_uniform(random, 2.2, 24))
    if random.random() < 0.5:
        wave = wave * numpy.clip(0.6 + 0.6 * spectral(random, size, 1.8), 0, 1.6)
    return standardised(wave)


def weave(random: Generator, size: int) -> Image:
    """Two sets of threads over and under each other, on a cloth that folds."""
    period = log_uniform(random, 2.5, 12)
    along, across = turned(random, size)
    fold = random.uniform(0, 3) * period
    along = along + fold * spectral(random, size, 2.4)
    across = across + fold * spectral(random, size, 2.4)
    warp = numpy.sin(2 * numpy.pi * along / period)
    weft = numpy.sin(2 * numpy.pi * across / (period * random.uniform(0.6, 1.6)))
    kind = random.random()
    if kind < 0.4:
        cloth = warp * weft
    elif kind < 0.7:
        cloth = numpy.maximum(warp, weft)
    else:
        cloth = numpy.where(warp * weft > 0, numpy.abs(warp), random.uniform(-1, 0.6) * numpy.abs(weft))
    return standardised(numpy.tanh(cloth * random.uniform(0.8, 4)))


def strands(random: Generator, size: int) -> Image:
    """Noise drawn out along a winding coordinate, coarse and fine together: hair, grass, grinding marks."""
    along, across = turned(random, size)
    bend = spectral(random, size, random.uniform(2.2, 3)) * log_uniform(random, 2, 60)
    noise = random.standard_normal((512, 512), dtype=numpy.float32)
    total = numpy.zeros((size, size), numpy.float32)
    for _ in range(3):
        thickness, length = log_uniform(random, 0.7, 4), log_uniform(random, 12, 120)
        u = (along + bend * 0.3) / length
        v = (across + bend) / thickness
        total += random.uniform(0.3, 1) * cv2.remap(noise, u % 511, v % 511, cv2.INTER_LINEAR)
    return standardised(total)


def patches(random: Generator, size: int) -> Image:
    """Fine grain that comes and goes."""
    where = spectral(random, size, random.uniform(1.4, 2)) > random.uniform(-1, 1)
    return standardised(spectral(random, size, random.uniform(0.4, 1.5)) * where)


def dots(random: Generator, size: int) -> Image:
    """Specks scattered or on a jittered grid, from points to discs."""
    image = numpy.zeros((size, size), numpy.float32)
    if random.random() < 0.5:
        image = (random.random((size, size)) < log_uniform(random, 0.001, 0.04)).astype(numpy.float32)
        image = cv2.GaussianBlur(image, (0, 0), random.uniform(0.6, 2.5))
    else:
        period = log_uniform(random, 4, 28)
        along, across = turned(random, size)
        jitter = spectral(random, size, 1.5) * random.uniform(0, 0.15) * period
        u, v = (along + jitter) / period % 1 - 0.5, (across + jitter) / (period * random.uniform(0.7, 1.4)) % 1 - 0.5
        radius = random.uniform(0.15, 0.48)
        image = numpy.clip((radius - numpy.sqrt(u * u + v * v)) * period, 0, 1)
    return standardised(image)


def masonry(random: Generator, size: int) -> Image:
    """Bricks or tiles with joints, each of its own tone."""
    length, height = log_uniform(random, 8, 60), log_uniform(random, 5, 30)
    joint = random.uniform(0.6, 2.5)
    along, across = turned(random, size)
    wobble = spectral(random, size, 2) * random.uniform(0, 1.5)
    along, across = along + wobble, across + wobble
    row = numpy.floor(across / height)
    column = numpy.floor(along / length + 0.5 * (row % 2))
    tone = random.standard_normal(4096).astype(numpy.float32)[((row * 71 + column * 13) % 4096).astype(int)]
    inside_row = across - row * height
    inside_column = (along / length + 0.5 * (row % 2) - column) * length
    distance = numpy.minimum(
        numpy.minimum(inside_row, height - inside_row), numpy.minimum(inside_column, length - inside_column)
    )
    mortar = numpy.clip(distance - joint, 0, 1)
    return standardised(tone * mortar * random.uniform(0, 1) + mortar * random.choice([-1.5, 1.5]))


def cells(size: int, rows: numpy.ndarray, columns: numpy.ndarray) -> tuple[Image, Image]:
    """The distance of each pixel to the nearest of these points, and the number of that, from 1."""
    seeds = numpy.full((size, size), 255, numpy.uint8)
    seeds[rows, columns] = 0
    return cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)


def granules(random: Generator, size: int) -> Image:
    """Cells around random seeds, domed or cracked: stones, leather, grains of metal."""
    count = int(size * size / log_uniform(random, 16, 900))
    distance, label = cells(size, random.integers(0, size, count), random.integers(0, size, count))
    tone = random.standard_normal(label.max() + 1).astype(numpy.float32)[label]
    dome = distance / (distance.mean() + 1e-3)
    return standardised(random.uniform(0, 1) * tone + random.uniform(-1.5, 1.5) * dome)


def scales(random: Generator, size: int) -> Image:
    """Dead leaves of a few pixels: foliage, gravel, crowds."""
    image = numpy.zeros((size, size), numpy.float32)
    small = log_uniform(random, 1, 5)
    count = int(2.2 * size * size / (numpy.pi * small * small * 4))
    positions = random.uniform(0, size, (count, 2))
    radii = small * (1 - random.random(count) * 0.97) ** -0.5
    tones, turns, squeezes = random.normal(size=count), random.uniform(0, 180, count), random.uniform(0.3, 1, count)
    for position, radius, tone, turn, squeeze in zip(positions, radii, tones, turns, squeezes):
        box = (tuple(map(float, position)), (float(2 * radius), float(2 * radius * squeeze)), float(turn))
        cv2.ellipse(image, box, float(tone), -1, cv2.LINE_AA)
    return standardised(image)


def wallpaper(random: Generator, size: int) -> Image:
    """Any small drawing, repeated on any lattice: meshes, perforated plates, pads, knits, grids."""
    side = 96
    cell = numpy.zeros((3 * side, 3 * side), numpy.float32)
    for _ in range(random.integers(1, 5)):
        tone, thick = float(random.normal()), int(random.integers(2, side // 4))
        shape, point, other = random.random(), random.integers(0, side, 2), random.integers(-side, 2 * side, 2)
        for row in range(-1, 4):
            for column in range(-1, 4):
                shift = numpy.array([column, row]) * side
                start, end = tuple(map(int, point + shift)), tuple(map(int, other + shift))
                if shape < 0.4:
                    cv2.circle(cell, start, thick, tone, -1 if shape < 0.28 else max(2, thick // 4), cv2.LINE_AA)
                elif shape < 0.6:
                    cv2.rectangle(cell, start, (start[0] + thick * 2, start[1] + thick), tone, -1)
                elif shape < 0.8:
                    cv2.line(cell, (start[0], -side), (start[0], 4 * side), tone, max(2, thick // 3))
                else:
                    cv2.line(cell, start, end, tone, max(2, thick // 3), cv2.LINE_AA)
    cell = cell[side : 2 * side + 1, side : 2 * side + 1]
    cell[-1], cell[:, -1] = cell[0], cell[:, 0]
    along, across = turned(random, size)
    bend = 0 if random.random() < 0.5 else log_uniform(random, 0.3, 8)
    if bend:
        along, across = along + bend * spectral(random, size, 2.6), across + bend * spectral(random, size, 2.6)
    pitch, lean = log_uniform(random, 4, 56), random.choice([0, 0, 0.5, random.uniform(0, 1)])
    v = across / (pitch * log_uniform(random, 0.5, 2))
    u = (along / pitch + lean * numpy.floor(v)) if random.random() < 0.5 else along / pitch + lean * v
    image = cv2.remap(
        cell, (u % 1 * side).astype(numpy.float32), (v % 1 * side).astype(numpy.float32), cv2.INTER_LINEAR
    )
    return standardised(image + 1e-3 * numpy.sin(along))


KINDS: list[tuple[float, Callable[[Generator, int], Image]]] = [
    (0.16, lambda random, size: spectral(random, size, random.uniform(0.3, 2.2))),
    (0.08, lambda random, size: spectral(random, size, random.uniform(0.5, 1.8), random.uniform(2, 14))),
    (0.16, stripes),
    (0.10, weave),
    (0.10, strands),
    (0.06, patches),
    (0.06, dots),
    (0.05, masonry),
    (0.06, granules),
    (0.07, scales),
    (0.14, wallpaper),
]


def texture(random: Generator, size: int) -> Image:
    shares = numpy.array([share for share, _ in KINDS])
    kind = random.choice(len(KINDS), p=shares / shares.sum())
    return KINDS[kind][1](random, size)
