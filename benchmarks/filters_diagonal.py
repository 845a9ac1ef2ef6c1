"""Diagonal recurrences against FFT convolution: forward + backward, one thread, CPU time.

    python benchmarks/filters_diagonal.py [--quick] [--json] [--plot diagonal.png]

The filter: 64 complex modes, one channel of 65,536 samples in float32, gradients for the input, the
poles and both gains. Its rivals make the impulse response and convolve by FFT in torch: the way of
S4D's published code, a Vandermonde product over all modes and samples, and a faster one, which
factors that product into two small ones (powers of the pole within and across blocks). All run in
turn in one process; the medians of process CPU time are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor

from rnnmusic.filters.functional.diagonal import diagonal_ssm
from rnnmusic.filters.functional.scan import diagonal_scan

MODES, SAMPLES = 64, 65_536
Filter = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def convolution(kernel: Tensor, waveform: Tensor) -> Tensor:
    """The first samples of kernel * waveform, both (T,)."""
    n_fft = 2 * len(waveform)
    spectrum = torch.fft.rfft(kernel, n_fft) * torch.fft.rfft(waveform, n_fft)
    filtered: Tensor = torch.fft.irfft(spectrum, n_fft)
    return filtered[: len(waveform)]


def by_vandermonde(waveform: Tensor, poles: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """The impulse response as a product of (modes) and (modes, samples)."""
    steps = torch.arange(len(waveform))
    return convolution(2 * ((b * c) @ torch.exp(poles.log()[:, None] * steps)).real, waveform)


def by_two_factors(waveform: Tensor, poles: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """The same, with pole**(256 i + j) = pole**(256 i) pole**j: a product of (256, modes) twice."""
    block = 256
    rate = poles.log()[:, None]
    within = torch.exp(rate * torch.arange(block))
    across = torch.exp(rate * block * torch.arange(-(-len(waveform) // block)))
    kernel = 2 * ((across * (b * c)[:, None]).T @ within).real
    return convolution(kernel.flatten()[: len(waveform)], waveform)


def by_scan(waveform: Tensor, poles: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Every state of every mode, by the loop over time."""
    states = diagonal_scan(waveform[:, None] * b, poles)
    return 2 * (states @ c).real


def fused(waveform: Tensor, poles: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """rnnmusic's."""
    return diagonal_ssm(waveform, poles, b, c)


def arguments(samples: int, modes: int) -> list[Tensor]:
    """A waveform and modes with radii from 0.9 to 0.999."""
    generator = torch.Generator().manual_seed(0)
    radius = 1 - 10 ** (-1 - 2 * torch.rand(modes, generator=generator))
    angle = torch.pi * torch.rand(modes, generator=generator)
    gains = torch.randn(2, modes, dtype=torch.complex64, generator=generator)
    waveform = torch.randn(samples, generator=generator)
    return [waveform, torch.polar(radius, angle), *gains]


def cpu_ms(filters: list[Filter], given: list[Tensor], rounds: int) -> list[float]:
    """Median CPU milliseconds of forward + backward of each, run in turn."""
    given = [part.clone().requires_grad_() for part in given]
    grad = torch.randn(len(given[0]), generator=torch.Generator().manual_seed(1))
    times: list[list[float]] = [[] for _ in filters]
    for turn in range(rounds + 1):
        for number, filtered in enumerate(filters):
            begin = time.process_time()
            torch.autograd.grad(filtered(*given), given, grad)
            if turn:  # the first compiles, plans and touches memory
                times[number].append(1e3 * (time.process_time() - begin))
    return [statistics.median(part) for part in times]


def error(filtered: Filter, given: list[Tensor], exact: Tensor) -> float:
    """Root mean square of the error over that of the output."""
    with torch.no_grad():
        return float((filtered(*given) - exact).norm() / exact.norm())


def compare(rounds: int) -> dict[str, Any]:
    """The table: CPU time, ratio to ours, error against the scan in double precision."""
    given = arguments(SAMPLES, MODES)
    exact = by_scan(*(part.to(torch.promote_types(part.dtype, torch.float64)) for part in given))
    filters: list[Filter] = [by_vandermonde, by_two_factors, by_scan, fused]
    times = cpu_ms(filters, given, rounds)
    return {
        filtered.__name__: {
            "cpu_ms": ms,
            "times_fused": ms / times[-1],
            "ns_per_sample": 1e6 * ms / SAMPLES,
            "relative_error": error(filtered, given, exact),
        }
        for filtered, ms in zip(filters, times, strict=True)
    }


def scaling(rounds: int) -> dict[str, list[tuple[int, float, float]]]:
    """CPU milliseconds of ours and of the faster FFT, over samples and over modes."""
    rivals: list[Filter] = [fused, by_two_factors]
    samples = [2**power for power in range(13, 20)]
    modes = [8, 16, 32, 64, 128, 256]
    return {
        "samples": [(n, *cpu_ms(rivals, arguments(n, MODES), rounds)) for n in samples],
        "modes": [(n, *cpu_ms(rivals, arguments(SAMPLES, n), rounds)) for n in modes],
    }


def slopes(rows: list[tuple[int, float, float]]) -> float:
    """The exponent e of time ~ size**e over the upper half of the sizes."""
    (low, low_ms, _), (high, high_ms, _) = rows[len(rows) // 2 - 1], rows[-1]
    return float(torch.tensor(high_ms / low_ms).log() / torch.tensor(high / low).log())


def plot(rows: dict[str, list[tuple[int, float, float]]], path: str) -> None:
    """Both scalings, on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    titles = {"samples": f"{MODES} modes", "modes": f"{SAMPLES:,} samples"}
    for axis, (name, points) in zip(axes, rows.items(), strict=True):
        sizes, ours, fft = zip(*points, strict=True)
        axis.loglog(sizes, ours, "o-", label="diagonal_ssm", base=2)
        axis.loglog(sizes, fft, "s-", label="impulse response and FFT", base=2)
        last = ours[-1] / sizes[-1]
        axis.loglog(sizes, [last * n for n in sizes], ":", color="gray", label="linear", base=2)
        axis.set(xlabel=name, title=titles[name])
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("forward + backward, CPU ms")
    axes[0].legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Diagonal recurrences against FFT convolution.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, no scaling")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--plot", metavar="PNG", help="draw the scaling")
    options = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {"diagonal": compare(3 if options.quick else 15)}
    if not options.quick or options.plot:
        result["scaling"] = scaling(5)
        result["exponents"] = {key: slopes(rows) for key, rows in result["scaling"].items()}
    if options.plot:
        plot(result["scaling"], options.plot)
    if options.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{MODES} complex modes, {SAMPLES:,} samples, float32, forward + backward")
    print(f"{'':<16}{'CPU ms':>9}{'ns/sample':>11}{'x fused':>9}{'error':>10}")
    for name, row in result["diagonal"].items():
        print(
            f"{name:<16}{row['cpu_ms']:>9.2f}{row['ns_per_sample']:>11.1f}"
            f"{row['times_fused']:>9.1f}{row['relative_error']:>10.1e}"
        )
    for key, exponent in result.get("exponents", {}).items():
        print(f"time ~ {key} ** {exponent:.2f}")
        for size, ours, fft in result["scaling"][key]:
            print(f"  {size:>8,}{ours:>9.2f} ms, FFT{fft:>9.2f} ms")


if __name__ == "__main__":
    main()
