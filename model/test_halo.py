"""Does not prove how much context the default network needs: README.md has what was measured."""

import unittest

import numpy

from halo import tiled

PARAMS = numpy.float32([[0, 1, 0, 0]])


def left_neighbour(distance: int):
    """Takes each pixel from `distance` to its left, the first ones from the edge: needs exactly that halo."""

    def denoise(images: numpy.ndarray, params: numpy.ndarray) -> numpy.ndarray:
        return numpy.pad(images, [(0, 0), (0, 0), (distance, 0)], mode="edge")[:, :, : images.shape[2]]

    return denoise


class Tiled(unittest.TestCase):
    def setUp(self) -> None:
        self.image = numpy.random.default_rng(1).integers(0, 65536, (200, 300), dtype=numpy.uint16)

    def test_with_enough_halo_the_whole_is_found_again(self) -> None:
        whole = left_neighbour(16)(self.image[None], PARAMS)[0]
        numpy.testing.assert_array_equal(tiled(left_neighbour(16), self.image, PARAMS, 16), whole)

    def test_with_too_little_it_is_not_and_only_beside_the_seams(self) -> None:
        whole = left_neighbour(16)(self.image[None], PARAMS)[0]
        wrong = (tiled(left_neighbour(16), self.image, PARAMS, 8) != whole).any(0)
        self.assertEqual(set(numpy.flatnonzero(wrong) // 8), {16, 32})


if __name__ == "__main__":
    unittest.main()
