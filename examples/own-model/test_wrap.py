"""Does not prove that a wrapped network denoises: `npx ddn model check` measures that. Needs onnx and onnxruntime alone."""

import unittest

import numpy
import onnxruntime
from onnx import ModelProto, TensorProto
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor, make_tensor_value_info

from wrap import wrapped

METADATA = {"name": "test", "version": "1", "tile_sizes": "[64]", "halo": "0"}
FREE = ["n", 1, "h", "w"]
PARAMS = numpy.float32([[1000, 1 / 50000, 0, 1e-4]])


def float_model(nodes: list, inputs: tuple[str, ...], kind: int = TensorProto.FLOAT) -> ModelProto:
    constants = [make_tensor("half", kind, [], [0.5]), make_tensor("zero", kind, [], [0.0])]
    graph = make_graph(
        nodes,
        "network",
        [make_tensor_value_info(name, kind, FREE) for name in inputs],
        [make_tensor_value_info("y", kind, FREE)],
        constants,
    )
    return make_model(graph, opset_imports=[make_opsetid("", 17)], ir_version=8)


def run(model: ModelProto, image: numpy.ndarray, params: numpy.ndarray = PARAMS) -> numpy.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (denoised,) = session.run(None, {"image": image, "params": params})
    return denoised


def ramp() -> numpy.ndarray:
    return numpy.linspace(0, 65535, 64 * 64).round().astype(numpy.uint16).reshape(1, 1, 64, 64)


class WrapTest(unittest.TestCase):
    def test_a_network_that_changes_nothing_gives_back_every_value(self):
        image = ramp()
        model = wrapped(float_model([make_node("Identity", ["x"], ["y"])], ("x",)), "clean", METADATA)
        numpy.testing.assert_array_equal(run(model, image), image)

    def test_noise_is_taken_from_the_samples_in_their_own_unit(self):
        model = wrapped(float_model([make_node("Mul", ["x", "zero"], ["y"])], ("x",)), "noise", METADATA)
        numpy.testing.assert_array_equal(run(model, ramp()), ramp())
        half = [make_node("Mul", ["sigma", "half"], ["y"])]
        model = wrapped(float_model(half, ("x", "sigma")), "noise", METADATA)
        # Half of sigma = 0.01 in x's unit, of 50 000 steps.
        self.assertEqual(run(model, ramp()).astype(int)[0, 0, 32, 32], int(ramp()[0, 0, 32, 32]) - 250)

    def test_takes_no_more_than_five_sigmas(self):
        model = wrapped(float_model([make_node("Mul", ["x", "half"], ["y"])], ("x",)), "noise", METADATA)
        image = numpy.full((1, 1, 64, 64), 41000, numpy.uint16)
        self.assertEqual(run(model, image)[0, 0, 9, 9], 41000 - 5 * 500)

    def test_each_image_of_a_batch_has_its_own_params(self):
        model = wrapped(float_model([make_node("Identity", ["sigma"], ["y"])], ("x", "sigma")), "noise", METADATA)
        image = numpy.full((2, 1, 64, 64), 30000, numpy.uint16)
        params = numpy.float32([[0, 1 / 50000, 0, 1e-4], [0, 1 / 50000, 0, 4e-4]])
        denoised = run(model, image, params)
        self.assertEqual([denoised[0, 0, 5, 5], denoised[1, 0, 5, 5]], [29500, 29000])

    def test_refuses_a_network_in_another_precision(self):
        network = float_model([make_node("Identity", ["x"], ["y"])], ("x",), TensorProto.DOUBLE)
        with self.assertRaisesRegex(SystemExit, r"one FLOAT output but received \['DOUBLE'\] and \['DOUBLE'\]"):
            wrapped(network, "clean", METADATA)


if __name__ == "__main__":
    unittest.main()
