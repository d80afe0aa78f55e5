"""Does not prove that the shipped model runs; export.py compares that with float64 before it writes it."""

import tempfile
import unittest
from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, helper

from runners import kilo_macs_per_pixel, on_grid, onnx_runner


def one_convolution(weights):
    """The contract's ends around one convolution, which ignores the parameters."""
    height, width = weights.shape[2:]
    nodes = [
        helper.make_node("Cast", ["image"], ["samples"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["samples", "weights"], ["result"], pads=[height // 2, width // 2] * 2),
        helper.make_node("Cast", ["result"], ["denoised"], to=TensorProto.UINT16),
    ]
    page = ["n", 1, "height", "width"]
    graph = helper.make_graph(
        nodes,
        "one",
        [
            helper.make_tensor_value_info("image", TensorProto.UINT16, page),
            helper.make_tensor_value_info("params", TensorProto.FLOAT, ["n", 4]),
        ],
        [helper.make_tensor_value_info("denoised", TensorProto.UINT16, page)],
        [onnx.numpy_helper.from_array(weights.astype(numpy.float32), "weights")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class RunnersTest(unittest.TestCase):
    def test_a_file_of_the_contract_runs_image_by_image_on_any_size(self):
        shifted = numpy.zeros((1, 1, 3, 3))
        shifted[0, 0, 1, 0] = 1
        run = onnx_runner(one_convolution(shifted).SerializeToString())
        images = numpy.random.default_rng(1).integers(0, 65536, (2, 70, 65), dtype=numpy.uint16)
        result = run(images, numpy.zeros((2, 4), numpy.float32))
        self.assertEqual(result.dtype, numpy.uint16)
        numpy.testing.assert_array_equal(result[:, :, 1:], images[:, :, :-1])

    def test_images_are_filled_up_to_the_grid_by_mirroring_and_cut_back(self):
        seen = []

        def run(images, params):
            seen.append(images)
            return images

        image = numpy.arange(66 * 30, dtype=numpy.uint16).reshape(1, 66, 30)
        numpy.testing.assert_array_equal(on_grid(run)(image, None), image)
        self.assertEqual(seen[0].shape, (1, 72, 64))
        numpy.testing.assert_array_equal(
            seen[0][0, 66], numpy.concatenate([image[0, 65], image[0, 65, ::-1], image[0, 65, :4]])
        )

    def test_multiply_accumulates_are_counted_per_pixel(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.onnx"
            file.write_bytes(one_convolution(numpy.ones((1, 1, 3, 5))).SerializeToString())
            self.assertAlmostEqual(kilo_macs_per_pixel(file), 15 / 1000)


if __name__ == "__main__":
    unittest.main()
