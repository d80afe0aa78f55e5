"""Does not prove that BM3D or non-local means do well: their packages need not be installed here."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy

import baselines


class BaselinesTest(unittest.TestCase):
    def setUp(self):
        self.computed = []

        def denoise(name, noisy, a, b):
            self.computed.append((name, a, b))
            return noisy / 2

        for name, double in (("_denoise", denoise), ("_version", lambda name: "1")):
            patch = mock.patch.object(baselines, name, double)
            patch.start()
            self.addCleanup(patch.stop)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.cache = Path(folder.name) / "kept"

    def test_the_same_input_is_computed_once_and_any_other_again(self):
        noisy = numpy.random.default_rng(1).random((4, 6))
        first = baselines.baseline("bm3d", noisy, 0.0, 0.01, self.cache)
        again = baselines.baseline("bm3d", noisy, 0.0, 0.01, self.cache)
        numpy.testing.assert_allclose(again.image, noisy / 2, atol=1e-7)
        self.assertEqual(first.cpu_seconds, again.cpu_seconds)
        baselines.baseline("bm3d", noisy, 0.0, 0.02, self.cache)
        baselines.baseline("nlm", noisy, 0.0, 0.01, self.cache)
        baselines.baseline("bm3d", noisy + 1e-3, 0.0, 0.01, self.cache)
        self.assertEqual(self.computed, [("bm3d", 0, 0.01), ("bm3d", 0, 0.02), ("nlm", 0, 0.01), ("bm3d", 0, 0.01)])

    def test_a_baseline_sees_the_page_as_the_network_does(self):
        runner = baselines.baseline_runner("bm3d", None)
        page = numpy.array([[[1000, 3000]]], numpy.uint16)
        result = runner(page, numpy.float32([[1000, 1 / 4000, 0.5, 0.25]]))
        numpy.testing.assert_allclose(result, [[[1000, 2000]]], rtol=1e-6)
        self.assertEqual(self.computed, [("bm3d", 0.5, 0.25)])

    def test_a_method_whose_package_is_absent_is_left_out(self):
        packages = {"bm3d": "no_such_package", "nlm": "math"}
        with mock.patch.dict(baselines.PACKAGES, packages), mock.patch("builtins.print"):
            self.assertEqual(baselines.available(["bm3d", "nlm"]), ["nlm"])


if __name__ == "__main__":
    unittest.main()
