"""Wraps a plain float denoiser into a model of the platform's contract.

    python wrap.py FLOAT.onnx OUT.onnx --name NAME --version VERSION --halo PIXELS [--predicts noise] [--tile-sizes 256 512]

FLOAT.onnx takes an image, float32 [N,1,H,W] of about 0-1 with N, H and W free, and where it has a second input the noise's
standard deviation at each pixel in the same unit. It gives the clean image, or with `--predicts noise` the noise. All that
the contract adds around it stands below; `npx ddn model check OUT.onnx` says whether it holds.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

import onnx
import onnx.compose
from onnx import NodeProto, TensorProto, ValueInfoProto
from onnx.helper import make_graph, make_model, make_node, make_tensor, make_tensor_value_info, set_model_props

SIDE_PX = 7
BORDER_PX = SIDE_PX // 2
# Noise of a known level explains only so much: beyond, the wrapped network changes the image, not its noise.
LIMIT_SIGMAS = 5.0
# Of full scale, squared: a variance of 0 or below, as over a pedestal, has no root.
LEAST_VARIANCE = 1e-12

FLOATS = {"least": LEAST_VARIANCE, "sigmas": LIMIT_SIGMAS, "black": 0.0, "white": 65535.0}
INTEGERS = {"column": [-1, 4, 1, 1], "ones": [1, 1, 1, 1], "border": [0, 0, BORDER_PX, BORDER_PX] * 2}


def before(x: str, sigma: str) -> list[NodeProto]:
    """Stored samples and params to x about 0-1, and the noise's standard deviation in it, its level read from a mean."""
    return [
        make_node("Cast", ["image"], ["samples"], to=TensorProto.FLOAT),
        make_node("Reshape", ["params", "column"], ["rows"]),
        make_node("Split", ["rows", "ones"], ["offset", "scale", "a", "b"], axis=1),
        make_node("Sub", ["samples", "offset"], ["shifted"]),
        make_node("Mul", ["shifted", "scale"], [x]),
        make_node("Pad", [x, "border"], ["bordered"], mode="edge"),
        make_node("AveragePool", ["bordered"], ["level"], kernel_shape=[SIDE_PX, SIDE_PX]),
        make_node("Mul", ["a", "level"], ["signal"]),
        make_node("Add", ["signal", "b"], ["variance"]),
        make_node("Max", ["variance", "least"], ["positive"]),
        make_node("Sqrt", ["positive"], [sigma]),
    ]


def after(x: str, sigma: str, answer: str, predicts: str) -> list[NodeProto]:
    """What is noise in x is taken from the stored samples, so that what is none comes back as it was."""
    noise = (
        make_node("Sub", [x, answer], ["noise"]) if predicts == "clean" else make_node("Identity", [answer], ["noise"])
    )
    return [
        noise,
        make_node("Mul", [sigma, "sigmas"], ["limit"]),
        make_node("Neg", ["limit"], ["lower"]),
        make_node("Min", ["noise", "limit"], ["below"]),
        make_node("Max", ["below", "lower"], ["limited"]),
        make_node("Div", ["limited", "scale"], ["steps"]),
        make_node("Sub", ["samples", "steps"], ["clean"]),
        make_node("Round", ["clean"], ["rounded"]),
        make_node("Clip", ["rounded", "black", "white"], ["clipped"]),
        make_node("Cast", ["clipped"], ["denoised"], to=TensorProto.UINT16),
    ]


def types_of(tensors: Iterable[ValueInfoProto]) -> list[str]:
    return [TensorProto.DataType.Name(tensor.type.tensor_type.elem_type) for tensor in tensors]


def wrapped(float_model: onnx.ModelProto, predicts: str, metadata: dict[str, str]) -> onnx.ModelProto:
    network = onnx.compose.add_prefix(float_model, "network/").graph
    weights = {weight.name for weight in network.initializer}
    inputs = [tensor for tensor in network.input if tensor.name not in weights]
    taken, given = types_of(inputs), types_of(network.output)
    if taken not in (["FLOAT"], ["FLOAT", "FLOAT"]) or given != ["FLOAT"]:
        raise SystemExit(f"Expected one or two FLOAT inputs and one FLOAT output but received {taken} and {given}.")
    x, sigma = inputs[0].name, inputs[1].name if len(inputs) == 2 else "sigma"
    nodes = [*before(x, sigma), *network.node, *after(x, sigma, network.output[0].name, predicts)]
    constants = [
        *(make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in FLOATS.items()),
        *(make_tensor(name, TensorProto.INT64, [len(values)], values) for name, values in INTEGERS.items()),
    ]
    image = ["n", 1, "height", "width"]
    graph = make_graph(
        nodes,
        "denoiser",
        [
            make_tensor_value_info("image", TensorProto.UINT16, image),
            make_tensor_value_info("params", TensorProto.FLOAT, ["n", 4]),
        ],
        [make_tensor_value_info("denoised", TensorProto.UINT16, image)],
        [*constants, *network.initializer],
    )
    model = make_model(graph, opset_imports=float_model.opset_import, ir_version=float_model.ir_version)
    set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument(
        "--halo", type=int, required=True, help="pixels of context towards a neighbour, a multiple of 8"
    )
    parser.add_argument("--tile-sizes", type=int, nargs="+", default=[64, 256, 512, 1024, 2048], help="multiples of 64")
    parser.add_argument("--predicts", choices=["clean", "noise"], default="clean")
    arguments = parser.parse_args()
    metadata = {
        "name": arguments.name,
        "version": arguments.version,
        "tile_sizes": json.dumps(sorted(arguments.tile_sizes)),
        "halo": str(arguments.halo),
    }
    onnx.save(wrapped(onnx.load(arguments.network), arguments.predicts, metadata), arguments.output)


if __name__ == "__main__":
    main()
