"""That a training goes on where it was killed. Does not prove that it learns; CARD.md has those figures."""

import copy
import csv
import subprocess
import sys
import time
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy
import torch

from muon import Muon
from network import Network, grow, stored_network
from phantoms import DOSES, FAMILIES
from samples import Random
from symmetry import is_symmetric
from train import HOLD_UNTIL, WARM_UP_ITERATIONS, rate_at, revive, shape_of, watched

TRAIN = Path(__file__).with_name("train.py")


def command(folder: Path, *more: str) -> list[str]:
    run = [sys.executable, str(TRAIN), str(folder / "run"), "--bank", str(folder / "bank")]
    size = ["--channels", "8,8,8", "--blocks", "1,1,1", "--pixels", "4096"]
    return [*run, *size, "--checkpoint-seconds", "0", *more]


def of_length(folder: Path, iterations: int, *more: str) -> list[str]:
    return command(folder, "--iterations", str(iterations), *more)


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
        run = subprocess.Popen(of_length(self.folder, 100000), stdout=subprocess.DEVNULL)
        try:
            log = self.folder / "run" / "log.csv"
            while run.poll() is None and not (log.exists() and len(log.read_text().splitlines()) > 3):
                time.sleep(0.05)
        finally:
            run.kill()
            run.wait()
        reached = self.checkpoint()["iteration"]
        self.assertGreaterEqual(reached, 3)
        again = subprocess.run(of_length(self.folder, reached + 4), capture_output=True, text=True, check=True)
        self.assertIn(f"going on at iteration {reached}", again.stdout)
        self.assertEqual(self.checkpoint()["iteration"], reached + 4)
        stored = torch.load(self.folder / "run" / "weights.pt", weights_only=True)
        self.assertEqual(len(stored_network(stored).head.weight), 8)

    def test_two_workers_train_the_same_weights(self) -> None:
        subprocess.run(of_length(self.folder, 8, "--workers", "2"), stdout=subprocess.DEVNULL, check=True)
        self.assertEqual(self.checkpoint()["iteration"], 8)

    def test_workers_end_when_the_run_is_killed(self) -> None:
        run = subprocess.Popen(of_length(self.folder, 10**9, "--workers", "2"), stdout=subprocess.PIPE)
        try:
            self.assertIn(b"iteration", run.stdout.readline())
        finally:
            run.kill()
        # Not before the last process that writes to it has ended.
        run.communicate(timeout=60)

    def test_silent_channels_are_heard_again_and_change_nothing_at_first(self) -> None:
        torch.manual_seed(3)
        network = Network((8, 8, 8), (1, 1, 1))
        block = network.mid[0]
        with torch.no_grad():
            block.a.weight[2:5] = 0
        average, muon = copy.deepcopy(network), Muon([block.a, block.b], 1e-3)
        # Without a step nothing is known of any channel.
        self.assertEqual(revive(network, average, muon), 0)
        sample = torch.rand(2, 1, 32, 32), torch.full((2, 1, 32, 32), 0.1)
        network(*sample).square().sum().backward()
        muon.step()
        before = network(*sample).detach(), average(*sample).detach()
        self.assertEqual(revive(network, average, muon), 3)
        torch.testing.assert_close((network(*sample), average(*sample)), before)
        network.zero_grad()
        network(*sample).square().sum().backward()
        self.assertTrue((block.b.weight.grad[:, 2:5].abs().amax((0, 2, 3)) > 0).all())
        self.assertEqual(block.a.weight[2:5].flatten(1).abs().amax(1).gt(0).sum(), 3)

    def test_symmetric_weights_stay_so_and_can_be_grown(self) -> None:
        symmetric = ["--symmetric", "--workers", "2"]
        subprocess.run(of_length(self.folder, 3, *symmetric), stdout=subprocess.DEVNULL, check=True)
        weights = self.folder / "start.pt"
        (self.folder / "run" / "weights.pt").rename(weights)
        self.assertTrue(is_symmetric(torch.load(weights, weights_only=True)))
        again = subprocess.run(of_length(self.folder, 4, *symmetric), capture_output=True, text=True, check=True)
        self.assertIn("going on at iteration 3", again.stdout)
        (self.folder / "run" / "checkpoint.pt").unlink()
        larger = ["--symmetric", "--start", str(weights), "--channels", "16,16,16"]
        subprocess.run(of_length(self.folder, 1, *larger), stdout=subprocess.DEVNULL, check=True)
        grown = torch.load(self.folder / "run" / "weights.pt", weights_only=True)
        self.assertTrue(is_symmetric(grown))
        self.assertEqual(len(grown["head.weight"]), 16)

    def test_says_what_symmetric_weights_need(self) -> None:
        torch.save(Network((8, 8, 8), (1, 1, 1)).state_dict(), self.folder / "start.pt")
        for more, complaint in [
            (["--start", str(self.folder / "start.pt")], "Expected weights that --symmetric trained in "),
            (
                ["--channels", "8,12,8"],
                "Expected --channels in multiples of 8 with --symmetric but received [8, 12, 8].",
            ),
        ]:
            run = subprocess.run(of_length(self.folder, 1, "--symmetric", *more), capture_output=True, text=True)
            self.assertNotEqual(run.returncode, 0)
            self.assertIn(complaint, run.stderr)

    def test_two_sessions_share_the_minutes_of_a_run(self) -> None:
        session = [*command(self.folder, "--minutes", "1000"), "--pause-after", "1e-9"]
        seconds = []
        for number in (1, 2):
            subprocess.run(session, stdout=subprocess.DEVNULL, check=True)
            self.assertEqual(self.checkpoint()["iteration"], number)
            seconds.append(self.checkpoint()["seconds"])
        self.assertGreater(seconds[1], seconds[0])
        torch.save(self.checkpoint() | {"seconds": 60_000.0}, self.folder / "run" / "checkpoint.pt")
        subprocess.run(session, stdout=subprocess.DEVNULL, check=True)
        self.assertEqual(self.checkpoint()["iteration"], 2)

    def test_logs_the_psnr_of_watched_pictures(self) -> None:
        folders = [self.folder / "pictures", self.folder / "others"]
        for folder in folders:
            folder.mkdir()
            cv2.imwrite(str(folder / "one.png"), numpy.full((64, 64), 128, numpy.uint8))
        subprocess.run(of_length(self.folder, 1, "--watch", *map(str, folders)), stdout=subprocess.DEVNULL, check=True)
        with (self.folder / "run" / "log.csv").open() as log:
            row = list(csv.DictReader(log))[-1]
        # An untrained network finds little of the noise: 20 log10(255 / 25) dB and not far from it.
        for folder in folders:
            self.assertAlmostEqual(float(row[f"{folder} sigma 25"]), 20.2, delta=1)

    def test_bfloat16_trains_weights_of_float32(self) -> None:
        subprocess.run(of_length(self.folder, 1, "--bf16"), stdout=subprocess.DEVNULL, check=True)
        self.assertEqual({weight.dtype for weight in self.checkpoint()["network"].values()}, {torch.float32})


class Watching(unittest.TestCase):
    def test_phantoms_need_no_folder(self) -> None:
        _, pictures, noises = watched("phantoms")
        self.assertEqual([picture.group for picture in pictures], list(FAMILIES))
        self.assertEqual([noise.name for noise in noises], list(DOSES))


class Schedule(unittest.TestCase):
    def test_the_rate_rises_holds_and_falls_to_nothing(self) -> None:
        self.assertAlmostEqual(rate_at(0.01, WARM_UP_ITERATIONS // 2, 1), 0.5)
        self.assertEqual(rate_at(HOLD_UNTIL, WARM_UP_ITERATIONS, 1), 1)
        self.assertAlmostEqual(rate_at((1 + HOLD_UNTIL) / 2, 9999, 1), 0.5)
        self.assertAlmostEqual(rate_at(1, 9999, 1), 0)

    def test_batches_keep_their_pixels_whatever_the_size_of_samples(self) -> None:
        random = Random(1, torch.device("cpu"))
        drawn = {shape_of(random, 32768) for _ in range(50)}
        self.assertEqual(drawn, {(8, 64), (3, 96), (2, 128)})


class Growth(unittest.TestCase):
    def test_more_channels_and_blocks_compute_the_same_at_first(self) -> None:
        small, large = Network((8, 16, 24), (1, 1, 2)), Network((16, 24, 32), (2, 1, 3))
        detail, sigma = torch.randn(2, 1, 32, 32), torch.ones(2, 1, 32, 32)
        self.assertGreater((small(detail, sigma) - large(detail, sigma)).abs().max().item(), 1e-3)
        grow(large, small.state_dict())
        torch.testing.assert_close(large(detail, sigma), small(detail, sigma))

    def test_what_was_added_learns(self) -> None:
        small, large = Network((8, 16, 24), (1, 1, 2)), Network((16, 24, 32), (1, 1, 3))
        grow(large, small.state_dict())
        large(torch.randn(1, 1, 32, 32), torch.ones(1, 1, 32, 32)).square().mean().backward()
        self.assertGreater(large.tail.weight.grad[:, 8:].abs().max().item(), 0)
        self.assertGreater(large.mid[2].b.weight.grad.abs().max().item(), 0)

    def test_stored_weights_tell_their_size(self) -> None:
        network = stored_network(Network((8, 16, 24, 32), (1, 2, 1, 3)).state_dict())
        self.assertEqual([len(level) for level in network.e], [1, 2, 1])
        self.assertEqual((len(network.mid), network.mid[0].a.in_channels), (3, 32))


if __name__ == "__main__":
    unittest.main()
