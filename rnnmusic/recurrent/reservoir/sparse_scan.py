"""A leaky tanh recurrence with sparse weights over whole sequences, as one compiled loop."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.compiling import Kernel

Floats = NDArray[Any]
Indices = NDArray[np.unsignedinteger[Any]]

#: Weights of a unit that are added up at a time.
_TOGETHER = 4


class SparseWeight(NamedTuple):
    """A matrix (N, M) with about as many numbers in all of its rows, in the form of ELLPACK.

    value, column (K, N): the k-th number of each row, and where in it; rows that have fewer than K
    numbers have zeros at their ends. Sums over all rows at a time don't wait for one another.
    """

    value: Floats
    column: Indices

    @classmethod
    def of(cls, dense: Floats) -> SparseWeight:
        """The numbers of a matrix that aren't 0."""
        row, column = dense.nonzero()
        counts = np.bincount(row, minlength=len(dense))
        place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        most = -(-int(counts.max()) // _TOGETHER) * _TOGETHER
        value = np.zeros((most, len(dense)), dense.dtype)
        # The shorter, the less there is to read in every step.
        kind = np.uint16 if dense.shape[1] <= 1 << 16 else np.uint32
        columns = np.zeros((most, len(dense)), kind)
        value[place, row], columns[place, row] = dense[row, column], column
        return cls(value, columns)


def leaky_tanh_scan(drive: Floats, h: Floats, weight: SparseWeight, leak: float) -> Floats:
    """h_t = (1 - leak) h_(t-1) + leak tanh(W h_(t-1) + drive_t): drive (B, T, N), h (B, N).

    Returns all h_t, (B, T, N).
    """
    states = np.empty(drive.shape, drive.dtype)
    scan, rate = _SCAN.for_work(1), drive.dtype.type(leak)
    scan(np.ascontiguousarray(drive), np.ascontiguousarray(h), *weight, rate, states)
    return states


def _scan(
    drive: Floats, start: Floats, value: Floats, column: Indices, leak: Any, states: Floats
) -> None:
    batch, time, size = drive.shape
    for b in range(batch):
        before = start[b]
        for t in range(time):
            now, given = states[b, t], drive[b, t]
            for i in range(size):
                now[i] = given[i]
            for k in range(0, len(value), 4):
                v0, v1, v2, v3 = value[k], value[k + 1], value[k + 2], value[k + 3]
                c0, c1, c2, c3 = column[k], column[k + 1], column[k + 2], column[k + 3]
                for i in range(size):
                    now[i] += (v0[i] * before[c0[i]] + v1[i] * before[c1[i]]) + (
                        v2[i] * before[c2[i]] + v3[i] * before[c3[i]]
                    )
            for i in range(size):
                now[i] = before[i] + leak * (np.tanh(now[i]) - before[i])
            before = now


def _example() -> tuple[Any, ...]:
    # In float32; the first call in float64 compiles for that.
    cube, square = np.zeros((1, 1, 1), np.float32), np.zeros((1, 1), np.float32)
    none = np.zeros((0, 1), np.float32)
    return cube, square, none, none.astype(np.uint16), np.float32(0), cube


_SCAN = Kernel(_scan, patience=0, example=_example)
