"""Recurrent networks as effects: how near they come to an amplifier, and how fast they play.

    python benchmarks/filters_effects.py [--quick] [--json]

The device: plucked strings (Karplus and Strong 1983) through a high-pass, tanh of six times as much
and a low-pass, ten seconds at 44.1 kHz, the last 15 % held out. Error-to-signal ratio in dB there;
the real-time factor is process time per second of sound, in blocks of 64 samples, on one thread.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from rnnmusic import effects

RATE = 44_100
SECONDS = 10


def strings() -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    x = np.zeros(RATE * SECONDS)
    for _ in range(60):
        pitch_hz = 82.4 * 2 ** (rng.integers(0, 30) / 12)
        at, period = rng.integers(0, len(x) - RATE), int(RATE / pitch_hz)
        line = rng.uniform(-1, 1, period)
        note = np.empty(RATE)
        for begin in range(0, RATE, period):
            count = min(period, RATE - begin)
            note[begin : begin + count] = line[:count]
            line = 0.498 * (line + np.roll(line, 1))
        x[at : at + RATE] += 0.3 * rng.uniform(0.2, 1) * note
    return np.clip(x, -1, 1)


def amplifier(x: NDArray[np.float64]) -> NDArray[np.float64]:
    rumble_free = sosfilt(butter(1, 120, "high", fs=RATE, output="sos"), x)
    bent = np.tanh(6 * rumble_free + 0.2) - np.tanh(0.2)
    return np.asarray(0.6 * sosfilt(butter(2, 5000, fs=RATE, output="sos"), bent))


def learn(cell: str, seconds: float) -> dict[str, Any]:
    x = strings()
    heard, wanted = x.astype(np.float32), amplifier(x).astype(np.float32)
    learned = effects.fit(
        effects.EffectConfig(RATE, cell, 16),
        heard,
        wanted,
        schedule=effects.Schedule(seconds=seconds),
    )
    stream = effects.EffectStream(learned.effect)
    stream.process(heard[:64])
    stream.reset()
    started = time.process_time()
    played = np.concatenate(
        [stream.process(heard[at : at + 64]) for at in range(0, len(heard), 64)]
    )
    factor = (time.process_time() - started) / SECONDS
    with torch.no_grad():
        by_torch = learned.effect(torch.from_numpy(heard)[None, :, None])[0][0, :, 0].numpy()
    return {
        "cell": cell,
        "units": 16,
        "updates": learned.updates,
        "held_out_db": 10 * math.log10(learned.held_out),
        "untouched_db": 10 * math.log10(learned.untouched),
        "real_time_factor": factor,
        "from_torch": float(np.abs(played - by_torch).max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10 s of learning each, not 120")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = [learn(cell, 10 if arguments.quick else 120) for cell in ("gru", "lstm")]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(
            "  ".join(
                f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()
            )
        )


if __name__ == "__main__":
    main()
