"""Does not prove anything about a denoiser in the transformed domain, nor for fewer than half a count."""

import unittest

import numpy

import anscombe
from noise import poisson_gaussian, seeded


class AnscombeTest(unittest.TestCase):
    def test_without_electronic_noise_it_is_anscombes_own_transform(self):
        counts = numpy.array([0.0, 1.0, 10.0])
        numpy.testing.assert_allclose(anscombe.forward(0.5 * counts, 0.5, 0), 2 * numpy.sqrt(counts + 3 / 8))

    def test_the_transform_makes_noise_of_variance_one(self):
        for a, b, level in ((2e-2, 4e-4, 0.3), (5e-3, 1e-4, 0.8), (1e-3, 2e-5, 0.1)):
            noisy = poisson_gaussian(numpy.full(200_000, level), a, b, seeded("variance", a))
            self.assertAlmostEqual(anscombe.forward(noisy, a, b).var(), 1, delta=0.03)

    def test_the_inverse_maps_the_mean_of_the_transform_to_the_mean_of_the_signal(self):
        for a, b, level in ((2e-2, 4e-4, 0.02), (2e-2, 4e-4, 0.3), (5e-3, 1e-4, 0.8)):
            noisy = poisson_gaussian(numpy.full(1_000_000, level), a, b, seeded("inverse", level))
            mean = numpy.array([anscombe.forward(noisy, a, b).mean()])
            self.assertAlmostEqual(anscombe.inverse(mean, a, b)[0], level, delta=0.004 * level + 1e-4)
            algebraic = (mean[0] ** 2 / 4 - 3 / 8) * a - b / a
            self.assertGreater(level - algebraic, 4 * abs(level - anscombe.inverse(mean, a, b)[0]))

    def test_noise_grows_with_the_signal_as_a_and_b_say(self):
        for level in (0.0, 0.25, 1.0):
            noisy = poisson_gaussian(numpy.full(200_000, level), 5e-3, 1e-4, seeded("growth", level))
            self.assertAlmostEqual(noisy.var() / (5e-3 * level + 1e-4), 1, delta=0.02)
            self.assertAlmostEqual(noisy.mean(), level, delta=1e-3)


if __name__ == "__main__":
    unittest.main()
