"""Piece and Pieces: encoded music, unpacked only when somebody looks at it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings.protocol import Steps
from rnnmusic.sequences.streams import EndToEnd, Separate, Stream


class Piece(NamedTuple):
    """One encoded piece: steps (T, F) of the corpus's encoding and its clock (T, C) uint8."""

    name: str
    steps: Steps
    clock: NDArray[np.uint8]


class Pieces(Sequence[Piece]):
    """Pieces that lie one after the other in two arrays, which may be memory-mapped.

    rows: (N, F) steps or, where bits is given, (N, ceil(bits / 8)) `numpy.packbits` of F = bits
    binary columns. clock: (N, C) uint8. Piece i is `lengths[i]` rows from `offsets[i]` on.
    """

    def __init__(
        self,
        rows: NDArray[Any],
        clock: NDArray[np.uint8],
        names: Sequence[str],
        offsets: NDArray[np.int64],
        lengths: NDArray[np.int64],
        *,
        bits: int | None = None,
    ) -> None:
        self.names = tuple(names)
        self.steps = EndToEnd(rows, lengths, offsets, bits=bits)
        self.clock = EndToEnd(clock, lengths, offsets)
        self.offsets, self.lengths = self.steps.offsets, self.steps.lengths

    @classmethod
    def of(cls, pieces: Iterable[Piece]) -> Pieces:
        """Gather at least one piece of one encoding into memory."""
        names, steps, clocks = zip(*pieces, strict=True)
        lengths = np.array([len(s) for s in steps], dtype=np.int64)
        offsets = np.cumsum(lengths) - lengths
        return cls(np.concatenate(steps), np.concatenate(clocks), names, offsets, lengths)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Piece: ...
    @overload
    def __getitem__(self, index: slice) -> Pieces: ...
    def __getitem__(self, index: int | slice) -> Piece | Pieces:
        if isinstance(index, slice):
            return Pieces(
                self.steps.rows,
                self.clock.rows,
                self.names[index],
                self.offsets[index],
                self.lengths[index],
                bits=self.steps.bits,
            )
        length = int(self.lengths[index])
        return Piece(
            self.names[index],
            self.steps.read(index, 0, length),
            self.clock.read(index, 0, length),
        )

    def __iter__(self) -> Iterator[Piece]:
        return (self[i] for i in range(len(self)))


def streams_of(pieces: Sequence[Piece]) -> tuple[Stream, Stream]:
    """The steps and the clocks of pieces, any stretch of which can be read by itself."""
    if isinstance(pieces, Pieces):
        return pieces.steps, pieces.clock
    return Separate([p.steps for p in pieces]), Separate([p.clock for p in pieces])
