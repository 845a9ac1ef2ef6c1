"""Second-order sections in 32-bit fixed point: scaling, rounding, and what they cost.

Signals are Q31: an integer n stands for n / 2**31. Between the sections they are scaled by powers
of two so that no input within [-1, 1) can overflow (the L1 norm of each section's output decides:
Jackson, "On the interaction of roundoff noise and dynamic range in digital filters", 1970), and
the rounding errors of a section are fed back to it so that they fall off where its poles are
(Dattorro, "The implementation of recursive digital filters for high-fidelity audio", 1988).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms import Reals, Sections

WORD = 31  # bits behind the binary point
MAX_SHIFT = 15  # coefficients up to 2**15 keep 16 bits
QUIET_DB = -100.0  # where the response is further below its peak its error isn't counted
GRID = 8192  # frequencies at which responses are compared
LONGEST = 1 << 20  # samples of an impulse response that are summed
DECAY = 1e-9  # ... or until it has fallen so far


class FixedSection(NamedTuple):
    """One section in integers.

    coefficients: b0, b1, b2, a1, a2, each worth n * 2**(shift - 31), b scaled by what the signals
    before and behind it are scaled by; headroom: the section's output is stored as y / 2**headroom;
    feedback: integers by which its last two rounding errors are added to its accumulator.
    """

    coefficients: tuple[int, int, int, int, int]
    shift: int
    headroom: int
    feedback: tuple[int, int]


@dataclass(frozen=True)
class FixedPoint:
    """A filter in integers, and what it loses against float64.

    max_error_db: largest change of the magnitude response by rounding the coefficients, where the
    response is above -100 dB of its peak; noise_dbfs: level of the rounding noise at the output in
    dB relative to a full-scale constant, by the white-noise model; max_radius: of the poles of
    the rounded coefficients.
    """

    sections: tuple[FixedSection, ...]
    max_error_db: float
    noise_dbfs: float
    max_radius: float

    @property
    def output_shift(self) -> int:
        """Bits by which the last section's signal is shifted left to be the output."""
        return self.sections[-1].headroom


def fixed_point(
    sections: Sections, *, one_shift: bool = False, error_feedback: bool = True
) -> FixedPoint:
    """Scale and round sections for 32-bit arithmetic with 64-bit accumulators.

    one_shift: one `shift` for all sections, as CMSIS-DSP has it. InputError for sections that are
    unstable, before or after rounding, or whose coefficients are too large.
    """
    peaks = _peaks(sections)
    headrooms = [math.ceil(math.log2(peak)) if peak > 0 else 0 for peak in peaks]
    scaled = []
    before = 0
    for row, headroom in zip(sections.sos, headrooms, strict=True):
        scaled.append(np.concatenate((row[:3] * 2.0 ** (before - headroom), row[4:])))
        before = headroom
    shifts = [_shift(values) for values in scaled]
    if one_shift:
        shifts = [max(shifts)] * len(shifts)
    fixed = tuple(
        FixedSection(
            _rounded(values, shift),
            shift,
            headroom,
            (-round(values[3]), -round(values[4])) if error_feedback else (0, 0),
        )
        for values, shift, headroom in zip(scaled, shifts, headrooms, strict=True)
    )
    back = restored(fixed)
    radius = float(np.max(np.abs(back.poles()), initial=0.0))
    if radius >= 1:
        raise InputError(
            f"Rounded to 32-bit integers the filter has a pole of radius {radius:.9g} and is "
            "unstable; use c, which keeps float32, or a filter with wider resonances."
        )
    return FixedPoint(fixed, _error_db(sections, back), _noise_dbfs(fixed, back), radius)


def restored(fixed: tuple[FixedSection, ...]) -> Sections:
    """The filter that the integers stand for, in float64."""
    rows = []
    before = 0
    for section in fixed:
        values = np.array(section.coefficients) * 2.0 ** (section.shift - WORD)
        b = values[:3] * 2.0 ** (section.headroom - before)
        rows.append([*b, 1.0, *values[3:]])
        before = section.headroom
    return Sections(np.array(rows))


def _peaks(sections: Sections) -> list[float]:
    """For each section the largest output that inputs within [-1, 1] can cause: its L1 norm."""
    from scipy.signal import sosfilt

    signal = impulse(sections)
    peaks = []
    for row in sections.sos:
        signal = sosfilt(row[None], signal)
        # A hair more, for the rounding errors that come on top.
        peaks.append(float(np.abs(signal).sum()) * (1 + 1e-6))
    return peaks


def impulse(sections: Sections) -> Reals:
    """An impulse with as many zeros behind it as the response takes to fall by `DECAY`."""
    radius = min(float(np.max(np.abs(sections.poles()), initial=0.0)), 1 - 1e-9)
    length = 16 if radius == 0 else 16 + math.ceil(2 * math.log(DECAY) / math.log(radius))
    one = np.zeros(min(length, LONGEST))
    one[0] = 1
    return one


def _shift(values: Reals) -> int:
    largest = float(np.abs(values).max())
    shift = max(0, math.ceil(math.log2(largest))) if largest > 0 else 0
    if largest * 2.0 ** (WORD - shift) > 2**WORD - 1:
        shift += 1
    if shift > MAX_SHIFT:
        raise InputError(
            f"A section has a coefficient of {largest:.3g}, too large for 32-bit fixed point; use "
            "c, which keeps float32."
        )
    return shift


def _rounded(values: Reals, shift: int) -> tuple[int, int, int, int, int]:
    b0, b1, b2, a1, a2 = (round(float(value) * 2.0 ** (WORD - shift)) for value in values)
    return b0, b1, b2, a1, a2


def _error_db(wanted: Sections, rounded: Sections) -> float:
    omega = np.linspace(0, math.pi, GRID)
    ideal, actual = abs(wanted.response(omega)), abs(rounded.response(omega))
    loud = ideal > ideal.max() * 10 ** (QUIET_DB / 20)
    if not loud.any():
        return 0.0
    tiny = np.finfo(np.float64).tiny
    return float(20 * np.max(np.abs(np.log10(np.maximum(actual[loud], tiny) / ideal[loud]))))


def _noise_dbfs(fixed: tuple[FixedSection, ...], restored_sections: Sections) -> float:
    """White errors of one step's width, each through the rest of the filter behind it."""
    from scipy.signal import sosfilt

    step = 2.0**-WORD
    power = step**2 / 12 if fixed[-1].headroom < 0 else 0.0
    one = impulse(restored_sections)
    for k, section in enumerate(fixed):
        k1, k2 = section.feedback
        rows = restored_sections.sos[k:].copy()
        rows[0, :3] = 1, -k1, -k2
        gain = (sosfilt(rows, one) ** 2).sum()
        power += (step * 2.0**section.headroom) ** 2 / 12 * gain
    return float(10 * np.log10(power))
