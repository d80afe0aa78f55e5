"""Does not prove what a GPU computes in float16, nor that trained weights stay within its range: export.py measures that."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy
import onnx
import torch

import export
from network import Denoiser, Network

LEVELS = [(1000, 3000, 60000)]


def small_network() -> Network:
    torch.manual_seed(1)
    return Network()


def denoiser_of(network: Network) -> Denoiser:
    return Denoiser(network).eval().requires_grad_(False)


def noisy(height: int = 64) -> torch.Tensor:
    random = numpy.random.default_rng(1)
    return torch.from_numpy(random.normal(30000, 2000, (1, 1, height, 64)).round().astype(numpy.int32))


class HalfDenoiserTest(unittest.TestCase):
    def test_its_unit_changes_nothing(self):
        whole = denoiser_of(small_network()).float()
        other = export.HalfDenoiser(whole)
        other.denoiser.network = whole.network
        for params in ([0, 1 / 65535, 0, 1e-3], [20000, 1 / 20000, 1e-2, 1e-2], [29000, 0.1, 0, 25]):
            row = torch.tensor([params])
            difference = (whole(noisy(), row) - other(noisy(), row)).abs().max()
            self.assertLessEqual(int(difference), 1, params)

    def test_a_hot_pixel_on_a_narrow_page_stays_a_pixel(self):
        image = noisy() * 0 + 30000
        image[..., 30, 30] = 65535
        half = export.HalfDenoiser(denoiser_of(small_network()))
        denoised = half(image, torch.tensor([[30000, 0.1, 0, 0.01]]))
        self.assertLess(int((denoised - image).abs().max()), 10)

    def test_the_network_is_in_float16_and_what_is_around_it_is_not(self):
        half = export.HalfDenoiser(denoiser_of(small_network()))
        self.assertEqual({weight.dtype for weight in half.denoiser.network.parameters()}, {torch.float16})
        self.assertEqual(half.denoiser.kernel.dtype, torch.float32)


class ExportTest(unittest.TestCase):
    def export(self, *flags: str) -> Path:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        torch.save(small_network().state_dict(), folder / "weights.pt")
        self.output = folder / "model.onnx"
        arguments = ["export.py", str(folder / "weights.pt"), str(self.output), *flags]
        with mock.patch("sys.argv", arguments), mock.patch("builtins.print"):
            export.main()
        return self.output

    def test_writes_what_the_server_reads(self):
        model = onnx.load(self.export("--version", "1.2.3"))
        entries = {entry.key: entry.value for entry in model.metadata_props}
        self.assertEqual(entries["name"], "ddn-unet")
        self.assertEqual(entries["version"], "1.2.3")
        self.assertEqual(entries["halo"], "104")
        self.assertEqual(entries["precision"], "float32")

    @mock.patch("export.HALF_LEVELS", LEVELS)
    def test_casts_to_float16_at_the_edges_of_the_network_alone(self):
        model = onnx.load(self.export("--half"))
        kinds = [node.attribute[0].i for node in model.graph.node if node.op_type == "Cast"]
        self.assertEqual(kinds.count(onnx.TensorProto.FLOAT16), 2)
        self.assertEqual(kinds.count(onnx.TensorProto.FLOAT), 2)
        entries = {entry.key: entry.value for entry in model.metadata_props}
        self.assertEqual(entries["precision"], "float16, edges float32")

    @mock.patch("export.HALF_LEVELS", LEVELS)
    def test_names_the_samples_alike_in_both_variants(self):
        for flags in ((), ("--half",)):
            model = onnx.load(self.export(*flags))
            (cast,) = (node for node in model.graph.node if "image" in node.input)
            self.assertEqual(list(cast.output), [export.SAMPLES_TENSOR])

    @mock.patch("export.HALF_LEVELS", LEVELS)
    @mock.patch("export.HALF_UNIT_STEPS", 0.01)
    def test_writes_nothing_where_float16_overflows(self):
        with self.assertRaisesRegex(SystemExit, "Nothing was written"):
            self.export("--half")
        self.assertFalse(self.output.exists())

    @mock.patch("export.largest_difference", return_value=2)
    def test_writes_nothing_where_the_runtime_disagrees(self, _):
        with self.assertRaisesRegex(SystemExit, "Expected at most 1 step from float64 but received 2"):
            self.export()
        self.assertFalse(self.output.exists())


if __name__ == "__main__":
    unittest.main()
