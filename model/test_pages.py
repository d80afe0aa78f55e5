"""Does not prove that the server computes the same numbers; its own tests do that for its own code."""

import unittest

import numpy

from pages import FULL_SCALE, denoised, page_params, value_range, widest


def unchanged(images, params):
    return images


class PagesTest(unittest.TestCase):
    def test_the_widest_coding_clips_nothing_and_rounds_by_half_a_step(self):
        values = numpy.array([[-0.9, 0.0, 0.5], [1.0, 2.1, 0.25]])
        coding = widest(values)
        back = coding.values(coding.stored(values))
        self.assertLessEqual(abs(back - values).max(), coding.step / 2 * 1.0001)
        self.assertLess(coding.step, 3.1 / 65535)

    def test_one_hot_pixel_is_outside_the_range_and_two_neighbours_are_inside(self):
        image = numpy.full((5, 5), 100, numpy.uint16)
        image[2, 2] = 9000
        self.assertEqual(value_range(image), (100, 100))
        image[3, 3] = 8000
        self.assertEqual(value_range(image), (100, 8000))
        image[0, 0] = image[0, 1] = 7
        self.assertEqual(value_range(image), (7, 8000))

    def test_where_no_neighbours_are_alike_the_extremes_are_the_range(self):
        self.assertEqual(value_range(numpy.array([[10, 90]], numpy.uint16)), (10, 90))

    def test_the_page_mapping_announces_the_same_noise_in_steps(self):
        image = numpy.array([[1000, 1000, 1000], [1000, 5000, 5000]], numpy.uint16)
        a, b = 1e-2, 3e-4
        offset, scale, mapped_a, mapped_b = page_params(image, FULL_SCALE, a, b, "page").astype(float)
        self.assertEqual((offset, scale), (1000, float(numpy.float32(1 / 4000))))
        for sample in (1000, 3000, 5000):
            told = (mapped_a * (sample - offset) * scale + mapped_b) / scale**2
            true = (a * sample / 65535 + b) * 65535**2
            self.assertAlmostEqual(told / true, 1, 5)

    def test_the_signal_mapping_gives_the_network_the_values_themselves(self):
        coding = widest(numpy.array([-1.0, 2.0]))
        offset, scale, a, b = page_params(coding.stored(numpy.zeros((2, 2))), coding, 0.5, 0.25, "signal")
        self.assertEqual((float(offset), float(scale), float(a), float(b)), (coding.zero, coding.step, 0.5, 0.25))

    def test_strength_blends_in_and_out(self):
        pages = numpy.array([[[100.0, 200.0], [300.0, 400.0]]]) / 65535

        def raised(images, params):
            return images + 10

        result = denoised(raised, pages, 0, 1e-6, "signal", FULL_SCALE, strength=0.5) * 65535
        numpy.testing.assert_allclose(result, pages * 65535 + 5)

    def test_an_image_that_nothing_changes_comes_back_to_a_quarter_of_a_ten_thousandth(self):
        noisy = numpy.random.default_rng(1).normal(0.5, 0.3, (2, 16, 16))
        self.assertLess(abs(denoised(unchanged, noisy, 0, 0.09, "page") - noisy).max(), 2.5e-5)


if __name__ == "__main__":
    unittest.main()
