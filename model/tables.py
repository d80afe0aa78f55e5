"""What was measured, as Markdown."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy

from inspection import Cell, Defects


class Result(NamedTuple):
    """One image by one method; the time is that of this process, all its threads together."""

    method: str
    noise: str
    image: str
    group: str
    psnr_db: float
    ssim: float
    cpu_seconds: float


def mean(results: Iterable[Result], field: str, **where: str) -> float:
    """Over the results whose fields are as given; not a number when there is none."""
    chosen = [getattr(one, field) for one in results if all(getattr(one, key) == value for key, value in where.items())]
    return float(numpy.mean(chosen)) if chosen else math.nan


def quality_table(results: list[Result]) -> str:
    """Means over each group of images and over all, PSNR in dB / SSIM, methods side by side."""
    methods = list(dict.fromkeys(one.method for one in results))
    noises = list(dict.fromkeys(one.noise for one in results))
    groups = list(dict.fromkeys(one.group for one in results))
    rows = [["images", "noise", *methods]]
    for group in [*groups, "all"] if len(groups) > 1 else groups:
        for noise in noises:
            where = {"noise": noise} | ({} if group == "all" else {"group": group})
            cells = []
            for method in methods:
                values = [mean(results, field, method=method, **where) for field in ("psnr_db", "ssim")]
                cells.append("{:.2f} / {:.4f}".format(*values))
            rows.append([group, noise, *cells])
    seconds = [mean(results, "cpu_seconds", method=method) for method in methods]
    rows.append(["CPU seconds an image", "", *(f"{one:.3f}" for one in seconds)])
    return markdown(rows)


def defect_table(defects: Defects, baseline: Defects | None) -> str:
    """Contrast kept with its standard error, and d' before and after, beside BM3D's where there is one."""
    rows = [["defect", "contrast kept", "d' before", "d' after"]]
    if baseline:
        rows[0] += ["BM3D, contrast kept", "BM3D, d' before", "BM3D, d' after"]
    for key, defect in defects.items():
        row = ["{}, {}, {} sigma".format(*key)]
        for one in (defect, baseline[key]) if baseline else (defect,):
            row.append(f"{one.contrast_kept:.3f} +- {one.contrast_error:.3f}")
            row += [f"{one.detectability_before:.2f}", f"{one.detectability_after:.2f}"]
        rows.append(row)
    return markdown(rows)


def cell_table(cells: list[Cell]) -> str:
    rows = [["measure", "case", "value", "limit", ""]]
    for cell in cells:
        bounds = ((">=", cell.least), ("<=", cell.most))
        limits = ", ".join(f"{sign} {bound:.3g}" for sign, bound in bounds if math.isfinite(bound))
        verdict = "" if not cell.limited else "met" if cell.met else "MISSED"
        rows.append([cell.measure, cell.case, f"{cell.value:.3f}", limits, verdict])
    return markdown(rows)


def markdown(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])
