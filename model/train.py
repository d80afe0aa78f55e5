"""Trains the default network: `python model/train.py RUN --bank BANK --iterations 60000`; the same command goes on
where a run stopped or was killed.

RUN is a folder: checkpoint.pt (all it takes to go on), weights.pt (the averaged weights, for export.py), log.csv.
BANK is a folder of generate.py's files. On CPUs several workers share one set of weights in memory and update it
without waiting for one another (Niu et al. 2011, "Hogwild!"), so a slow one holds nobody up; more than one makes a run
differ in the last digits from one time to the next.
"""

import argparse
import copy
import csv
import math
import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy
import torch
from torch import Tensor, multiprocessing, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

import evaluate
from muon import Muon, trained
from network import BLOCKS, WIDTHS, Block, Denoiser, Network, Part, State, convolution, grow
from runners import torch_runner
from samples import Bank, Random, Samples, draw
from symmetry import WAYS, is_symmetric, make_symmetric, plain_state

CHECKPOINT_SECONDS = 600
EMA = 0.9995
CLIP_NORM = 10
WARM_UP_ITERATIONS = 500
# The rate is held, so that a run may be made longer at any time, and falls to nothing over the last part.
HOLD_UNTIL = 0.3
# Mean squared errors well below this share of the noise's variance, that of 30 dB, need get no smaller.
ERROR_FLOOR = 1e-3
# Pixels along a sample's sides, and how often: the network sees 125 px far.
SIZES_PX = {64: 0.3, 96: 0.4, 128: 0.3}
WATCHED_SIGMAS = (15, 25, 50)
# What momentum falls below after some 500 steps without a gradient.
SILENT = 1e-12


class Progress(NamedTuple):
    iteration: int
    # Of training, by all sessions together.
    seconds: float


def share_of(progress: Progress, arguments: argparse.Namespace) -> float:
    """How far the run is on its way, 0 to 1."""
    if arguments.minutes:
        return min(1.0, progress.seconds / (60 * arguments.minutes))
    return min(1.0, progress.iteration / arguments.iterations)


def rate_at(share: float, iteration: int, highest: float) -> float:
    fallen = max(0.0, share - HOLD_UNTIL) / (1 - HOLD_UNTIL)
    return highest * min(1.0, iteration / WARM_UP_ITERATIONS) * (0.5 + 0.5 * math.cos(math.pi * fallen))


def shape_of(random: Random, pixels: int) -> tuple[int, int]:
    """Samples per batch and the pixels along their sides."""
    size = int(random.host.choice(list(SIZES_PX), p=list(SIZES_PX.values())))
    return max(1, pixels // (size * size)), size


def loss_of(denoiser: Denoiser, samples: Samples) -> Tensor:
    """The mean over samples of the logarithm of what is left of the noise: each decibel counts alike, as it does in PSNR,
    whether the sample is an empty ground or all texture, faintly or strongly noisy."""
    noise, sigma = denoiser.noise(samples.noisy, samples.a, samples.b)
    error = (samples.noisy - noise - samples.clean) / sigma.mean((1, 2, 3), keepdim=True)
    return (samples.weight * error * error).mean((1, 2, 3)).add(ERROR_FLOOR).log().mean()


class Fast(nn.Module):
    """The network in bfloat16 where that pays; what is around it, and the weights, stay float32."""

    def __init__(self, network: Network, half: bool, compiled: bool) -> None:
        super().__init__()
        self.half = half
        self.network = torch.compile(network, dynamic=False) if compiled else network

    def forward(self, detail: Tensor, sigma: Tensor) -> Tensor:
        with torch.autocast(detail.device.type, torch.bfloat16, enabled=self.half):
            return self.network(detail, sigma).float()


class Watched(NamedTuple):
    """Clean pictures whose PSNR is logged, and the noise they get; to watch a run, not to choose by."""

    # As it was asked for.
    name: str
    pictures: list[evaluate.Picture]
    noises: list[evaluate.Noise]

    def measured(self, network: Network) -> dict[str, float]:
        denoiser = Denoiser(network).float().to(network.head.weight.device)
        results = evaluate.measure(torch_runner(denoiser), self.pictures, self.noises)
        means = {noise.name: evaluate.mean_psnr(results, noise=noise.name) for noise in self.noises}
        return {f"{self.name} {noise}": round(psnr, 3) for noise, psnr in means.items()}


def watched(what: str) -> Watched:
    if what == "phantoms":
        return Watched(what, evaluate.phantom_pictures(1), evaluate.DOSES)
    whites = [evaluate.white(sigma) for sigma in WATCHED_SIGMAS]
    return Watched(what, evaluate.folder_pictures(Path(what)), whites)


def replaced(file: Path, content: object) -> None:
    """A kill while writing leaves the former file."""
    torch.save(content, file.with_suffix(".part"))
    os.replace(file.with_suffix(".part"), file)


def logged(file: Path, row: dict) -> None:
    fresh = not file.exists()
    with file.open("a", newline="") as lines:
        writer = csv.DictWriter(lines, row.keys())
        if fresh:
            writer.writeheader()
        writer.writerow(row)
    print(", ".join(f"{key} {value:.5g}" for key, value in row.items()), flush=True)


def network_of(arguments: argparse.Namespace, start: State | None = None) -> Network:
    network = Network(arguments.channels, arguments.blocks).to(memory_format=torch.channels_last)
    if start:
        grow(network, start)
    return make_symmetric(network) if arguments.symmetric else network


@torch.no_grad()
def revive(network: Network, average: Network, muon: Muon) -> int:
    """Gives channels within blocks that no sample rouses any more a new start, at first heard by none; how many.

    Muon takes as long a step for a channel that is seldom roused as for any, until it is never roused, and stays so.
    """
    count = 0
    for block, averaged in zip(network.modules(), average.modules(), strict=True):
        # A symmetric kernel has no weight of its own, and nothing is known before the first step.
        if not isinstance(block, Block) or block.a.weight not in muon.state:
            continue
        silent = muon.state[block.a.weight]["momentum"].flatten(1).abs().amax(1) < SILENT
        fresh = convolution(block.a.in_channels, block.a.out_channels).weight.to(silent.device)[silent]
        for part in (block, averaged):
            part.a.weight[silent] = fresh
            part.b.weight[:, silent] = 0
        count += int(silent.sum())
    return count


def start_of(arguments: argparse.Namespace) -> State | None:
    if not arguments.start:
        return None
    start = torch.load(arguments.start, map_location="cpu", weights_only=True)
    if arguments.symmetric and not is_symmetric(start):
        raise SystemExit(f"Expected weights that --symmetric trained in {arguments.start} but received others.")
    return start


def work(rank: int, arguments: argparse.Namespace, shared: list[nn.Parameter], counter, state: dict) -> None:
    torch.set_num_threads(arguments.threads)
    # The momentum of channels that fell silent fades into numbers which processors take ten times as long to multiply.
    torch.set_flush_denormal(True)
    torch.backends.cudnn.benchmark = True
    # An image less its blurred copy is a small difference: ten bits are too few for the blur.
    torch.backends.cudnn.allow_tf32 = False
    device = torch.device(arguments.device)
    network = network_of(arguments)
    for weight, common in zip(network.parameters(), shared, strict=True):
        weight.data = common.data
    network = network.to(device)
    weights = list(network.parameters())
    ends = [network.head, network.tail]
    between = [part for part in network.modules() if isinstance(part, Part) and part not in ends]
    denoiser = Denoiser(Fast(network, arguments.bf16, arguments.compile)).float().to(device)
    optimizers = [
        Muon(between, arguments.rate),
        torch.optim.Adam([trained(part) for part in ends], arguments.rate, betas=(0.9, 0.99)),
    ]
    average, follow = copy.deepcopy(network), get_ema_multi_avg_fn(EMA)
    if state:
        average.load_state_dict(state["average"])
        # Every worker has moments of its own; those of the first are as good a start for the others.
        for optimizer, stored in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(stored)
    averaged = list(average.parameters())
    bank = Bank(arguments.bank, device)
    bank.look()
    random = Random(int(numpy.random.SeedSequence([arguments.seed, rank, counter.value]).generate_state(1)[0]), device)
    to_watch = [watched(what) for what in arguments.watch] if rank == 0 else []
    parent = multiprocessing.parent_process()
    started = time.monotonic()
    lost, steps = torch.zeros((), device=device), 0

    def progress() -> Progress:
        return Progress(counter.value, state.get("seconds", 0.0) + time.monotonic() - started)

    saved = progress()

    def save() -> None:
        bank.look()
        now = progress()
        revived = revive(network, average, optimizers[0])
        replaced(arguments.run / "weights.pt", {key: weight.cpu() for key, weight in plain_state(average).items()})
        kept = {"network": network.state_dict(), "average": average.state_dict()}
        kept["optimizers"] = [optimizer.state_dict() for optimizer in optimizers]
        replaced(arguments.run / "checkpoint.pt", {**now._asdict(), **kept})
        row = {
            "iteration": now.iteration,
            "seconds": round(now.seconds),
            "images": len(bank),
            "revived": revived,
            "loss": lost.item() / max(steps, 1),
            "megapixels_per_second": (now.iteration - saved.iteration)
            * arguments.pixels
            / 1e6
            / (now.seconds - saved.seconds),
        }
        for pictures in to_watch:
            row |= pictures.measured(average)
        logged(arguments.run / "log.csv", row)

    while True:
        # Looked at and counted in one, or the last iteration would be taken by every worker that waits for it.
        with counter.get_lock():
            share = share_of(progress(), arguments)
            if share >= 1:
                break
            counter.value += 1
        for group in [group for optimizer in optimizers for group in optimizer.param_groups]:
            group["lr"] = rate_at(share, counter.value, arguments.rate)
        samples = draw(random, bank, *shape_of(random, arguments.pixels))
        loss = loss_of(denoiser, samples)
        network.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, CLIP_NORM)
        for optimizer in optimizers:
            optimizer.step()
        if rank == 0:
            lost += loss.detach()
            steps += 1
            with torch.no_grad():
                follow(averaged, weights, steps)
        if arguments.pause_after and time.monotonic() - started >= 60 * arguments.pause_after:
            break
        # Killed as it was, the run would go on without its parent, beside the one that goes on in its place.
        if parent is not None and not parent.is_alive():
            return
        if rank == 0 and progress().seconds - saved.seconds >= arguments.checkpoint_seconds:
            save()
            saved, steps = progress(), 0
            lost.zero_()
    if rank == 0:
        save()


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--bank", type=Path, required=True)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--iterations", type=int, help="length of the run")
    length.add_argument("--minutes", type=float, help="length of the run by training time, over all sessions")
    parser.add_argument("--pause-after", type=float, metavar="MINUTES", help="leaves then, to go on in another session")
    parser.add_argument("--start", type=Path, help="weights to begin with, of this size or smaller")
    parser.add_argument("--channels", type=numbers, default=list(WIDTHS), help="from the finest level to the deepest")
    parser.add_argument("--blocks", type=numbers, default=list(BLOCKS), help="on each level")
    parser.add_argument("--symmetric", action="store_true", help="turned and mirrored images alike; channels in eights")
    parser.add_argument("--rate", type=float, default=7e-4)
    parser.add_argument("--pixels", type=int, default=32768, help="pixels per batch")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--bf16", action="store_true", help="faster on GPUs, and on CPUs that know it; elsewhere slow")
    parser.add_argument(
        "--compile", action="store_true", help="fuses what lies between convolutions; takes minutes first"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes that train the same weights (cpu)")
    parser.add_argument("--threads", type=int, default=1, help="threads per worker; 1 on a busy machine")
    parser.add_argument(
        "--watch", nargs="+", default=[], help="folders of grey images, or `phantoms`, whose PSNR is logged"
    )
    parser.add_argument("--checkpoint-seconds", type=float, default=CHECKPOINT_SECONDS)
    arguments = parser.parse_args()
    if arguments.workers > 1 and arguments.device != "cpu":
        parser.error("Expected one worker with --device cuda: they share their weights in the processor's memory.")
    if arguments.symmetric and any(width % WAYS for width in arguments.channels):
        parser.error(f"Expected --channels in multiples of {WAYS} with --symmetric but received {arguments.channels}.")
    return arguments


def main() -> None:
    arguments = parsed()
    arguments.run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(arguments.seed)
    state, checkpoint = {}, arguments.run / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        network = network_of(arguments)
        network.load_state_dict(state["network"])
        print(f"going on at iteration {state['iteration']}", flush=True)
    else:
        network = network_of(arguments, start_of(arguments))
    counter = multiprocessing.get_context("spawn").Value("q", state.get("iteration", 0))
    shared = [weight.share_memory_() for weight in network.parameters()]
    if arguments.workers == 1:
        work(0, arguments, shared, counter, state)
    else:
        multiprocessing.spawn(work, (arguments, shared, counter, state), nprocs=arguments.workers)


if __name__ == "__main__":
    main()
