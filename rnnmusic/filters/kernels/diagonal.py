"""Elementwise linear recurrences h[t] = a h[t-1] + x[t] as loops for the CPU.

Arrays are (rows, T, N), contiguous: the N lanes of a step lie side by side, so that the loop over
lanes is what the compiler turns into vector instructions; only the loop over time is serial. The
same lines serve real and complex numbers of either precision: numba compiles one version for each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnmusic.compiling import Kernel

# Sums over time are kept in single precision for this many steps, then added up in double.
_PARTIAL = 256


def _scan(x: Any, a: Any, zi: Any, h: Any) -> None:
    rows, time, lanes = x.shape
    for row in range(rows):
        for n in range(lanes):
            h[row, 0, n] = a[n] * zi[row, n] + x[row, 0, n]
        for t in range(1, time):
            for n in range(lanes):
                h[row, t, n] = a[n] * h[row, t - 1, n] + x[row, t, n]


def _scan_varying(x: Any, a: Any, zi: Any, h: Any) -> None:
    rows, time, lanes = x.shape
    for row in range(rows):
        for n in range(lanes):
            h[row, 0, n] = a[row, 0, n] * zi[row, n] + x[row, 0, n]
        for t in range(1, time):
            for n in range(lanes):
                h[row, t, n] = a[row, t, n] * h[row, t - 1, n] + x[row, t, n]


def _adjoint(grad: Any, a: Any, zi: Any, h: Any, grad_x: Any, grad_a: Any, partial: Any) -> None:
    # grad_x[t] = grad[t] + conj(a) grad_x[t+1], and grad_a = sum_t grad_x[t] conj(h[t-1]).
    rows, time, lanes = grad.shape
    for row in range(rows):
        for n in range(lanes):
            grad_x[row, time - 1, n] = grad[row, time - 1, n]
        for end in range(time, 0, -_PARTIAL):
            partial[:] = 0
            for t in range(end - 1, max(end - _PARTIAL, 0) - 1, -1):
                if t > 0:
                    for n in range(lanes):
                        now = grad_x[row, t, n]
                        partial[n] += now * np.conj(h[row, t - 1, n])
                        grad_x[row, t - 1, n] = grad[row, t - 1, n] + np.conj(a[n]) * now
                else:
                    for n in range(lanes):
                        partial[n] += grad_x[row, 0, n] * np.conj(zi[row, n])
            for n in range(lanes):
                grad_a[n] += partial[n]


def _adjoint_varying(grad: Any, a: Any, zi: Any, h: Any, grad_x: Any, grad_a: Any) -> None:
    rows, time, lanes = grad.shape
    for row in range(rows):
        for n in range(lanes):
            grad_x[row, time - 1, n] = grad[row, time - 1, n]
        for t in range(time - 1, 0, -1):
            for n in range(lanes):
                now = grad_x[row, t, n]
                grad_a[row, t, n] = now * np.conj(h[row, t - 1, n])
                grad_x[row, t - 1, n] = grad[row, t - 1, n] + np.conj(a[row, t, n]) * now
        for n in range(lanes):
            grad_a[row, 0, n] = grad_x[row, 0, n] * np.conj(zi[row, n])


def _link(chunks: Any, across: Any, state: Any) -> None:
    # In: what each chunk adds to a state of zero. Out: the state before each chunk.
    rows, count, lanes = chunks.shape
    rows_per_filter = rows // len(across)
    for row in range(rows):
        a = across[row // rows_per_filter]
        for m in range(count):
            for n in range(lanes):
                before = state[row, n]
                state[row, n] = a[n] * before + chunks[row, m, n]
                chunks[row, m, n] = before


def _unlink(grad: Any, across: Any, before: Any, state: Any, grad_across: Any) -> None:
    # The adjoint of _link, backwards: in, the gradient of the state before each chunk; out, that
    # of what each chunk adds. `state` ends as the gradient of the state at the start.
    rows, count, lanes = grad.shape
    rows_per_filter = rows // len(across)
    for row in range(rows):
        k = row // rows_per_filter
        for m in range(count - 1, -1, -1):
            for n in range(lanes):
                after = state[row, n]
                grad_across[k, n] += after * np.conj(before[row, m, n])
                state[row, n] = grad[row, m, n] + np.conj(across[k, n]) * after
                grad[row, m, n] = after


def _example_links(adjoint: bool) -> tuple[Any, ...]:
    chunks, lanes = np.zeros((0, 1, 1), np.complex64), np.zeros((1, 1), np.complex128)
    return (chunks, lanes, chunks, lanes, lanes) if adjoint else (chunks, lanes, lanes)


def _example(varying: bool, adjoint: bool) -> tuple[Any, ...]:
    """No rows: work for nobody, in the types of single precision."""
    steps = np.zeros((0, 1, 1), np.complex64)
    zi, lane = np.zeros((0, 1), np.complex64), np.zeros(1, np.complex64)
    a = steps if varying else lane
    if not adjoint:
        return steps, a, zi, steps
    if varying:
        return steps, a, zi, steps, steps, steps
    return steps, a, zi, steps, steps, np.zeros(1, np.complex128), lane


#: (x, a (N,), zi (rows, N), h): fills h.
scan: Kernel[..., None] = Kernel(_scan, patience=0, example=lambda: _example(False, False))
#: (x, a (rows, T, N), zi (rows, N), h): fills h.
scan_varying: Kernel[..., None] = Kernel(
    _scan_varying, patience=0, example=lambda: _example(True, False)
)
#: (grad, a (N,), zi, h, grad_x, grad_a (N,) in double, partial (N,)): fills grad_x, adds to grad_a.
adjoint: Kernel[..., None] = Kernel(_adjoint, patience=0, example=lambda: _example(False, True))
#: (grad, a (rows, T, N), zi, h, grad_x, grad_a (rows, T, N)): fills grad_x and grad_a.
adjoint_varying: Kernel[..., None] = Kernel(
    _adjoint_varying, patience=0, example=lambda: _example(True, True)
)
#: (chunks (rows, M, N), across (K, N), state (rows, N)): what chunks add -> states before them.
#: across and state are in double precision, here and in `unlink`.
link: Kernel[..., None] = Kernel(_link, patience=0, example=lambda: _example_links(False))
#: (grad (rows, M, N), across, before, state, grad_across (K, N) in double): the adjoint of `link`.
unlink: Kernel[..., None] = Kernel(_unlink, patience=0, example=lambda: _example_links(True))
