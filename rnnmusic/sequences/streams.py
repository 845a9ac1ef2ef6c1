"""Streams: an array of shape (T, ...) per sequence, of which any stretch can be read by itself."""

from __future__ import annotations

import mmap
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnmusic.errors import InputError

Array = NDArray[Any]
Ints = NDArray[np.int64]


class Stream(ABC):
    """One array per sequence.

    lengths: steps of each sequence (N,) int64, all 1 or more. shape and dtype: of one step.
    """

    lengths: Ints
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @abstractmethod
    def read(self, sequence: int, start: int, stop: int) -> Array:
        """Steps start..stop of a sequence, (stop - start, *shape); not to be written to."""

    @abstractmethod
    def select(self, sequences: Ints | slice) -> Self:
        """The stream of some of the sequences, nothing copied."""

    def __len__(self) -> int:
        return len(self.lengths)


class Separate(Stream):
    """Sequences that are arrays of their own, (T, *shape) each."""

    def __init__(self, arrays: Sequence[ArrayLike]) -> None:
        self._arrays = [_array(i, given) for i, given in enumerate(arrays)]
        if not self._arrays:
            raise InputError("There are no sequences; give at least one array of shape (T, ...).")
        shape = self._arrays[0].shape[1:]
        for i, array in enumerate(self._arrays):
            if not array.ndim or array.shape[1:] != shape:
                raise InputError(
                    f"Sequence {i} is an array of shape {array.shape}; like the first it must be "
                    f"{_wanted(shape)}."
                )
        self.shape = shape
        self.dtype = numeric(np.result_type(*{array.dtype for array in self._arrays}))
        self.lengths = checked_lengths([len(array) for array in self._arrays])

    def read(self, sequence: int, start: int, stop: int) -> Array:
        """Steps start..stop of a sequence, (stop - start, *shape): a view."""
        return self._arrays[sequence][start:stop]

    def select(self, sequences: Ints | slice) -> Self:
        """The stream of some of the sequences, nothing copied."""
        chosen = np.arange(len(self))[sequences]
        return type(self)([self._arrays[i] for i in chosen])


class EndToEnd(Stream):
    """Sequences that lie end to end in one array, which may be memory-mapped.

    rows: (N, *shape) or, where bits is given, (N, ceil(bits / 8)) `numpy.packbits` of steps of so
    many binary columns, unpacked as they are read. lengths: steps of each sequence; together they
    are all rows, unless offsets says at which row each begins. InputError for sequences that are
    empty or reach beyond the rows.

    A whole array from `numpy.load(..., mmap_mode="r")` is pickled as the name of its file, so
    that worker processes map it too; of any other array they get a copy.
    """

    def __init__(
        self,
        rows: Array,
        lengths: ArrayLike,
        offsets: ArrayLike | None = None,
        *,
        bits: int | None = None,
    ) -> None:
        self.lengths = checked_lengths(lengths)
        ends = np.cumsum(self.lengths)
        if offsets is None and len(ends) and ends[-1] != len(rows):
            raise InputError(
                f"The lengths of {len(ends)} sequences add up to {ends[-1]} steps and the array "
                f"has {len(rows)}; they must agree."
            )
        self.offsets: Ints = (
            ends - self.lengths if offsets is None else np.asarray(offsets, dtype=np.int64)
        )
        if np.any(self.offsets < 0) or np.any(self.offsets + self.lengths > len(rows)):
            raise InputError(f"Sequences reach beyond the {len(rows)} rows of their array.")
        if bits is not None and (
            rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != -(-bits // 8)
        ):
            raise InputError(
                f"Rows of {bits} packed bits are uint8 (N, {-(-bits // 8)}), not {rows.dtype} "
                f"{rows.shape}; pack them with numpy.packbits(steps, axis=1)."
            )
        self.bits = bits
        self.shape = rows.shape[1:] if bits is None else (bits,)
        self.dtype = numeric(rows.dtype)
        self._hold(rows)

    def read(self, sequence: int, start: int, stop: int) -> Array:
        """Steps start..stop of a sequence, (stop - start, *shape); no other row is touched."""
        offset = self.offsets[sequence]
        rows = self._view[offset + start : offset + stop]
        if self.bits is None:
            return rows
        unpacked: Array = np.unpackbits(rows, axis=1, count=self.bits)
        return unpacked

    def select(self, sequences: Ints | slice) -> Self:
        """The stream of some of the sequences, nothing copied."""
        return type(self)(
            self.rows, self.lengths[sequences], self.offsets[sequences], bits=self.bits
        )

    def _hold(self, rows: Array) -> None:
        self.rows = rows
        self._view = np.asarray(rows)  # slices of a memmap are slow, of its plain view they aren't

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name != "_view"}
        rows = self.rows
        base: object = rows.base
        # Of a view into a map nothing tells where in the file it begins; numpy keeps that only
        # for the whole.
        if isinstance(rows, np.memmap) and isinstance(base, mmap.mmap):
            order = "C" if rows.flags.c_contiguous else "F"
            state["rows"] = (rows.filename, rows.dtype, rows.offset, rows.shape, order)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        rows = state["rows"]
        if isinstance(rows, tuple):
            name, dtype, offset, shape, order = rows
            rows = np.memmap(name, dtype, "r", offset, shape, order)
        self._hold(rows)


def as_stream(given: Stream | Sequence[ArrayLike]) -> Stream:
    """A stream as it is; of other things, the stream of the arrays they hold."""
    return given if isinstance(given, Stream) else Separate(given)


def checked_lengths(lengths: ArrayLike) -> Ints:
    """Lengths as (N,) int64; InputError unless all are 1 or more."""
    array = np.asarray(lengths)
    if array.ndim != 1 or (len(array) and array.dtype.kind not in "iu"):
        raise InputError(
            f"Lengths are {array.dtype} {array.shape}; give a list of whole numbers, the steps of "
            "each sequence."
        )
    checked: Ints = array.astype(np.int64)
    if np.any(checked < 1):
        raise InputError(
            f"Sequence {int(np.argmax(checked < 1))} has no steps; leave empty sequences out."
        )
    return checked


def numeric(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type in this machine's byte order; InputError for one that tensors don't have."""
    if dtype.kind not in "biufc" or dtype.itemsize > 8 * (1 + (dtype.kind == "c")):
        raise InputError(
            f"Steps are of type {dtype}; give arrays of booleans or of numbers of at most 64 bits."
        )
    return dtype.newbyteorder("=")


def _array(i: int, given: ArrayLike) -> Array:
    try:
        return np.asarray(given)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"Sequence {i} can't be read as an array: {error}.") from error


def _wanted(shape: tuple[int, ...]) -> str:
    return f"(T, {', '.join(map(str, shape))})" if shape else "(T,)"
