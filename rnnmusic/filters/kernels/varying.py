"""All-pole recurrences whose coefficients change with every sample, as loops for the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnmusic.compiling import Kernel


def _run(x: Any, a: Any, y: Any) -> None:
    # y (rows, N + T) begins with N past outputs, the oldest first.
    rows, frames, order = a.shape
    for row in range(rows):
        for t in range(frames):
            total = x[row, t]
            for k in range(order - 1, -1, -1):
                total -= a[row, t, k] * y[row, order + t - 1 - k]
            y[row, order + t] = total


def _adjoint(v: Any, a: Any, y: Any, grad_a: Any) -> None:
    # v (rows, N + T) is the gradient of y, and becomes that of the past outputs and of x.
    rows, frames, order = a.shape
    for row in range(rows):
        for t in range(frames - 1, -1, -1):
            now = v[row, order + t]
            for k in range(order):
                before = order + t - 1 - k
                grad_a[row, t, k] = -now * y[row, before]
                v[row, before] -= a[row, t, k] * now


def _example(arrays: int) -> tuple[Any, ...]:
    nothing: Any = np.zeros((0, 0)), np.zeros((0, 0, 0)), np.zeros((0, 0)), np.zeros((0, 0, 0))
    return tuple(nothing[:arrays])


#: (x (R, T), a (R, T, N), y (R, N + T)) in float64: fills y after its first N columns.
run = Kernel(_run, patience=0, example=lambda: _example(3))
#: (v (R, N + T), a, y, grad_a (R, T, N)) in float64: fills grad_a, and v in place.
adjoint = Kernel(_adjoint, patience=0, example=lambda: _example(4))
