"""What runs a model: an ONNX file of the contract, or the same graph in PyTorch while it trains."""

from pathlib import Path

import numpy
from numpy import ndarray

from pages import Denoise

# The server sends sizes from the model's own list, all of them multiples of 64; the default network needs 8.
GRID_PX = 8
SMALLEST_PX = 64


def on_grid(run: Denoise) -> Denoise:
    """Mirrors images at the right and the bottom up to a size that networks with strides take, and cuts them back."""

    def denoise(images: ndarray, params: ndarray) -> ndarray:
        height, width = images.shape[1:]
        fill = [(0, max(-size % GRID_PX, SMALLEST_PX - size)) for size in (height, width)]
        padded = numpy.pad(images, [(0, 0), *fill], mode="symmetric") if any(map(any, fill)) else images
        return run(padded, params)[:, :height, :width]

    return denoise


def onnx_runner(
    file: Path | bytes, threads: int = 1, providers: tuple[str, ...] = ("CPUExecutionProvider",)
) -> Denoise:
    """Runs a file of the contract (image UINT16 [N,1,H,W], params FP32 [N,4]) one image at a time."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    model = file if isinstance(file, bytes) else str(file)
    session = onnxruntime.InferenceSession(model, options, providers=list(providers))

    def run(images: ndarray, params: ndarray) -> ndarray:
        outputs = [
            session.run(["denoised"], {"image": image[None, None], "params": one[None]})[0][0, 0]
            for image, one in zip(images, params)
        ]
        return numpy.stack(outputs)

    return on_grid(run)


def torch_runner(denoiser, batch: int = 8) -> Denoise:
    """Runs a network.Denoiser (a module that takes image [N,1,H,W] and params [N,4]) where its kernel lies."""
    import torch

    def run(images: ndarray, params: ndarray) -> ndarray:
        device = next(denoiser.buffers()).device
        outputs = []
        with torch.no_grad():
            for start in range(0, len(images), batch):
                image = torch.from_numpy(images[start : start + batch].astype(numpy.int32))[:, None].to(device)
                one = torch.from_numpy(params[start : start + batch]).to(device)
                outputs.append(denoiser(image, one)[:, 0].cpu().numpy())
        return numpy.concatenate(outputs)

    return on_grid(run)


def kilo_macs_per_pixel(file: Path) -> float:
    """Multiply-accumulates of all convolutions per pixel of a 256x256 image, in thousands.

    Counted on a run, in which every convolution's input, weights and output are read: weights x output pixels, for
    transposed convolutions weights x input pixels.
    """
    import onnx
    import onnxruntime

    size = 256
    model = onnx.load(str(file))
    nodes = [node for node in model.graph.node if node.op_type in ("Conv", "ConvTranspose")]
    constants = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    known = {value.name for value in (*model.graph.output, *model.graph.input)}
    wanted = {name for node in nodes for name in (*node.input[:2], node.output[0]) if name not in constants}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(wanted - known))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feed = {"image": numpy.zeros((1, 1, size, size), numpy.uint16), "params": numpy.float32([[0, 1 / 65535, 0, 1e-4]])}
    names = [output.name for output in session.get_outputs()]
    shapes = constants | {name: value.shape for name, value in zip(names, session.run(names, feed))}
    total = 0
    for node in nodes:
        places = shapes[node.input[0] if node.op_type == "ConvTranspose" else node.output[0]][2:]
        total += int(numpy.prod(shapes[node.input[1]])) * int(numpy.prod(places))
    return total / size**2 / 1000
