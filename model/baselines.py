"""Classic denoisers to stand beside the model. Their packages are optional and nothing that is shipped depends on them.

BM3D is PyPI's `bm3d`, whose licence allows non-commercial use only: install it for a comparison, never as a dependency.
Non-local means is scikit-image's. Results are kept in a folder, since a BM3D image takes seconds.
"""

import hashlib
import importlib.metadata
import importlib.util
import time
from pathlib import Path
from typing import NamedTuple

import numpy
from numpy import ndarray

import anscombe
from pages import Denoise

# What to import; the names on PyPI are bm3d and scikit-image.
PACKAGES = {"bm3d": "bm3d", "nlm": "skimage"}


class Baseline(NamedTuple):
    image: ndarray
    cpu_seconds: float


def available(names: list[str]) -> list[str]:
    """Those whose packages are installed; the others are named on the way."""
    missing = [name for name in names if importlib.util.find_spec(PACKAGES[name]) is None]
    for name in missing:
        print(f"Baseline {name} is left out: install model/requirements-evaluate.txt (mind bm3d's licence).")
    return [name for name in names if name not in missing]


def _version(name: str) -> str:
    return importlib.metadata.version({"bm3d": "bm3d", "nlm": "scikit-image"}[name])


def _bm3d(noisy: ndarray, sigma: float) -> ndarray:
    """K. Dabov, A. Foi, V. Katkovnik, K. Egiazarian, IEEE Trans. Image Process. 16 (2007)."""
    from bm3d import bm3d

    return bm3d(noisy, sigma)


def _nlm(noisy: ndarray, sigma: float) -> ndarray:
    """A. Buades, B. Coll, J.-M. Morel, CVPR 2005; patches of 5, search window of 19, strength 0.6 sigma."""
    from skimage.restoration import denoise_nl_means

    return denoise_nl_means(noisy, patch_size=5, patch_distance=9, h=0.6 * sigma, sigma=sigma, fast_mode=True)


def _denoise(name: str, noisy: ndarray, a: float, b: float) -> ndarray:
    """White Gaussian noise (a = 0) as it is, other noise in the generalised Anscombe domain, both scaled to 0-1."""
    transformed = anscombe.forward(noisy, a, b) if a > 0 else noisy
    sigma = 1.0 if a > 0 else b**0.5
    low, high = (0.0, 1.0) if a == 0 else (float(transformed.min()), float(transformed.max()))
    method = {"bm3d": _bm3d, "nlm": _nlm}[name]
    result = low + (high - low) * method((transformed - low) / (high - low), sigma / (high - low))
    return anscombe.inverse(result, a, b) if a > 0 else result


def baseline(name: str, noisy: ndarray, a: float, b: float, cache: Path | None) -> Baseline:
    """The named method on [H,W] whose noise has the variance a*x + b; the very same input is computed only once.

    Results are kept as float32 in `cache`, named by the SHA-256 of method, parameters and pixels.
    """
    words = f"{name} {_version(name)} {a!r} {b!r} {noisy.shape}".encode()
    key = hashlib.sha256(words + numpy.ascontiguousarray(noisy, numpy.float32).tobytes()).hexdigest()
    file = cache / f"{name}-{key[:32]}.npz" if cache else None
    if file and file.exists():
        with numpy.load(file) as kept:
            return Baseline(kept["image"].astype(numpy.float64), float(kept["cpu_seconds"]))
    start = time.process_time()
    image = _denoise(name, noisy, a, b)
    result = Baseline(image, time.process_time() - start)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{time.time_ns()}.partial.npz")
        numpy.savez(partial, image=image.astype(numpy.float32), cpu_seconds=result.cpu_seconds)
        partial.replace(file)
    return result


def baseline_runner(name: str, cache: Path | None) -> Denoise:
    """The named method in the model's place: it gets the same stored samples and the same mapping to 0-1."""

    def run(images: ndarray, params: ndarray) -> ndarray:
        results = []
        for image, (offset, scale, a, b) in zip(images, params.astype(numpy.float64)):
            noisy = (image.astype(numpy.float64) - offset) * scale
            results.append(baseline(name, noisy, float(a), float(b), cache).image / scale + offset)
        return numpy.stack(results)

    return run
