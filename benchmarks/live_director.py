"""From an event to its plan: what a director takes to answer a note or a control, milliseconds.

    python benchmarks/live_director.py [CHECKPOINT] [--json] [--quick]

A performance of notes and rests at random, as it happens live: the music is sampled a quarter
ahead, then something comes in. The plan that answers a note in a duet holds what the model plays
with it in the next half quarter; in harmonise, the voices that sound with it. wall is the clock on
the wall; cpu is this thread's processor time, which leaves out what neighbours on a busy machine
take. One thread, no garbage collection, as in the sampler's process.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from rnnmusic import checkpoint
from rnnmusic.live.directing.director import Director
from rnnmusic.live.directing.settings import DirectorSettings
from rnnmusic.live.events import Event, Extend, Heard, Turned
from rnnmusic.sampling.compiled import export
from rnnmusic.sampling.stepper import Stepper

AHEAD_QUARTERS, GRAIN_QUARTERS, LATE_QUARTERS = 1.0, 0.25, 0.02
WARM_UP = 50
CASES = {
    "note in a duet": "duet",
    "note in harmonise": "harmonise",
    "note of a phrase": "respond",
    "control in a solo": "solo",
}


def happenings(mode: str, count: int) -> Iterator[Event]:
    """Keys struck and let go, one at a time, or in a solo a control that is turned."""
    rng = np.random.default_rng(1)
    time_quarters, pitch, is_down = 0.0, 60, False
    for _ in range(count):
        time_quarters += float(rng.uniform(0.05, 0.5))
        at = time_quarters + LATE_QUARTERS
        if mode == "solo":
            yield Turned(at, "temperature", float(rng.uniform(0.5, 1.5)))
            continue
        pitch = pitch if is_down else int(rng.integers(55, 80))
        yield Heard(at, time_quarters, (0x80 if is_down else 0x90, pitch, 80))
        is_down = not is_down


def measure(stepper: Stepper, mode: str, count: int) -> dict[str, dict[str, float]]:
    """Percentiles in milliseconds, by clock."""
    director = Director(DirectorSettings("any", seed=1, mode=mode), lambda _: stepper)
    ready, wall_ms, cpu_ms = 0.0, [], []
    for event in happenings(mode, count + WARM_UP):
        while ready < event.at_quarters + AHEAD_QUARTERS:
            ready = director.handle(Extend(ready + GRAIN_QUARTERS)).ready_quarters
        wall_s, cpu_s = time.perf_counter(), time.thread_time()
        ready = director.handle(event).ready_quarters
        cpu_ms.append(1e3 * (time.thread_time() - cpu_s))
        wall_ms.append(1e3 * (time.perf_counter() - wall_s))
    return {"wall": spread(wall_ms[WARM_UP:]), "cpu": spread(cpu_ms[WARM_UP:])}


def spread(values: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": round(float(p50), 3), "p99": round(float(p99), 3), "max": round(max(values), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", nargs="?", default="bach-gru")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    stepper = export(checkpoint.load(arguments.checkpoint).generator)
    gc.freeze()
    gc.disable()
    count = 200 if arguments.quick else 2000
    results: dict[str, Any] = {name: measure(stepper, mode, count) for name, mode in CASES.items()}
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{'ms, ' + arguments.checkpoint:24}{'p50':>8}{'p99':>8}{'max':>8}   cpu p50     p99")
    for name, clocks in results.items():
        wall, cpu = clocks["wall"], clocks["cpu"]
        print(
            f"{name:24}{wall['p50']:8.2f}{wall['p99']:8.2f}{wall['max']:8.2f}"
            f"{cpu['p50']:10.2f}{cpu['p99']:8.2f}"
        )


if __name__ == "__main__":
    main()
