"""A plain float denoiser to try wrap.py with, written as any PyTorch module: `python wiener.py FLOAT.onnx`.

The adaptive Wiener filter of J. S. Lee (1980): between the local mean and the sample itself, by how much of the local
variance the noise explains.
"""

import argparse
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE_PX = 5


def local_mean(x: Tensor) -> Tensor:
    # Repeated at the edge: zeros there would darken the border of every image.
    return functional.avg_pool2d(functional.pad(x, [SIDE_PX // 2] * 4, mode="replicate"), SIDE_PX, stride=1)


class Wiener(nn.Module):
    """forward(image [N,1,H,W], sigma [N,1,H,W] in the same unit) -> clean image [N,1,H,W]; sees 4 pixels far."""

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        mean = local_mean(image)
        detail = image - mean
        variance = local_mean(detail * detail)
        signal = (variance - sigma * sigma).clamp(min=0)
        return mean + detail * signal / variance.clamp(min=1e-12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    # Two images of different height and width, and all three axes free.
    example = torch.rand(2, 1, 64, 96)
    axes = {0: "n", 2: "height", 3: "width"}
    with warnings.catch_warnings():
        # The exporter that follows this deprecated one needs a further package.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Wiener(),
            (example, example),
            str(arguments.output),
            input_names=["image", "sigma"],
            output_names=["clean"],
            dynamic_axes={"image": axes, "sigma": axes, "clean": axes},
            opset_version=17,
            dynamo=False,
        )


if __name__ == "__main__":
    main()
