"""Levels: decibels and amplitude ratios."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def db_to_gain(level_db: ArrayLike) -> NDArray[np.float64]:
    """Amplitude ratio of a level in decibels: 10 ** (level / 20)."""
    return np.asarray(10.0 ** (np.asarray(level_db, dtype=np.float64) / 20.0))


def gain_to_db(gain: ArrayLike) -> NDArray[np.float64]:
    """Level in decibels of an amplitude ratio; -inf for 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(20.0 * np.log10(np.abs(np.asarray(gain, dtype=np.float64))))
