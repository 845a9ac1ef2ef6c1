"""Steps per second of the echo state network against reservoirpy, side by side in one run.

    python benchmarks/reservoir_speed.py [--units 400 --connectivity 0.1 --steps 20000]

Both have the same numbers of units and of weights and run in float64 on one thread over the same
input; each figure is the median of several runs, taken in turns. reservoirpy: pip install
reservoirpy (the group `peers`).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from rnnmusic.recurrent import build


def ours(units: int, connectivity: float, series: np.ndarray) -> Callable[[], None]:
    torch.manual_seed(0)
    network = build("esn", 1, units, connectivity=connectivity, leak=0.3).double().eval()
    x = torch.tensor(series)[None]

    def run() -> None:
        with torch.no_grad():
            network(x)

    return run


def theirs(units: int, connectivity: float, series: np.ndarray) -> Callable[[], None]:
    from reservoirpy.nodes import Reservoir

    reservoir = Reservoir(units, sr=0.9, lr=0.3, rc_connectivity=connectivity, seed=0)
    return lambda: reservoir.run(series)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, nargs="+", default=[100, 400, 1000])
    parser.add_argument("--connectivity", type=float, default=0.1)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    series = np.random.default_rng(0).uniform(-1, 1, (options.steps, 1))
    print(f"{'units':>6}  {'rnnmusic':>12}  {'reservoirpy':>12}  ratio   (steps per second)")
    with threadpool_limits(1):
        for units in options.units:
            runs = [make(units, options.connectivity, series) for make in (ours, theirs)]
            seconds: list[list[float]] = [[], []]
            for run in runs:
                run()
            for _ in range(options.repeats):
                for taken, run in zip(seconds, runs, strict=True):
                    begun = time.perf_counter()
                    run()
                    taken.append(time.perf_counter() - begun)
            mine, other = (options.steps / statistics.median(taken) for taken in seconds)
            print(f"{units:>6}  {mine:>12,.0f}  {other:>12,.0f}  {mine / other:>5.2f}x")


if __name__ == "__main__":
    main()
