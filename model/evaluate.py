"""Measures an ONNX file of the contract.

    python model/evaluate.py MODEL.onnx --images FOLDER [--sigmas 15,25,50] [--poisson 0.01,0.0001 ...]
    python model/evaluate.py MODEL.onnx --phantoms
    python model/evaluate.py MODEL.onnx --inspection

The noise level is given to the model, the noise is drawn from fixed seeds and is not clipped. PSNR and SSIM are those
of the unclipped result against the clean image, full scale 1. `--baselines bm3d,nlm` puts classic methods beside the
model when their packages are installed; their results are kept in --cache, since they take seconds an image.
"""

import argparse
import csv
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy
from numpy import ndarray

import baselines
import inspection
import phantoms
from images import grey_image, image_files
from metrics import psnr, ssim
from noise import gaussian, poisson_gaussian, seeded
from pages import Denoise, Mapping, denoised
from runners import kilo_macs_per_pixel, onnx_runner
from tables import Result, cell_table, defect_table, mean, quality_table


class Noise(NamedTuple):
    """The variance of a sample x is a*x + b, both with full scale 1."""

    name: str
    a: float
    b: float

    def draw(self, clean: ndarray, image: str) -> ndarray:
        random = seeded("evaluate", image, self.name)
        return poisson_gaussian(clean, self.a, self.b, random) if self.a else gaussian(clean, self.b**0.5, random)


class Picture(NamedTuple):
    name: str
    group: str
    clean: ndarray


def white(sigma: float) -> Noise:
    """Sigma counted as in the literature, in 8-bit steps."""
    return Noise(f"sigma {sigma:g}", 0.0, (sigma / 255) ** 2)


def detector(a: float, b: float) -> Noise:
    return Noise(f"a {a:g}, b {b:g}", a, b)


DOSES = [Noise(name, a, b) for name, (a, b) in phantoms.DOSES.items()]


def folder_pictures(folder: Path, limit: int | None = None) -> list[Picture]:
    return [Picture(file.name, folder.name, grey_image(file)) for file in image_files(folder)[:limit]]


def phantom_pictures(count: int) -> list[Picture]:
    return [
        Picture(f"{family} {number}", family, phantoms.phantom(family, number))
        for family in phantoms.FAMILIES
        for number in range(1, count + 1)
    ]


def measure(
    denoise: Denoise,
    pictures: Iterable[Picture],
    noises: Iterable[Noise],
    mapping: Mapping = "signal",
    strength: float = 1,
) -> list[Result]:
    """The model (or what stands in its place) on every picture under every noise."""
    results = []
    for picture in pictures:
        for noise in noises:
            noisy = noise.draw(picture.clean, picture.name)
            start = time.process_time()
            (image,) = denoised(denoise, noisy[None], noise.a, noise.b, mapping, strength=strength)
            results.append(_result("model", noise, picture, image, time.process_time() - start))
    return results


def measure_baseline(
    name: str, pictures: Iterable[Picture], noises: Iterable[Noise], cache: Path | None
) -> list[Result]:
    """The baseline on the very same noise, in float64; `noisy` names the input itself."""
    results = []
    for picture in pictures:
        for noise in noises:
            noisy = noise.draw(picture.clean, picture.name)
            seconds = 0.0
            if name != "noisy":
                noisy, seconds = baselines.baseline(name, noisy, noise.a, noise.b, cache)
            results.append(_result(name, noise, picture, noisy, seconds))
    return results


def _result(method: str, noise: Noise, picture: Picture, image: ndarray, seconds: float) -> Result:
    quality = psnr(picture.clean, image), ssim(picture.clean, image)
    return Result(method, noise.name, picture.name, picture.group, *quality, seconds)


def mean_psnr(results: Iterable[Result], **where: str) -> float:
    """Mean PSNR in dB of the results whose fields are as given, e.g. noise="sigma 25"."""
    return mean(results, "psnr_db", **where)


def speed(denoise: Denoise, size: int = 1024) -> float:
    """Pixels per CPU second, in millions, on one square page: the median of five runs after a first one."""
    page = seeded("speed").integers(0, 65536, (1, size, size), dtype=numpy.uint16)
    params = numpy.float32([[0, 1 / 65535, 0, 1e-3]])
    seconds = []
    for _ in range(6):
        start = time.process_time()
        denoise(page, params)
        seconds.append(time.process_time() - start)
    return size**2 / 1e6 / float(numpy.median(seconds[1:]))


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def _pair(text: str) -> tuple[float, float]:
    a, b = _numbers(text)
    return a, b


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="ONNX file of the contract")
    parser.add_argument("--images", type=Path, help="folder of grey PNG or TIFF files")
    parser.add_argument(
        "--sigmas", type=_numbers, help="white noise, in 8-bit steps (default 15,25,50 where no --poisson is given)"
    )
    parser.add_argument(
        "--poisson", type=_pair, nargs="+", default=[], metavar="a,b", help="variance a*x + b, full scale 1"
    )
    parser.add_argument("--phantoms", action="store_true", help="the held-out X-ray phantoms at three doses")
    parser.add_argument(
        "--inspection", action="store_true", help="defects, edges, flat fields and pure noise against limits"
    )
    parser.add_argument("--speed", action="store_true", help="kMAC per pixel, and megapixels per CPU second")
    parser.add_argument("--baselines", default="", metavar="bm3d,nlm", help="classic methods beside the model")
    parser.add_argument("--cache", type=Path, default=Path(".ddn/evaluate"), help="where baselines' results are kept")
    parser.add_argument("--strength", type=float, default=1.0, help="out = in + strength * (denoised - in)")
    parser.add_argument(
        "--mapping", choices=("signal", "page"), default="signal", help="page: as the server maps a page"
    )
    parser.add_argument("--limit", type=int, help="only the first images of the folder")
    parser.add_argument("--quick", action="store_true", help="fewer realisations and phantoms, to steer a training")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--csv", type=Path, help="one row for each image, noise and method")
    parser.add_argument("--json", type=Path, help="everything that was measured")
    arguments = parser.parse_args()
    if not (arguments.images or arguments.phantoms or arguments.inspection or arguments.speed):
        parser.error("Expected one of --images, --phantoms, --inspection, --speed but received none.")
    return arguments


def defect_records(defects: inspection.Defects) -> list[dict]:
    return [
        {"kind": kind, "polarity": polarity, "contrast_sigmas": contrast, **defect._asdict()}
        for (kind, polarity, contrast), defect in defects.items()
    ]


def main() -> None:
    arguments = parsed()
    denoise = onnx_runner(arguments.model, arguments.threads)
    names = baselines.available([name for name in arguments.baselines.split(",") if name])
    report: dict = {"model": str(arguments.model), "strength": arguments.strength}
    results: list[Result] = []

    def compare(pictures: list[Picture], noises: list[Noise]) -> None:
        measured = measure(denoise, pictures, noises, arguments.mapping, arguments.strength)
        for name in ("noisy", *names):
            measured += measure_baseline(name, pictures, noises, arguments.cache)
        results.extend(measured)
        print(quality_table(measured), flush=True)

    if arguments.images:
        sigmas = arguments.sigmas or ([] if arguments.poisson else [15, 25, 50])
        noises = [white(sigma) for sigma in sigmas] + [detector(*pair) for pair in arguments.poisson]
        compare(folder_pictures(arguments.images, arguments.limit), noises)
    if arguments.phantoms:
        compare(phantom_pictures(1 if arguments.quick else 3), DOSES)
    if arguments.inspection:
        beside = None
        if "bm3d" in names:
            runner = inspection.Runner(baselines.baseline_runner("bm3d", arguments.cache))
            beside = inspection.measure_defects(runner, inspection.BASELINE.defects)
            report["bm3d"] = defect_records(beside)
        effort = inspection.QUICK if arguments.quick else inspection.FULL
        defects, cells = inspection.inspect_denoiser(denoise, effort, arguments.strength, beside)
        report["defects"] = defect_records(defects)
        report["inspection"] = [{**cell._asdict(), "limited": cell.limited, "met": cell.met} for cell in cells]
        print(defect_table(defects, beside), cell_table(cells), inspection.summary(cells), sep="\n\n", flush=True)
    if arguments.speed:
        report["kilo_macs_per_pixel"] = kilo_macs_per_pixel(arguments.model)
        report["megapixels_per_cpu_second"] = speed(denoise)
        print(
            "{kilo_macs_per_pixel:.1f} kMAC per pixel, {megapixels_per_cpu_second:.2f} Mpixel/s of CPU".format(**report)
        )

    report["results"] = [one._asdict() for one in results]
    if arguments.csv:
        with arguments.csv.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(Result._fields)
            writer.writerows(results)
    if arguments.json:
        # JSON knows no infinity: a limit that is not there is null.
        finite = json.loads(json.dumps(report), parse_constant=lambda _: None)
        arguments.json.write_text(json.dumps(finite, indent=1) + "\n")


if __name__ == "__main__":
    main()
