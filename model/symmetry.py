"""Weights that treat an image and its turned and mirrored copies alike (T. Cohen, M. Welling, "Group Equivariant
Convolutional Networks", ICML 2016).

Channels come in eights, one for each way to turn and mirror a square, and the kernels between two eights are turned and
mirrored copies of one another. Only the first of each is trained, so every step of the training counts for all eight;
what comes out is an ordinary `Network`, as fast as any other of its size.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from network import Network, Part, State, stored_network

WAYS = 8


def moved(image: Tensor, way: int) -> Tensor:
    """[..., H, W] turned by `way` quarters and, from 4 on, mirrored first."""
    return torch.rot90(image.flip(-1) if way >= 4 else image, way % 4, (-2, -1))


def ways_between() -> list[list[int]]:
    """[g][h]: the way that, followed by g, is h."""
    square = torch.arange(4).reshape(2, 2)
    images = [moved(square, way) for way in range(WAYS)]
    return [
        [next(way for way in range(WAYS) if torch.equal(moved(images[way], g), images[h])) for h in range(WAYS)]
        for g in range(WAYS)
    ]


BETWEEN = ways_between()


def inner(first: Tensor) -> Tensor:
    """[outputs/8, inputs/8, 8, k, k] -> [outputs, inputs, k, k]."""
    copies = [moved(first[:, :, BETWEEN[way]], way) for way in range(WAYS)]
    return torch.stack(copies, 1).flatten(2, 3).flatten(0, 1)


def inner_transposed(first: Tensor) -> Tensor:
    """[outputs/8, inputs/8, 8, k, k] -> [inputs, outputs, k, k]."""
    return inner(first).transpose(0, 1)


def leading(first: Tensor) -> Tensor:
    """[outputs/8, 5, 3, 3] -> [outputs, 5, 3, 3]: from four interleaved images and the noise level."""
    # The four together are one kernel on whole pixels.
    pixels, level = functional.pixel_shuffle(first[:, :4], 2), first[:, 4:]
    copies = [
        torch.cat([functional.pixel_unshuffle(moved(pixels, way), 2), moved(level, way)], 1) for way in range(WAYS)
    ]
    return torch.stack(copies, 1).flatten(0, 1)


def closing(first: Tensor) -> Tensor:
    """[inputs/8, 4, 3, 3] -> [4, inputs, 3, 3]: to four interleaved images."""
    # What a channel adds to the pixels around it is its kernel mirrored.
    pixels = functional.pixel_shuffle(first.flip(2, 3), 2)
    copies = [functional.pixel_unshuffle(moved(pixels, way), 2).flip(2, 3) for way in range(WAYS)]
    return torch.stack(copies, 1).flatten(0, 1).transpose(0, 1)


class Copies(nn.Module):
    """first <-> weight, each of whose numbers is one of the first's."""

    def __init__(self, lay_out: Callable[[Tensor], Tensor], shape: Sequence[int]) -> None:
        super().__init__()
        numbers = torch.arange(math.prod(shape))
        # Channels last, as convolutions are fastest.
        source = lay_out(numbers.reshape(shape)).permute(0, 2, 3, 1)
        self.shape, self.whole = torch.Size(shape), source.shape
        self.register_buffer("source", source.flatten(), persistent=False)
        # Where each is found.
        places = torch.argsort(self.source, stable=True)[::WAYS]
        self.register_buffer("places", places, persistent=False)

    def forward(self, first: Tensor) -> Tensor:
        return first.flatten().index_select(0, self.source).view(self.whole).permute(0, 3, 1, 2)

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight.permute(0, 2, 3, 1).flatten().index_select(0, self.places).view(self.shape)


def make_symmetric(network: Network) -> Network:
    """The same network, of which only the first of each eight kernels is trained; the other seven follow it."""
    for part in network.modules():
        if not isinstance(part, Part):
            continue
        outputs, inputs, *kernel = part.weight.shape
        if part is network.head:
            copies = Copies(leading, (outputs // WAYS, inputs, *kernel))
        elif part is network.tail:
            copies = Copies(closing, (inputs // WAYS, outputs, *kernel))
        elif isinstance(part, nn.ConvTranspose2d):
            copies = Copies(inner_transposed, (inputs // WAYS, outputs // WAYS, WAYS, *kernel))
        else:
            copies = Copies(inner, (outputs // WAYS, inputs // WAYS, WAYS, *kernel))
        parametrize.register_parametrization(part, "weight", copies)
    return network


@torch.no_grad()
def plain_state(network: Network) -> dict[str, Tensor]:
    """The weights as `stored_network` takes them, symmetric or not."""
    return {
        f"{name}.weight": part.weight.detach().clone()
        for name, part in network.named_modules()
        if isinstance(part, Part)
    }


def is_symmetric(state: State) -> bool:
    """Whether these weights, as stored, are of this kind."""
    if len(state["head.weight"]) % WAYS:
        return False
    tied = plain_state(make_symmetric(stored_network(state)))
    return all(torch.equal(tied[key], weight) for key, weight in state.items())
