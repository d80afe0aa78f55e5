"""Does not prove that the phantoms look like radiographs; a person has to."""

import unittest

import numpy

from phantoms import FAMILIES, SIZE_PX, Scene, phantom
from noise import seeded


class PhantomsTest(unittest.TestCase):
    def test_every_family_draws_the_same_image_twice_and_another_for_another_number(self):
        for family in FAMILIES:
            image = phantom(family, 1)
            self.assertEqual(image.shape, (SIZE_PX, SIZE_PX))
            numpy.testing.assert_array_equal(image, phantom(family, 1))
            self.assertGreater(abs(image - phantom(family, 2)).max(), 0.02, family)
            self.assertTrue(0.02 < image.min() < image.max() <= 1, family)

    def test_a_plate_lets_through_what_beer_and_lambert_say(self):
        scene = Scene(seeded("plate"))
        scene.attenuation += 1.5
        numpy.testing.assert_allclose(scene.exposed(0.9, 0.1, 0.7), 0.9 * numpy.exp(-1.5))

    def test_a_ball_attenuates_most_where_it_is_thickest(self):
        scene = Scene(seeded("ball"))
        scene.sphere(100.5, 60.5, 20, 0.02)
        row, column = numpy.unravel_index(scene.attenuation.argmax(), scene.attenuation.shape)
        self.assertLess(max(abs(row / 3 - 60.5), abs(column / 3 - 100.5)), 1)
        self.assertAlmostEqual(scene.attenuation.max(), 0.02 * 40, places=3)


if __name__ == "__main__":
    unittest.main()
