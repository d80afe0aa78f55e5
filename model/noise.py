"""Noise of a known level, drawn from seeds that are spelled out in words, so that every run draws the same."""

import hashlib

import numpy
from numpy import ndarray
from numpy.random import Generator


def seeded(*parts: str | int | float) -> Generator:
    """A random generator that depends on `parts` alone, not on the platform, the process or earlier draws."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return numpy.random.default_rng(int.from_bytes(digest[:16], "big"))


def gaussian(image: ndarray, sigma: float, random: Generator) -> ndarray:
    """White Gaussian noise of standard deviation `sigma`, in the unit of `image`; nothing is clipped."""
    return image + random.normal(0, sigma, image.shape)


def poisson_gaussian(image: ndarray, a: float, b: float, random: Generator) -> ndarray:
    """A detector that counts quanta and adds electronic noise; the variance of a sample x is a*x + b.

    a * Poisson(x / a) + Normal(0, b), the model of Foi, Trimeche, Katkovnik and Egiazarian, "Practical
    Poissonian-Gaussian noise modeling and fitting for single-image raw-data", IEEE Trans. Image Process. 17 (2008).
    Nothing is clipped. `image` is at least 0.
    """
    counted = a * random.poisson(image / a) if a > 0 else image
    return gaussian(counted, b**0.5, random)
