"""Writes the default model as one ONNX file: `python model/export.py WEIGHTS.pt OUT.onnx [--name N] [--version V] [--half]`.

WEIGHTS.pt is a state dict of network.Network. The file is written only once it was compared with the same arithmetic in
float64: in float32 to one 16-bit step, at several sizes and batches; with --half by what it costs in dB, level by level.
"""

import argparse
import copy
import hashlib
import io
import json
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from network import Denoiser, stored_network

OPSET = 17
TILE_SIZES = [64, 256, 384, 512, 768, 1024, 1536, 2048]
HALO_PX = 104
CHECKED_SHAPES = [(1, 64, 64), (3, 64, 128), (2, 256, 192)]
# What config.tensorrt.pbtxt calls the image as float32, whose shapes it gives to TensorRT.
SAMPLES_TENSOR = "/Cast_output_0"
# float16 ends at 65504 and loses digits below 6e-5: in units of 64 steps the ends of the range are 1024, which leaves the
# features of the network room to grow 64-fold, and a hundredth of a step is still above 1e-4.
HALF_UNIT_STEPS = 64.0
# Steps of noise, and the lowest and highest value of the page below it.
HALF_LEVELS = [
    (1, 3000, 60000),
    (10, 3000, 60000),
    (100, 3000, 60000),
    (1000, 3000, 60000),
    (6425, 3000, 60000),
    (65535, 0, 65535),
    (3, 30000, 30100),
]
HALF_LOSS_DB = 0.02


def load_denoiser(weights: Path) -> Denoiser:
    network = stored_network(torch.load(weights, map_location="cpu", weights_only=True))
    return Denoiser(network).eval().requires_grad_(False)


class HalfBody(nn.Module):
    """The network in float16, between casts."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.half()

    def forward(self, detail: Tensor, sigma: Tensor) -> Tensor:
        return self.network(detail.half(), sigma.half()).to(detail.dtype)


class HalfDenoiser(nn.Module):
    """A denoiser in float32 with its network in float16, in a unit in which no legal image leaves float16's range.

    The unit is the same for any params: x' = k * x has offset, k * scale, k * a and k^2 * b, and the same samples come
    out, since the network scales with its input. It so does not matter either how far a hot pixel is above the page.
    """

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = copy.deepcopy(denoiser).float()
        self.denoiser.network = HalfBody(self.denoiser.network)

    def forward(self, image: Tensor, params: Tensor) -> Tensor:
        offset, scale, a, b = params.split(1, dim=1)
        k = 1 / (HALF_UNIT_STEPS * scale)
        return self.denoiser(image, torch.cat([offset, k * scale, k * a, k * k * b], dim=1))


def traced(denoiser: nn.Module) -> onnx.ModelProto:
    """Two images are traced, since a batch of one would become a constant of the graph."""
    images = torch.zeros(2, 1, 64, 64, dtype=torch.int32)
    params = torch.tensor([[0.0, 1 / 65535, 0.0, 1e-3]] * 2)
    free_axes = {0: "n", 2: "height", 3: "width"}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter that follows the deprecated one bakes sizes into the graph and needs a further package.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            denoiser,
            (images, params),
            buffer,
            input_names=["image", "params"],
            output_names=["denoised"],
            dynamic_axes={"image": free_axes, "params": {0: "n"}, "denoised": free_axes},
            opset_version=OPSET,
            dynamo=False,
        )
    return onnx.load_from_string(buffer.getvalue())


def with_uint16_ends(model: onnx.ModelProto) -> onnx.ModelProto:
    """The exporter knows no uint16: traced with int32 at both ends, which a cast follows and precedes."""
    graph = model.graph
    first = [node for node in graph.node if "image" in node.input]
    (last,) = (node for node in graph.node if "denoised" in node.output)
    ends = [node.op_type for node in [*first, last]]
    if ends != ["Cast", "Cast"]:
        raise SystemExit(f"Expected one Cast at either end of the graph but received {ends}.")
    (samples,) = first[0].output
    for node in graph.node:
        for tensors in (node.input, node.output):
            tensors[:] = [SAMPLES_TENSOR if tensor == samples else tensor for tensor in tensors]
    last.attribute[0].i = onnx.TensorProto.UINT16
    for end in (graph.input[0], graph.output[0]):
        end.type.tensor_type.elem_type = onnx.TensorProto.UINT16
    del graph.value_info[:]
    return model


def with_metadata(model: onnx.ModelProto, name: str, version: str, precision: str) -> onnx.ModelProto:
    entries = {
        "name": name,
        "version": version,
        "tile_sizes": json.dumps(TILE_SIZES),
        "halo": str(HALO_PX),
        "precision": precision,
    }
    onnx.helper.set_model_props(model, entries)
    onnx.checker.check_model(model, full_check=True)
    return model


def session_of(file: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])


def run_in_float64(denoiser: Denoiser, images: numpy.ndarray, params: numpy.ndarray) -> numpy.ndarray:
    return denoiser(torch.from_numpy(images.astype(numpy.int32)), torch.from_numpy(params).double()).numpy()


def largest_difference(file: bytes, exact: Denoiser) -> int:
    """Between ONNX Runtime in float32 and torch in float64, in 16-bit steps; the ends of the range included."""
    session = session_of(file)
    random = numpy.random.default_rng(1)
    worst = 0
    for count, height, width in CHECKED_SHAPES:
        ramp = numpy.linspace(0, 65535, height * width).reshape(height, width)
        images = ramp + random.normal(0, 3000, (count, 1, height, width))
        images = images.round().clip(0, 65535).astype(numpy.uint16)
        params = numpy.tile(numpy.float32([120, 1 / 60000, 1e-3, 2e-3]), (count, 1))
        (shipped,) = session.run(None, {"image": images, "params": params})
        if shipped.dtype != numpy.uint16 or shipped.shape != images.shape:
            raise SystemExit(f"Expected uint16 {images.shape} but received {shipped.dtype} {shipped.shape}.")
        worst = max(worst, int(abs(shipped.astype(int) - run_in_float64(exact, images, params)).max()))
    return worst


class Cost(NamedTuple):
    """What float16 costs at one level of noise, in 16-bit steps, and in dB of the error against the clean page."""

    sigma: int
    largest: int
    rms: float
    loss_db: float


def squares(pixels: numpy.ndarray) -> float:
    return float((pixels.astype(float) ** 2).mean())


def half_costs(file: bytes, half: HalfDenoiser, exact: Denoiser) -> list[Cost]:
    """The worse, level by level, of torch, which computes in float16 layer by layer, and of the file in ONNX Runtime.

    ONNX Runtime's CPU provider takes the inner casts out, so the file there shows that it is wired right and no more.
    """
    session = session_of(file)
    costs = []
    for sigma, low, high in HALF_LEVELS:
        random = numpy.random.default_rng(sigma)
        clean = numpy.full((1, 1, 128, 128), float(low))
        for _ in range(60):
            (top, left), (height, width) = random.integers(0, 128, 2), random.integers(4, 64, 2)
            clean[..., top : top + height, left : left + width] = random.choice([low, high, random.uniform(low, high)])
        images = (clean + random.normal(0, sigma, clean.shape)).round().clip(0, 65535).astype(numpy.uint16)
        scale = 1 / (high - low)
        params = numpy.float32([[low, scale, 0, (sigma * scale) ** 2]])
        expected = run_in_float64(exact, images, params)
        in_torch = half(torch.from_numpy(images.astype(numpy.int32)), torch.from_numpy(params)).numpy()
        in_runtime = session.run(None, {"image": images, "params": params})[0].astype(int)
        for pixels in (in_torch, in_runtime):
            difference = pixels - expected
            loss_db = 10 * numpy.log10(squares(pixels - clean) / squares(expected - clean))
            costs.append(Cost(sigma, int(abs(difference).max()), squares(difference) ** 0.5, loss_db))
    return [max(pair, key=lambda cost: cost.rms) for pair in zip(costs[::2], costs[1::2])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--name", default="ddn-unet")
    parser.add_argument("--version", default="0.1.0")
    parser.add_argument("--half", action="store_true", help="the network in float16, all around it in float32")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    denoiser = load_denoiser(arguments.weights)
    exact = copy.deepcopy(denoiser).double()
    shipped = HalfDenoiser(denoiser) if arguments.half else denoiser.float()
    precision = "float16, edges float32" if arguments.half else "float32"
    model = with_metadata(with_uint16_ends(traced(shipped)), arguments.name, arguments.version, precision)
    file = model.SerializeToString(deterministic=True)
    if arguments.half:
        costs = half_costs(file, shipped, exact)
        for cost in costs:
            print(f"noise of {cost.sigma} steps: {cost.largest} at most, {cost.rms:.2f} rms, {cost.loss_db:.4f} dB")
        worst = max(cost.loss_db for cost in costs)
        if not worst <= HALF_LOSS_DB:
            sys.exit(f"Expected float16 to cost at most {HALF_LOSS_DB} dB but received {worst}. Nothing was written.")
    else:
        steps = largest_difference(file, exact)
        print(f"at most {steps} step from float64")
        if steps > 1:
            sys.exit(f"Expected at most 1 step from float64 but received {steps}. Nothing was written.")
    arguments.output.write_bytes(file)
    print(f"{arguments.output}: {len(file)} bytes, {precision}, SHA-256 {hashlib.sha256(file).hexdigest()}")


if __name__ == "__main__":
    main()
