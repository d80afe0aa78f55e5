"""Does not prove that the figures compare with those of papers, which may round or clip first."""

import unittest

import numpy

from metrics import psnr, ssim


class MetricsTest(unittest.TestCase):
    def test_an_error_of_a_tenth_is_20_db(self):
        clean = numpy.zeros((12, 12))
        self.assertAlmostEqual(psnr(clean, clean + 0.1), 20)

    def test_what_leaves_the_range_counts_as_it_is(self):
        self.assertAlmostEqual(psnr(numpy.ones((4, 4)), numpy.full((4, 4), 2.0)), 0)

    def test_an_image_is_like_itself(self):
        image = numpy.random.default_rng(1).random((20, 24))
        self.assertAlmostEqual(ssim(image, image), 1)

    def test_two_constant_images_differ_by_the_luminance_term_alone(self):
        expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
        self.assertAlmostEqual(ssim(numpy.full((16, 16), 0.2), numpy.full((16, 16), 0.6)), expected)

    def test_the_negative_of_a_texture_is_unlike_it(self):
        texture = numpy.random.default_rng(2).normal(0.5, 0.1, (32, 32))
        self.assertLess(ssim(texture, 1 - texture), -0.5)


if __name__ == "__main__":
    unittest.main()
