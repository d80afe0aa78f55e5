"""The default network and the arithmetic around it: from stored samples and noise parameters to denoised samples."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (64, 64, 96)
BLOCKS = (2, 2, 4)
BLUR_SIGMA_PX = 2.5
BLUR_RADIUS_PX = 10
# Keeps the noise map above zero where no noise is announced; 1e-6 of full scale is far below a 16-bit step.
MIN_VARIANCE = 1e-12
# Noise of a known level explains only so much: without this limit a noise-free image would be altered.
CLAMP_SIGMAS = 5.0

State = Mapping[str, Tensor]
# What has a kernel.
Part = nn.Conv2d | nn.ConvTranspose2d


def convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """3x3 with zeros outside; without bias, so that the network scales with its input."""
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False)


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.a = convolution(width, width)
        self.b = convolution(width, width)

    def forward(self, features: Tensor) -> Tensor:
        return features + self.b(functional.relu(self.a(features)))


def blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Block(width) for _ in range(count)))


class Network(nn.Module):
    """Predicts the noise in an image.

    A bias-free residual U-Net on 2x2 pixel-unshuffled input; `widths` are its channels from the finest level to the
    deepest, `block_counts` how many blocks each level has. Its attribute names are the keys of the stored weights: `e` encoder,
    `d` down, `u` up, `g` decoder.

    forward(detail [N,1,H,W], sigma [N,1,H,W] in the same unit) -> noise [N,1,H,W]; H and W multiples of 8.
    `detail` is an image less its blurred copy. Scaling both by k > 0 scales the noise by k.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS, block_counts: Sequence[int] = BLOCKS) -> None:
        super().__init__()
        *outer, deepest = zip(widths, block_counts, strict=True)
        steps = list(zip(widths, widths[1:]))
        self.head = convolution(4 + 1, widths[0])
        self.e = nn.ModuleList(blocks(*level) for level in outer)
        self.d = nn.ModuleList(nn.Conv2d(upper, lower, 2, stride=2, bias=False) for upper, lower in steps)
        self.mid = blocks(*deepest)
        self.u = nn.ModuleList(nn.ConvTranspose2d(lower, upper, 2, stride=2, bias=False) for upper, lower in steps)
        self.g = nn.ModuleList(blocks(*level) for level in outer)
        self.tail = convolution(widths[0], 4)

    def forward(self, detail: Tensor, sigma: Tensor) -> Tensor:
        features = self.head(torch.cat([functional.pixel_unshuffle(detail, 2), sigma[:, :, ::2, ::2]], dim=1))
        skipped = []
        for encode, down in zip(self.e, self.d):
            features = encode(features)
            skipped.append(features)
            features = down(features)
        features = self.mid(features)
        for up, decode, skip in zip(reversed(self.u), reversed(self.g), reversed(skipped)):
            features = decode(up(features) + skip)
        return functional.pixel_shuffle(self.tail(features), 2)


def stored_network(state: State) -> Network:
    """The network that these weights belong to, of whatever size, with them."""
    levels = sum(key.startswith("d.") for key in state)
    widths = [len(state["head.weight"]), *(len(state[f"d.{level}.weight"]) for level in range(levels))]
    places = [*(f"e.{level}." for level in range(levels)), "mid."]
    counts = [sum(key.startswith(place) and key.endswith(".a.weight") for key in state) for place in places]
    network = Network(widths, counts)
    network.load_state_dict(state)
    return network


@torch.no_grad()
def grow(network: Network, state: State) -> None:
    """Makes `network` compute what the network of these weights does, which has no more channels or blocks.

    Further channels keep their random weights but nothing that was there listens to them yet, and further blocks begin
    by adding nothing, so that the training goes on where it was (after Chen, Goodfellow, Shlens 2016, "Net2Net").
    """
    transposed = {f"{name}.weight" for name, part in network.named_modules() if isinstance(part, nn.ConvTranspose2d)}
    for key, weight in network.state_dict().items():
        if key not in state:
            if key.endswith(".b.weight"):
                weight.zero_()
            continue
        old = state[key]
        if key in transposed:
            weight, old = weight.transpose(0, 1), old.transpose(0, 1)
        outputs, inputs = old.shape[:2]
        weight[:outputs] = 0
        weight[:outputs, :inputs] = old


class Denoiser(nn.Module):
    """The whole graph of the contract, in the dtype it is converted to (float32 to ship, float64 to check).

    forward(image [N,1,H,W] 0-65535, params [N,4] = offset, scale, a, b) -> integers [N,1,H,W].
    x = (image - offset) * scale, and the variance of x's noise is a * x + b; the local x is read from a blurred copy.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        distance = torch.arange(-BLUR_RADIUS_PX, BLUR_RADIUS_PX + 1, dtype=torch.float64)
        bell = torch.exp(-0.5 * (distance / BLUR_SIGMA_PX) ** 2)
        self.register_buffer("kernel", (bell / bell.sum()).reshape(1, 1, 1, -1))

    def blurred(self, x: Tensor) -> Tensor:
        padded = functional.pad(x, [BLUR_RADIUS_PX] * 4, mode="reflect")
        return functional.conv2d(functional.conv2d(padded, self.kernel), self.kernel.transpose(2, 3))

    def noise(self, x: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """The noise in x [N,1,H,W] as the network sees it, unlimited, and its standard deviation there, both in x's unit."""
        mean = self.blurred(x)
        sigma = (a * mean + b).clamp(min=MIN_VARIANCE).sqrt()
        # Less the local mean, an image is the same at any brightness, faint noise on a bright ground is no small
        # difference of large numbers, and the zeros that the convolutions pad with mean "as bright as here".
        return self.network(x - mean, sigma), sigma

    def unrounded(self, image: Tensor, params: Tensor) -> Tensor:
        offset, scale, a, b = params[:, :, None, None].split(1, dim=1)
        samples = image.to(self.kernel.dtype)
        noise, sigma = self.noise((samples - offset) * scale, a, b)
        limit = CLAMP_SIGMAS * sigma
        noise = noise.minimum(limit).maximum(-limit)
        # Subtracted from the samples rather than from x, which would have to be mapped back with new rounding errors.
        return samples - noise / scale

    def forward(self, image: Tensor, params: Tensor) -> Tensor:
        return self.unrounded(image, params).round().clamp(0, 65535).to(torch.int32)
