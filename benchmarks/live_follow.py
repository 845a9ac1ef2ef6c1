"""Following MIDI clock: how far the beat is off, by jitter and by what the tempo does.

    python benchmarks/live_follow.py [--seeds 200] [--json]

Simulated clocks of 40 to 240 bpm, the tempo unknown at first (a guess of 60 to 200). Each row is
the phase error (milliseconds, absolute) where ticks truly are, just before they arrive: within
the beat after the first two, and later; after a step of the tempo, and during a ramp, from the
second beat after it on. `normal` jitter has the standard deviation given; `usb` is delivery in
frames of 1 ms with a Gaussian 0.2 ms and, for 1 tick in 100, 3 ms on top; the mean delay, which
no receiver can know, isn't counted. The peer is what a simple follower does: the tempo from the
last 24 intervals, the phase from the last tick.
"""

from __future__ import annotations

import argparse
import json
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmusic.live.timing.beat import BeatClock
from rnnmusic.live.timing.follow import ClockFollower

Times = NDArray[np.float64]
Jitter = Callable[[np.random.Generator, Times], Times]
_BEAT = 24


def normal(deviation_s: float) -> Jitter:
    return lambda rng, times_s: times_s + rng.normal(scale=deviation_s, size=len(times_s))


def usb(rng: np.random.Generator, times_s: Times) -> Times:
    late = rng.normal(scale=2e-4, size=len(times_s)) + 3e-3 * (rng.random(len(times_s)) < 0.01)
    return np.ceil((times_s + late) * 1000) / 1000 - 5e-4


def followed(times_s: Times, heard_s: Times, guess_bpm: float) -> Times:
    """Errors of the beat clock at the true ticks, in seconds."""
    clock = BeatClock(tempo_bpm=guess_bpm, start_s=0.0)
    clock.stop(0.0)
    follower = ClockFollower(clock)
    follower.start(0.0)
    errors_s = [0.0]
    follower.tick(float(heard_s[0]))
    for i in range(1, len(times_s)):
        errors_s.append(clock.beat_due_s(i / _BEAT) - times_s[i])
        follower.tick(float(heard_s[i]))
    return np.abs(errors_s)


def simply_followed(times_s: Times, heard_s: Times, guess_bpm: float) -> Times:
    """The same of a follower that averages 24 intervals and takes each tick for the beat."""
    last: deque[float] = deque([float(heard_s[0])], maxlen=_BEAT + 1)
    errors_s = [0.0]
    for i in range(1, len(times_s)):
        known = len(last) > 1
        period_s = (last[-1] - last[0]) / (len(last) - 1) if known else 60 / _BEAT / guess_bpm
        errors_s.append(last[-1] + period_s - times_s[i])
        last.append(float(heard_s[i]))
    return np.abs(errors_s)


def ticks(tempi_bpm: Times) -> Times:
    return 10.0 + np.concatenate([[0.0], np.cumsum(60 / (_BEAT * tempi_bpm))])


def steady(bpm: float) -> Times:
    return np.full(10 * _BEAT, bpm)


def measure(
    name: str, tempi: Callable[[float], Times], cuts: slice, jitter: Jitter, seeds: int
) -> dict[str, Any]:
    row: dict[str, Any] = {"what": name}
    for who, follow in (("ours", followed), ("simple", simply_followed)):
        errors_ms = []
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            times_s = ticks(tempi(rng.uniform(40, 240)))
            heard_s = np.maximum.accumulate(jitter(rng, times_s))
            errors_ms.append(follow(times_s, heard_s, rng.uniform(60, 200))[cuts] * 1e3)
        p50, p95, p99 = np.percentile(np.concatenate(errors_ms), [50, 95, 99])
        row[who] = {"p50": p50, "p95": p95, "p99": p99, "max": np.concatenate(errors_ms).max()}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    jitters = {"none": normal(0.0), "usb": usb}
    jitters |= {f"{ms} ms": normal(ms / 1e3) for ms in (0.2, 0.5, 1.0, 2.0)}
    cases: dict[str, tuple[Callable[[float], Times], slice]] = {
        "3rd beat": (steady, slice(2 * _BEAT, 3 * _BEAT)),
        "beats 5 to 10": (steady, slice(4 * _BEAT, 10 * _BEAT)),
        "3rd beat after +25 %": (
            lambda bpm: np.concatenate([steady(bpm), steady(1.25 * bpm)]),
            slice(12 * _BEAT, 13 * _BEAT),
        ),
        "3rd beat after -40 %": (
            lambda bpm: np.concatenate([steady(bpm), steady(0.6 * bpm)]),
            slice(12 * _BEAT, 13 * _BEAT),
        ),
        "during +1 % a beat": (
            lambda bpm: np.concatenate([steady(bpm), bpm * 1.01 ** (np.arange(8 * _BEAT) / _BEAT)]),
            slice(12 * _BEAT, 18 * _BEAT),
        ),
        "during -5 % a beat": (
            lambda bpm: np.concatenate([steady(bpm), bpm * 0.95 ** (np.arange(8 * _BEAT) / _BEAT)]),
            slice(12 * _BEAT, 18 * _BEAT),
        ),
    }
    rows = [
        measure(f"{what}, jitter {name}", tempi, cuts, jitter, options.seeds)
        for what, (tempi, cuts) in cases.items()
        for name, jitter in jitters.items()
    ]
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(
        f"{'milliseconds':36s} {'p50':>6s} {'p95':>6s} {'p99':>6s} {'max':>6s}   simple: p50    p99"
    )
    for row in rows:
        ours = " ".join(f"{value:6.2f}" for value in row["ours"].values())
        simple = row["simple"]
        print(f"{row['what']:36s} {ours}         {simple['p50']:6.2f} {simple['p99']:6.2f}")


if __name__ == "__main__":
    main()
