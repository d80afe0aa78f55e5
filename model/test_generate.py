"""The images that the training is fed with. Does not prove that a network learns from it; CARD.md has those figures."""

import unittest

import numpy

import textures
from generate import generate, library


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


if __name__ == "__main__":
    unittest.main()
