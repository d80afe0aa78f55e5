"""Does not prove that it learns faster: CARD.md has those figures."""

import unittest

import torch
from torch import nn

from muon import CHANGE, Muon, orthogonal, trained
from network import Network
from symmetry import make_symmetric


def rows(part: nn.Module, weight: torch.Tensor) -> torch.Tensor:
    return (weight.transpose(0, 1) if isinstance(part, nn.ConvTranspose2d) else weight).flatten(1)


class Muons(unittest.TestCase):
    def test_singular_values_become_about_one(self) -> None:
        torch.manual_seed(1)
        left, right = torch.linalg.qr(torch.randn(12, 12))[0], torch.linalg.qr(torch.randn(60, 12))[0]
        matrix = left @ torch.diag(torch.logspace(-2, 0, 12)) @ right.T
        values = torch.linalg.svdvals(orthogonal(matrix))
        self.assertGreater(values.min().item(), 0.65)
        self.assertLess(values.max().item(), 1.25)
        # Along the same directions, none of them turned.
        lengths = left.T @ orthogonal(matrix) @ right
        torch.testing.assert_close(lengths, torch.diag(lengths.diagonal()), atol=1e-4, rtol=0)

    def test_every_kernel_symmetric_or_not_changes_in_all_directions_alike(self) -> None:
        for make in (make_symmetric, lambda network: network):
            torch.manual_seed(2)
            network = make(Network((16, 24, 32), (1, 1, 1)))
            parts = [*network.d, *network.u, network.mid[0].a]
            before = [part.weight.detach().clone() for part in parts]
            for part in parts:
                trained(part).grad = torch.randn_like(trained(part))
            Muon(parts, rate=1e-2).step()
            for part, old in zip(parts, before, strict=True):
                change = rows(part, old - part.weight.detach())
                values = torch.linalg.svdvals(change) / (1e-2 * CHANGE * change.shape[1] ** 0.5)
                self.assertGreater(values.min().item(), 0.6)
                self.assertLess(values.max().item(), 1.3)

    def test_a_change_goes_down_the_slope(self) -> None:
        torch.manual_seed(3)
        network = make_symmetric(Network((8, 8, 8), (1, 1, 1)))
        detail = torch.randn(1, 1, 32, 32)
        parts = [network.d[0], network.u[1], network.mid[0].a]
        optimizer = Muon(parts, rate=1e-3)

        def loss() -> torch.Tensor:
            return (network(detail, torch.ones_like(detail)) - 0.5 * detail).square().mean()

        first = loss()
        for _ in range(3):
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()
        self.assertLess(loss().item(), first.item())


if __name__ == "__main__":
    unittest.main()
