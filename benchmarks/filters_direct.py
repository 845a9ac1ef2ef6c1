"""Direct form, all-pole and state space: `lfilter` and others against scipy, torchaudio, torchlpc.

    python benchmarks/filters_direct.py [--quick] [--json]

One thread, median process CPU time of rounds in which all contestants take turns, after one that
compiles. "forward" is without gradients; "both" is forward and backward, with gradients of the
input and of all coefficients. torchlpc, if it is installed, does the poles, and torch a convolution
the zeros. A state space's rival is the loop over time in numpy, forward.

The errors are the largest of an output over its largest sample, for a resonance at 0.3 radians per
sample and noise: float64 against extended precision, float32 against float64 with the same
coefficients.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
import scipy.signal
import torch
import torchaudio.functional
from torch import Tensor

from rnnmusic.filters.functional import allpole, lfilter, statespace

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchlpc import sample_wise_lpc
except ImportError:
    sample_wise_lpc = None

Contestants = dict[str, Callable[[], Any]]


def medians(contestants: Contestants, rounds: int, samples: int) -> dict[str, float]:
    """Nanoseconds of CPU time per sample of each, taking turns."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, function in contestants.items():
            begin = time.process_time()
            function()
            if turn:
                times[name].append(time.process_time() - begin)
    return {name: 1e9 * statistics.median(found) / samples for name, found in times.items()}


def by_torchlpc(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    order = len(a) - 1
    padded = torch.nn.functional.pad(x, (order, 0)).unsqueeze(1)
    zeros = torch.nn.functional.conv1d(padded, b.flip(0).view(1, 1, -1))[:, 0]
    poles = a[1:].expand(*x.shape, order)
    y: Tensor = sample_wise_lpc(zeros, poles)
    return y


def both(function: Callable[..., Tensor], leaves: list[Tensor]) -> Callable[[], Any]:
    leaves = [leaf.clone().requires_grad_() for leaf in leaves]
    weight = torch.randn_like(function(*leaves))
    return lambda: torch.autograd.grad(function(*leaves), leaves, weight)


def without_gradients(function: Callable[..., Any], leaves: list[Tensor]) -> Callable[[], Any]:
    def run() -> Any:
        with torch.no_grad():
            return function(*leaves)

    return run


def direct(order: int, channels: int, samples: int, dtype: torch.dtype) -> dict[str, Contestants]:
    """Forward, and both."""
    b, a = (torch.from_numpy(part).to(dtype) for part in scipy.signal.ellip(order, 0.1, 60, 0.2))
    x = torch.randn(channels, samples, dtype=dtype)

    def ours(*leaves: Tensor) -> Tensor:
        return lfilter(*leaves, clamp=False)

    def audio(*leaves: Tensor) -> Tensor:
        y: Tensor = torchaudio.functional.lfilter(*leaves, clamp=False)
        return y

    functions = {"rnnmusic": ours, "torchaudio": audio}
    if sample_wise_lpc is not None:
        functions["torchlpc"] = by_torchlpc
    arrays = b.numpy(), a.numpy(), x.numpy()
    forward = {name: without_gradients(f, [x, a, b]) for name, f in functions.items()}
    forward["scipy"] = lambda: scipy.signal.lfilter(*arrays)
    return {
        "forward": forward,
        "both": {name: both(f, [x, a, b]) for name, f in functions.items()},
    }


def varying(order: int, channels: int, samples: int) -> dict[str, Contestants]:
    """All-pole filters with other coefficients at every sample."""
    a = 0.9 * torch.randn(channels, samples, order).softmax(-1)
    leaves = [torch.randn(channels, samples), a]
    functions: dict[str, Callable[..., Tensor]] = {"rnnmusic": allpole}
    if sample_wise_lpc is not None:
        functions["torchlpc"] = sample_wise_lpc
    return {
        "forward": {name: without_gradients(f, leaves) for name, f in functions.items()},
        "both": {name: both(f, leaves) for name, f in functions.items()},
    }


def spaces(order: int, ports: int, samples: int) -> dict[str, Contestants]:
    """Dense state spaces with so many inputs and outputs."""
    a = torch.randn(order, order)
    a *= 0.99 / torch.linalg.eigvals(a).abs().max()
    matrices = [torch.randn(order, ports), torch.randn(ports, order), torch.randn(ports, ports)]
    leaves = [torch.randn(ports, samples), a, *matrices]
    x, *arrays = (leaf.numpy() for leaf in leaves)

    def loop() -> Any:
        transition, b, c, d = arrays
        driven, state, states = (b @ x).T, np.zeros(order, np.float32), []
        for fed in driven:
            states.append(state)
            state = transition @ state + fed
        return c @ np.array(states).T + d @ x

    return {
        "forward": {"rnnmusic": without_gradients(statespace, leaves), "numpy loop": loop},
        "both": {"rnnmusic": both(statespace, leaves)},
    }


def errors(samples: int) -> list[dict[str, Any]]:
    """Of poles ever closer to the circle."""
    rows = []
    x = torch.randn(samples, dtype=torch.float64)
    b = torch.tensor([0.1, 0.2, -0.1], dtype=torch.float64)
    for radius in (0.9, 0.99, 0.999, 0.9999):
        a = torch.tensor([1, -2 * radius * np.cos(0.3), radius**2], dtype=torch.float64)
        wide = [part.numpy().astype(np.longdouble) for part in (b, a, x)]
        exact = torch.from_numpy(scipy.signal.lfilter(*wide).astype(np.float64))
        single = [part.float() for part in (x, a, b)]
        rounded = lfilter(*(part.double() for part in single), clamp=False)

        def worst(found: Tensor, wanted: Tensor) -> float:
            return float((found.double() - wanted).abs().max() / wanted.abs().max())

        rows.append(
            {
                "radius": radius,
                "float64": worst(lfilter(x, a, b, clamp=False), exact),
                "float32": worst(lfilter(*single, clamp=False), rounded),
                "torchaudio_float32": worst(
                    torchaudio.functional.lfilter(*single, clamp=False), rounded
                ),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="short signals, few rounds")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rounds, samples = (3, 4_800) if options.quick else (15, 48_000)
    single, double = torch.float32, torch.float64
    cases = {
        ("order 12, float64, long", 1): direct(12, 1, 10 * samples, double),
        ("order 12, float64", 8): direct(12, 8, samples, double),
        ("order 2, float32", 8): direct(2, 8, samples, single),
        ("order 2, float32, long", 1): direct(2, 1, 10 * samples, single),
        ("all-pole, order 12, each sample its own", 8): varying(12, 8, samples // 10),
        ("state space, order 12", 1): spaces(12, 1, samples),
        ("state space, order 64", 1): spaces(64, 1, samples),
        ("state space, order 64, 4 x 4", 1): spaces(64, 4, samples),
    }
    lengths = {"order 2, float32, long": 10 * samples, "order 12, float64, long": 10 * samples}
    lengths["all-pole, order 12, each sample its own"] = samples // 10
    rows = []
    for (case, channels), parts in cases.items():
        for part, contestants in parts.items():
            count = channels * lengths.get(case, samples)
            found = medians(contestants, rounds, count)
            ours = found["rnnmusic"]
            ratios = {name: ns / ours for name, ns in found.items() if name != "rnnmusic"}
            rows.append(
                {
                    "case": case,
                    "channels": channels,
                    "what": part,
                    "ns_per_sample": found,
                    "times_rnnmusic": ratios,
                }
            )
    accuracy = errors(samples)
    if options.json:
        print(json.dumps({"speed": rows, "error": accuracy}, indent=2))
        return
    print(f"{'ns per sample':<56}{'rnnmusic':>9}  others, and how many times ours they take")
    for row in rows:
        title = f"{row['case']}, {row['channels']} channels, {row['what']}"
        others = "  ".join(
            f"{name} {row['ns_per_sample'][name]:.1f} ({times:.1f} x)"
            for name, times in row["times_rnnmusic"].items()
        )
        print(f"{title:<56}{row['ns_per_sample']['rnnmusic']:>9.2f}  {others}")
    print(
        f"\n{'largest error, poles at radius':<32}{'float64':>10}{'float32':>10}{'torchaudio':>12}"
    )
    for row in accuracy:
        print(
            f"{row['radius']:<32}{row['float64']:>10.1e}{row['float32']:>10.1e}"
            f"{row['torchaudio_float32']:>12.1e}"
        )


if __name__ == "__main__":
    main()
