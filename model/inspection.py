"""What inspectors live by and PSNR does not see: small defects, edges, levels, and nothing that was not there.

`inspect_denoiser(denoise)` measures any denoiser that takes 16-bit pages. All lengths are pixels, all levels 16-bit
steps (LSB), and sigma is the standard deviation of white Gaussian noise that the denoiser is told. Pages are rounded
and clipped to uint16, as a detector stores them. Every figure is defined where it is measured.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy
from numpy import ndarray
from numpy.random import Generator

from noise import gaussian, seeded
from pages import FULL_SCALE, Denoise, Mapping, denoised

CONTRASTS = (1, 2, 4)
EDGE_STEPS = (1, 2, 4, 10, 20)
# Standard deviation of the Gaussian that softens the edge, the detector's aperture included.
EDGE_BLURS_PX = (0.5, 1.0)
FLAT_LEVELS_LSB = (300, 1000, 4000, 16000, 32768, 60000)
FLAT_SIGMA_LSB = 100
NOISE_SIGMAS_LSB = (100, 300, 1000, 3000)
MAPPINGS: tuple[Mapping, ...] = ("signal", "page")
SIGMA_LSB = 1000
# Standard deviation of the Gaussian that makes neighbours share their noise, as a scintillator or an interpolation does.
SHARED_BLURS_PX = (0.5, 0.7, 1.0)

PAGE_PX = 256
DEFECT_PITCH_PX = 64  # beyond the 39 px in which BM3D looks for similar patches: each defect stands alone
CRACK_LENGTH_PX = 24
ANNULUS_PX = (3.0, 7.0)  # from the defect's border

LEAST_CONTRAST_AGAINST_BASELINE = -0.05
LEAST_DETECTABILITY_SHARE = 0.8
DETECTABLE = 5.0
EDGE_WIDTH_LIMITS = {2: (-math.inf, 0.20), 4: (-0.10, 0.05), 10: (-0.10, 0.05), 20: (-0.10, 0.05)}
MOST_OVERSHOOT = 0.01
MOST_BIAS_SIGMAS = 0.03
MOST_DEVIATION_SIGMAS = 0.25
BLOB_THRESHOLD_SIGMAS = 0.15
LARGEST_BLOB_PX = 9


class Effort(NamedTuple):
    """How many noise realisations; each of `defects` holds 16 defects."""

    defects: int
    edges: int
    flats: int
    noises: int


FULL = Effort(defects=12, edges=24, flats=8, noises=6)
QUICK = Effort(defects=2, edges=6, flats=2, noises=2)
# A baseline is a hundred times slower; its contrast is known to about 0.02 with this.
BASELINE = Effort(defects=2, edges=0, flats=0, noises=0)


class Cell(NamedTuple):
    """One figure; `least` and `most` are the limits, and a figure without limits is only reported."""

    measure: str
    case: str
    value: float
    least: float = -math.inf
    most: float = math.inf

    @property
    def limited(self) -> bool:
        return math.isfinite(self.least) or math.isfinite(self.most)

    @property
    def met(self) -> bool:
        return self.least <= self.value <= self.most


class Defect(NamedTuple):
    """What becomes of a defect; see `measure_defect`."""

    contrast_kept: float
    contrast_error: float
    detectability_expected: float
    detectability_before: float
    detectability_after: float


# By kind, polarity and contrast in sigma.
Defects = dict[tuple[str, str, int], Defect]

# Signed distance to a defect's border from (dx, dy) off its centre, negative inside; turned by an angle in radians.
Outline = Callable[[ndarray, ndarray, float], ndarray]


def disc(radius: float) -> Outline:
    return lambda dx, dy, _: numpy.hypot(dx, dy) - radius


def crack(dx: ndarray, dy: ndarray, angle: float) -> ndarray:
    """1 px wide."""
    along = abs(dx * math.cos(angle) + dy * math.sin(angle))
    across = abs(dy * math.cos(angle) - dx * math.sin(angle))
    return numpy.maximum(along - CRACK_LENGTH_PX / 2, across - 0.5)


DEFECTS: dict[str, Outline] = {
    "disc r 1.5": disc(1.5),
    "disc r 3": disc(3.0),
    "disc r 6": disc(6.0),
    "crack 1 px": crack,
}


class Targets(NamedTuple):
    """Sixteen copies of a defect on one page, each with its own place between the pixels and its own angle."""

    coverage: ndarray  # [H,W]: the share of a pixel that lies inside a defect
    templates: ndarray  # [16,H*W]: dotted with a page, the mean over a defect less the mean over its annulus


def targets(outline: Outline) -> Targets:
    random = seeded("inspection targets")
    centres = numpy.arange(DEFECT_PITCH_PX // 2, PAGE_PX, DEFECT_PITCH_PX)
    places = [(row, column) for row in centres for column in centres]
    coverage = numpy.zeros((PAGE_PX, PAGE_PX))
    templates = numpy.zeros((len(places), PAGE_PX, PAGE_PX))
    fine = (numpy.arange(8) + 0.5) / 8 - 0.5
    pixels = numpy.arange(PAGE_PX)
    for number, (row, column) in enumerate(places):
        y, x = row + random.uniform(-0.5, 0.5), column + random.uniform(-0.5, 0.5)
        angle = math.pi * number / len(places) + random.uniform(0, math.pi / len(places))
        window = numpy.s_[row - 24 : row + 24, column - 24 : column + 24]
        dy, dx = pixels[window[0], None] - y, pixels[None, window[1]] - x
        inside = numpy.mean([[outline(dx + v, dy + u, angle) < 0 for u in fine] for v in fine], axis=(0, 1))
        distance = outline(dx, dy, angle)
        annulus = (distance >= ANNULUS_PX[0]) & (distance <= ANNULUS_PX[1])
        coverage[window] += inside
        templates[number][window] = inside / inside.sum() - annulus / annulus.sum()
    return Targets(coverage, templates.reshape(len(places), -1))


def gradient() -> ndarray:
    """A page that rises by 0.063 sigma a pixel, at 34 degrees off the rows: 12 000 to 34 000 LSB."""
    axis = numpy.arange(PAGE_PX)
    return 12000 + (0.035 * axis[:, None] + 0.0525 * axis[None, :]) * SIGMA_LSB


def noisy_pages(clean: ndarray, sigma: float, name: str, count: int, antithetic: bool = False) -> ndarray:
    """[count,H,W]; antithetic: every other page has the noise of the one before, negated.

    Averaged over such a pair all that a denoiser does in proportion to the noise cancels, and what is left is what it
    does to the signal (antithetic variates: Hammersley and Morton 1956).
    """
    pages = []
    for number in range(count):
        draw = gaussian(numpy.zeros(clean.shape), sigma, seeded("inspection", name, number // (1 + antithetic)))
        pages.append(clean + (-draw if antithetic and number % 2 else draw))
    return numpy.clip(numpy.rint(numpy.stack(pages)), 0, 65535)


class Runner(NamedTuple):
    """A denoiser of pages in LSB."""

    denoise: Denoise
    strength: float = 1

    def __call__(self, pages: ndarray, sigma: float, mapping: Mapping = "page") -> ndarray:
        variance = (sigma / 65535) ** 2
        full_scale = denoised(self.denoise, pages / 65535, 0.0, variance, mapping, FULL_SCALE, self.strength)
        return full_scale * 65535


def measure_defects(run: Runner, realisations: int) -> Defects:
    """For each kind, polarity and contrast (in sigma), over `realisations` pages of 16 defects, with and without them.

    t = mean over the defect (pixels weighted by their share inside) less mean over the annulus 3 to 7 px outside it.
    contrast kept = mean of (t with - t without) after denoising, over the same before; the noise is the same in all.
    Its error is one standard error.
    detectability d' = (mean of t with - mean of t without) / sqrt((variance of t with + variance of t without) / 2),
    the index of signal detection theory (H. Barrett, K. Myers, "Foundations of Image Science", 2004, 13.2). Expected
    before denoising: contrast * (mean of t over the defect's own shape) / root of the sum of t's squared weights.
    """
    clean = gradient()
    noisy = noisy_pages(clean, SIGMA_LSB, "defects", realisations)
    without = run(noisy, SIGMA_LSB)
    measured = {}
    for kind, outline in DEFECTS.items():
        coverage, templates = targets(outline)

        def read(pages: ndarray, templates: ndarray = templates) -> ndarray:
            return (pages.reshape(len(pages), -1) @ templates.T).ravel()

        before_without, after_without = read(noisy), read(without)
        expected = (templates @ coverage.ravel()).mean() / math.sqrt((templates**2).sum(1).mean())
        for polarity, sign in (("dark", -1), ("bright", 1)):
            for contrast in CONTRASTS:
                pages = numpy.rint(noisy + sign * contrast * SIGMA_LSB * coverage)
                before, after = read(pages), read(run(pages, SIGMA_LSB))
                kept = (after - after_without) / (before - before_without).mean()
                measured[kind, polarity, contrast] = Defect(
                    float(kept.mean()),
                    float(kept.std() / len(kept) ** 0.5),
                    float(contrast * expected),
                    abs(_detectability(before, before_without)),
                    abs(_detectability(after, after_without)),
                )
    return measured


def _detectability(present: ndarray, absent: ndarray) -> float:
    difference, spread = float(present.mean() - absent.mean()), math.sqrt((present.var() + absent.var()) / 2)
    return difference / spread if spread > 0 else math.copysign(math.inf, difference) if difference else 0.0


def defect_cells(measured: Defects, baseline: Defects | None) -> list[Cell]:
    """Contrast kept is held against the baseline's; without a baseline it is only reported.

    d' after / before has its limit where the expected d' before is at least 5, whatever the realisations give.
    """
    cells = []
    for key, defect in measured.items():
        kind, polarity, contrast = key
        case = f"{kind}, {polarity}, {contrast} sigma"
        least = baseline[key].contrast_kept + LEAST_CONTRAST_AGAINST_BASELINE if baseline else -math.inf
        cells.append(Cell("contrast kept", case, defect.contrast_kept, least))
        share = defect.detectability_after / defect.detectability_before
        least = LEAST_DETECTABILITY_SHARE if defect.detectability_expected >= DETECTABLE else -math.inf
        cells.append(Cell("d' after / before", case, share, least))
    return cells


def edge_distance(height: int, width: int, degrees: float = 5.0) -> ndarray:
    """Distance of each pixel from a straight edge through the middle, `degrees` off the columns."""
    y, x = numpy.arange(height)[:, None] - (height - 1) / 2, numpy.arange(width)[None] - (width - 1) / 2
    return x * math.cos(math.radians(degrees)) + y * math.sin(math.radians(degrees))


def edge_spread(pages: ndarray, distance: ndarray) -> tuple[ndarray, ndarray]:
    """The edge spread function in bins of a quarter pixel, as in the slanted-edge method of ISO 12233.

    All pixels of all pages are sorted into bins by their distance from the edge, whose place is known. Distances and
    means, over +-32 px.
    """
    bins = numpy.floor((distance + 32) * 4).astype(int).ravel()
    used = (bins >= 0) & (bins < 256)
    total = numpy.bincount(bins[used], pages.mean(0).ravel()[used], 256)
    count = numpy.bincount(bins[used], minlength=256)
    return (numpy.arange(256) + 0.5) / 4 - 32, total / count


def edge_figures(places: ndarray, spread: ndarray) -> tuple[float, float]:
    """10-90 % width in px, and overshoot: how far the curve leaves its plateaus within 16 px, over their difference.

    A plateau is the mean from 16 to 32 px away. The width is read where the curve, followed outwards from the edge,
    first reaches 10 % and 90 %. For the overshoot the curve is smoothed over 1 px, so that it is not the extreme of
    single bins.
    """
    low, high = spread[places < -16].mean(), spread[places > 16].mean()
    rise = (spread - low) / (high - low)

    def way_out(curve: ndarray) -> float:
        """From the edge to where `curve`, which begins there, first reaches 0.9."""
        reached = int(numpy.argmax(curve >= 0.9))
        if curve[reached] < 0.9:
            return math.inf
        if reached == 0:
            return 0.0
        share = (0.9 - curve[reached - 1]) / (curve[reached] - curve[reached - 1])
        return float((reached - 1 + share + 0.5) / 4)

    middle = len(rise) // 2
    width = way_out(rise[middle:]) + way_out(1 - rise[:middle][::-1])
    smooth = numpy.convolve(rise, numpy.ones(4) / 4, mode="same")[abs(places) < 16]
    return width, float(max(smooth.max() - 1, -smooth.min()))


def edge_cells(run: Runner, realisations: int) -> list[Cell]:
    """A soft edge of a known height 5 degrees off the columns or the rows, in antithetic pairs of noise.

    width change = 10-90 % width after denoising over that of the clean page, less 1. overshoot = that of the denoised
    pages less that of the clean one, in shares of the step.
    """
    cells = []
    distance = edge_distance(256, 128)
    bell = numpy.vectorize(math.erf)
    for blur in EDGE_BLURS_PX:
        shape = 0.5 * bell(distance / (blur * 2**0.5))
        clean_width, clean_overshoot = edge_figures(*edge_spread(shape[None], distance))
        for step in EDGE_STEPS:
            noisy = noisy_pages(32768 + step * SIGMA_LSB * shape, SIGMA_LSB, "edges", realisations, antithetic=True)
            half = 2 * (realisations // 4)
            after = [run(noisy[:half], SIGMA_LSB)] if half else []
            after.append(run(noisy[half:].transpose(0, 2, 1), SIGMA_LSB).transpose(0, 2, 1))
            width, overshoot = edge_figures(*edge_spread(numpy.concatenate(after), distance))
            case = f"blur {blur} px, step {step} sigma"
            limits = EDGE_WIDTH_LIMITS.get(step, (-math.inf, math.inf))
            cells.append(Cell("edge width change", case, width / clean_width - 1, *limits))
            cells.append(Cell("edge overshoot", case, overshoot - clean_overshoot, most=MOST_OVERSHOOT))
    return cells


def flat_cells(run: Runner, realisations: int) -> list[Cell]:
    """bias = |mean over a flat page of 128x128 after denoising less its true level|, in sigma; antithetic noise.

    With the mapping `page` the noise fills 0-1; with `signal` full scale does, as on a page that is not flat elsewhere.
    """
    cells = []
    for mapping in MAPPINGS:
        for level in FLAT_LEVELS_LSB:
            noisy = noisy_pages(
                numpy.full((128, 128), float(level)), FLAT_SIGMA_LSB, "flats", realisations, antithetic=True
            )
            bias = abs(run(noisy, FLAT_SIGMA_LSB, mapping).mean() - level) / FLAT_SIGMA_LSB
            case = f"{level} LSB, sigma {FLAT_SIGMA_LSB} LSB, mapping {mapping}"
            cells.append(Cell("flat bias, sigma", case, float(bias), most=MOST_BIAS_SIGMAS))
    return cells


def noise_cells(run: Runner, realisations: int) -> list[Cell]:
    """Flat pages of 256x256 at 32 768 LSB, at least 32 px from their border.

    interior deviation = largest |denoised - 32 768|, in sigma, over all pixels of all realisations. largest blob = most
    pixels, connected by sides or corners, that all lie more than 0.15 sigma above, or all below, the true level.
    """
    cells = []
    for mapping in MAPPINGS:
        for sigma in NOISE_SIGMAS_LSB:
            noisy = noisy_pages(numpy.full((256, 256), 32768.0), sigma, "pure noise", realisations)
            off = (run(noisy, sigma, mapping) - 32768)[:, 32:-32, 32:-32] / sigma
            blob = max(largest_blob(sign * page > BLOB_THRESHOLD_SIGMAS) for page in off for sign in (1, -1))
            case = f"sigma {sigma} LSB, mapping {mapping}"
            cells.append(
                Cell("pure noise, deviation in sigma", case, float(abs(off).max()), most=MOST_DEVIATION_SIGMAS)
            )
            cells.append(Cell("pure noise, largest blob in px", case, float(blob), most=LARGEST_BLOB_PX))
    return cells


def shared_noise(random: Generator, blur: float) -> ndarray:
    """[PAGE_PX,PAGE_PX] of variance 1: white noise through a Gaussian of `blur` px, which goes on round the page."""
    frequency = numpy.fft.fftfreq(PAGE_PX)
    gain = numpy.exp(-2 * (math.pi * blur) ** 2 * (frequency[:, None] ** 2 + frequency[None] ** 2))
    white = numpy.fft.fft2(random.normal(size=gain.shape))
    return numpy.fft.ifft2(white * gain).real / math.sqrt((gain**2).mean())


def row_noise(random: Generator) -> ndarray:
    """[PAGE_PX,PAGE_PX] of variance 1: one value for each row."""
    return numpy.repeat(random.normal(size=(PAGE_PX, 1)), PAGE_PX, 1)


def correlated_cells(run: Runner, realisations: int) -> list[Cell]:
    """Noise that pixels share, its full variance announced, on flat pages at 32 768 LSB; white noise for comparison.

    noise left = standard deviation at least 32 px from the border after denoising, over that before. There is no limit,
    since how much can go without touching detail is not known beforehand: it is reported.
    """
    kinds: dict[str, Callable[[Generator], ndarray]] = {
        "white": partial(shared_noise, blur=0.0),
        **{f"blurred by {blur} px": partial(shared_noise, blur=blur) for blur in SHARED_BLURS_PX},
        "rows": row_noise,
    }
    cells = []
    for kind, drawn in kinds.items():
        noise = numpy.stack([drawn(seeded("inspection", "correlated", kind, number)) for number in range(realisations)])
        before = numpy.rint(32768 + SIGMA_LSB * noise)
        inner = numpy.s_[:, 32:-32, 32:-32]
        left = (run(before, SIGMA_LSB) - 32768)[inner].std() / (before - 32768)[inner].std()
        cells.append(Cell("noise left, share", f"correlated noise, {kind}", float(left)))
    return cells


def largest_blob(mask: ndarray) -> int:
    """Pixels of the largest group in a boolean [H,W] that is connected by sides or corners; 0 when there is none."""
    left = set(zip(*(axis.tolist() for axis in numpy.nonzero(mask))))
    largest = 0
    while left:
        stack, size = [left.pop()], 0
        while stack:
            row, column = stack.pop()
            size += 1
            for near in [(row + u, column + v) for u in (-1, 0, 1) for v in (-1, 0, 1)]:
                if near in left:
                    left.remove(near)
                    stack.append(near)
        largest = max(largest, size)
    return largest


class Inspection(NamedTuple):
    defects: Defects
    cells: list[Cell]


def inspect_denoiser(
    denoise: Denoise, effort: Effort = FULL, strength: float = 1, baseline: Defects | None = None
) -> Inspection:
    """Everything. `baseline` is what `measure_defects` gave for BM3D with the true noise."""
    run = Runner(denoise, strength)
    defects = measure_defects(run, effort.defects)
    cells = [
        *defect_cells(defects, baseline),
        *edge_cells(run, effort.edges),
        *flat_cells(run, effort.flats),
        *noise_cells(run, effort.noises),
        *correlated_cells(run, effort.noises),
    ]
    return Inspection(defects, cells)


def summary(cells: list[Cell]) -> str:
    limited = [cell for cell in cells if cell.limited]
    return f"{sum(cell.met for cell in limited)} of {len(limited)} cells met"
