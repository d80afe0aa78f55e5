"""Procedural scenes: float32 [size, size] of about 0-1, drawn larger than needed so that scaling down smooths edges."""

import math
from collections.abc import Callable

import cv2
import numpy
from numpy.random import Generator

from radiographs import lattices, plates, radiograph
from textures import Image, boundary_distance, cells, log_uniform, profile, spectral, standardised


def tones(random: Generator, count: int) -> numpy.ndarray:
    """Grey levels [count] of objects, 0-1: spread evenly, leaning to one end, or a few levels that repeat."""
    kind = random.random()
    if kind < 0.3:
        levels = random.uniform(0, 1, count)
    elif kind < 0.6:
        levels = random.beta(*random.uniform(0.6, 3, 2), count)
    else:
        few = random.uniform(0.05, 0.95, random.integers(2, 7))
        levels = few[random.integers(0, len(few), count)] + random.uniform(0.02, 0.15) * random.standard_normal(count)
    return numpy.clip(levels, 0, 1).astype(numpy.float32)


def outline(random: Generator, radius: float) -> numpy.ndarray:
    """Corners [n, 2] in px around 0, 0 of a polygon of about this radius: ellipse, bar, smooth blob or splinter."""
    kind = random.random()
    if kind < 0.35:
        angles = numpy.linspace(0, 2 * numpy.pi, int(numpy.clip(6 + radius, 8, 60)), endpoint=False)
        points = numpy.stack([numpy.cos(angles), numpy.sin(angles) * log_uniform(random, 0.2, 1)], 1)
    elif kind < 0.6:
        flat = log_uniform(random, 0.06, 1)
        points = numpy.array([[-1, -flat], [1, -flat], [1, flat], [-1, flat]])
    else:
        count = int(numpy.clip(5 + radius, 6, 48)) if random.random() < 0.6 else int(random.integers(3, 9))
        angles = numpy.linspace(0, 2 * numpy.pi, count, endpoint=False)
        waves = sum(random.uniform(0, 0.45) / n * numpy.cos(n * angles + random.uniform(0, 6.3)) for n in range(1, 6))
        points = numpy.stack([numpy.cos(angles), numpy.sin(angles)], 1) * numpy.abs(1 + waves)[:, None]
    turn = random.uniform(0, 2 * numpy.pi)
    rotation = numpy.array([[numpy.cos(turn), numpy.sin(turn)], [-numpy.sin(turn), numpy.cos(turn)]])
    return points @ rotation * radius


def leaf_labels(random: Generator, size: int) -> tuple[Image, int]:
    """Which object each pixel shows, int32 from 0, the ground, and how many there are.

    Dead leaves: objects over objects, their sizes a power law as in photographs (Lee, Mumford, Huang 2001).
    """
    labels = numpy.zeros((size, size), numpy.float32)
    smallest, largest = log_uniform(random, 3, 24), random.uniform(0.2, 0.9) * size
    power = 1 - random.uniform(2.4, 3.2)
    polygons, area, wanted = [], 0.0, random.uniform(1.6, 3.5) * size * size
    while area < wanted and len(polygons) < 6000:
        radius = (smallest**power + random.random() * (largest**power - smallest**power)) ** (1 / power)
        polygons.append(outline(random, radius) + random.uniform(-radius / 2, size + radius / 2, 2))
        area += 2 * radius * radius
    for label, polygon in enumerate(polygons, 1):
        cv2.fillPoly(labels, [numpy.round(polygon * 16).astype(numpy.int32)], float(label), lineType=8, shift=4)
    return labels.astype(numpy.int32), len(polygons) + 1


def leaves(random: Generator, size: int, textures: list[Image]) -> Image:
    labels, count = leaf_labels(random, size)
    textured = random.random(count) < random.uniform(0.4, 1)
    strength = numpy.exp(random.uniform(numpy.log(0.008), numpy.log(0.2), count)) * textured
    slope = random.normal(size=(2, count)) * random.uniform(0, 0.35) / size * (random.random((2, count)) < 0.6)
    which = random.integers(0, len(textures), count)
    axis = numpy.arange(size, dtype=numpy.float32) - size / 2
    surface = numpy.zeros((size, size), numpy.float32)
    for index, image in enumerate(textures):
        numpy.copyto(surface, image, where=(which == index)[labels])
    image = tones(random, count)[labels] + strength.astype(numpy.float32)[labels] * surface
    image += (
        slope[0].astype(numpy.float32)[labels] * axis[None, :] + slope[1].astype(numpy.float32)[labels] * axis[:, None]
    )
    if random.random() < 0.4:
        depth = numpy.minimum(boundary_distance(labels) / log_uniform(random, 2, 30), 1)
        lit = random.normal(size=count).astype(numpy.float32)[labels] * random.uniform(0, 0.25)
        image += lit * (numpy.sqrt(depth) - 0.7)
    if random.random() < 0.3:
        image += random.uniform(-1.5, 1.5) * cv2.Laplacian(cv2.GaussianBlur(image, (0, 0), 3), cv2.CV_32F)
    if random.random() < 0.4:
        far = (random.random(count) < random.uniform(0.1, 0.6)).astype(numpy.float32)[labels]
        share = cv2.GaussianBlur(far, (0, 0), 2)
        image += (cv2.GaussianBlur(image, (0, 0), random.uniform(1, 5)) - image) * share
    return image


def surfaces(random: Generator, size: int, textures: list[Image]) -> Image:
    """Large areas of one texture each, lit unevenly: cloth, wood, cast surfaces."""
    first, second, third = (textures[index] for index in random.choice(len(textures), 3, replace=False))
    image = numpy.where(spectral(random, size, 1.9) > random.uniform(-1, 1), first, second)
    image = random.uniform(0.03, 0.25) * (image + random.uniform(0, 0.5) * third)
    light = 1 + random.uniform(0, 0.3) * spectral(random, size, 2.2)
    return (0.5 + random.uniform(-0.25, 0.25) + image) * light


def clothes(random: Generator, size: int, textures: list[Image]) -> Image:
    """Garments of one striped or woven cloth, cut in pieces, falling in folds, lit from one side, and what lies on them."""
    fine = 16
    # Across the stripes or threads and along them, 4096 periods.
    threads = [profile(random, 4096 * fine, fine) for _ in range(2)]
    woven = random.random() < 0.35
    count = int(random.integers(2, 10))
    piece = cells(size, *random.integers(0, size, (2, count)))[1] - 1
    folds = spectral(random, size, random.uniform(2.2, 3))
    if random.random() < 0.6:
        sharp = spectral(random, size, random.uniform(2.2, 3), random.uniform(0, 4))
        folds = folds + random.uniform(0.2, 0.8) * numpy.abs(sharp)
    folds = folds * size / 8

    def each(values: numpy.ndarray) -> Image:
        return values.astype(numpy.float32)[piece]

    angles = random.uniform(0, numpy.pi) + random.normal(size=count) * random.choice([0.15, 1.5])
    # Periods in px before the picture is scaled down.
    pitch = log_uniform(random, 5, 22) * numpy.exp(random.uniform(-0.2, 0.2, count))
    axis, drape = numpy.arange(size, dtype=numpy.float32), log_uniform(random, 0.05, 1.2)
    down, right, cosine, sine = axis[:, None], axis[None, :], each(numpy.cos(angles)), each(numpy.sin(angles))
    across = (right * cosine + down * sine + drape * folds) / each(pitch)
    along = (down * cosine - right * sine + drape * random.uniform(-1, 1) * folds) / each(
        pitch * random.uniform(0.6, 1.7)
    )
    cloth, weft = (
        wave[((place + 2048) * fine).astype(int) % wave.size] for wave, place in zip(threads, (across, along))
    )
    if woven:
        cloth = numpy.where(each(random.random(count)) < 0.5, cloth * weft, numpy.maximum(cloth, weft))
    plain = each(random.random(count)) < random.uniform(0, 0.5)
    steep, way = numpy.gradient(folds), random.uniform(0, 2 * numpy.pi)
    light = 1 + random.uniform(0, 0.8) * numpy.tanh(steep[0] * math.sin(way) + steep[1] * math.cos(way))
    relief = numpy.where(plain, 0.02 * textures[0], random.uniform(0.04, 0.22) * standardised(cloth))
    image = (0.25 + 0.5 * each(tones(random, count)) + relief) * light
    if random.random() < 0.5:
        labels, things = leaf_labels(random, size)
        shown = (random.random(things) < random.uniform(0, 0.3))[labels]
        image = numpy.where(shown, tones(random, things)[labels] + 0.03 * textures[1], image)
    return image


def text(random: Generator) -> str:
    return "".join(chr(code) for code in random.integers(33, 126, random.integers(2, 12)))


def drawing(random: Generator, size: int, textures: list[Image]) -> Image:
    """Text, traces, pads and frames on a quiet ground: labels, scales, circuit boards."""
    image = numpy.full((size, size), random.uniform(0, 1), numpy.float32) + random.uniform(0, 0.12) * spectral(
        random, size, 2.2
    )
    directions = numpy.array([(1, 0), (0, 1), (1, 1), (1, -1)])
    for _ in range(random.integers(20, 120)):
        tone, thick, kind = float(random.uniform(0, 1)), int(random.integers(1, 9)), random.random()
        point = random.integers(0, size, 2)
        if kind < 0.35:
            mask = numpy.zeros((size, size), numpy.uint8)
            where, font, height = tuple(map(int, point)), int(random.integers(0, 8)), float(random.uniform(0.4, 3))
            cv2.putText(mask, text(random), where, font, height, 255, min(thick, 4), cv2.LINE_AA)
            image += (tone - image) * (mask.astype(numpy.float32) / 255)
        elif kind < 0.7:
            points = [point]
            for _ in range(random.integers(1, 6)):
                step = directions[random.integers(4)] * random.choice([-1, 1]) * random.integers(8, size // 3)
                points.append(points[-1] + step)
            for lane in range(int(random.integers(1, 5))):
                shifted = numpy.array(points) + lane * (2 * thick + 2) * numpy.array([1, -1])
                cv2.polylines(image, [shifted.astype(numpy.int32)], False, tone, thick, cv2.LINE_AA)
        elif kind < 0.9:
            inside = -1 if random.random() < 0.6 else thick
            cv2.circle(image, tuple(map(int, point)), int(random.integers(2, 26)), tone, inside, cv2.LINE_AA)
        else:
            corner = point + random.integers(5, size // 4, 2)
            inside = -1 if random.random() < 0.5 else thick
            cv2.rectangle(image, tuple(map(int, point)), tuple(map(int, corner)), tone, inside)
    return image + random.uniform(0, 0.06) * textures[0]


def ground(random: Generator, size: int, textures: list[Image]) -> Image:
    """What lies behind: sky, a wall, a floor, mostly quiet and often out of focus."""
    image = random.uniform(0.05, 0.95) + random.uniform(0, 0.25) * spectral(random, size, random.uniform(2, 3))
    image = image + log_uniform(random, 0.003, 0.12) * textures[0]
    if random.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), log_uniform(random, 1, 12))
    return image.astype(numpy.float32)


def relief(distance: Image, roundness: float, light: numpy.ndarray) -> Image:
    """How a body whose border is this far away is lit: a rounded rim that faces the light or turns away from it."""
    depth = numpy.minimum(distance / (roundness * distance.max() + 1), 1)
    height = cv2.GaussianBlur(numpy.sqrt(1 - (1 - depth) ** 2) * roundness * distance.max(), (0, 0), 2)
    rows, columns = numpy.gradient(height)
    return (light[0] * rows + light[1] * columns) / numpy.sqrt(1 + rows * rows + columns * columns)


def marks(random: Generator, distance: Image, leaves: Image, textures: list[Image]) -> Image:
    """[height, width], about -1 to 1, on a body: lines that follow its border, smaller things, or a texture."""
    kind = random.random()
    if kind < 0.3:
        period = log_uniform(random, 4, 60)
        wave = profile(random, int(distance.max()) + 2, max(2, int(period)))
        inside = distance < random.uniform(0.1, 1) * distance.max()
        return wave[distance.astype(int)] * inside
    row, column = random.integers(0, leaves.shape[0] - numpy.array(distance.shape) + 1)
    window = numpy.s_[row : row + distance.shape[0], column : column + distance.shape[1]]
    if kind < 0.5:
        return 2 * leaves[window] - 1
    return textures[random.integers(len(textures))][window]


def bodies(random: Generator, size: int, textures: list[Image]) -> Image:
    """Some large things before a quiet ground, as photographs show them: rounded, lit from one side, marked along
    their outline, casting a shadow, sharp or out of focus."""
    image = ground(random, size, textures)
    labels, count = leaf_labels(random, size)
    small = tones(random, count)[labels]
    angle = random.uniform(0, 2 * numpy.pi)
    light = numpy.array([numpy.sin(angle), numpy.cos(angle)])
    for _ in range(random.integers(3, 20)):
        corners = outline(random, log_uniform(random, 0.03, 0.5) * size) + random.uniform(0, size, 2)
        top, left = numpy.maximum(corners.min(0)[::-1] - 1, 0).astype(int)
        bottom, right = numpy.minimum(corners.max(0)[::-1] + 2, size).astype(int)
        if bottom - top < 8 or right - left < 8:
            continue
        mask = numpy.zeros((bottom - top, right - left), numpy.uint8)
        points = numpy.round((corners - (left, top)) * 16).astype(numpy.int32)
        cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, 4)
        # The frame is no border of the body.
        padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        distance = cv2.distanceTransform((padded > 127).astype(numpy.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
        distance = numpy.minimum(distance, size)
        body = tones(random, 1)[0] + random.uniform(0, 0.35) * relief(distance, random.uniform(0.1, 1), light)
        slope = random.normal(size=2) * random.uniform(0, 0.3) / size
        body = body + slope[0] * numpy.arange(bottom - top)[:, None] + slope[1] * numpy.arange(right - left)
        if random.random() < 0.7:
            body = body + log_uniform(random, 0.01, 0.25) * marks(random, distance, small, textures)
        share = mask.astype(numpy.float32) / 255
        if random.random() < 0.3:
            share = cv2.GaussianBlur(share, (0, 0), log_uniform(random, 0.7, 8))
        window = image[top:bottom, left:right]
        if random.random() < 0.4:
            away = numpy.float32([[1, 0, -8 * light[1]], [0, 1, -8 * light[0]]])
            cast = cv2.GaussianBlur(cv2.warpAffine(share, away, share.shape[::-1]), (0, 0), log_uniform(random, 1, 12))
            window *= 1 - random.uniform(0.1, 0.7) * cast
        window += (body - window) * share
    return image


def filled(random: Generator, box: Image, textures: list[Image]) -> None:
    """A wall, a door, a shutter, a pane: one tone, shaded, in courses or of a texture."""
    high, wide = box.shape
    box[:] = tones(random, 1)[0]
    box += random.uniform(-0.1, 0.1) * numpy.linspace(-1, 1, high)[:, None]
    box += random.uniform(-0.1, 0.1) * numpy.linspace(-1, 1, wide)
    kind = random.random()
    if kind < 0.25:
        across = numpy.arange(max(high, wide))
        wave = profile(random, len(across), int(log_uniform(random, 4, 40)))
        box += log_uniform(random, 0.01, 0.2) * (wave[:high, None] if random.random() < 0.7 else wave[:wide])
    elif kind < 0.7:
        texture = textures[random.integers(len(textures))]
        rows, columns = numpy.arange(high) % len(texture), numpy.arange(wide) % len(texture)
        box += log_uniform(random, 0.005, 0.12) * texture[numpy.ix_(rows, columns)]


def buildings(random: Generator, size: int, textures: list[Image]) -> Image:
    """Straight things along two directions, seen at an angle: walls, courses, frames in frames, rows of windows, posts."""
    side = int(1.6 * size)
    image = numpy.zeros((side, side), numpy.float32)
    boxes = [image]
    while boxes:
        box = boxes.pop()
        high, wide = box.shape
        kind = random.random()
        if max(high, wide) > size / 2 or (max(high, wide) > 40 and kind < 0.4):
            if high < wide:
                box = box.T
            at = int(random.uniform(0.15, 0.85) * len(box))
            boxes += [box[:at], box[at:]]
        elif min(high, wide) > 20 and kind < 0.6:
            rim = int(random.integers(1, min(10, min(high, wide) // 4)))
            box[:] = tones(random, 1)[0]
            boxes.append(box[rim:-rim, rim:-rim])
        elif min(high, wide) > 60 and kind < 0.75:
            filled(random, box, textures)
            pitch = random.integers(8, 60, 2)
            pane = numpy.zeros(numpy.maximum(pitch * random.uniform(0.3, 0.9, 2), 2).astype(int), numpy.float32)
            filled(random, pane, textures)
            for top in range(int(pitch[0] // 2), high - pitch[0], pitch[0]):
                for left in range(int(pitch[1] // 2), wide - pitch[1], pitch[1]):
                    box[top : top + len(pane), left : left + pane.shape[1]] = pane
        else:
            filled(random, box, textures)
    turn = numpy.radians(random.normal() * 12)
    square = numpy.float32([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * size / 2
    rotation = numpy.float32([[numpy.cos(turn), numpy.sin(turn)], [-numpy.sin(turn), numpy.cos(turn)]])
    seen = square @ rotation + side / 2 + random.uniform(-0.15, 0.15, (4, 2)) * size
    view = cv2.getPerspectiveTransform(seen.astype(numpy.float32), square + numpy.float32(size / 2))
    image = cv2.warpPerspective(image, view, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    for _ in range(random.integers(0, 12)):
        ends, axis = random.uniform(-0.2, 1.2, (2, 2)) * size, random.integers(2)
        if random.random() < 0.4:
            ends[1, axis] = ends[0, axis]
        tone, thick = float(random.uniform(0, 1)), int(log_uniform(random, 1, 14))
        cv2.polylines(image, [(ends * 16).astype(numpy.int32)], False, tone, thick, cv2.LINE_AA, 4)
    return image


# The share of each kind of scene, and what draws it.
Kinds = list[tuple[float, Callable[[Generator, int, list[Image]], Image]]]
KINDS: Kinds = [
    (0.26, leaves),
    (0.14, surfaces),
    (0.10, clothes),
    (0.10, bodies),
    (0.10, buildings),
    (0.06, drawing),
    (0.14, radiograph),
    (0.08, plates),
    (0.12, lattices),
]
