"""Writes the default model as one ONNX file: `python model/export.py WEIGHTS.pt OUT.onnx [--name NAME] [--version VERSION]`.

WEIGHTS.pt is a state dict of network.Network. The file is written only once ONNX Runtime has agreed with the same
arithmetic in float64, to one 16-bit step, at several sizes and batches.
"""

import argparse
import hashlib
import io
import json
import sys
import warnings
from pathlib import Path

import numpy
import onnx
import onnxruntime
import torch

from network import Denoiser, Network

OPSET = 17
TILE_SIZES = [64, 256, 384, 512, 768, 1024, 1536, 2048]
HALO_PX = 96
CLAMP_SIGMAS = 5.0
CHECKED_SHAPES = [(1, 64, 64), (3, 64, 128), (2, 256, 192)]


def load_denoiser(weights: Path) -> Denoiser:
    network = Network()
    network.load_state_dict(torch.load(weights, weights_only=True))
    return Denoiser(network, CLAMP_SIGMAS).eval().requires_grad_(False)


def traced(denoiser: Denoiser) -> onnx.ModelProto:
    """Two images are traced, since a batch of one would become a constant of the graph."""
    images = torch.zeros(2, 1, 64, 64, dtype=torch.int32)
    params = torch.tensor([[0.0, 1 / 65535, 0.0, 1e-3]] * 2)
    free_axes = {0: "n", 2: "height", 3: "width"}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter that follows the deprecated one bakes sizes into the graph and needs a further package.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            denoiser.float(),
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
    first = [node.op_type for node in graph.node if "image" in node.input]
    (last,) = (node for node in graph.node if "denoised" in node.output)
    if first != ["Cast"] or last.op_type != "Cast":
        raise SystemExit(f"Expected a Cast at both ends of the graph but received {first} and {last.op_type}.")
    last.attribute[0].i = onnx.TensorProto.UINT16
    for end in (graph.input[0], graph.output[0]):
        end.type.tensor_type.elem_type = onnx.TensorProto.UINT16
    del graph.value_info[:]
    return model


def with_metadata(model: onnx.ModelProto, name: str, version: str) -> onnx.ModelProto:
    entries = {"name": name, "version": version, "tile_sizes": json.dumps(TILE_SIZES), "halo": str(HALO_PX)}
    onnx.helper.set_model_props(model, entries)
    onnx.checker.check_model(model, full_check=True)
    return model


def largest_difference(model: bytes, denoiser: Denoiser) -> int:
    """Between ONNX Runtime in float32 and torch in float64, in 16-bit steps; the ends of the range included."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    exact = denoiser.double()
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
        expected = exact(torch.from_numpy(images.astype(numpy.int32)), torch.from_numpy(params).double()).numpy()
        worst = max(worst, int(abs(shipped.astype(int) - expected).max()))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--name", default="ddn-unet")
    parser.add_argument("--version", default="0.1.0")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    denoiser = load_denoiser(arguments.weights)
    model = with_metadata(with_uint16_ends(traced(denoiser)), arguments.name, arguments.version)
    file = model.SerializeToString(deterministic=True)
    steps = largest_difference(file, denoiser)
    if steps > 1:
        sys.exit(f"Expected at most 1 step between ONNX Runtime and float64 but received {steps}. Nothing was written.")
    arguments.output.write_bytes(file)
    digest = hashlib.sha256(file).hexdigest()
    print(f"{arguments.output}: {len(file)} bytes, SHA-256 {digest}, at most {steps} step from float64")


if __name__ == "__main__":
    main()
