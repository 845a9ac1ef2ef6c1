"""Filters to export: random stable ones, and some that bring trouble."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from scipy import signal

from rnnmusic.filters.forms import Sections, StateSpace


@st.composite
def sections(draw: st.DrawFn, max_radius: float = 0.995) -> Sections:
    """One to four sections with poles inside a circle and zeros about it."""
    rows = []
    for _ in range(draw(st.integers(1, 4))):
        radius = draw(st.floats(0, max_radius))
        angle = draw(st.floats(0, np.pi))
        zero = draw(st.floats(0, 1.2)), draw(st.floats(0, np.pi))
        gain = draw(st.floats(0.01, 2))
        b = gain * np.array([1, -2 * zero[0] * np.cos(zero[1]), zero[0] ** 2])
        rows.append([*b, 1, -2 * radius * np.cos(angle), radius**2])
    return Sections(np.array(rows), draw(st.sampled_from([None, 44_100.0, 48_000.0])))


def elliptic() -> Sections:
    """Order 6 at 0.2 of the Nyquist frequency."""
    return Sections(signal.ellip(6, 0.5, 60, 0.2, output="sos"), 48_000.0)


def narrow() -> Sections:
    """A low pass whose first section has a gain of 1e-11 and whose poles are at 0.9996."""
    return Sections(signal.butter(6, 0.002, output="sos"), 48_000.0)


def room() -> StateSpace:
    """Two inputs, three outputs."""
    rng = np.random.default_rng(2)
    a = rng.standard_normal((5, 5))
    a *= 0.95 / np.abs(np.linalg.eigvals(a)).max()
    b, c = rng.standard_normal((5, 2)), rng.standard_normal((3, 5))
    return StateSpace(a, b, c, rng.standard_normal((3, 2)), 44_100.0)


def noise(frames: int, level: float = 0.5, seed: int = 0) -> np.ndarray:
    """White noise within +-level."""
    return np.random.default_rng(seed).uniform(-level, level, frames)
