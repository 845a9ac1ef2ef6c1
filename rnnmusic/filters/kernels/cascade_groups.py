"""Channels that go through a cascade together: which kernel takes them, and its memory.

Both kinds of group compute the same bits. States and coefficients lie in them as the kernels want
it; outside, states are (channels, S, 2) and coefficients (1 or channels, N, S, 6), of which row k
holds for frames [k hop, (k + 1) hop). Signals are rows of `stride` elements from an address on.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmusic.filters.kernels import cascade_lanes, cascade_skewed
from rnnmusic.filters.kernels.section import (
    TERMS,
    adjoint_terms,
    forward_terms,
    gradient_of_sums,
)

Array = NDArray[Any]
#: Bytes of the widest vectors.
_WIDEST = 64
#: Bytes of a cache line.
_LINE = 64
_byte_of = ctypes.c_char.from_buffer
#: With more sections than this a vector of them is too wide.
_MOST_SKEWED = 16


class LanesGroup:
    """Up to a vector's width of channels, `cascade_lanes`."""

    def __init__(self, channels: slice, sos: Array, real: str, lanes: int) -> None:
        self.channels = channels
        self._count = channels.stop - channels.start
        self._real, self._lanes = real, lanes
        self._offset = channels.start * np.dtype(real).itemsize
        self._sections = sos.shape[-2]
        size = 2 * self._sections * lanes
        self._memory = _aligned(size + cascade_lanes.scratch_size(self._sections, lanes), real)
        self._state = self._memory[:size].reshape(self._sections, 2, lanes)
        self._state[...] = 0
        self._kernel = cascade_lanes.forward(real, lanes, len(sos) == 1)
        address = address_of(self._memory)
        self._addresses = address, address + self._state.nbytes
        self.take(sos)

    def take(self, sos: Array) -> None:
        """Go on with these coefficients (1 or all channels, N, S, 6), of as many as before."""
        self._shared = len(sos) == 1
        self._sos = sos if self._shared else sos[self.channels]
        self._terms = self._laid_out(forward_terms(self._sos))
        rows = self._terms.shape[0]
        self._stride = self._terms[0].size if rows > 1 else 0
        self._terms_at = address_of(self._terms)

    @property
    def state(self) -> Array:
        """(channels, S, 2) of these channels."""
        return np.ascontiguousarray(self._state.transpose(2, 0, 1)[: self._count])

    @state.setter
    def state(self, state: Array) -> None:
        self._state[..., : self._count] = state.transpose(1, 2, 0)
        self._state[..., self._count :] = self._state[..., self._count - 1 : self._count]

    def notes(self, frames: int) -> Array:
        """Room for the checkpoints of a signal."""
        return np.empty((-(-frames // cascade_lanes.BLOCK), *self._state.shape), self._real)

    def forward(
        self,
        signal: int,
        signal_stride: int,
        output: int,
        output_stride: int,
        frames: int,
        hop: int,
        notes: int,
    ) -> None:
        """These channels' rows to the output; checkpoints to the address notes unless it is 0."""
        state, scratch = self._addresses
        self._kernel(
            signal + self._offset * signal_stride, signal_stride,
            output + self._offset * output_stride, output_stride,
            self._count, frames, self._sections,
            self._terms_at, self._stride, hop, state, notes, scratch,
        )  # fmt: skip

    def backward(
        self, signal: Array, upstream: Array, output: Array, hop: int, notes: Array, sums: bool
    ) -> Array | None:
        """The adjoint; state is the gradient of the last one, then of the first.

        Returns the gradient of the coefficients (1 or channels of the group, N, S, 6) if asked.
        """
        adjoint = self._laid_out(adjoint_terms(self._sos))
        total = np.zeros(adjoint.shape if sums else 1)
        arrays = signal, output, upstream
        strides = [array.strides[0] // array.itemsize for array in arrays]
        rows = [
            address_of(array) + self._offset * stride
            for array, stride in zip(arrays, strides, strict=True)
        ]
        state, scratch = self._addresses
        cascade_lanes.backward(self._real, self._lanes, self._shared, sums)(
            rows[0], strides[0], rows[1], strides[1], self._count, signal.shape[1], self._sections,
            self._terms_at, self._stride, hop, state, address_of(notes), scratch,
            address_of(adjoint), rows[2], strides[2], address_of(total),
        )  # fmt: skip
        if not sums:
            return None
        if self._shared:
            return gradient_of_sums(total[None])
        return gradient_of_sums(np.moveaxis(total, -1, 0)[: self._count])

    def _laid_out(self, terms: Array) -> Array:
        """(N, S, 5), with the lanes innermost unless they share it."""
        if self._shared:
            return np.ascontiguousarray(terms[0], dtype=self._real)
        return np.ascontiguousarray(np.moveaxis(self._repeated(terms), 0, -1), dtype=self._real)

    def _repeated(self, values: Array) -> Array:
        """The last channel in every lane beyond it."""
        repeated: Array = values[np.minimum(np.arange(self._lanes), self._count - 1)]
        return repeated


class SkewedGroup:
    """One channel whose coefficients don't change, `cascade_skewed`; used as `LanesGroup`."""

    def __init__(self, channels: slice, sos: Array, real: str) -> None:
        self.channels = channels
        self._real = real
        self._offset = channels.start * np.dtype(real).itemsize
        self._sections = sos.shape[-2]
        self._lanes = cascade_skewed.lanes_for(self._sections)
        self._state = np.zeros((2, self._lanes), real)
        self._terms = np.zeros((TERMS, self._lanes), real)
        self._kernel = cascade_skewed.forward(real, self._sections)
        self._addresses = address_of(self._terms), address_of(self._state)
        self.take(sos)

    def take(self, sos: Array) -> None:
        """Go on with these coefficients (1 or all channels, 1, S, 6), of as many as before."""
        self._sos = sos[self.channels.start if len(sos) > 1 else 0, 0]
        self._terms[:, : self._sections] = forward_terms(self._sos).T

    @property
    def state(self) -> Array:
        """(1, S, 2) of this channel."""
        return np.ascontiguousarray(self._state.T[None, : self._sections])

    @state.setter
    def state(self, state: Array) -> None:
        self._state[:, : self._sections] = state[0].T

    def notes(self, frames: int) -> Array:
        """Room for the checkpoints of a signal."""
        return np.empty((-(-frames // cascade_skewed.BLOCK), *self._state.shape), self._real)

    def forward(
        self,
        signal: int,
        signal_stride: int,
        output: int,
        output_stride: int,
        frames: int,
        hop: int,
        notes: int,
    ) -> None:
        """This channel's row to the output; checkpoints to the address notes unless it is 0."""
        terms, state = self._addresses
        self._kernel(
            signal + self._offset * signal_stride,
            output + self._offset * output_stride,
            frames, cascade_skewed.BLOCK if notes else frames, terms, state, notes,
        )  # fmt: skip

    def backward(
        self, signal: Array, upstream: Array, output: Array, hop: int, notes: Array, sums: bool
    ) -> Array | None:
        """The adjoint, as of `LanesGroup`."""
        adjoint = np.zeros((TERMS, self._lanes), self._real)
        adjoint[:, : self._sections] = adjoint_terms(self._sos).T
        total = np.zeros((TERMS, self._lanes))
        trace = _aligned(cascade_skewed.trace_size(self._sections), self._real)
        rows = [array[self.channels].ctypes.data for array in (signal, output, upstream)]
        terms, state = self._addresses
        cascade_skewed.backward(self._real, self._sections, sums)(
            rows[0], rows[1], signal.shape[1], terms, state, address_of(notes),
            address_of(adjoint), rows[2], address_of(total), address_of(trace),
        )  # fmt: skip
        return gradient_of_sums(total.T[None, None, : self._sections]) if sums else None


def address_of(array: Array, *, to_write: bool = False) -> int:
    """Where an array lies; of a whole one in a third of the time that array.ctypes takes.

    TypeError for one to be written that must not be.
    """
    if array.size and array.flags.c_contiguous and (to_write or array.flags.writeable):
        return ctypes.addressof(_byte_of(array.data))
    return array.ctypes.data


def _aligned(size: int, real: str) -> Array:
    """Room for so many numbers from the start of a cache line on: no vector lies across two."""
    size *= np.dtype(real).itemsize
    memory = np.empty(size + _LINE, np.uint8)
    start = -address_of(memory) % _LINE
    return memory[start : start + size].view(real)


Group = LanesGroup | SkewedGroup


def grouped(sos: Array, channels: int, real: str, *, varying: bool = False) -> list[Group]:
    """All channels in groups; sos (1 or channels, N, S, 6) is what they start with."""
    found: list[Group] = []
    wide = _WIDEST // np.dtype(real).itemsize
    sections = sos.shape[-2]
    start = 0
    while start < channels:
        left = channels - start
        # A row of lanes takes 2.8 + 0.6 S ns however few are used, a skewed sample 1.9 (Zen 5).
        few = left <= 1.5 + 0.3 * sections and sections <= _MOST_SKEWED
        if few and not varying:
            found.append(SkewedGroup(slice(start, start + 1), sos, real))
        else:
            lanes = wide if left > wide // 2 else wide // 2
            found.append(LanesGroup(slice(start, min(start + lanes, channels)), sos, real, lanes))
        start = found[-1].channels.stop
    return found
