"""What classical designs ask of rates, cutoffs and levels."""

from __future__ import annotations

import math
from typing import Any

from rnnmusic.errors import UsageError


def check_positive(name: str, value: Any) -> float:
    """A finite number above 0; UsageError otherwise."""
    number = _as_float(name, value)
    if not math.isfinite(number) or number <= 0:
        raise UsageError(f"{name} is {number:g}; give a finite number above 0.")
    return number


def check_frequency(name: str, value: Any, sample_rate_hz: float) -> float:
    """A frequency between 0 and Nyquist's; UsageError otherwise."""
    frequency = _as_float(name, value)
    if not 0 < frequency < sample_rate_hz / 2:
        raise UsageError(
            f"{name} is {frequency:g} Hz; give a frequency above 0 and below "
            f"{sample_rate_hz / 2:g} Hz, half the sample rate of {sample_rate_hz:g} Hz."
        )
    return frequency


def check_edges(name: str, value: Any, sample_rate_hz: float) -> tuple[float, float]:
    """Two rising frequencies between 0 and Nyquist's; UsageError otherwise."""
    if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != 2:
        raise UsageError(f"{name} is {value!r}; give two frequencies, the edges of the band.")
    low, high = (check_frequency(name, edge, sample_rate_hz) for edge in value)
    if low >= high:
        raise UsageError(f"{name} runs from {low:g} to {high:g} Hz; give the lower edge first.")
    return low, high


def _as_float(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UsageError(f"{name} is {value!r}; give one number.") from None
