"""Which stretches of which sequences are the examples of a data set: all of each, or windows."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.errors import UsageError
from rnnmusic.sequences.plans import Rows, Segment

Ints = NDArray[np.int64]
Tails = Literal["keep", "drop"]


class Spans(NamedTuple):
    """Steps start..stop of a sequence, for each of N examples: (N,) int64 each."""

    sequence: Ints
    start: Ints
    stop: Ints

    @property
    def lengths(self) -> Ints:
        """Steps of each example (N,)."""
        return self.stop - self.start

    def place(self, rows: Rows) -> Rows:
        """Segments of examples as segments of sequences."""
        return [
            [
                Segment(int(self.sequence[item]), (first := int(self.start[item])) + a, first + b)
                for item, a, b in row
            ]
            for row in rows
        ]


def whole(lengths: Ints) -> Spans:
    """Each sequence as one example."""
    return Spans(np.arange(len(lengths)), np.zeros_like(lengths), lengths)


def windows(lengths: Ints, length: int, stride: int, tails: Tails = "keep") -> Spans:
    """Windows of `length` steps that begin at steps 0, stride, 2 * stride, ... of each sequence.

    What the last whole window leaves over is, with tails "keep", one more window, which begins a
    stride further and ends where its sequence does: so every step is in a window, unless the
    stride is longer than a window. With "drop" it is left out, and all windows are of one length.
    """
    if length < 1 or stride < 1:
        raise UsageError(
            f"Windows of {length} steps every {stride} steps can't be; both must be 1 or more."
        )
    if tails not in ("keep", "drop"):
        raise UsageError(f'tails is {tails!r}; give "keep" or "drop".')
    counts = np.maximum((lengths - length) // stride + 1, 0)
    if tails == "keep":
        covered = np.where(counts > 0, (counts - 1) * stride + length, 0)
        counts = counts + (lengths > np.maximum(covered, counts * stride))
    sequence = np.repeat(np.arange(len(lengths)), counts)
    start = (np.arange(len(sequence)) - np.repeat(np.cumsum(counts) - counts, counts)) * stride
    return Spans(sequence, start, np.minimum(start + length, lengths[sequence]))
