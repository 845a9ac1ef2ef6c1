"""Second-order sections: `sosfilt` and streaming against torchaudio, torchlpc and scipy.

    python benchmarks/filters_sections.py [--quick] [--json]

Everything in float32, one thread, median process CPU time of rounds in which all contestants take
turns. Gradients are those of the input and of all coefficients. torchaudio's lfilter is called
section by section, as a user without `sosfilt` would; so is torchlpc, if it is installed, for the
poles, with a convolution for the zeros. scipy computes in the type of its input, float32 too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy.signal
import torch
from torchaudio.functional import lfilter

from rnnmusic.filters.functional import sections
from rnnmusic.filters.kernels.cascade import Cascade

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchlpc import sample_wise_lpc
except ImportError:
    sample_wise_lpc = None

SIX = scipy.signal.ellip(12, 0.5, 60, 0.3, output="sos")
BLOCK = 64


@dataclass
class Row:
    """One case: what each contestant took, in the unit that the case says."""

    case: str
    ours: float
    peers: dict[str, float]
    #: "1/20 torchaudio", or a figure in the unit of the case.
    target: str
    ratio: float
    reached: bool


def medians(contestants: dict[str, Callable[[], Any]], rounds: int, calls: int) -> dict[str, float]:
    """Seconds of CPU time of one call of each, taking turns.

    Each is called once more before it is timed: what its predecessor did to the allocator and the
    caches isn't its own doing.
    """
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, function in contestants.items():
            function()
            begin = time.process_time()
            for _ in range(calls):
                function()
            times[name].append((time.process_time() - begin) / calls)
    return {name: statistics.median(values) for name, values in times.items()}


def gradients(function: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> Callable[[], Any]:
    """A forward and backward pass."""
    upstream = torch.randn_like(inputs[0])

    def run() -> None:
        leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        torch.autograd.grad(function(*leaves), leaves, upstream)

    return run


def by_torchaudio(waveform: torch.Tensor, sos: torch.Tensor) -> torch.Tensor:
    for section in sos:
        waveform = lfilter(waveform, section[3:], section[:3], clamp=False)
    return waveform


def by_torchlpc(waveform: torch.Tensor, sos: torch.Tensor) -> torch.Tensor:
    rows, frames = waveform.shape
    for b0, b1, b2, _, a1, a2 in sos:
        before = torch.nn.functional.pad(waveform, (2, 0))
        zeros = b0 * waveform + b1 * before[:, 1:-1] + b2 * before[:, :-2]
        poles = torch.stack([a1, a2]).expand(rows, frames, 2)
        waveform = sample_wise_lpc(zeros, poles)
    return waveform


def training(case: str, count: int, shape: tuple[int, int], goal: int, rounds: int) -> Row:
    """Forward and backward, in ns a sample; goal: how many times faster than torchaudio."""
    waveform, sos = torch.randn(shape), torch.tensor(SIX[:count], dtype=torch.float32)
    contestants = {
        "ours": gradients(sections.sosfilt, waveform, sos),
        "torchaudio": gradients(by_torchaudio, waveform, sos),
    }
    if sample_wise_lpc is not None:
        contestants["torchlpc"] = gradients(by_torchlpc, waveform, sos)
    found = {k: 1e9 * v / waveform.numel() for k, v in medians(contestants, rounds, 1).items()}
    ours = found.pop("ours")
    ratio = found["torchaudio"] / ours
    return Row(f"{case}, ns/sample", ours, found, f"1/{goal} torchaudio", ratio, ratio >= goal)


def playing(channels: int, goal: float, rounds: int) -> Row:
    """Forward only, six sections, in ns a sample."""
    waveform = torch.randn(channels, 48_000)
    sos, array = torch.tensor(SIX, dtype=torch.float32), waveform.numpy()
    single = SIX.astype(np.float32)
    double, rest = array.astype(np.float64), np.zeros((len(SIX), channels, 2))
    contestants: dict[str, Callable[[], Any]] = {
        "ours": lambda: sections.sosfilt(waveform, sos),
        "scipy": lambda: scipy.signal.sosfilt(single, array),
        "scipy float64": lambda: scipy.signal.sosfilt(SIX, double, zi=rest),
        "copy": lambda: waveform.clone(),
    }
    found = {k: 1e9 * v / array.size for k, v in medians(contestants, rounds, 1).items()}
    ours = found.pop("ours")
    return Row(
        f"six sections forward, {channels} x 48,000, ns/sample", ours, found, f"{goal} ns",
        found["scipy"] / ours, ours <= goal,
    )  # fmt: skip


def streaming(goal: float, rounds: int) -> Row:
    """Six sections over one channel, block after block with its state, in us a block."""
    block = np.zeros((1, BLOCK), np.float32)
    block[:] = np.random.default_rng(0).standard_normal(BLOCK)
    cascade, single = Cascade(SIX, 1), SIX.astype(np.float32)
    state = np.zeros((len(SIX), 1, 2), np.float32)

    def ours() -> None:
        cascade.run(block.copy())

    def scipys() -> None:
        nonlocal state
        _, state = scipy.signal.sosfilt(single, block, zi=state)

    found = medians({"ours": ours, "scipy": scipys}, rounds, 200)
    mine, peer = (1e6 * found[name] for name in ("ours", "scipy"))
    return Row(
        f"six sections streaming, {BLOCK} samples, us/block", mine, {"scipy": peer}, f"{goal} us",
        peer / mine, mine <= goal,
    )  # fmt: skip


def measure(quick: bool = False) -> list[Row]:
    """All rows; quick is a smoke test, its figures mean little."""
    torch.set_num_threads(1)
    if sample_wise_lpc is not None:
        import numba

        numba.set_num_threads(1)
    warnings.filterwarnings("ignore", "Cannot find custom extension")  # of torchlpc
    rounds = 2 if quick else 9
    return [
        training("six sections f+b, 8 x 48,000", 6, (8, 48_000), 20, rounds),
        training("six sections f+b, 1 x 480,000", 6, (1, 480_000), 15, rounds),
        training("one section f+b, 8 x 48,000", 1, (8, 48_000), 9, rounds),
        playing(8, 1.5, 3 * rounds),
        playing(16, 1.0, 3 * rounds),
        streaming(3.0, 3 * rounds),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two rounds only")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    rows = measure(arguments.quick)
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return
    print(f"{'case':<46}{'ours':>8}{'ratio':>8}  {'target':<16}{'':<9}peers")
    for row in rows:
        peers = ", ".join(f"{name} {value:.3g}" for name, value in row.peers.items())
        verdict = "reached" if row.reached else "missed"
        print(
            f"{row.case:<46}{row.ours:>8.3g}{row.ratio:>8.1f}  {row.target:<16}{verdict:<9}{peers}"
        )


if __name__ == "__main__":
    main()
