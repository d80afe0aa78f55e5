"""What is drawn for each step of the training. Does not prove that a network learns from it; CARD.md has those figures."""

import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy
import torch

from samples import (
    DEFECT_WEIGHT,
    Bank,
    Random,
    cracks,
    discs,
    draw,
    edges,
    noise_laws,
    plain,
    shape,
    shared_noise,
)

CPU = torch.device("cpu")


class Shapes(unittest.TestCase):
    def test_a_disc_has_its_area_whatever_it_is_seen_through(self) -> None:
        axis = torch.arange(64.0)
        distance = (torch.hypot(axis[:, None] - 30.3, axis[None, :] - 31.6) - 6).expand(20, 1, 64, 64)
        areas = shape(Random(1, CPU), distance).sum((1, 2, 3))
        for area in areas.tolist():
            self.assertAlmostEqual(area, torch.pi * 36, delta=8)

    def test_each_kind_of_defect_lies_somewhere_in_most_samples(self) -> None:
        for outlines in (discs, cracks, edges):
            inside = shape(Random(2, CPU), outlines(Random(3, CPU), 200, 64))
            with self.subTest(outlines.__name__):
                self.assertEqual(inside.shape, (200, 1, 64, 64))
                self.assertTrue(((inside >= 0) & (inside <= 1)).all())
                self.assertGreater((inside.amax((1, 2, 3)) > 0.4).sum().item(), 180)

    def test_half_of_the_cracks_are_straight(self) -> None:
        straight = []
        for inside in cracks(Random(1, CPU), 120, 192)[:, 0] < 0:
            # A short one shows no bend.
            if inside.sum() > 100:
                spread = torch.linalg.eigvalsh(torch.cov(torch.nonzero(inside).T.double()))
                straight.append(spread[0].item() < 1)
        self.assertGreater(len(straight), 20)
        # Nearly half of those that bend do so by less than their width.
        self.assertAlmostEqual(sum(straight) / len(straight), 0.72, delta=0.12)

    def test_plain_grounds_have_no_edges(self) -> None:
        grounds = plain(Random(4, CPU), 50, 64)
        self.assertLess(grounds.diff(dim=3).abs().max().item(), 0.12)


class Drawn(unittest.TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        images = numpy.random.default_rng(5).integers(0, 65536, (2, 80, 80), dtype=numpy.uint16)
        numpy.save(self.folder / "one.npy", images)
        self.bank = Bank(self.folder, CPU)
        self.bank.look()

    def test_noise_has_the_variance_that_its_law_says(self) -> None:
        clean, noisy, a, b, _ = draw(Random(1, CPU), self.bank, 400, 32)
        ratio = (noisy - clean) ** 2 / ((a * clean).clamp(min=0) + b)
        self.assertAlmostEqual(ratio.mean().item(), 1, delta=0.01)

    def test_neighbours_share_noise_of_the_same_variance(self) -> None:
        noise = shared_noise(Random(1, CPU), 100, 64)
        self.assertAlmostEqual(noise.var().item(), 1, delta=0.02)
        for axis in (2, 3):
            together = (noise.narrow(axis, 1, 63) * noise.narrow(axis, 0, 63)).mean((1, 2, 3))
            # From next to nothing, at 0.3 px, to exp(-1 / (4 * 1.2 ** 2)).
            self.assertLess(together.min().item(), 0.1)
            self.assertAlmostEqual(together.max().item(), 0.84, delta=0.1)
            self.assertAlmostEqual(together.mean().item(), 0.43, delta=0.1)

    def test_one_sample_in_ten_has_such_noise(self) -> None:
        clean, noisy, a, b, _ = draw(Random(1, CPU), self.bank, 400, 32)
        noise = (noisy - clean) / ((a * clean).clamp(min=0) + b).sqrt()
        together = (noise[..., 1:] * noise[..., :-1]).mean((1, 2, 3))
        # Those of less than half a pixel cannot be told from white noise.
        self.assertAlmostEqual((together > 0.2).float().mean().item(), 0.07, delta=0.03)

    def test_the_same_seed_draws_the_same_samples(self) -> None:
        first, again, other = (draw(Random(seed, CPU), self.bank, 4, 32).noisy for seed in (1, 1, 2))
        torch.testing.assert_close(first, again, rtol=0, atol=0)
        self.assertFalse(torch.equal(first, other))

    def test_crops_are_pieces_of_the_images(self) -> None:
        whole = numpy.load(self.folder / "one.npy")
        windows = numpy.lib.stride_tricks.sliding_window_view(whole, (8, 8), axis=(1, 2))
        for crop in self.bank.crops(Random(3, CPU), 5, 8).numpy():
            self.assertTrue((windows == numpy.rint(crop * 65535)).all((3, 4)).any())

    def test_defects_count_more(self) -> None:
        samples = draw(Random(1, CPU), self.bank, 300, 32)
        most = samples.weight.amax((1, 2, 3))
        self.assertEqual(samples.weight.min().item(), 1)
        self.assertAlmostEqual(most.max().item(), DEFECT_WEIGHT, delta=0.1)
        # Of the plain ones half, of the others three in ten, but for those in which no draw of eight falls out that way.
        self.assertAlmostEqual((most > 1).float().mean().item(), 0.35, delta=0.06)

    def test_plain_grounds_lie_among_the_pieces(self) -> None:
        samples = draw(Random(1, CPU), self.bank, 300, 32)
        untouched = samples.weight.amax((1, 2, 3)) == 1
        plain_ones = samples.clean.diff(dim=3).abs().amax((1, 2, 3)) < 0.2
        self.assertAlmostEqual((untouched & plain_ones).float().mean().item(), 0.1, delta=0.05)

    def test_what_is_counted_in_quanta_is_never_negative(self) -> None:
        samples = draw(Random(2, CPU), self.bank, 300, 32)
        self.assertGreaterEqual(samples.clean[(samples.a > 0).flatten()].min().item(), 0)

    def test_laws_cover_white_and_signal_dependent_noise(self) -> None:
        a, b = noise_laws(Random(3, CPU), 500)
        self.assertGreater(b.min().item(), 0)
        self.assertAlmostEqual((a > 0).float().mean().item(), 0.3, delta=0.08)

    def test_files_that_appear_later_join_the_bank(self) -> None:
        numpy.save(self.folder / "two.npy", numpy.zeros((3, 80, 80), numpy.uint16))
        self.bank.look()
        self.assertEqual(len(self.bank), 5)

    def test_an_empty_bank_says_what_to_do(self) -> None:
        with TemporaryDirectory() as folder, self.assertRaisesRegex(SystemExit, "Write some with generate.py"):
            Bank(Path(folder), CPU).look()


if __name__ == "__main__":
    unittest.main()
