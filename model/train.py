"""Trains the default network: `python model/train.py RUN --bank BANK --iterations 60000`; the same command goes on
where a run stopped or was killed.

RUN is a folder: checkpoint.pt (all it takes to go on), weights.pt (the averaged weights, for export.py), log.csv.
BANK is a folder of generate.py's files. Workers share one set of weights in memory and update it without waiting for
one another (Niu et al. 2011, "Hogwild!"), so a slow one holds nobody up; more than one makes a run differ in the last
digits from one time to the next.
"""

import argparse
import copy
import csv
import math
import os
import time
from pathlib import Path

import cv2
import numpy
import torch
from torch import Tensor, multiprocessing

from network import Denoiser, Network
from samples import Bank, sample

CHECKPOINT_SECONDS = 600
EMA = 0.999
CLIP_NORM = 0.5
# As in export.py: it does not take part in training.
CLAMP_SIGMAS = 5
WARM_UP = 0.02
# Errors of faint and of strong noise count alike beyond this level, a share of full scale.
LEVEL_FLOOR = 5 / 255
# Errors up to this many noise levels count squared, larger ones by their size, until the run's last part.
SQUARED_UP_TO = 0.3
SQUARED_FROM = 0.75


def shape_at(share: float, pixels: int) -> tuple[int, int]:
    """Samples per batch and their size: larger ones when the run is well on, for the network sees 125 px far."""
    size = 64 if share < 0.6 else 96 if share < 0.85 else 128
    return max(1, pixels // (size * size)), size


def rate_at(share: float, highest: float) -> float:
    if share < WARM_UP:
        return highest * share / WARM_UP
    return highest * (0.5 + 0.5 * math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP))) + highest * 1e-3


def batch(random: numpy.random.Generator, bank: Bank, count: int, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    clean, noisy, law, weight = zip(*(sample(random, bank, size) for _ in range(count)))
    stacked = [torch.from_numpy(numpy.stack(images))[:, None] for images in (clean, noisy, weight)]
    return stacked[0], stacked[1], torch.tensor(law, dtype=torch.float32), stacked[2]


def loss_of(denoiser: Denoiser, samples: tuple[Tensor, Tensor, Tensor, Tensor], squared: bool, half: bool) -> Tensor:
    clean, noisy, law, weight = samples
    a, b = law[:, :, None, None].split(1, dim=1)
    with torch.autocast(noisy.device.type, torch.bfloat16, enabled=half):
        noise, sigma = denoiser.noise(noisy, a, b)
    level = sigma.mean((1, 2, 3), keepdim=True) + LEVEL_FLOOR
    error = (noisy - noise.float() - clean) / level
    if squared:
        return (weight * error * error).mean()
    return (weight * (torch.sqrt(error * error + SQUARED_UP_TO**2) - SQUARED_UP_TO)).mean()


def psnr(denoiser: Denoiser, folder: Path, sigma: float) -> float:
    """Mean over a folder of 8-bit images, noise in units of 255, seeded; to watch a run, not to choose by."""
    values = []
    for file in sorted(folder.glob("*.png")):
        clean = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE).astype(numpy.float32) / 255
        clean = clean[: clean.shape[0] // 8 * 8, : clean.shape[1] // 8 * 8]
        noise = numpy.random.default_rng(0).standard_normal(clean.shape, dtype=numpy.float32)
        noisy = torch.from_numpy(clean + noise * sigma / 255)[None, None]
        with torch.no_grad():
            found, _ = denoiser.noise(noisy, torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), (sigma / 255) ** 2))
        error = (noisy - found)[0, 0].numpy() - clean
        values.append(-10 * math.log10(float((error**2).mean())))
    return float(numpy.mean(values))


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


def work(rank: int, arguments: argparse.Namespace, shared: Denoiser, counter, states: dict) -> None:
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    device = torch.device(arguments.device)
    denoiser = shared.to(device)
    if device.type == "cpu":
        denoiser.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(denoiser.parameters(), lr=arguments.rate, betas=(0.9, 0.99), weight_decay=0)
    if rank in states.get("optimizers", {}):
        optimizer.load_state_dict(states["optimizers"][rank])
    average = copy.deepcopy(denoiser.network) if rank == 0 else None
    if average and "average" in states:
        average.load_state_dict(states["average"])
    bank = Bank(arguments.bank)
    bank.look()
    random = numpy.random.default_rng([arguments.seed, rank, counter.value])
    started = saved = time.monotonic()
    lost, steps = 0.0, 0

    def save() -> None:
        bank.look()
        replaced(arguments.run / "weights.pt", average.state_dict())
        # The other workers' moments are theirs alone; they begin anew when a run goes on, which costs a few steps.
        state = {
            "iteration": counter.value,
            "network": denoiser.network.state_dict(),
            "average": average.state_dict(),
            "optimizers": {0: optimizer.state_dict()},
        }
        replaced(arguments.run / "checkpoint.pt", state)
        row = {
            "iteration": counter.value,
            "seconds": round(time.monotonic() - started),
            "images": len(bank.images),
            "loss": lost / max(steps, 1),
        }
        if arguments.watch:
            watched = Denoiser(average, CLAMP_SIGMAS).float().to(device)
            row |= {f"psnr{sigma}": round(psnr(watched, arguments.watch, sigma), 3) for sigma in (15, 25, 50)}
        logged(arguments.run / "log.csv", row)

    while counter.value < arguments.iterations:
        with counter.get_lock():
            counter.value += 1
            share = counter.value / arguments.iterations
        for group in optimizer.param_groups:
            group["lr"] = rate_at(share, arguments.rate)
        count, size = shape_at(share, arguments.pixels)
        samples = tuple(part.to(device) for part in batch(random, bank, count, size))
        loss = loss_of(denoiser, samples, share >= SQUARED_FROM, arguments.bf16)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(denoiser.parameters(), CLIP_NORM)
        optimizer.step()
        steps += 1
        lost += loss.item()
        if rank != 0:
            continue
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), denoiser.network.parameters()):
                slow.lerp_(fast, 1 - EMA)
        if time.monotonic() - saved >= arguments.checkpoint_seconds:
            save()
            saved, lost, steps = time.monotonic(), 0.0, 0
    if rank == 0:
        save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--iterations", type=int, default=60000)
    parser.add_argument("--start", type=Path, help="weights.pt to begin with instead of random ones")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--pixels", type=int, default=32768, help="pixels per batch")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--bf16", action="store_true", help="faster where the processor knows it, far slower elsewhere")
    parser.add_argument("--workers", type=int, default=1, help="processes that train the same weights (cpu)")
    parser.add_argument("--threads", type=int, default=1, help="threads per worker; 1 on a busy machine")
    parser.add_argument("--watch", type=Path, help="folder of PNGs whose PSNR is logged")
    parser.add_argument("--checkpoint-seconds", type=float, default=CHECKPOINT_SECONDS)
    arguments = parser.parse_args()

    if arguments.workers > 1 and arguments.device != "cpu":
        parser.error("Expected one worker with --device cuda: they share their weights in the processor's memory.")
    arguments.run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(arguments.seed)
    denoiser = Denoiser(Network(), CLAMP_SIGMAS).float()
    states, checkpoint = {}, arguments.run / "checkpoint.pt"
    if checkpoint.exists():
        states = torch.load(checkpoint, weights_only=True)
        denoiser.network.load_state_dict(states["network"])
        print(f"going on at iteration {states['iteration']}", flush=True)
    elif arguments.start:
        denoiser.network.load_state_dict(torch.load(arguments.start, weights_only=True))
    denoiser.to(memory_format=torch.channels_last)
    counter = multiprocessing.get_context("spawn").Value("q", states.get("iteration", 0))
    if arguments.workers == 1:
        work(0, arguments, denoiser, counter, states)
    else:
        denoiser.share_memory()
        multiprocessing.spawn(work, (arguments, denoiser, counter, states), nprocs=arguments.workers)


if __name__ == "__main__":
    main()
