"""Filters with a state, a block at a time: one step after the other, sums always in one order.

That makes the bits of the output independent of how a signal is cut into blocks, which products of
matrices by a library are not. Everything is float64, complex128 for modes; block x (K, I, T) holds
K independent signals of I inputs, y (K, O, T). States are changed in place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnmusic.compiling import Kernel


def _direct(x: Any, b: Any, a: Any, state: Any, y: Any) -> None:
    # Transposed direct form II, as in scipy.signal.lfilter; b and a of one length, state (K, N).
    signals, _, frames = x.shape
    order = len(a) - 1
    for k in range(signals):
        s = state[k]
        for t in range(frames):
            now = x[k, 0, t]
            if order == 0:
                y[k, 0, t] = b[0] * now
                continue
            out = b[0] * now + s[0]
            for n in range(order - 1):
                s[n] = b[n + 1] * now - a[n + 1] * out + s[n + 1]
            s[order - 1] = b[order] * now - a[order] * out
            y[k, 0, t] = out


def _statespace(x: Any, a: Any, b: Any, c: Any, d: Any, state: Any, scratch: Any, y: Any) -> None:
    signals, inputs, frames = x.shape
    order, outputs = len(a), len(d)
    for k in range(signals):
        s = state[k]
        for t in range(frames):
            for o in range(outputs):
                total = 0.0
                for n in range(order):
                    total += c[o, n] * s[n]
                for i in range(inputs):
                    total += d[o, i] * x[k, i, t]
                y[k, o, t] = total
            for n in range(order):
                total = 0.0
                for m in range(order):
                    total += a[n, m] * s[m]
                for i in range(inputs):
                    total += b[n, i] * x[k, i, t]
                scratch[n] = total
            for n in range(order):
                s[n] = scratch[n]


def _modes(x: Any, pole: Any, b: Any, c: Any, d: Any, state: Any, y: Any) -> None:
    signals, inputs, frames = x.shape
    order, outputs = len(pole), len(d)
    for k in range(signals):
        s = state[k]
        for t in range(frames):
            for o in range(outputs):
                total = 0.0
                for n in range(order):
                    total += c[o, n].real * s[n].real - c[o, n].imag * s[n].imag
                for i in range(inputs):
                    total += d[o, i] * x[k, i, t]
                y[k, o, t] = total
            for n in range(order):
                following = pole[n] * s[n]
                for i in range(inputs):
                    following += b[n, i] * x[k, i, t]
                s[n] = following


def _network(
    x: Any, delay: Any, loop: Any, b: Any, c: Any, d: Any, lines: Any, at: Any, y: Any
) -> None:
    # lines (K, sum of delays): ring buffers, one after the other; at (N,): where each is read and
    # then written. All signals stand at the same places.
    signals, inputs, frames = x.shape
    count, outputs = len(delay), len(d)
    heard = np.empty(count)
    place = np.empty(count, dtype=np.int64)
    for k in range(signals):
        for n in range(count):
            place[n] = at[n]
        for t in range(frames):
            start = 0
            for n in range(count):
                heard[n] = lines[k, start + place[n]]
                start += delay[n]
            for o in range(outputs):
                total = 0.0
                for n in range(count):
                    total += c[o, n] * heard[n]
                for i in range(inputs):
                    total += d[o, i] * x[k, i, t]
                y[k, o, t] = total
            start = 0
            for n in range(count):
                total = 0.0
                for m in range(count):
                    total += loop[n, m] * heard[m]
                for i in range(inputs):
                    total += b[n, i] * x[k, i, t]
                lines[k, start + place[n]] = total
                start += delay[n]
                place[n] += 1
                if place[n] == delay[n]:
                    place[n] = 0
    for n in range(count):
        at[n] = (at[n] + frames) % delay[n]


def _square() -> Any:
    return np.zeros((1, 1))


def _nothing() -> Any:
    return np.zeros((0, 1, 0))


#: (x, b, a, state (K, N), y)
direct = Kernel(
    _direct,
    patience=0,
    example=lambda: (_nothing(), np.ones(2), np.ones(2), np.zeros((0, 1)), _nothing()),
)
#: (x, a, b, c, d, state (K, N), scratch (N,), y)
statespace = Kernel(
    _statespace,
    patience=0,
    example=lambda: (
        *(_nothing(), _square(), _square(), _square(), _square()),
        *(np.zeros((0, 1)), np.zeros(1), _nothing()),
    ),
)
#: (x, pole, b, c, d, state (K, N), y)
modes = Kernel(
    _modes,
    patience=0,
    example=lambda: (
        *(_nothing(), np.zeros(1, np.complex128), _square() + 0j, _square() + 0j, _square()),
        *(np.zeros((0, 1), np.complex128), _nothing()),
    ),
)
#: (x, delay, feedback * gain, b, c, d, lines (K, sum of delays), at (N,), y)
network = Kernel(
    _network,
    patience=0,
    example=lambda: (
        *(_nothing(), np.ones(1, np.int64), _square(), _square(), _square(), _square()),
        *(np.zeros((0, 1)), np.zeros(1, np.int64), _nothing()),
    ),
)
