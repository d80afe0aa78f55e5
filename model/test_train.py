"""That a training goes on where it was killed. Does not prove that it learns; CARD.md has those figures."""

import subprocess
import sys
import time
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy
import torch

from network import Network
from train import batch, rate_at, shape_at
from samples import Bank

TRAIN = Path(__file__).with_name("train.py")


def command(folder: Path, iterations: int, *more: str) -> list[str]:
    run = [sys.executable, str(TRAIN), str(folder / "run"), "--bank", str(folder / "bank")]
    return [*run, "--iterations", str(iterations), "--pixels", "4096", "--checkpoint-seconds", "0", *more]


class Training(unittest.TestCase):
    def setUp(self) -> None:
        temporary = TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        (self.folder / "bank").mkdir()
        images = numpy.random.default_rng(5).integers(0, 65536, (2, 160, 160), dtype=numpy.uint16)
        numpy.save(self.folder / "bank" / "one.npy", images)

    def checkpoint(self) -> dict:
        return torch.load(self.folder / "run" / "checkpoint.pt", weights_only=True)

    def test_goes_on_after_a_kill_and_ends_where_it_was_told_to(self) -> None:
        run = subprocess.Popen(command(self.folder, 100000), stdout=subprocess.DEVNULL)
        try:
            log = self.folder / "run" / "log.csv"
            while run.poll() is None and not (log.exists() and len(log.read_text().splitlines()) > 3):
                time.sleep(0.05)
        finally:
            run.kill()
            run.wait()
        reached = self.checkpoint()["iteration"]
        self.assertGreaterEqual(reached, 3)
        again = subprocess.run(command(self.folder, reached + 4), capture_output=True, text=True, check=True)
        self.assertIn(f"going on at iteration {reached}", again.stdout)
        self.assertEqual(self.checkpoint()["iteration"], reached + 4)
        Network().load_state_dict(torch.load(self.folder / "run" / "weights.pt", weights_only=True))

    def test_two_workers_train_the_same_weights(self) -> None:
        subprocess.run(command(self.folder, 8, "--workers", "2"), capture_output=True, check=True)
        self.assertEqual(self.checkpoint()["iteration"], 8)

    def test_the_rate_rises_then_falls_to_nearly_nothing(self) -> None:
        self.assertAlmostEqual(rate_at(0.01, 1), 0.5)
        self.assertAlmostEqual(rate_at(0.51, 1), 0.5, delta=0.01)
        self.assertLess(rate_at(1, 1), 0.002)

    def test_batches_keep_their_pixels_as_samples_grow(self) -> None:
        self.assertEqual([shape_at(share, 32768) for share in (0, 0.7, 0.9)], [(8, 64), (3, 96), (2, 128)])
        bank = Bank(self.folder / "bank")
        bank.look()
        clean, noisy, law, weight = batch(numpy.random.default_rng(0), bank, 3, 96)
        self.assertEqual([tuple(part.shape) for part in (clean, noisy, weight)], [(3, 1, 96, 96)] * 3)
        self.assertEqual(tuple(law.shape), (3, 2))


if __name__ == "__main__":
    unittest.main()
