"""GRU and LSTM one sample after the other: plain loops over arrays, compiled by numba.

Sums are formed in one order whatever the number of samples, so that the bits of a sound don't
depend on how it is cut into blocks. Weights come transposed, a row per unit that is read, so that
the inner loops run along memory.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rnnmusic.compiling import Kernel

Floats = NDArray[np.float32]


def gru(
    x: Floats, w_x: Floats, w_h: Floats, b_x: Floats, b_h: Floats, h: Floats, c: Floats, y: Floats
) -> None:
    """x (T, D) through a GRU: w_x (D, 3 H), w_h (H, 3 H); h (H,) is updated, y (T, H) filled."""
    size = len(h)
    sums_x, sums_h = np.empty(3 * size, dtype=np.float32), np.empty(3 * size, dtype=np.float32)
    for t in range(len(x)):
        _affine(x[t], w_x, b_x, sums_x)
        _affine(h, w_h, b_h, sums_h)
        for j in range(size):
            r = _sigmoid(sums_x[j] + sums_h[j])
            z = _sigmoid(sums_x[size + j] + sums_h[size + j])
            n = np.float32(math.tanh(sums_x[2 * size + j] + r * sums_h[2 * size + j]))
            h[j] = n + z * (h[j] - n)
            y[t, j] = h[j]


def lstm(
    x: Floats, w_x: Floats, w_h: Floats, b_x: Floats, b_h: Floats, h: Floats, c: Floats, y: Floats
) -> None:
    """x (T, D) through an LSTM: w_x (D, 4 H), w_h (H, 4 H); h and c (H,) are updated."""
    size = len(h)
    sums_x, sums_h = np.empty(4 * size, dtype=np.float32), np.empty(4 * size, dtype=np.float32)
    for t in range(len(x)):
        _affine(x[t], w_x, b_x, sums_x)
        _affine(h, w_h, b_h, sums_h)
        for j in range(size):
            i = _sigmoid(sums_x[j] + sums_h[j])
            f = _sigmoid(sums_x[size + j] + sums_h[size + j])
            g = np.float32(math.tanh(sums_x[2 * size + j] + sums_h[2 * size + j]))
            o = _sigmoid(sums_x[3 * size + j] + sums_h[3 * size + j])
            c[j] = f * c[j] + i * g
            h[j] = o * np.float32(math.tanh(c[j]))
            y[t, j] = h[j]


def _affine(x: Floats, weights: Floats, bias: Floats, sums: Floats) -> None:
    for j in range(len(sums)):
        sums[j] = bias[j]
    for k in range(len(x)):
        value = x[k]
        for j in range(len(sums)):
            sums[j] += weights[k, j] * value


def _sigmoid(value: float) -> np.float32:
    return np.float32(0.5) + np.float32(0.5) * np.float32(math.tanh(0.5 * value))


def _nothing() -> tuple[Floats, ...]:
    one = np.zeros((1, 1), dtype=np.float32)
    return one[:0], one, one, one[0], one[0], one[0], one[0], one[:0]


KERNELS = {
    name: Kernel(function, patience=0, example=_nothing, helpers=(_affine, _sigmoid))
    for name, function in {"gru": gru, "lstm": lstm}.items()
}
