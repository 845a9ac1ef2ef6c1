"""The direct form over numpy arrays, forwards and backwards in time, and sums of its adjoint.

One function is compiled for each order: all coefficients and states of a step are named values, and
up to eight channels share a vector. Signals are float32 or float64, all computing is in float64.
The transposed form adds the same numbers in the same order wherever a signal is cut and whichever
channels run together, so the bits of the output depend on neither.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from rnnmusic.filters.kernels.machine import Code, Value

Reals = NDArray[np.float64]
#: float32 or float64, rows of unit stride.
Signals = NDArray[Any]

#: Above this order code without loops over the coefficients gets too long: scipy does those.
UNROLLED_ORDER = 64
_LANES = (8, 4, 2, 1)


def run(
    x: Signals, b: Reals | None, a: Reals, state: Reals, y: Signals, backwards: bool = False
) -> None:
    """y[t] = sum_k b[k] x[t-k] - sum_k a[k-1] y[t-k] for each row, into y and state.

    x and y (R, T); b (R, N + 1), None for a numerator of 1, a (R, N) without a0 = 1 and state
    (R, N) as in scipy.signal.lfilter, contiguous. Backwards, time runs from the last sample to the
    first.
    """
    rows, frames = x.shape
    order = a.shape[1]
    if order > UNROLLED_ORDER:
        _run_scipy(x, b, a, state, y, backwards)
        return
    row = 0
    for lanes in _LANES:
        while rows - row >= lanes:
            some = slice(row, row + lanes)
            numerator = np.ascontiguousarray(b[some].T) if b is not None else a
            minus, states = np.negative(a[some].T, order="C"), np.ascontiguousarray(state[some].T)
            _filter(order, lanes, b is None, backwards, x.itemsize, y.itemsize)(
                x[row:].ctypes.data,
                y[row:].ctypes.data,
                _stride(x),
                _stride(y),
                numerator.ctypes.data,
                minus.ctypes.data,
                states.ctypes.data,
                frames,
                frames // lanes * lanes,
            )
            state[some] = states.T
            row += lanes


def look_ahead(v: Reals, b: Reals, y: Signals) -> None:
    """y[r, t] = sum_j b[r, j] v[r, t + j]. v (R, T + N), b (R, N + 1), into y (R, T)."""
    order = b.shape[1] - 1
    for row in range(len(v)):
        if order > UNROLLED_ORDER:
            y[row] = np.correlate(v[row], b[row])
            continue
        for lanes, start, stop in _tiles(y.shape[1]):
            _look_ahead(order, lanes, y.itemsize)(
                v[row].ctypes.data, b[row].ctypes.data, y[row].ctypes.data, start, stop
            )


def correlate(v: Reals, x: Signals, order: int) -> Reals:
    """sums[r, j] = sum_t v[r, t + j] x[r, t], j = 0 ... order. v (R, T + order), x (R, T)."""
    sums = np.zeros((len(x), order + 1))
    for row in range(len(x)):
        if order > UNROLLED_ORDER:
            sums[row] = np.correlate(v[row], x[row])
            continue
        for lanes, start, stop in _tiles(x.shape[1]):
            _correlation(order, lanes, x.itemsize)(
                v[row].ctypes.data, x[row].ctypes.data, sums[row].ctypes.data, start, stop
            )
    return sums


def _stride(signal: Signals) -> int:
    return signal.strides[0] // signal.itemsize


def _tiles(frames: int) -> tuple[tuple[int, int, int], ...]:
    """(lanes, start, stop): whole vectors, then what is left one by one."""
    whole = frames // _LANES[0] * _LANES[0]
    return (_LANES[0], 0, whole), (1, whole, frames)


def _run_scipy(
    x: Signals, b: Reals | None, a: Reals, state: Reals, y: Signals, backwards: bool
) -> None:
    from scipy.signal import lfilter

    step = -1 if backwards else 1
    for row in range(len(x)):
        numerator = b[row] if b is not None else np.ones(1)
        denominator = np.concatenate([[1.0], a[row]])
        samples = x[row, ::step].astype(np.float64)
        out, state[row] = lfilter(numerator, denominator, samples, zi=state[row])
        y[row] = out[::step]


class _Signal:
    """A signal in memory, of float32 or float64, to code that computes in float64."""

    def __init__(self, code: Code, name: str, itemsize: int) -> None:
        self._code, self._pointer, self._size = code, code.address(name), itemsize
        self._real: Value = ir.FloatType() if itemsize == 4 else ir.DoubleType()

    def load(self, index: Value, lanes: int = 0) -> Value:
        """A vector of consecutive samples; without lanes one number."""
        kind = ir.VectorType(self._real, lanes) if lanes else self._real
        value = self._code.builder.load(self._at(index), typ=kind, align=self._size)
        if self._size == 8:
            return value
        wide = ir.DoubleType()
        return self._code.builder.fpext(value, ir.VectorType(wide, lanes) if lanes else wide)

    def store(self, value: Value, index: Value, lanes: int = 0) -> None:
        """The same the other way round, rounded to the signal's type."""
        if self._size == 4:
            kind = ir.VectorType(self._real, lanes) if lanes else self._real
            value = self._code.builder.fptrunc(value, kind)
        self._code.builder.store(value, self._at(index), align=self._size)

    def _at(self, index: Value) -> Value:
        return self._code.builder.gep(self._pointer, [index], source_etype=self._real)


@functools.cache
def _filter(
    order: int, lanes: int, poles_only: bool, backwards: bool, x_size: int, y_size: int
) -> Callable[..., None]:
    """Transposed direct form II of `lanes` rows; coefficients and state are (.., lanes)."""
    names = ["x", "y", "x_stride", "y_stride", "b", "minus_a", "state", "frames", "whole"]
    code = Code("direct", "float64", lanes, names)
    x, y = _Signal(code, "x", x_size), _Signal(code, "y", y_size)
    state, frames = code.address("state"), code.count("frames")
    b = [code.load(code.address("b"), k * lanes) for k in range(0 if poles_only else order + 1)]
    minus_a = [code.load(code.address("minus_a"), k * lanes) for k in range(order)]

    def places(signal: str, t: Value, count: int) -> list[Value]:
        start = code.sub(code.sub(frames, t), count) if backwards else t
        stride = code.count(f"{signal}_stride")
        return [code.add(start, code.mul(stride, row)) for row in range(lanes)]

    def step(sample: Value, states: list[Value]) -> tuple[Value, list[Value]]:
        if not order:
            return (sample if poles_only else code.times(b[0], sample)), []
        out = code.plus(sample, states[0]) if poles_only else code.fma(b[0], sample, states[0])
        fed = [*states[1:], code.constant(0)]
        if not poles_only:
            fed = [code.fma(b[k + 1], sample, fed[k]) for k in range(order)]
        return out, [code.fma(minus_a[k], out, fed[k]) for k in range(order)]

    def tile(t: Value, states: list[Value]) -> list[Value]:
        samples = code.transpose([x.load(place, lanes) for place in places("x", t, lanes)])
        for column in range(lanes)[:: -1 if backwards else 1]:
            samples[column], states = step(samples[column], states)
        rows = zip(places("y", t, lanes), code.transpose(samples), strict=True)
        for place, row in rows:
            y.store(row, place, lanes)
        return states

    def one(t: Value, states: list[Value]) -> list[Value]:
        sample = code.constant(0)
        for row, place in enumerate(places("x", t, 1)):
            sample = code.put(sample, x.load(place), row)
        out, states = step(sample, states)
        for row, place in enumerate(places("y", t, 1)):
            y.store(code.take(out, row), place)
        return states

    states = [code.load(state, k * lanes) for k in range(order)]
    states = code.loop(0, code.count("whole"), tile, states, step=lanes)
    states = code.loop(code.count("whole"), frames, one, states)
    for k in range(order):
        code.store(states[k], state, k * lanes)
    return code.compiled()


@functools.cache
def _correlation(order: int, lanes: int, itemsize: int) -> Callable[..., None]:
    """sums[j] += sum over range(start, stop) of v[t + j] x[t], `lanes` samples at once."""
    code = Code("correlation", "float64", lanes, ["v", "x", "sums", "start", "stop"])
    v, x, sums = code.address("v"), _Signal(code, "x", itemsize), code.address("sums")

    def body(t: Value, totals: list[Value]) -> list[Value]:
        sample = x.load(t, lanes)
        return [code.fma(code.load(v, code.add(t, j)), sample, totals[j]) for j in range(order + 1)]

    zeros = [code.constant(0)] * (order + 1)
    totals = code.loop(code.count("start"), code.count("stop"), body, zeros, step=lanes)
    for j, total in enumerate(totals):
        code.increase(code.total(total), sums, j)
    return code.compiled()


@functools.cache
def _look_ahead(order: int, lanes: int, itemsize: int) -> Callable[..., None]:
    """y[t] = sum_j b[j] v[t + j] over range(start, stop), `lanes` samples at once."""
    code = Code("look_ahead", "float64", lanes, ["v", "b", "y", "start", "stop"])
    v, b, y = code.address("v"), code.address("b"), _Signal(code, "y", itemsize)
    taps = [code.splat(code.load_one(b, j)) for j in range(order + 1)]

    def body(t: Value, carried: list[Value]) -> list[Value]:
        total = code.times(taps[0], code.load(v, t))
        for j in range(1, order + 1):
            total = code.fma(taps[j], code.load(v, code.add(t, j)), total)
        y.store(total, t, lanes)
        return carried

    code.loop(code.count("start"), code.count("stop"), body, step=lanes)
    return code.compiled()
