"""A training step (forward and backward) of every recurrence against nn.LSTM of equal size.

    python benchmarks/flavours_training.py [--json] [--quick]

One thread, random inputs of B x T x H whose gradient is asked for, as of a layer within a network,
single precision. The contestants take turns in one run, so that a busy machine slows all of them;
figures are medians of processor time, and ratios to nn.LSTM(H, H).

- lru: at three shapes the linear recurrent unit itself, DiagonalSsm(H, H) with H complex modes and
  a diagonal feedthrough (H inputs, H outputs, 4 H**2 products a step against 8 H**2 of the LSTM's),
  and the block of the flavour "lru" (layer norm, H / 2 modes, gelu, full gate, residual: 4 H**2).
- scans: the compiled loop over time that `diagonal_scan` uses on a CPU, and the chunked scan of
  torch operations, which more lanes would have to make the faster one.
- flavours: one layer of everything in RECURRENT at its defaults, at one small shape.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rnnmusic.errors import RnnMusicError
from rnnmusic.filters.functional.scan import chunked_scan, engine_for
from rnnmusic.recurrent import RECURRENT, DiagonalSsm

SHAPES = ((32, 128, 512), (16, 512, 128), (1, 4096, 128))
SMALL = (16, 64, 64)
# Rows, steps, modes: the three shapes, and few lanes.
SCANS = (*SHAPES, (1, 4096, 8), (1, 16384, 1))

Step = Callable[[], None]


def training_step(layer: nn.Module, x: Tensor) -> Step:
    """Outputs of x (B, T, H), the mean of their squares, and its gradients."""

    def step() -> None:
        x.grad = None
        layer.zero_grad(set_to_none=True)
        y, _ = layer(x)
        y.square().mean().backward()

    return step


def medians(steps: dict[str, Step], repeats: int) -> dict[str, float]:
    """Milliseconds of processor time; each contestant has run twice before."""
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(repeats + 2):
        for name, step in steps.items():
            began = time.process_time()
            step()
            if turn >= 2:
                taken[name].append(1e3 * (time.process_time() - began))
    return {name: statistics.median(values) for name, values in taken.items()}


def inputs(shape: tuple[int, int, int]) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(shape, requires_grad=True)


def lru(shape: tuple[int, int, int], repeats: int) -> dict[str, float]:
    size, x = shape[2], inputs(shape)
    layers = {
        "nn.LSTM": nn.LSTM(size, size, batch_first=True),
        "nn.GRU": nn.GRU(size, size, batch_first=True),
        "LRU": DiagonalSsm(size, size, feedthrough="diagonal"),
        "LRU block": RECURRENT["lru"].make(size, size),
    }
    return medians({name: training_step(layer, x) for name, layer in layers.items()}, repeats)


def scans(shape: tuple[int, int, int], repeats: int) -> dict[str, float]:
    """A scan, one backwards as its adjoint is, and the gradient of the multipliers."""
    rows, _, modes = shape
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=torch.complex64)
    a = torch.polar(torch.full((modes,), 0.99), torch.rand(modes))
    start = torch.zeros(rows, modes, dtype=torch.complex64)

    def step_of(scan: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Step:
        def step() -> None:
            h = scan(x, a, start)
            grad = scan(h.flip(1), a.conj(), start).flip(1)
            torch.einsum("rtn,rtn->n", grad, h.conj())

        return step

    return medians({"loop": step_of(engine_for(x)), "chunks": step_of(chunked_scan)}, repeats)


def flavours(shape: tuple[int, int, int], repeats: int) -> dict[str, Any]:
    """Milliseconds by flavour, or why there are none."""
    size, x = shape[2], inputs(shape)
    steps = {"nn.LSTM": training_step(nn.LSTM(size, size, batch_first=True), x)}
    refused: dict[str, str] = {}
    for name, flavour in RECURRENT.items():
        torch.manual_seed(0)
        try:
            steps[name] = training_step(flavour.make(size, size), x)
            steps[name]()
        except (RnnMusicError, RuntimeError) as error:
            steps.pop(name, None)
            refused[name] = str(error).split("\n", 1)[0]
    return {**medians(steps, repeats), **refused}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    arguments = parser.parse_args()
    repeats = 3 if arguments.quick else 11
    torch.set_num_threads(1)
    named = {shape: "x".join(map(str, shape)) for shape in (*SHAPES, *SCANS, SMALL)}
    results: dict[str, Any] = {
        "lru": {named[shape]: lru(shape, repeats) for shape in SHAPES},
        "scans": {named[shape]: scans(shape, repeats) for shape in SCANS},
        "flavours": {named[SMALL]: flavours(SMALL, repeats)},
    }
    if arguments.json:
        print(json.dumps({"threads": 1, "repeats": repeats, "ms": results}, indent=2))
        return
    for part, tables in results.items():
        for shape, figures in tables.items():
            print(f"\n{part}, {shape}: milliseconds, and their ratio to the first")
            first = next(iter(figures.values()))
            for name, value in figures.items():
                told = value if isinstance(value, str) else f"{value:9.2f} {value / first:8.2f}"
                print(f"  {name:18}{told}")


if __name__ == "__main__":
    main()
