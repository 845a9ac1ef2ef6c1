"""Kernels of `AdaptiveStepper`: recursive least squares on what a readout got wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmusic.compiling import Kernel
from rnnmusic.sampling.compiled.arithmetic import Floats, add_product, sigmoid, tanh, zeros


def _correct(hidden: Floats, change: Floats) -> Floats:
    size = len(hidden)
    total: Floats = change[size].copy()
    add_product(total, change[:size], hidden)
    return total


def _back(by_hidden: Floats, change: Floats, error: Floats) -> Floats:
    """The gradient of hidden with what the change of the logits adds to it."""
    total = by_hidden.copy()
    for i in range(len(error)):
        for j in range(len(total)):
            total[j] += change[j, i] * error[i]
    return total


def _blame(
    logits: Floats,
    step: NDArray[np.int64],
    edges: NDArray[np.int64],
    counts: NDArray[np.bool_],
) -> Floats:
    """y - p, 0 where it doesn't count. edges: where the factors of categorical steps begin, and the
    end; (1,) for binary ones."""
    width = len(logits)
    error = np.zeros(width, np.float32)
    if len(edges) == 1:
        for i in range(width):
            error[i] = np.float32(step[i]) - sigmoid(logits[i])
    for f in range(len(edges) - 1):
        first, end = edges[f], edges[f + 1]
        powers = np.exp((logits[first:end] - logits[first:end].max()).astype(np.float64))
        powers /= powers.sum()
        for i in range(first, end):
            error[i] = -np.float32(powers[i - first])
        error[first + step[f]] += _ONE
    for i in range(width):
        error[i] = error[i] if counts[i] else _ZERO
    return error


def _gain(hidden: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """q / d and q / sqrt(d) with q = P [h; 1] and d = 1 + [h; 1]' q."""
    size = len(hidden)
    q = covariance[size].copy()
    add_product(q, covariance[:size], hidden)
    d = _ONE + q[size]
    for j in range(size):
        d += hidden[j] * q[j]
    root = np.sqrt(d)
    return q / d, q / root


def _add(change: Floats, hidden: Floats, gain: Floats, error: Floats, limit: Any) -> Floats:
    """C + gain error', its columns no longer than the limit over |[h; 1]|."""
    rows, width = change.shape
    after, length = np.empty_like(change), np.zeros(width, np.float32)
    for j in range(rows):
        for i in range(width):
            after[j, i] = change[j, i] + gain[j] * error[i]
            length[i] += after[j, i] * after[j, i]
    longest = limit / np.sqrt(_squared(hidden))
    for i in range(width):
        length[i] = min(_ONE, longest / np.sqrt(length[i])) if length[i] > _ZERO else _ONE
    for j in range(rows):
        for i in range(width):
            after[j, i] *= length[i]
    return after


def _spread(covariance: Floats, root: Floats, prior: Any, reset: Any) -> Floats:
    """(1 - reset) P + reset prior - root root'."""
    after = np.empty_like(covariance)
    kept = _ONE - reset
    for j in range(len(root)):
        for i in range(len(root)):
            after[j, i] = kept * covariance[j, i] - root[j] * root[i]
        after[j, j] += reset * prior
    return after


def _squared(hidden: Floats) -> Any:
    """|[h; 1]|^2."""
    total = _ONE
    for j in range(len(hidden)):
        total += hidden[j] * hidden[j]
    return total


_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_IDS = np.zeros(1, np.int64)
CORRECT = Kernel(
    _correct, patience=0, example=lambda: (zeros(1), zeros(2, 1)), helpers=(add_product,)
)
BACK = Kernel(_back, patience=0, example=lambda: (zeros(1), zeros(2, 1), zeros(1)))
BLAME = Kernel(
    _blame,
    patience=0,
    example=lambda: (zeros(1), _IDS, _IDS, np.ones(1, np.bool_)),
    helpers=(tanh, sigmoid),
)
GAIN = Kernel(_gain, patience=0, example=lambda: (zeros(1), zeros(2, 2)), helpers=(add_product,))
ADD = Kernel(
    _add,
    patience=0,
    example=lambda: (zeros(2, 1), zeros(1), zeros(2), zeros(1), _ONE),
    helpers=(_squared,),
)
SPREAD = Kernel(_spread, patience=0, example=lambda: (zeros(1, 1), zeros(1), _ONE, _ONE))
