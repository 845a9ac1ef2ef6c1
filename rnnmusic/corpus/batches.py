"""Pieces as batches of tensors: whole, carried along in parallel streams, or in order.

The samplers of `rnnmusic.sequences` with what is musical: clocks, and a random transposition of
each piece in each epoch. Every frame of every piece is in exactly one batch of an epoch, and an
epoch is a pure function of (seed, its number).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmusic import sequences
from rnnmusic.corpus.pieces import Piece, streams_of
from rnnmusic.encodings.protocol import Encoding, Steps
from rnnmusic.errors import InputError, UsageError
from rnnmusic.sequences.batches import lay_out, mask_of, resets_of, row_lengths
from rnnmusic.sequences.plans import Rows
from rnnmusic.sequences.samplers import Bucketed, Carried, at_least_one
from rnnmusic.sequences.windows import whole, windows


class Batch(NamedTuple):
    """B rows of T steps for teacher forcing; rows end in padding.

    Steps are int64, of real-valued encodings float32, and 0 in the padding.

    inputs (B, T, F): the step before each target, `start_step` at a piece's first.
    targets (B, T, F). clock (B, T, C) int64: the metrical position of each target.
    mask (B, T) bool: False where a row is padding. reset (B, T) bool, or None where every row
    starts anew: True where a piece starts. lengths (B,): steps of the row that aren't padding.
    """

    inputs: Tensor
    targets: Tensor
    clock: Tensor
    mask: Tensor
    reset: Tensor | None
    lengths: Tensor

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        move = (t if t is None else t.to(device, non_blocking=True) for t in self)
        return Batch(*move)  # type: ignore[arg-type]


class PieceSource:
    """Pieces, or windows of them, as examples for the samplers, transposed anew in each epoch."""

    def __init__(
        self,
        pieces: Sequence[Piece],
        encoding: Encoding,
        *,
        transpose: int = 0,
        max_length: int | None = None,
    ) -> None:
        if not len(pieces):
            raise InputError("There are no pieces to make batches of; build a larger corpus.")
        if transpose < 0:
            raise UsageError(f"transpose must be 0 semitones or more, not {transpose}.")
        self._encoding, self._transpose = encoding, transpose
        self._steps, self._clock = streams_of(pieces)
        lengths = self._steps.lengths
        self._spans = (
            whole(lengths) if max_length is None else windows(lengths, max_length, max_length)
        )
        self._draws: NDArray[np.float64] | None = None
        self._ranges: dict[int, tuple[int, int]] = {}  # of each piece met, the same in all epochs

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each example."""
        return self._spans.lengths

    def for_epoch(self, rng: np.random.Generator) -> Self:
        """The examples shifted by the semitones drawn for each piece in this epoch."""
        other = copy(self)
        other._draws = rng.random(len(self._steps))
        return other

    def batch(self, rows: Rows, width: int, *, with_resets: bool) -> Batch:
        """Rows of segments of examples, padded to `width` steps."""
        placed = self._spans.place(rows)
        encoding = self._encoding
        inputs, targets = lay_out(
            self._read,
            placed,
            width,
            lags=(1, 0),
            shape=(len(encoding.sizes),),
            dtype=np.float32 if encoding.is_real else np.int64,
            start_step=encoding.start_step(),
        )
        (clock,) = lay_out(
            self._clock.read,
            placed,
            width,
            lags=(0,),
            shape=(len(encoding.clock_sizes),),
            dtype=np.int64,
            start_step=encoding.clock_at(0),
        )
        lengths = row_lengths(rows)
        return Batch(
            inputs=torch.from_numpy(inputs),
            targets=torch.from_numpy(targets),
            clock=torch.from_numpy(clock),
            mask=torch.from_numpy(mask_of(lengths, width)),
            reset=torch.from_numpy(resets_of(rows, width)) if with_resets else None,
            lengths=torch.from_numpy(lengths),
        )

    def _read(self, piece: int, start: int, stop: int) -> Steps:
        steps = self._steps.read(piece, start, stop)
        semitones = self._semitones(piece)
        return self._encoding.transpose(steps, semitones) if semitones else steps

    def _semitones(self, piece: int) -> int:
        """How far a piece is shifted in this epoch; the whole piece says how far it can be."""
        if not self._transpose or self._draws is None:
            return 0
        if piece not in self._ranges:
            steps = self._steps.read(piece, 0, int(self._steps.lengths[piece]))
            self._ranges[piece] = self._encoding.transposition_range(steps, self._transpose)
        low, high = self._ranges[piece]
        return low + int(self._draws[piece] * (high - low + 1))


class WholePieces(Bucketed[Batch]):
    """Batches of whole pieces of similar length, shuffled.

    Pieces longer than max_length are cut into windows of that many steps and a rest; a window's
    first input is the step before it, and its state starts anew.
    """

    def __init__(
        self,
        pieces: Sequence[Piece],
        encoding: Encoding,
        batch_size: int,
        *,
        seed: int,
        transpose: int = 0,
        max_length: int | None = None,
    ) -> None:
        if max_length is not None:
            at_least_one("max_length", max_length)
        source = PieceSource(pieces, encoding, transpose=transpose, max_length=max_length)
        super().__init__(source, batch_size=batch_size, seed=seed)


class CarriedStreams(Carried[Batch]):
    """Truncated backpropagation: `rows` streams of shuffled pieces, cut into chunks.

    Row b of batch k + 1 continues row b of batch k, so the state is carried over; `reset` says
    where the next piece starts. A piece goes to the row that is shortest so far: rows differ by
    at most the longest piece, and end in padding.
    """

    def __init__(
        self,
        pieces: Sequence[Piece],
        encoding: Encoding,
        rows: int,
        chunk_length: int,
        *,
        seed: int,
        transpose: int = 0,
    ) -> None:
        source = PieceSource(pieces, encoding, transpose=transpose)
        super().__init__(source, rows=rows, chunk_length=chunk_length, seed=seed)


def in_order(
    pieces: Sequence[Piece], encoding: Encoding, batch_size: int
) -> Iterator[tuple[NDArray[np.int64], Batch]]:
    """Every piece once, whole and as it is: yields (indices into pieces (B,), Batch).

    Batches hold pieces of similar length, the shortest first: the indices say which.
    """
    return sequences.in_order(PieceSource(pieces, encoding), batch_size)
