"""Procedural radiographs: float32 [size, size] of about 0-1, drawn larger than needed so that scaling down smooths edges."""

import cv2
import numpy
from numpy.random import Generator

from textures import Image, boundary_distance, cells, log_uniform, spectral, turned


def ellipsoid(random: Generator, size: int, smallest: float, largest: float) -> tuple[slice, slice, Image]:
    """Where it lies, and its thickness along the beam as a share of its thickest."""
    radius = log_uniform(random, smallest, largest)
    squeeze, turn = random.uniform(0.35, 1), random.uniform(0, numpy.pi)
    row, column = random.uniform(0, size, 2)
    top, left = max(0, int(row - radius)), max(0, int(column - radius))
    bottom, right = min(size, int(row + radius) + 2), min(size, int(column + radius) + 2)
    down = numpy.arange(top, bottom, dtype=numpy.float32)[:, None] - row
    over = numpy.arange(left, right, dtype=numpy.float32)[None, :] - column
    u = over * numpy.cos(turn) + down * numpy.sin(turn)
    v = (down * numpy.cos(turn) - over * numpy.sin(turn)) / squeeze
    thickness = numpy.sqrt(numpy.maximum(0, 1 - (u * u + v * v) / (radius * radius)))
    return slice(top, bottom), slice(left, right), thickness.astype(numpy.float32)


def crack(random: Generator, size: int) -> Image:
    """A branching line of 1 to 3 pixels, 0-1."""
    mask = numpy.zeros((size, size), numpy.uint8)
    tips = [(random.uniform(0, size, 2), random.uniform(0, 2 * numpy.pi))]
    thick = int(random.integers(1, 4))
    while tips:
        point, heading = tips.pop()
        for _ in range(int(random.integers(5, 50))):
            heading += random.normal() * 0.35
            further = point + random.uniform(3, 9) * numpy.array([numpy.cos(heading), numpy.sin(heading)])
            cv2.line(mask, tuple(map(int, point)), tuple(map(int, further)), 255, thick, cv2.LINE_AA)
            point = further
            if random.random() < 0.03 and len(tips) < 4:
                tips.append((point, heading + random.choice([-0.8, 0.8])))
    return mask.astype(numpy.float32) / 255


def placed(random: Generator, size: int) -> tuple[Image, Image]:
    """Pixel coordinates along and across a random direction, from a random place."""
    along, across = turned(random, size)
    return along - random.uniform(0, 1) * along.max(), across - random.uniform(across.min(), across.max())


def part(random: Generator, size: int) -> Image:
    """The thickness of one machine part along the beam, about 0-1: plate, tube, step wedge, rod, weld bead or foil."""
    along, across = placed(random, size)
    radius, kind = log_uniform(random, 4, size * 0.5), random.random()
    if kind < 0.2:
        return (numpy.abs(along) < radius) & (numpy.abs(across) < radius * random.uniform(0.1, 1))
    if kind < 0.4:
        bore = random.uniform(0, 0.95) * (random.random() < 0.6)
        wall = numpy.sqrt(numpy.maximum(0, 1 - (across / radius) ** 2))
        hollow = bore * numpy.sqrt(numpy.maximum(0, 1 - (across / (radius * max(bore, 0.05))) ** 2))
        return (wall - hollow) * (numpy.abs(along) < random.uniform(0.5, 8) * radius)
    if kind < 0.55:
        steps = random.integers(3, 12)
        return numpy.floor(numpy.clip(along / radius, 0, 1) * steps) / steps * (numpy.abs(across) < radius)
    if kind < 0.7:
        return numpy.clip(along / radius, 0, 1) * (numpy.abs(across) < radius)
    if kind < 0.85:
        edge = radius * (1 + random.uniform(0, 0.15) * spectral(random, size, 1.6))
        ripple = numpy.sin(along * 2 * numpy.pi / log_uniform(random, 5, 30) + (across / radius) ** 2 * 3)
        return numpy.maximum(0, 1 - (across / edge) ** 2) * (1 + random.uniform(0, 0.12) * ripple)
    hole = random.uniform(0.2, 0.6) * radius
    return (numpy.maximum(numpy.abs(along), numpy.abs(across)) < radius) & (numpy.hypot(along, across) > hole)


def rods(random: Generator, size: int) -> Image:
    """Parallel wires of falling diameter, or a comb of equal ones: penetrameters, bond wires, fins."""
    along, across = placed(random, size)
    image = numpy.zeros((size, size), numpy.float32)
    radius, ratio, pitch = log_uniform(random, 0.8, 8), random.choice([1, 0.8]), log_uniform(random, 6, 40)
    length, spread = random.uniform(0.1, 1) * size, random.uniform(-0.01, 0.01)
    for number in range(int(random.integers(3, 14))):
        off = across - number * pitch - number * spread * along
        image += numpy.sqrt(numpy.maximum(0, radius**2 - off**2)) * (numpy.abs(along) < length)
        radius *= ratio
    return image / (image.max() + 1e-6)


def array(random: Generator, size: int) -> Image:
    """A grid of balls with voids, or of rings and holes, each a little different."""
    mask = numpy.zeros((size, size), numpy.float32)
    pitch, rows, columns = log_uniform(random, 12, 70), random.integers(2, 9), random.integers(2, 9)
    origin, turn = random.uniform(0, 0.7 * size, 2), random.uniform(-0.3, 0.3)
    right = numpy.array([numpy.cos(turn), numpy.sin(turn)]) * pitch
    down = numpy.array([-numpy.sin(turn), numpy.cos(turn)]) * pitch
    hollow = random.uniform(0.3, 0.8) if random.random() < 0.4 else 0
    share, voids = random.uniform(0.2, 0.45), random.random() < 0.6
    for row in range(rows):
        for column in range(columns):
            centre, radius = origin + row * down + column * right, pitch * share * random.uniform(0.9, 1.1)
            cv2.circle(mask, tuple(map(int, centre * 16)), int(radius * 16), 1.0, -1, cv2.LINE_AA, 4)
            if hollow:
                cv2.circle(mask, tuple(map(int, centre * 16)), int(radius * hollow * 16), 0.0, -1, cv2.LINE_AA, 4)
            for _ in range(random.integers(0, 4) if voids else 0):
                place = centre + random.uniform(-0.6, 0.6, 2) * radius
                cv2.circle(
                    mask, tuple(map(int, place * 16)), int(radius * random.uniform(1, 5)), 0.7, -1, cv2.LINE_AA, 4
                )
    return mask


def traces(random: Generator, size: int) -> Image:
    """A bundle of parallel tracks that bends once."""
    mask = numpy.zeros((size, size), numpy.float32)
    wide, count = log_uniform(random, 1.5, 8), int(random.integers(3, 16))
    pitch, quarter, lie = wide * random.uniform(1.8, 4), random.choice([-1, 1]), random.integers(4)
    start, turn = random.uniform(-0.2, 0.9) * size, random.uniform(0.1, 0.8) * size
    for number in range(count):
        offset = start + number * pitch
        corner = (turn - quarter * number * pitch * 0.414, offset)
        points = numpy.array([(-10, offset), corner, (corner[0] + size, offset + quarter * size)])
        cv2.polylines(mask, [(points * 16).astype(numpy.int32)], False, 1.0, max(1, int(wide)), cv2.LINE_AA, 4)
    return numpy.ascontiguousarray(numpy.rot90(mask, lie))


def radiograph(random: Generator, size: int, textures: list[Image]) -> Image:
    """Beer-Lambert transmission of machine parts with pores, inclusions and cracks, blurred by the focal spot."""
    path = numpy.zeros((size, size), numpy.float32)
    for _ in range(random.integers(1, 10)):
        sign = 1 if random.random() < 0.85 else -0.4
        path += sign * log_uniform(random, 0.08, 1.3) * part(random, size).astype(numpy.float32)
    for _ in range(random.integers(0, 12)):
        rows, columns, thickness = ellipsoid(random, size, 8, size * 0.4)
        path[rows, columns] += log_uniform(random, 0.08, 1.3) * thickness
    for _ in range(random.integers(0, 160)):
        rows, columns, thickness = ellipsoid(random, size, 1.5, 16)
        path[rows, columns] += random.choice([-1, 1], p=[0.75, 0.25]) * log_uniform(random, 0.01, 0.3) * thickness
    for _ in range(random.integers(0, 4)):
        path -= log_uniform(random, 0.01, 0.3) * crack(random, size)
    for detail in (rods, array, traces):
        for _ in range(random.integers(1, 4) if random.random() < 0.5 else 0):
            path += random.choice([1, 1, -0.5]) * log_uniform(random, 0.02, 0.5) * detail(random, size)
    path += log_uniform(random, 0.001, 0.08) * textures[0]
    image = numpy.exp(-numpy.maximum(path, -0.5) * random.uniform(0.3, 1.5))
    image *= 1 + random.uniform(0, 0.03) * spectral(random, size, 2.4)
    return cv2.GaussianBlur(image.astype(numpy.float32), (0, 0), log_uniform(random, 0.5, 4)) * random.uniform(0.4, 1)


def staircase(random: Generator, along: Image) -> Image:
    """Flat steps with straight edges from side to side: rising, or up and down."""
    edges = numpy.sort(random.uniform(along.min(), along.max(), random.integers(1, 12)))
    heights = random.uniform(0, 1, len(edges) + 1)
    if random.random() < 0.6:
        heights.sort()
    return heights.astype(numpy.float32)[numpy.searchsorted(edges, along)]


def plates(random: Generator, size: int, textures: list[Image]) -> Image:
    """Transmission of smooth plates in steps and layers, with wires and rows of holes: long straight edges, much rest."""
    path = log_uniform(random, 0.01, 0.3) * spectral(random, size, 2.8)
    for direction in (0, 0.5 * numpy.pi, random.uniform(0, numpy.pi)):
        along, _ = turned(random, size, direction + random.uniform(-0.1, 0.1))
        if random.random() < 0.6:
            path += log_uniform(random, 0.02, 2) * staircase(random, along)
    for detail in (rods, array, traces):
        for _ in range(random.integers(1, 3) if random.random() < 0.6 else 0):
            path += random.choice([1, -1]) * log_uniform(random, 0.005, 0.3) * detail(random, size)
    path += log_uniform(random, 3e-4, 1e-2) * spectral(random, size, random.uniform(1, 2))
    image = numpy.exp(-random.uniform(0.5, 1.5) * (path - path.min()))
    return cv2.GaussianBlur(image.astype(numpy.float32), (0, 0), log_uniform(random, 0.6, 3)) * random.uniform(0.5, 1)


def repeated(random: Generator, size: int) -> Image:
    """The thickness of something that repeats, 0-1: fins, wire cloth, an egg crate, bricks, tubes or a perforated plate."""
    along, across = turned(random, size)
    bend = log_uniform(random, 0.1, 8) * (random.random() < 0.7)
    along, across = along + bend * spectral(random, size, 2.8), across + bend * spectral(random, size, 2.8)
    pitch, kind = log_uniform(random, 8, 70), random.random()
    other = pitch * (1 if random.random() < 0.5 else log_uniform(random, 0.4, 2.5))
    half = max(0.5, pitch * log_uniform(random, 0.02, 0.25))

    def staggered(shift: float) -> tuple[Image, Image]:
        """Distances to the centre of each pixel's cell; every other row is moved by this share of a pitch."""
        row = numpy.floor(across / other)
        return (along / pitch + shift * (row % 2)) % 1 * pitch - pitch / 2, across - (row + 0.5) * other

    if kind < 0.35:
        skew = random.uniform(-1, 1) * (random.random() < 0.6)
        second = across * numpy.cos(skew) + along * numpy.sin(skew)
        directions = [along] if random.random() < 0.3 else [along, second]
        spacings = [abs(u % step - step / 2) for u, step in zip(directions, (pitch, other))]
        if random.random() < 0.5:
            return sum(numpy.sqrt(numpy.maximum(0, 1 - (off / half) ** 2)) for off in spacings) / len(spacings)
        return (numpy.minimum.reduce(spacings) < half).astype(numpy.float32)
    if kind < 0.5:
        u, v = staggered(0.5)
        return (numpy.minimum(pitch / 2 - abs(u), other / 2 - abs(v)) < half / 2).astype(numpy.float32)
    u, v = staggered(random.choice([0, 0.5]))
    distance, radius = numpy.hypot(u, v), min(pitch, other) * random.uniform(0.2, 0.5)
    if kind < 0.75:
        return ((distance < radius) & (distance > radius - half)).astype(numpy.float32)
    return (distance < radius).astype(numpy.float32)


def foam(random: Generator, size: int) -> Image:
    """Walls between cells, 0-1: sponges, foamed metal, grains; much alike or of any shape."""
    pitch, jitter = log_uniform(random, 10, 90), random.uniform(0.2, 1.2)
    count = int(size / pitch) + 3
    places = numpy.stack(numpy.meshgrid(numpy.arange(count), numpy.arange(count)), -1).reshape(-1, 2) - 0.5
    places = ((places + jitter * random.uniform(-0.5, 0.5, places.shape)) * pitch).astype(int)
    places = places[((places >= 0) & (places < size)).all(1)]
    _, cell = cells(size, places[:, 0], places[:, 1])
    wall, half = boundary_distance(cell), log_uniform(random, 0.8, 0.15 * pitch)
    if random.random() < 0.4:
        return numpy.exp(-wall / half)
    return (wall < half).astype(numpy.float32)


def lattices(random: Generator, size: int, textures: list[Image]) -> Image:
    """Transmission of parts that repeat, seen through one another, here and there dented, joined or porous."""
    path = log_uniform(random, 0.01, 0.3) * spectral(random, size, 2.8)
    path += log_uniform(random, 3e-4, 2e-2) * spectral(random, size, random.uniform(1, 2))
    for _ in range(random.integers(1, 4)):
        layer = (foam if random.random() < 0.35 else repeated)(random, size).astype(numpy.float32)
        if random.random() < 0.3:
            # Walls that lean towards the edge of the field.
            layer = layer + random.uniform(0.2, 0.8) * cv2.GaussianBlur(layer, (0, 0), log_uniform(random, 1, 6))
        if random.random() < 0.4:
            layer = layer * (spectral(random, size, 2.6) > random.uniform(-1.5, 0))
        path += log_uniform(random, 0.02, 0.8) * layer
    for _ in range(random.integers(0, 40)):
        rows, columns, thickness = ellipsoid(random, size, 1.5, 16)
        path[rows, columns] += random.choice([-1, 1]) * log_uniform(random, 0.01, 0.3) * thickness
    if random.random() < 0.3:
        path += log_uniform(random, 0.02, 0.5) * part(random, size)
    image = numpy.exp(-random.uniform(0.5, 1.5) * (path - path.min()))
    return cv2.GaussianBlur(image.astype(numpy.float32), (0, 0), log_uniform(random, 0.6, 3)) * random.uniform(0.5, 1)
