"""Muon (K. Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) for convolutions, symmetric ones too, which PyTorch's own,
made for matrices, does not take."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from network import Part

MOMENTUM = 0.95
# Of the change of a number at a rate of 1, root mean square: rates mean what they do to Adam (J. Liu et al. 2025, "Muon is
# scalable for LLM training").
CHANGE = 0.2
# After five steps of this polynomial singular values from 0.002 to 1 lie between 0.7 and 1.2.
STEPS = 5
POLYNOMIAL = (3.4445, -4.7750, 2.0315)
TINY = 1e-12


def orthogonal(matrix: Tensor) -> Tensor:
    """[rows, columns], rows <= columns -> one of about the same rows, but at right angles and of length 1 each."""
    first, third, fifth = POLYNOMIAL
    matrix = matrix / matrix.norm().clamp(min=TINY)
    # The steps need but the angles between the rows.
    angles = matrix @ matrix.T
    same = whole = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    for _ in range(STEPS):
        step = first * same + third * angles + fifth * angles @ angles
        angles, whole = step @ angles @ step, step @ whole
    return whole @ matrix


def trained(part: Part) -> nn.Parameter:
    return part.parametrizations.weight.original if parametrize.is_parametrized(part) else part.weight


class Muon(torch.optim.Optimizer):
    def __init__(self, parts: Iterable[Part], rate: float) -> None:
        self.parts = {trained(part): part for part in parts}
        super().__init__(list(self.parts), {"lr": rate})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                state, gradient = self.state[weight], weight.grad
                if not state:
                    state["momentum"] = torch.zeros_like(gradient)
                momentum = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
                self.change(weight, gradient.lerp(momentum, MOMENTUM), group["lr"])

    def change(self, weight: nn.Parameter, slope: Tensor, rate: float) -> None:
        part = self.parts[weight]
        copies = part.parametrizations.weight[0] if parametrize.is_parametrized(part) else None
        # Of a symmetric kernel all copies together are at right angles, not the first of each eight alone.
        whole = copies(slope) if copies else slope
        outputs_first = whole.transpose(0, 1) if isinstance(part, nn.ConvTranspose2d) else whole
        rows = outputs_first.flatten(1)
        outputs_first = orthogonal(rows).view(outputs_first.shape)
        whole = outputs_first.transpose(0, 1) if isinstance(part, nn.ConvTranspose2d) else outputs_first
        straight = copies.right_inverse(whole) if copies else whole
        weight.add_(straight, alpha=-rate * CHANGE * rows.shape[1] ** 0.5)
