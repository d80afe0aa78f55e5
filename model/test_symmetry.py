"""Does not prove that such a network denoises better: CARD.md has those figures."""

import unittest

import torch

from network import Network, stored_network
from symmetry import WAYS, is_symmetric, make_symmetric, moved, plain_state


class Symmetry(unittest.TestCase):
    def setUp(self) -> None:
        torch.manual_seed(1)
        self.network = make_symmetric(Network((8, 16, 24), (1, 1, 2))).double()
        self.detail = torch.randn(2, 1, 32, 48, dtype=torch.float64)
        self.sigma = torch.ones_like(self.detail)

    def test_what_is_found_in_a_moved_image_is_what_was_found_moved(self) -> None:
        found = self.network(self.detail, self.sigma)
        self.assertGreater(found.std().item(), 1e-3)
        for way in range(WAYS):
            there = self.network(moved(self.detail, way), moved(self.sigma, way))
            torch.testing.assert_close(there, moved(found, way))

    def test_an_ordinary_network_with_these_weights_computes_the_same_and_gives_them_back(self) -> None:
        ordinary = stored_network(plain_state(self.network)).double()
        self.assertEqual(ordinary.state_dict().keys(), Network((8, 16, 24), (1, 1, 2)).state_dict().keys())
        found = self.network(self.detail, self.sigma)
        torch.testing.assert_close(ordinary(self.detail, self.sigma), found)
        torch.testing.assert_close(make_symmetric(ordinary)(self.detail, self.sigma), found)

    def test_it_is_told_by_the_weights(self) -> None:
        self.assertTrue(is_symmetric(plain_state(self.network)))
        self.assertFalse(is_symmetric(Network((8, 16, 24), (1, 1, 2)).state_dict()))
        self.assertFalse(is_symmetric(Network((12, 16, 24), (1, 1, 2)).state_dict()))

    def test_an_eighth_of_the_weights_is_trained(self) -> None:
        trained = sum(weight.numel() for weight in self.network.parameters())
        self.assertEqual(trained * WAYS, sum(weight.numel() for weight in plain_state(self.network).values()))


if __name__ == "__main__":
    unittest.main()
