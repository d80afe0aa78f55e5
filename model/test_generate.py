"""The images that the training is fed with. Does not prove that a network learns from it; CARD.md has those figures."""

import io
import unittest
from contextlib import redirect_stderr
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy

import scenes
import textures
from generate import generate, library, main


def draw(file: Path, *arguments: str) -> None:
    with mock.patch("sys.argv", ["generate.py", str(file), "--size", "32", *arguments]), redirect_stderr(io.StringIO()):
        main()


class Generated(unittest.TestCase):
    def test_the_same_seed_and_index_give_the_same_image_and_others_do_not(self) -> None:
        drawn = library(3, 0)
        first = generate(3, 0, 64, drawn)
        self.assertEqual(first.dtype, numpy.uint16)
        self.assertEqual(first.shape, (64, 64))
        numpy.testing.assert_array_equal(first, generate(3, 0, 64, library(3, 0)))
        self.assertFalse(numpy.array_equal(first, generate(3, 1, 64, drawn)))
        self.assertFalse(numpy.array_equal(first, generate(4, 0, 64, drawn)))

    def test_a_file_is_the_same_whatever_the_processes_and_continues_another(self) -> None:
        with TemporaryDirectory() as folder:
            for name, *arguments in [
                ("one", "--count", "3", "--start", "14"),
                ("two", "--count", "3", "--start", "14", "--processes", "2"),
            ]:
                draw(Path(folder) / f"{name}.npy", *arguments)
            draw(Path(folder) / "rest.npy", "--count", "2", "--start", "15")
            one, two, rest = (numpy.load(Path(folder) / f"{name}.npy") for name in ("one", "two", "rest"))
            self.assertEqual(len(list(Path(folder).iterdir())), 3)
        numpy.testing.assert_array_equal(one, two)
        numpy.testing.assert_array_equal(one[1:], rest)

    def test_every_kind_of_scene_is_finite_and_shows_something(self) -> None:
        drawn = library(3, 0)[:3]
        for number, (_, kind) in enumerate(scenes.KINDS):
            image = kind(numpy.random.default_rng(number), 192, [texture[:192, :192] for texture in drawn])
            with self.subTest(kind=number):
                self.assertEqual((image.dtype, image.shape), (numpy.float32, (192, 192)))
                self.assertTrue(numpy.isfinite(image).all())
                self.assertGreater(float(image.std()), 0.001)

    def test_every_kind_of_texture_is_finite_and_standardised(self) -> None:
        for number, (_, kind) in enumerate(textures.KINDS):
            for seed in range(3):
                image = kind(numpy.random.default_rng([number, seed]), 128)
                with self.subTest(kind=number, seed=seed):
                    self.assertEqual((image.dtype, image.shape), (numpy.float32, (128, 128)))
                    self.assertTrue(numpy.isfinite(image).all())
                    self.assertAlmostEqual(float(image.mean()), 0, delta=0.01)
                    self.assertAlmostEqual(float(image.std()), 1, delta=0.01)


if __name__ == "__main__":
    unittest.main()
