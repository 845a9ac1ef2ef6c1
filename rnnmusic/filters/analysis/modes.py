"""What each pole means: how long it rings, where, and how sharply."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms import Form, Reals


@dataclass(frozen=True)
class Mode:
    """A real pole, or a conjugate pair by its upper one.

    Of exp(s t), s = ln(pole) per sample: omega = |Im s| is where it rings, in radians per sample;
    time_constant = -1 / Re s the samples in which it falls to 1 / e (infinite on or outside the
    unit circle, 0 for a pole at 0); q = |s| / (-2 Re s), 1/2 for a pole that doesn't ring.
    """

    pole: complex
    omega: float
    time_constant: float
    q: float

    @property
    def decay_time(self) -> float:
        """Samples in which it falls by 60 dB."""
        return math.log(1000) * self.time_constant


def modes(form: Form) -> tuple[Mode, ...]:
    """The modes of a filter, the slowest first; of a complex filter every pole is one."""
    poles = form.poles()
    paired = bool(np.isclose(np.sum(poles.imag), 0, atol=1e-9 * max(1, len(poles))))
    shown = poles[poles.imag >= 0] if paired else poles
    return tuple(sorted(map(_mode, shown), key=lambda mode: -abs(mode.pole)))


def time_constants(form: Form) -> Reals:
    """Samples (modes,) in which each mode falls to 1 / e, the longest first."""
    return np.array([mode.time_constant for mode in modes(form)])


def decay_time_s(form: Form, decay_db: float = 60.0) -> float:
    """Seconds in which the slowest mode falls by decay_db: for 60 the reverberation time T60.

    Infinite for an unstable filter, 0 without memory. InputError without a sample rate.
    """
    if form.sample_rate_hz is None:
        raise InputError("The filter has no sample rate, so its decay has no seconds; give it one.")
    slowest = float(np.max(time_constants(form), initial=0.0))
    return slowest * decay_db * math.log(10) / 20 / form.sample_rate_hz


def _mode(pole: complex) -> Mode:
    radius, omega = abs(pole), abs(math.atan2(pole.imag, pole.real))
    if radius == 0:
        return Mode(0j, 0.0, 0.0, 0.5)
    # ln(radius) by the distance from the circle, which is what counts there.
    growth = 0.5 * math.log1p((radius - 1) * (radius + 1))
    if growth >= 0:
        return Mode(complex(pole), omega, math.inf, math.inf)
    return Mode(complex(pole), omega, -1 / growth, math.hypot(growth, omega) / (-2 * growth))
