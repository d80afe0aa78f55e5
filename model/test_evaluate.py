"""Does not prove the figures of the shipped model, which need its images and minutes."""

import contextlib
import csv
import io
import json
import math
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy
import onnx
from onnx import TensorProto, helper
from PIL import Image

import evaluate
from evaluate import Picture, detector, mean_psnr, measure, measure_baseline, white


def unchanged(images, params):
    return images


def identity_model():
    page = ["n", 1, "height", "width"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["image"], ["denoised"])],
        "identity",
        [
            helper.make_tensor_value_info("image", TensorProto.UINT16, page),
            helper.make_tensor_value_info("params", TensorProto.FLOAT, ["n", 4]),
        ],
        [helper.make_tensor_value_info("denoised", TensorProto.UINT16, page)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class EvaluateTest(unittest.TestCase):
    def setUp(self):
        self.grey = [Picture(f"{level}.png", "grey", numpy.full((256, 256), level)) for level in (0.02, 0.5, 0.98)]

    def test_noise_is_neither_clipped_nor_rounded_away_in_any_mapping(self):
        for mapping in ("signal", "page"):
            for sigma in (1, 25, 50):
                noisy = mean_psnr(measure(unchanged, self.grey, [white(sigma)], mapping))
                self.assertAlmostEqual(noisy, -20 * math.log10(sigma / 255), delta=0.03)

    def test_the_noise_of_a_detector_has_the_variance_that_is_announced(self):
        results = measure(unchanged, self.grey, [detector(5e-3, 1e-4)])
        for result, level in zip(results, (0.02, 0.5, 0.98), strict=True):
            self.assertAlmostEqual(result.psnr_db, -10 * math.log10(5e-3 * level + 1e-4), delta=0.06)

    def test_the_baselines_get_the_very_noise_that_the_model_gets(self):
        model = measure(unchanged, self.grey, [white(25)])
        noisy = measure_baseline("noisy", self.grey, [white(25)], None)
        for one, other in zip(model, noisy, strict=True):
            self.assertAlmostEqual(one.psnr_db, other.psnr_db, places=4)

    def test_strength_blends_with_the_input(self):
        sigma = 50 / 255

        def wiped(images, params):
            # The clean level in 16-bit steps: offset + 0.5 / scale.
            return (params[:, 0] + 0.5 / params[:, 1])[:, None, None] * numpy.ones(images.shape)

        half = mean_psnr(measure(wiped, self.grey[1:2], [white(50)], strength=0.5))
        self.assertAlmostEqual(half, -20 * math.log10(sigma / 2), delta=0.05)

    def test_a_folder_is_measured_image_by_image_into_csv_and_json(self):
        with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(io.StringIO()) as printed:
            folder = Path(name)
            onnx.save(identity_model(), folder / "model.onnx")
            images = folder / "images"
            images.mkdir()
            for number in (1, 2):
                Image.fromarray(numpy.full((40, 72), 60 * number, numpy.uint8)).save(images / f"{number}.png")
            words = ["evaluate.py", "model.onnx", "--images", "images", "--sigmas", "25", "--poisson", "0.01,0.0001"]
            words += ["--csv", "out.csv", "--json", "out.json"]
            with mock.patch("sys.argv", words), contextlib.chdir(folder):
                evaluate.main()
            with (folder / "out.csv").open() as file:
                rows = list(csv.DictReader(file))
            self.assertEqual(len(rows), 2 * 2 * 2)
            self.assertEqual({row["noise"] for row in rows}, {"sigma 25", "a 0.01, b 0.0001"})
            self.assertEqual({row["method"] for row in rows}, {"model", "noisy"})
            self.assertEqual(len(json.loads((folder / "out.json").read_text())["results"]), 8)
            self.assertRegex(printed.getvalue(), r"images +\| sigma 25 +\| 20\.")


if __name__ == "__main__":
    unittest.main()
