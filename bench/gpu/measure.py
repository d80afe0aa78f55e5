"""Mpixel/s of exported graphs for batch × tile size on a GPU, and their largest difference from the first one on the CPU.

measure.py GRAPH.onnx [GRAPH.onnx …] [--provider cuda|tensorrt|cpu] [--batches 1 2 4 8] [--tiles 512 1024 …]
           [--rounds 5] [--seconds 1]

Graphs are those of the platform's contract: image UINT16 [N,1,H,W] and params FP32 [N,4] in, denoised UINT16 [N,1,H,W] out.
Prints a Markdown table.
"""

import argparse
import json
import pathlib
import platform
import statistics
import subprocess
import time

import numpy as np
import onnxruntime

PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
# As the server's own Triton configuration has them.
CUDA_OPTIONS = {"cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested"}
SIGMA_STEPS = 1500
COMPARED_TILE = 512


def open_graph(path, provider):
    """A session on this provider; an error where ONNX Runtime would quietly have taken the CPU instead."""
    name = PROVIDERS[provider]
    available = onnxruntime.get_available_providers()
    if name not in available:
        raise SystemExit(f"Expected {name} but this onnxruntime has {', '.join(available)}. Install onnxruntime-gpu.")
    chosen = {
        "cuda": [(name, CUDA_OPTIONS)],
        "tensorrt": [name, (PROVIDERS["cuda"], CUDA_OPTIONS)],
        "cpu": [name],
    }[provider]
    session = onnxruntime.InferenceSession(path, providers=chosen)
    if session.get_providers()[0] != name:
        raise SystemExit(f"Expected {name} to open {path} but it fell back to {session.get_providers()[0]}.")
    return session


def feeds(batch, side, seed=1):
    """Tiles of waves under noise, and the parameters that the server would send with them."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    clean = 20000 + 8000 * np.sin(x / 37) * np.cos(y / 53)
    noisy = clean + random.normal(0, SIGMA_STEPS, (batch, 1, side, side))
    params = np.tile(np.array([0, 1 / 65535, 0, (SIGMA_STEPS / 65535) ** 2], np.float32), (batch, 1))
    return {"image": np.clip(np.rint(noisy), 0, 65535).astype(np.uint16), "params": params}


def megapixels_per_second(session, tiles, seconds):
    """From the host's memory to the host's memory, as the server's tiles go."""
    runs = 0
    start = time.perf_counter()
    while True:
        session.run(["denoised"], tiles)
        runs += 1
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return runs * tiles["image"].size / elapsed / 1e6


def largest_difference(session, reference):
    tiles = feeds(1, COMPARED_TILE, seed=2)
    (ours,), (theirs,) = session.run(["denoised"], tiles), reference.run(["denoised"], tiles)
    return int(np.abs(ours.astype(np.int32) - theirs.astype(np.int32)).max())


def measure(sessions, batch, side, rounds, seconds):
    """Speeds by graph, in turns over the graphs; None where the shape did not fit."""
    tiles = feeds(batch, side)
    speeds = {name: [] for name in sessions}
    for _ in range(rounds + 1):
        for name, session in sessions.items():
            if speeds[name] is None:
                continue
            try:
                speeds[name].append(megapixels_per_second(session, tiles, seconds))
            except Exception as error:
                if "memory" not in str(error).lower():
                    raise
                speeds[name] = None
    # The first round warms the shape up: kernels are chosen and loaded, or engines built.
    return {name: each and each[1:] for name, each in speeds.items()}


def written(speeds):
    if speeds is None:
        return "does not fit"
    return f"{statistics.median(speeds):.3g} ({min(speeds):.3g}–{max(speeds):.3g})"


def machine():
    try:
        query = ["nvidia-smi", "--query-gpu=name,driver_version,power.limit", "--format=csv,noheader"]
        gpu = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        gpu = "no NVIDIA GPU"
    return f"{gpu}; onnxruntime {onnxruntime.__version__}, Python {platform.python_version()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graphs", nargs="+", type=pathlib.Path, metavar="GRAPH.onnx")
    parser.add_argument("--provider", choices=PROVIDERS, default="cuda")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--tiles", type=int, nargs="+", help="sides in pixels (default: tile_sizes of the first graph)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    arguments = parser.parse_args()

    sessions = {path.name: open_graph(path, arguments.provider) for path in arguments.graphs}
    reference = open_graph(arguments.graphs[0], "cpu")
    first = next(iter(sessions.values()))
    sides = arguments.tiles or json.loads(first.get_modelmeta().custom_metadata_map["tile_sizes"])

    print(f"{machine()}; {PROVIDERS[arguments.provider]}; {arguments.rounds} rounds of {arguments.seconds} s in turns\n")
    for name, session in sessions.items():
        difference = largest_difference(session, reference)
        print(f"- {name}: at most {difference} steps of 16 bits from {arguments.graphs[0].name} on the CPU")
    print(f"\n| tile | batch | {' | '.join(f'{name}, Mpixel/s' for name in sessions)} |")
    print(f"|{'---|' * (2 + len(sessions))}")
    for side in sides:
        for batch in arguments.batches:
            speeds = measure(sessions, batch, side, arguments.rounds, arguments.seconds)
            print(f"| {side}² | {batch} | {' | '.join(written(each) for each in speeds.values())} |", flush=True)


if __name__ == "__main__":
    main()
