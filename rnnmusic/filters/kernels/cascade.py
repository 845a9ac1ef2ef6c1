"""Cascades of second-order sections over numpy arrays: blocks, whole signals and their adjoints.

For streaming::

    cascade = Cascade(sos, channels, "float32")  # sos (S, 6) or (channels, S, 6), a0 = 1
    cascade.run(block)     # block (channels, frames) of that dtype, rows contiguous: in place
    cascade.run_varying(block, sos, hop)  # sos (N, S, 6): row k for frames [k hop, (k + 1) hop)
    cascade.state          # (channels, S, 2) as scipy's zi: a copy, assignable
    cascade.sos = other    # of as many sections, from the next frame on; the state is kept

The bits of the output depend neither on how a signal is cut into blocks nor on which channels run
beside it. Sections are rows b0, b1, b2, 1, a1, a2. Nothing here checks its input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnnmusic.filters.kernels.cascade_groups import Group, address_of, grouped

Array = NDArray[Any]
T = TypeVar("T")
R = TypeVar("R")


class Cascade:
    """A cascade on its way through a signal: filters block after block, in place."""

    def __init__(self, sos: Array, channels: int, real: str = "float32") -> None:
        self._channels = channels
        self._dtype = np.dtype(real)
        self._sos = np.array(sos, dtype=np.float64)
        self._groups = grouped(_rows(self._sos), channels, real)
        self._varying: list[Group] | None = None

    @property
    def sos(self) -> Array:
        """(S, 6) or (channels, S, 6), float64."""
        return self._sos.copy()

    @sos.setter
    def sos(self, sos: Array) -> None:
        self._sos = np.array(sos, dtype=np.float64)
        for group in self._groups:
            group.take(_rows(self._sos))

    @property
    def state(self) -> Array:
        """(channels, S, 2), as scipy's zi."""
        return np.concatenate([group.state for group in self._groups])

    @state.setter
    def state(self, state: Array) -> None:
        for group in self._groups:
            group.state = state[group.channels]

    def run(self, block: Array) -> None:
        """Filter a block (channels, frames) of this dtype in place; its rows are contiguous."""
        if block.shape[1] == 0:
            return
        address = address_of(block, to_write=True)
        stride, frames = block.strides[0] // self._dtype.itemsize, block.shape[1]
        for group in self._groups:
            group.forward(address, stride, address, stride, frames, frames, 0)

    def run_varying(self, block: Array, sos: Array, hop: int) -> None:
        """As `run`, with coefficients sos (N, S, 6) that change every hop frames."""
        if block.shape[1] == 0:
            return
        rows = np.asarray(sos, dtype=np.float64)[None]
        groups = grouped(rows, self._channels, self._dtype.name, varying=True)
        address = address_of(block)
        stride, frames = block.strides[0] // self._dtype.itemsize, block.shape[1]
        state = self.state
        for group in groups:
            group.state = state[group.channels]
            group.forward(address, stride, address, stride, frames, hop, 0)
            state[group.channels] = group.state
        self.state = state


@dataclass(frozen=True)
class Passed:
    """What `backward` needs of a pass `forward`: the groups and their checkpoints."""

    groups: list[Group]
    notes: list[Array]
    hop: int
    shared: bool
    threads: int


def forward(
    signal: Array,
    sos: Array,
    state: Array,
    hop: int | None = None,
    *,
    noting: bool = False,
    threads: int = 1,
) -> tuple[Array, Array, Passed | None]:
    """Filter signal (channels, frames), float32 or float64: the output and the last state.

    sos (1 or channels, N, S, 6), row k for frames [k hop, (k + 1) hop), N = 1 without a hop;
    state (channels, S, 2) is the first one. With `noting` also what `backward` needs, which is
    2 S numbers per channel for 64 frames (256 for a single channel).
    """
    channels, frames = signal.shape
    real = signal.dtype.name
    groups = grouped(sos, channels, real, varying=hop is not None)
    output = np.empty_like(signal)
    last = np.empty_like(state)
    rows = [(address_of(array), array.strides[0] // array.itemsize) for array in (signal, output)]

    def run(group: Group) -> Array | None:
        group.state = state[group.channels]
        notes = group.notes(frames) if noting else None
        group.forward(*rows[0], *rows[1], frames, hop or frames, _address(notes))
        last[group.channels] = group.state
        return notes

    notes = _each(run, groups, threads)
    if not noting:
        return output, last, None
    kept = [note for note in notes if note is not None]
    return output, last, Passed(groups, kept, hop or frames, len(sos) == 1, threads)


def backward(
    passed: Passed, signal: Array, upstream: Array, state: Array, *, sums: bool = True
) -> tuple[Array, Array | None, Array]:
    """The gradients of the signal, of the coefficients (if wanted, float64) and of the first state.

    upstream (channels, frames) and state (channels, S, 2) are those of the output and of the last
    state. The gradient of the coefficients has their shape, zero for a0.
    """
    gradient, first = np.empty_like(upstream), np.empty_like(state)

    def run(pair: tuple[Group, Array]) -> Array | None:
        group, notes = pair
        group.state = state[group.channels]
        found = group.backward(signal, upstream, gradient, passed.hop, notes, sums)
        first[group.channels] = group.state
        return found

    pairs = list(zip(passed.groups, passed.notes, strict=True))
    found = [part for part in _each(run, pairs, passed.threads) if part is not None]
    if not sums:
        return gradient, None, first
    total = np.sum(found, axis=0) if passed.shared else np.concatenate(found)
    return gradient, total, first


def _rows(sos: Array) -> Array:
    """(S, 6) or (channels, S, 6) as (1 or channels, 1, S, 6)."""
    return sos.reshape(-1, 1, *sos.shape[-2:])


def _address(array: Array | None) -> int:
    return 0 if array is None else address_of(array)


def _each(function: Callable[[T], R], values: Sequence[T], threads: int) -> list[R]:
    """In order; in several threads, as the kernels let go of Python's lock."""
    if threads == 1 or len(values) == 1:
        return [function(value) for value in values]
    with ThreadPoolExecutor(min(threads, len(values))) as pool:
        return list(pool.map(function, values))
