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
from phantoms import FAMILIES, SIZE_PX, TRAINED_FAMILIES, phantom


def draw(file: Path, *arguments: str) -> None:
    with mock.patch("sys.argv", ["generate.py", str(file), "--size", "32", *arguments]), redirect_stderr(io.StringIO()):
        main()


class Generated(unittest.TestCase):
    def test_the_same_seed_and_index_give_the_same_image_and_others_do_not(self) -> None:
        drawn = library(3, 0)
        first = generate(3, 0, 64, drawn)
        self.assertEqual(first.shape, (64, 64))
        self.assertTrue(0 <= first.min() < first.max() <= 1)
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
        self.assertEqual((one.dtype, one.shape), (numpy.uint16, (3, 32, 32)))
        numpy.testing.assert_array_equal(one, two)
        numpy.testing.assert_array_equal(one[1:], rest)

    def test_phantoms_to_train_with_are_others_than_those_to_measure_with_and_never_of_the_family_kept_new(
        self,
    ) -> None:
        with TemporaryDirectory() as folder:
            draw(Path(folder) / "drawn.npy", "--phantoms", "--count", "6")
            draw(Path(folder) / "rest.npy", "--phantoms", "--count", "2", "--start", "4")
            drawn, rest = (numpy.load(Path(folder) / f"{name}.npy") for name in ("drawn", "rest"))
        self.assertEqual((drawn.dtype, drawn.shape), (numpy.uint16, (6, SIZE_PX, SIZE_PX)))
        numpy.testing.assert_array_equal(drawn[4:], rest)
        self.assertEqual(sorted({*FAMILIES} - {*TRAINED_FAMILIES}), ["sandwich"])
        for number, image in enumerate(drawn[:4]):
            family = TRAINED_FAMILIES[number]
            numpy.testing.assert_allclose(image / 65535, phantom(family, 0, "training 1"), atol=1 / 65535)
            self.assertGreater(abs(image / 65535 - phantom(family, 0)).max(), 0.02, family)

    def test_draws_only_what_was_asked_for_and_says_what_there_is(self) -> None:
        with TemporaryDirectory() as folder:
            draw(Path(folder) / "drawn.npy", "--count", "3", "--only", "plates,lattices")
            drawn = numpy.load(Path(folder) / "drawn.npy")
            kinds = [kind for kind in scenes.KINDS if kind[1].__name__ in ("plates", "lattices")]
            expected = numpy.stack([generate(1, index, 32, library(1, 0), kinds) for index in range(3)])
            numpy.testing.assert_array_equal(drawn, numpy.round(expected * 65535))
            with self.assertRaises(SystemExit), redirect_stderr(io.StringIO()) as complaint:
                with mock.patch("sys.argv", ["generate.py", "x.npy", "--only", "lattice"]):
                    main()
        self.assertIn("Expected some of leaves, surfaces, ", complaint.getvalue())
        self.assertIn("but received lattice.", complaint.getvalue())

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
