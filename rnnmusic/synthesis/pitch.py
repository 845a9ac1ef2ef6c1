"""Equal temperament, and reading a note faster or slower to bend it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MIDDLE_C = 60
A4_HZ = 440.0


def frequency_hz(pitch: float) -> float:
    """Frequency of a MIDI pitch in twelve-tone equal temperament, A4 = 440 Hz."""
    return A4_HZ * float(2.0 ** ((pitch - 69) / 12))


def read_at(tone: NDArray[np.float32], position: NDArray[np.float64]) -> NDArray[np.float32]:
    """The tone at fractional frames: a delay line of changing length, hence vibrato and bends.

    Linear between frames; zero past the end.
    """
    frame = np.minimum(position.astype(np.int64), max(len(tone) - 2, 0))
    fraction = (position - frame).astype(np.float32)
    padded = np.append(tone, np.float32(0))
    bent = padded[frame] + fraction * (padded[frame + 1] - padded[frame])
    return np.asarray(np.where(position < len(tone), bent, np.float32(0)))
