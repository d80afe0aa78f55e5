"""What the training is fed with. Does not prove that a network learns from it; CARD.md has those figures."""

import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy

import textures
from generate import generate, library
from samples import Bank, defect, noise_law, plain, sample


def bank_in(folder: str) -> Bank:
    images = numpy.random.default_rng(5).integers(0, 65536, (2, 80, 80), dtype=numpy.uint16)
    numpy.save(Path(folder) / "one.npy", images)
    bank = Bank(Path(folder))
    bank.look()
    return bank


class Generated(unittest.TestCase):
    def test_the_same_seed_and_index_give_the_same_image_and_others_do_not(self) -> None:
        drawn = library(3, 0)
        first = generate(3, 0, 64, drawn)
        self.assertEqual(first.dtype, numpy.uint16)
        self.assertEqual(first.shape, (64, 64))
        numpy.testing.assert_array_equal(first, generate(3, 0, 64, library(3, 0)))
        self.assertFalse(numpy.array_equal(first, generate(3, 1, 64, drawn)))
        self.assertFalse(numpy.array_equal(first, generate(4, 0, 64, drawn)))

    def test_every_kind_of_texture_is_finite_and_standardised(self) -> None:
        for number, (_, kind) in enumerate(textures.KINDS):
            for seed in range(3):
                image = kind(numpy.random.default_rng([number, seed]), 128)
                with self.subTest(kind=number, seed=seed):
                    self.assertEqual((image.dtype, image.shape), (numpy.float32, (128, 128)))
                    self.assertTrue(numpy.isfinite(image).all())
                    self.assertAlmostEqual(float(image.mean()), 0, delta=0.01)
                    self.assertLess(float(image.std()), 1.01)


class Sampled(unittest.TestCase):
    def test_noise_has_the_variance_that_its_law_says(self) -> None:
        random = numpy.random.default_rng(1)
        with TemporaryDirectory() as folder:
            bank = bank_in(folder)
            squares = []
            for _ in range(400):
                clean, noisy, (a, b), _ = sample(random, bank, 32)
                squares.append((((noisy - clean) ** 2) / (numpy.maximum(a * clean, 0) + b)).mean())
        self.assertAlmostEqual(float(numpy.mean(squares)), 1, delta=0.01)

    def test_a_defect_is_a_shape_between_nothing_and_full_contrast(self) -> None:
        random = numpy.random.default_rng(2)
        for _ in range(60):
            shape = defect(random, 64)
            self.assertGreaterEqual(float(shape.min()), 0)
            self.assertLessEqual(float(shape.max()), 1 + 1e-6)
        areas = [float(defect(random, 64).sum()) for _ in range(200)]
        self.assertGreater(sum(area > 3 for area in areas), 100)

    def test_laws_cover_white_and_signal_dependent_noise(self) -> None:
        random = numpy.random.default_rng(3)
        laws = [noise_law(random) for _ in range(500)]
        self.assertTrue(all(b > 0 for _, b in laws))
        self.assertAlmostEqual(sum(a > 0 for a, _ in laws) / 500, 0.3, delta=0.08)

    def test_plain_grounds_have_no_edges(self) -> None:
        random = numpy.random.default_rng(4)
        for _ in range(50):
            image = plain(random, 64)
            self.assertLess(float(abs(numpy.diff(image)).max()), 0.12)

    def test_files_that_appear_later_join_the_bank(self) -> None:
        with TemporaryDirectory() as folder:
            bank = bank_in(folder)
            numpy.save(Path(folder) / "two.npy", numpy.zeros((3, 80, 80), numpy.uint16))
            bank.look()
            self.assertEqual(len(bank.images), 5)

    def test_an_empty_bank_says_what_to_do(self) -> None:
        with TemporaryDirectory() as folder, self.assertRaisesRegex(SystemExit, "Write some with generate.py"):
            Bank(Path(folder)).look()


if __name__ == "__main__":
    unittest.main()
