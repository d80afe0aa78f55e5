"""X-ray phantoms: five families, the same pictures for everyone who measures with them.

`phantom(family, number)` gives the clean picture: transmission exp(-mu * thickness) by Beer-Lambert, scattered
radiation as a broad veil, and the unsharpness of a focal spot; 0-1, full scale at the detector's open beam. Lengths are
pixels. Training draws pictures of other seeds from four of the families; `sandwich` (honeycomb and lattice cores between
face sheets) it never sees, so that one family is new to the model.
"""

from collections.abc import Callable

import numpy
from numpy import ndarray
from numpy.random import Generator

from noise import seeded

SIZE_PX = 256
# Drawn finer and averaged down, so that edges fall between pixels as they do on a detector.
OVERSAMPLING = 3

# Variance of a sample x is a*x + b in full-scale units. 1/a is the number of quanta at full scale.
DOSES = {
    "low dose": (2e-2, 4e-4),  # 50 quanta, electronic noise of 2 %: fluoroscopy, sigma 14 % at open beam
    "medium dose": (5e-3, 1e-4),  # 200 quanta, 1 %: fast in-line inspection, sigma 7 %
    "high dose": (1e-3, 2e-5),  # 1000 quanta, 0.45 %: a single radiograph, sigma 3 %
}


class Scene:
    """Coordinates of one image and the attenuation (mu * thickness) that has been put into it so far."""

    def __init__(self, random: Generator) -> None:
        self.random = random
        count = SIZE_PX * OVERSAMPLING
        axis = (numpy.arange(count) + 0.5) / OVERSAMPLING
        self.y, self.x = axis[:, None], axis[None, :]
        self.attenuation = numpy.zeros((count, count))

    def turned(self, degrees: float, x: float = SIZE_PX / 2, y: float = SIZE_PX / 2) -> tuple[ndarray, ndarray]:
        """Coordinates along and across a line through (x, y) at this angle."""
        cosine, sine = numpy.cos(numpy.radians(degrees)), numpy.sin(numpy.radians(degrees))
        dx, dy = self.x - x, self.y - y
        return dx * cosine + dy * sine, dy * cosine - dx * sine

    def sphere(self, x: float, y: float, radius: float, mu: float, squeeze: float = 1, degrees: float = 0) -> None:
        """A ball or, squeezed across, an ellipsoid; mu below 0 is a cavity."""
        reach = int(numpy.ceil((radius + 1) * OVERSAMPLING))
        row, column = int(y * OVERSAMPLING), int(x * OVERSAMPLING)
        window = numpy.s_[max(0, row - reach) : row + reach, max(0, column - reach) : column + reach]
        dx, dy = self.x[:, window[1]] - x, self.y[window[0]] - y
        cosine, sine = numpy.cos(numpy.radians(degrees)), numpy.sin(numpy.radians(degrees))
        along, across = dx * cosine + dy * sine, (dy * cosine - dx * sine) / squeeze
        depth = 2 * numpy.sqrt(numpy.maximum(radius**2 - along**2 - across**2, 0))
        self.attenuation[window] += mu * depth

    def wire(self, along: ndarray, across: ndarray, length: float, radius: float, mu: float) -> None:
        """A round wire; where it is thinner than a drawn pixel, its mean thickness."""
        edge = numpy.maximum(radius, 0.5 / OVERSAMPLING)
        depth = 2 * radius * numpy.sqrt(numpy.maximum(1 - (across / edge) ** 2, 0)) * radius / edge
        self.attenuation += mu * depth * (abs(along) < length / 2)

    def rough(self, slope: float) -> ndarray:
        """A random surface of mean 0 and deviation 1, whose spectrum falls with frequency to the power -slope."""
        count = len(self.attenuation)
        frequency = numpy.hypot(numpy.fft.fftfreq(count)[:, None], numpy.fft.rfftfreq(count)[None])
        frequency[0, 0] = numpy.inf
        # Nothing finer than a pixel of the finished image.
        gain = frequency**-slope * numpy.exp(-((frequency * OVERSAMPLING * 1.2) ** 2))
        spectrum = numpy.fft.rfft2(self.random.normal(size=(count, count)))
        surface = numpy.fft.irfft2(spectrum * gain, (count, count))
        return surface / surface.std()

    def exposed(self, brightness: float, veil: float, unsharpness: float) -> ndarray:
        """Transmission with scatter (`veil` of the mean signal, spread over 30 px) and a Gaussian blur in px."""
        count = len(self.attenuation)
        open_beam = numpy.exp(-numpy.maximum(self.attenuation, 0))
        squared = numpy.fft.fftfreq(2 * count)[:, None] ** 2 + numpy.fft.rfftfreq(2 * count)[None] ** 2

        def bell(sigma_px: float) -> ndarray:
            return numpy.exp(-2 * (numpy.pi * sigma_px * OVERSAMPLING) ** 2 * squared)

        mirrored = numpy.pad(open_beam, ((0, count), (0, count)), mode="symmetric")
        spread = bell(unsharpness) * ((1 - veil) + veil * bell(30.0))
        signal = numpy.fft.irfft2(numpy.fft.rfft2(mirrored) * spread, mirrored.shape)[:count, :count]
        pixels = signal.reshape(SIZE_PX, OVERSAMPLING, SIZE_PX, OVERSAMPLING).mean((1, 3))
        return numpy.clip(brightness * pixels, 0, 1)


def weld(scene: Scene) -> None:
    """A plate with a rippled bead, pores, a chain of gas, slag and lack of fusion."""
    random = scene.random
    along, across = scene.turned(random.uniform(-12, 12))
    scene.attenuation += random.uniform(0.7, 1.1)
    width = random.uniform(55, 75) + 3 * scene.rough(2.2)
    ripple = numpy.sin((along + 0.012 * across**2) * 2 * numpy.pi / random.uniform(7, 12))
    cap = numpy.maximum(1 - (across / width) ** 2, 0) ** 0.7
    scene.attenuation += cap * (0.55 + 0.02 * ripple + 0.015 * scene.rough(1.5))
    scene.attenuation += 0.25 * numpy.maximum(1 - (across / 16) ** 2, 0)
    for _ in range(random.integers(25, 50)):
        x, y = random.uniform(10, 246), SIZE_PX / 2 + random.normal(0, 25)
        scene.sphere(x, y, numpy.exp(random.uniform(0.1, 1.8)), -random.uniform(0.015, 0.04))
    start = random.uniform(30, 120)
    for step in range(9):
        scene.sphere(start + 8 * step, SIZE_PX / 2 - 18, random.uniform(1.2, 2.2), -0.05)
    for _ in range(3):
        x, y = random.uniform(40, 216), SIZE_PX / 2 + random.normal(0, 20)
        scene.sphere(x, y, random.uniform(6, 12), -0.012, squeeze=0.3, degrees=random.uniform(-15, 15))
    fused, off = scene.turned(random.uniform(-12, 12), random.uniform(90, 170), SIZE_PX / 2 + random.uniform(18, 30))
    scene.attenuation -= 0.12 * (abs(off) < 0.6) * (abs(fused) < random.uniform(20, 45))


def wedge(scene: Scene) -> None:
    """Steps of growing thickness with wires (as in ISO 19232-1) and step holes (ISO 19232-2)."""
    random = scene.random
    along, across = scene.turned(random.choice([0, 90]) + random.uniform(-4, 4))
    steps = random.integers(5, 9)
    level = numpy.clip(numpy.floor((along / SIZE_PX + 0.5) * steps), 0, steps - 1)
    scene.attenuation += 0.2 + level * random.uniform(1.6, 2.6) / steps
    scene.attenuation += 0.006 * scene.rough(1.2)
    for number in range(8):
        radius = 2.0 * 0.8**number
        scene.wire(along, across - (number - 6) * 13.0, 200, radius, 0.045)
    for number in range(int(steps)):
        centre = (number + 0.5 - steps / 2) * SIZE_PX / steps
        hole = (along - centre) ** 2 + (across - 75) ** 2
        scene.attenuation -= 0.10 * (hole < (1.0 + 0.6 * number) ** 2)
        hole = (along - centre) ** 2 + (across - 100) ** 2
        scene.attenuation -= 0.05 * (hole < (1.0 + 0.6 * number) ** 2)


def casting(scene: Scene) -> None:
    """A cast wall with ribs, a boss with a bore, gas pores and sponge-like shrinkage."""
    random = scene.random
    scene.attenuation += 0.8 + 0.15 * scene.rough(2.6) + 0.012 * scene.rough(1.1)
    for _ in range(3):
        along, across = scene.turned(random.uniform(0, 180), random.uniform(60, 196), random.uniform(60, 196))
        scene.attenuation += 0.35 / (1 + numpy.exp((abs(across) - random.uniform(6, 14)) / 0.8))
    x, y, radius = random.uniform(60, 196), random.uniform(60, 196), random.uniform(25, 40)
    distance = numpy.hypot(scene.x - x, scene.y - y)
    scene.attenuation += 0.5 / (1 + numpy.exp((distance - radius) / 1.2))
    scene.attenuation -= (0.9 + scene.attenuation.mean() * 0.2) * (distance < radius * 0.45)
    for _ in range(random.integers(60, 120)):
        depth = random.uniform(0.01, 0.03)
        scene.sphere(*random.uniform(5, 251, 2), numpy.exp(random.uniform(-0.2, 1.7)), -depth)
    x, y = random.uniform(60, 196, 2)
    cloud = numpy.exp(-((scene.x - x) ** 2 + (scene.y - y) ** 2) / (2 * random.uniform(18, 30) ** 2))
    scene.attenuation -= 0.28 * cloud * numpy.maximum(scene.rough(1.0) - 0.4, 0)


def board(scene: Scene) -> None:
    """A populated circuit board: traces, vias, a ball grid with voids, wire bonds and a weave of glass."""
    random = scene.random
    scene.attenuation += 0.25
    for degrees in (0, 90):
        _, across = scene.turned(degrees)
        scene.attenuation += 0.008 * numpy.sin(across * 2 * numpy.pi / 5.3)
    top, turn = random.uniform(10, 60), random.uniform(60, 110)
    for trace in range(12):
        # Each bends a little earlier than the one above, so that they stay as far apart on the slope.
        slope = numpy.maximum(scene.x - (turn - 2.7 * trace), 0)
        off = abs(scene.y - top - 6.5 * trace - slope) * numpy.where(slope > 0, 0.5**0.5, 1)
        scene.attenuation += 0.14 * (off < random.choice([0.8, 1.2, 1.8]))
    for _ in range(random.integers(15, 30)):
        x, y = random.uniform(8, 248, 2)
        distance, radius = numpy.hypot(scene.x - x, scene.y - y), random.uniform(3, 6)
        scene.attenuation += 0.3 * (distance < radius) - 0.35 * (distance < radius * 0.5)
    pitch, left, top = random.uniform(20, 26), random.uniform(90, 130), random.uniform(90, 130)
    for row in range(5):
        for column in range(5):
            x, y = left + pitch * column, top + pitch * row
            radius = pitch * random.uniform(0.30, 0.36)
            scene.sphere(x, y, radius, 0.09)
            for _ in range(random.integers(0, 4)):
                angle, reach = random.uniform(0, 2 * numpy.pi), radius * random.uniform(0, 0.6)
                void = radius * random.uniform(0.08, 0.3)
                scene.sphere(x + reach * numpy.cos(angle), y + reach * numpy.sin(angle), void, -0.09)
    for bond in range(10):
        along, across = scene.turned(20 + 6 * bond, 60, 190)
        scene.wire(along - 45, across, 70, 0.5, 0.2)


def sandwich(scene: Scene) -> None:
    """A panel of honeycomb foil or crossed struts between sheets, with crushed cells, a split wall and a splice."""
    random = scene.random
    scene.attenuation += random.uniform(0.25, 0.5) + 0.008 * scene.rough(1.4)
    turn, cell, wall = random.uniform(0, 60), random.uniform(13, 24), random.uniform(0.35, 0.7)
    bend = 1.2 * scene.rough(2.8)
    if random.random() < 0.6:
        # Distance to the border of the nearest hexagon: how far the two nearest of the lattice's centres differ.
        u, v = scene.turned(turn)
        u, v = u + bend, v - bend
        row_height = cell * 3**0.5 / 2
        nearest = numpy.full((2, *numpy.broadcast(u, v).shape), numpy.inf)
        base = numpy.rint(v / row_height)
        for shift in (-1, 0, 1):
            row = base + shift
            offset = cell / 2 * (row % 2)
            column = numpy.rint((u - offset) / cell)
            for side in (-1, 0, 1):
                distance = numpy.hypot(u - offset - (column + side) * cell, v - row * row_height)
                closer = distance < nearest[0]
                nearest[1] = numpy.where(closer, nearest[0], numpy.minimum(nearest[1], distance))
                nearest[0] = numpy.where(closer, distance, nearest[0])
        foil = (nearest[1] - nearest[0]) / 2
        # Walls lean towards the edge of the field: a second, shifted image of the foil.
        scene.attenuation += 0.35 * (foil < wall) + 0.12 * numpy.exp(-foil / 1.5)
    else:
        for layer, degrees in enumerate((turn, turn + 60, turn + 120)):
            _, across = scene.turned(degrees)
            from_strut = abs((across + bend) % cell - cell / 2)
            thickness = 2 * numpy.sqrt(numpy.maximum((1.2 + 0.4 * layer) ** 2 - from_strut**2, 0))
            scene.attenuation += 0.09 * thickness
    for _ in range(4):
        x, y = random.uniform(20, 236, 2)
        crushed = numpy.exp(-((scene.x - x) ** 2 + (scene.y - y) ** 2) / (2 * random.uniform(6, 12) ** 2))
        scene.attenuation += 0.12 * crushed * (1 + 0.5 * scene.rough(1.2))
    along, across = scene.turned(random.uniform(0, 180), *random.uniform(80, 176, 2))
    scene.attenuation += 0.12 / (1 + numpy.exp((abs(across) - 9) / 0.7)) * (1 + 0.3 * scene.rough(1.0))
    for _ in range(25):
        scene.sphere(*random.uniform(5, 251, 2), random.uniform(0.8, 2.5), random.choice([-0.03, 0.05]))


FAMILIES: dict[str, Callable[[Scene], None]] = {
    "weld": weld,
    "wedge": wedge,
    "casting": casting,
    "board": board,
    "sandwich": sandwich,
}
TRAINED_FAMILIES = [family for family in FAMILIES if family != "sandwich"]


def phantom(family: str, number: int, purpose: str = "evaluation") -> ndarray:
    """The clean picture `number` of a family, float64 [256,256] in 0-1; another purpose, other pictures."""
    random = seeded(f"{purpose} phantom", family, number)
    scene = Scene(random)
    FAMILIES[family](scene)
    return scene.exposed(random.uniform(0.8, 0.98), random.uniform(0.05, 0.2), random.uniform(0.5, 1.1))
