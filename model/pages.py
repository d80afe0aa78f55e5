"""Pages as the graph takes them: 16-bit samples and (offset, scale, a, b), made from images in a unit of our own."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy
from numpy import ndarray

# denoise(images uint16 [N,H,W], params float32 [N,4]) -> samples [N,H,W] of any real type, in 16-bit steps.
Denoise = Callable[[ndarray, ndarray], ndarray]

# signal: the unit of the image goes to the network as it is. page: as the server does it, the lowest and the highest
# value of the stored page, single dead and hot pixels aside, become 0 and 1.
Mapping = Literal["signal", "page"]


class Coding(NamedTuple):
    """value = (sample - zero) * step."""

    zero: float
    step: float

    def stored(self, values: ndarray) -> ndarray:
        return numpy.clip(numpy.rint(values / self.step + self.zero), 0, 65535).astype(numpy.uint16)

    def values(self, samples: ndarray) -> ndarray:
        return (samples.astype(numpy.float64) - self.zero) * self.step


# Samples as a detector stores them: full scale is 1.
FULL_SCALE = Coding(0, 1 / 65535)


def widest(values: ndarray) -> Coding:
    """The finest coding in which nothing is clipped: noise that leaves 0-1 is kept, in steps of at most 1/20000."""
    low, high = min(0.0, float(values.min())), max(1.0, float(values.max()))
    # Exact in float32, so that the graph and the way back agree.
    step = float(numpy.float32((high - low) / 65533))
    return Coding(float(numpy.ceil(-low / step)), step)


def value_range(image: ndarray) -> tuple[int, int]:
    """Lowest and highest value of uint16 [H,W]; a pixel counts only as far as one of its eight neighbours backs it."""
    padded = numpy.pad(image.astype(numpy.int64), 1, mode="edge")
    low_pad, high_pad = padded.copy(), padded.copy()
    for border in (numpy.s_[0], numpy.s_[-1], numpy.s_[:, 0], numpy.s_[:, -1]):
        low_pad[border], high_pad[border] = 65536, -1
    height, width = image.shape
    shifts = [(row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1)]
    least = numpy.minimum.reduce([low_pad[r : r + height, c : c + width] for r, c in shifts])
    most = numpy.maximum.reduce([high_pad[r : r + height, c : c + width] for r, c in shifts])
    low = int(numpy.maximum(image, least).min())
    high = int(numpy.minimum(image, most).max())
    return (low, high) if low <= high else (int(image.min()), int(image.max()))


def page_params(image: ndarray, coding: Coding, a: float, b: float, mapping: Mapping) -> ndarray:
    """offset, scale, a, b for one page, whose noise has the variance a * value + b in the coding's unit."""
    if mapping == "signal":
        return numpy.float32([coding.zero, coding.step, a, b])
    low, high = value_range(image)
    steps = high - low if high > low else 65535
    # value = stretch * x + lowest, where x is the network's 0-1.
    stretch, lowest = steps * coding.step, (low - coding.zero) * coding.step
    return numpy.float32([low, 1 / steps, a / stretch, (a * lowest + b) / stretch**2])


def denoised(
    denoise: Denoise,
    noisy: ndarray,
    a: float,
    b: float,
    mapping: Mapping,
    coding: Coding | None = None,
    strength: float = 1,
) -> ndarray:
    """Sends images [N,H,W] through the graph and brings them back to their unit.

    Without `coding` each image gets the widest, with which only the rounding to uint16 is lost. `strength` is the
    server's: in + strength * (out - in), before rounding.
    """
    codings = [coding or widest(image) for image in noisy]
    stored = numpy.stack([one.stored(image) for one, image in zip(codings, noisy)])
    params = numpy.stack([page_params(image, one, a, b, mapping) for one, image in zip(codings, stored)])
    result = denoise(stored, params)
    blended = stored + strength * (result.astype(numpy.float64) - stored)
    return numpy.stack([one.values(image) for one, image in zip(codings, blended)])
