"""Does not prove that the limits are the right ones, nor anything about a trained model."""

import math
import unittest

import numpy

import inspection
from inspection import (
    Runner,
    correlated_cells,
    edge_cells,
    edge_distance,
    edge_figures,
    edge_spread,
    flat_cells,
    largest_blob,
    noise_cells,
    row_noise,
    shared_noise,
)
from noise import seeded


def unchanged(images, params):
    return images


def blurred(sigma_px):
    """Convolution with a Gaussian, the edge mirrored: a denoiser whose every figure is known."""
    reach = math.ceil(5 * sigma_px)
    bell = numpy.exp(-0.5 * (numpy.arange(-reach, reach + 1) / sigma_px) ** 2)
    bell /= bell.sum()

    def denoise(images, params):
        result = images.astype(float)
        for axis in (1, 2):
            pad = [(0, 0)] * 3
            pad[axis] = (reach, reach)
            padded = numpy.pad(result, pad, mode="symmetric")
            result = numpy.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=axis) @ bell
        return result

    return denoise


def values(cells, measure):
    return {cell.case: cell.value for cell in cells if cell.measure == measure}


class DefectsTest(unittest.TestCase):
    def test_a_denoiser_that_does_nothing_keeps_all_contrast_and_detectability(self):
        for key, defect in inspection.measure_defects(Runner(unchanged), 1).items():
            self.assertAlmostEqual(defect.contrast_kept, 1, places=9, msg=str(key))
            self.assertAlmostEqual(defect.detectability_before, defect.detectability_after, places=9)

    def test_detectability_before_follows_from_contrast_and_area(self):
        measured = inspection.measure_defects(Runner(unchanged), 4)
        for contrast in inspection.CONTRASTS:
            area, annulus = math.pi * 6**2, math.pi * (13**2 - 9**2)
            expected = contrast / math.sqrt(1 / area + 1 / annulus)
            defect = measured["disc r 6", "bright", contrast]
            self.assertAlmostEqual(defect.detectability_expected / expected, 1, delta=0.08)
            self.assertAlmostEqual(defect.detectability_before / defect.detectability_expected, 1, delta=0.3)

    def test_the_mean_with_the_page_behind_it_keeps_nothing(self):
        def wiped(images, params):
            return numpy.rint(inspection.gradient())[None].repeat(len(images), 0)

        measured = inspection.measure_defects(Runner(wiped), 1)
        self.assertTrue(all(defect.contrast_kept == 0 for defect in measured.values()))

    def test_strength_gives_back_contrast_in_proportion(self):
        def wiped(images, params):
            return numpy.rint(inspection.gradient())[None].repeat(len(images), 0)

        measured = inspection.measure_defects(Runner(wiped, strength=0.25), 1)
        self.assertAlmostEqual(measured["crack 1 px", "dark", 2].contrast_kept, 0.75, places=6)

    def test_contrast_is_held_against_the_baseline_and_detectability_where_it_was_5(self):
        seen = {("disc r 3", "dark", 1): inspection.Defect(0.30, 0.01, 4.9, 5.1, 1.0)}
        baseline = {("disc r 3", "dark", 1): inspection.Defect(0.36, 0.01, 4.9, 5.1, 2.0)}
        contrast, detectability = inspection.defect_cells(seen, baseline)
        self.assertFalse(contrast.met)
        self.assertFalse(detectability.limited)
        seen = {("disc r 3", "dark", 1): inspection.Defect(0.32, 0.01, 5.0, 4.9, 3.9)}
        contrast, detectability = inspection.defect_cells(seen, baseline)
        self.assertTrue(contrast.met)
        self.assertTrue(detectability.limited and not detectability.met)


class EdgesTest(unittest.TestCase):
    def test_a_gaussian_edge_has_the_width_of_its_distribution(self):
        distance = edge_distance(256, 128)
        for blur in (0.7, 1.0, 2.0):
            shape = 0.5 * numpy.vectorize(math.erf)(distance / (blur * 2**0.5))
            width, overshoot = edge_figures(*edge_spread(shape[None], distance))
            self.assertAlmostEqual(width / (2 * 1.2816 * blur), 1, delta=0.02)
            self.assertAlmostEqual(overshoot, 0, places=6)

    def test_a_blur_widens_edges_by_the_root_of_the_squares(self):
        changes = values(edge_cells(Runner(blurred(1.0)), 4), "edge width change")
        self.assertAlmostEqual(changes["blur 1.0 px, step 20 sigma"], 2**0.5 - 1, delta=0.03)

    def test_a_denoiser_that_does_nothing_passes_from_two_sigma_on(self):
        cells = edge_cells(Runner(unchanged), 8)
        self.assertTrue(all(cell.met for cell in cells if "step 1 sigma" not in cell.case))

    def test_a_rim_of_three_percent_is_seen_as_overshoot(self):
        distance = edge_distance(256, 128)
        shape = 0.5 * numpy.vectorize(math.erf)(distance) + 0.03 * numpy.exp(-((distance - 5) ** 2) / 4)
        _, overshoot = edge_figures(*edge_spread(shape[None], distance))
        self.assertAlmostEqual(overshoot, 0.03, delta=0.001)


class FlatsAndNoiseTest(unittest.TestCase):
    def test_a_denoiser_that_adds_five_steps_is_biased_by_five_hundredths(self):
        cells = flat_cells(Runner(lambda images, params: images + 5.0), 2)
        for cell in cells:
            self.assertAlmostEqual(cell.value, 0.05, delta=0.001)
            self.assertFalse(cell.met)

    def test_a_denoiser_that_finds_the_level_invents_nothing(self):
        cells = noise_cells(Runner(lambda images, params: numpy.full(images.shape, 32768.0)), 1)
        self.assertTrue(all(cell.value == 0 and cell.met for cell in cells))

    def test_noise_that_is_left_is_structure(self):
        cells = noise_cells(Runner(blurred(2.0)), 1)
        self.assertFalse(any(cell.met for cell in cells))
        for cell in cells:
            if cell.measure == "pure noise, deviation in sigma":
                self.assertAlmostEqual(cell.value, 4 / (2 * 2 * math.pi**0.5), delta=0.15)

    def test_shared_noise_has_the_variance_and_the_autocorrelation_of_its_blur(self):
        for blur in inspection.SHARED_BLURS_PX:
            noise = numpy.stack([shared_noise(seeded("test", number), blur) for number in range(8)])
            self.assertAlmostEqual(float(noise.var()), 1, delta=0.03)
            together = float((noise[..., 1:] * noise[..., :-1]).mean())
            # That of a Gaussian of blur * sqrt(2), less what a grid of pixels cannot hold of a narrow one.
            self.assertAlmostEqual(together, math.exp(-1 / (4 * blur**2)), delta=0.08)
        rows = row_noise(seeded("test"))
        self.assertEqual(float(numpy.ptp(rows, 1).max()), 0)
        self.assertAlmostEqual(float(rows.var()), 1, delta=0.3)

    def test_what_is_left_of_correlated_noise_is_a_share_of_it(self):
        for share in (1.0, 0.5):
            halved = Runner(lambda images, params: 32768 + share * (images - 32768.0))
            for cell in correlated_cells(halved, 1):
                self.assertAlmostEqual(cell.value, share, places=3)
                self.assertFalse(cell.limited)

    def test_a_blob_is_connected_by_sides_and_corners(self):
        mask = numpy.zeros((6, 6), bool)
        mask[0, 0] = mask[1, 1] = mask[1, 2] = True
        mask[4:6, 4:6] = True
        self.assertEqual(largest_blob(mask), 4)
        mask[2, 3] = mask[3, 3] = True
        self.assertEqual(largest_blob(mask), 9)
        self.assertEqual(largest_blob(numpy.zeros((3, 3), bool)), 0)


if __name__ == "__main__":
    unittest.main()
