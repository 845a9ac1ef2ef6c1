"""Shaping: everything that is done to the probabilities of one step before it is drawn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Shaping(NamedTuple):
    """How one step is drawn, column by column; plain arrays, so that a compiled head can use it.

    bias: added to the logits. For F binary columns (F,); for categorical ones the values of all
    columns one after another (sum of sizes,). -inf forbids, +inf forces.
    temperature: (F,), divides the biased logits of each column; 0 is the mode.
    top_p: as in `Controls`.
    most: binary columns that may be set at most, the most likely ones winning; -1: any number.
    """

    bias: NDArray[np.float64]
    temperature: NDArray[np.float64]
    top_p: float = 1.0
    most: int = -1


def plain(sizes: tuple[int, ...], temperature: float = 1.0, top_p: float = 1.0) -> Shaping:
    """Nothing forbidden, one temperature for all columns."""
    width = len(sizes) if all(size == 2 for size in sizes) else sum(sizes)
    return Shaping(np.zeros(width), np.full(len(sizes), temperature), top_p)
