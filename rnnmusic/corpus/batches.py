"""Pieces as batches of tensors: whole, carried along in parallel streams, or in order.

Every frame of every piece is in exactly one batch of an epoch. An epoch is a pure function of
(seed, its number): a run resumes by asking for the same epoch from a later batch on, and every
process of a distributed run takes its rows of the same global batches.
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import lru_cache
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmusic.corpus.pieces import Piece, lengths_of
from rnnmusic.encodings.protocol import Encoding
from rnnmusic.errors import InputError, UsageError

BUCKET_POOL_BATCHES = 16  # pieces are sorted by length within pools of this many batches


class Batch(NamedTuple):
    """B rows of T steps for teacher forcing, int64; rows end in padding.

    inputs (B, T, F): the step before each target, `start_step` at a piece's first.
    targets (B, T, F). clock (B, T, C): the metrical position of each target.
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


class _Segment(NamedTuple):
    """Steps start..stop of one piece."""

    piece: int
    start: int
    stop: int


_Row = list[_Segment]
_Look = Callable[[int], Piece]


class _Batcher(ABC):
    """What both samplers share: epochs by number, transposition, shards."""

    carried: bool

    def __init__(
        self, pieces: Sequence[Piece], encoding: Encoding, *, seed: int, transpose: int
    ) -> None:
        if not len(pieces):
            raise InputError("There are no pieces to make batches of; build a larger corpus.")
        if transpose < 0:
            raise UsageError(f"transpose must be 0 semitones or more, not {transpose}.")
        self.pieces, self.encoding = pieces, encoding
        self.seed, self.transpose = seed, transpose
        self._lengths = lengths_of(pieces)
        self._rank, self._world = 0, 1

    @abstractmethod
    def batches_per_epoch(self, n: int) -> int:
        """Number of batches of epoch n; the same on all shards."""

    @abstractmethod
    def _plan(self, rng: np.random.Generator) -> Sequence[list[_Row]]:
        """The rows of every global batch of an epoch."""

    def epoch(self, n: int, start: int = 0) -> Iterator[Batch]:
        """The batches of epoch n from batch `start` on; those before it aren't built."""
        rng = self._rng(n)
        plan = self._plan(rng)
        look = self._transposed(rng)
        for k in range(start, len(plan)):
            rows = plan[k]
            width = max(_row_length(row) for row in rows)
            # A shard that has no row left takes one of padding, so that all shards keep step.
            mine = rows[self._rank :: self._world] or [[]]
            yield assemble(mine, width, look, self.encoding, carried=self.carried)

    def shard(self, rank: int, world: int) -> Self:
        """The same batches for process `rank` of `world`: their rows rank, rank + world, ...

        Rows are padded as in the global batch. Losses are to be divided by the number of
        unmasked steps of all shards together.
        """
        if not 0 <= rank < world:
            raise UsageError(f"There is no shard {rank} of {world}; ranks count from 0.")
        other = copy(self)
        other._rank, other._world = rank, world
        return other

    def _rng(self, n: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, n])

    def _transposed(self, rng: np.random.Generator) -> _Look:
        """Look pieces up, shifted by the semitones this epoch drew for each of them."""
        draws = rng.random(len(self.pieces))

        # Neighbouring chunks look at the same pieces, most of them just now.
        @lru_cache(maxsize=128)
        def look(index: int) -> Piece:
            piece = self.pieces[index]
            if not self.transpose:
                return piece
            low, high = self.encoding.transposition_range(piece.steps, self.transpose)
            semitones = low + int(draws[index] * (high - low + 1))
            return piece._replace(steps=self.encoding.transpose(piece.steps, semitones))

        return look


class WholePieces(_Batcher):
    """Batches of whole pieces of similar length, shuffled.

    Pieces longer than max_length are cut into windows of that many steps and a rest; a window's
    first input is the step before it, and its state starts anew.
    """

    carried = False

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
        super().__init__(pieces, encoding, seed=seed, transpose=transpose)
        self.batch_size = _at_least_one("batch_size", batch_size)
        longest = int(self._lengths.max())
        window = longest if max_length is None else _at_least_one("max_length", max_length)
        self._windows = [
            _Segment(i, start, min(start + window, int(length)))
            for i, length in enumerate(self._lengths)
            for start in range(0, int(length), window)
        ]

    def batches_per_epoch(self, n: int) -> int:
        """Number of batches of epoch n: all epochs have as many."""
        return -(-len(self._windows) // self.batch_size)

    def _plan(self, rng: np.random.Generator) -> Sequence[list[_Row]]:
        order = rng.permutation(len(self._windows))
        lengths = np.array([w.stop - w.start for w in self._windows])
        pool = self.batch_size * BUCKET_POOL_BATCHES
        batches: list[NDArray[np.intp]] = []
        for at in range(0, len(order), pool):
            bucket = order[at : at + pool]
            bucket = bucket[np.argsort(-lengths[bucket], kind="stable")]
            cuts = range(self.batch_size, len(bucket), self.batch_size)
            batches += np.split(bucket, list(cuts))
        shuffled = rng.permutation(len(batches))
        return [[[self._windows[i]] for i in batches[b]] for b in shuffled]


class CarriedStreams(_Batcher):
    """Truncated backpropagation: `rows` streams of shuffled pieces, cut into chunks.

    Row b of batch k + 1 continues row b of batch k, so the state is carried over; `reset` says
    where the next piece starts. A piece goes to the row that is shortest so far: rows differ by
    at most the longest piece, and end in padding.
    """

    carried = True

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
        super().__init__(pieces, encoding, seed=seed, transpose=transpose)
        self.rows = _at_least_one("rows", rows)
        self.chunk_length = _at_least_one("chunk_length", chunk_length)

    def batches_per_epoch(self, n: int) -> int:
        """Number of batches of epoch n; it varies a little with the shuffle."""
        return len(self._plan(self._rng(n)))

    def _plan(self, rng: np.random.Generator) -> Sequence[list[_Row]]:
        ends = [(0, row) for row in range(self.rows)]  # a heap: the shortest row first
        chunks: list[list[_Row]] = []
        for piece in rng.permutation(len(self._lengths)).tolist():
            at, row = heapq.heappop(ends)
            length = int(self._lengths[piece])
            heapq.heappush(ends, (at + length, row))
            taken = 0
            while taken < length:
                chunk, inside = divmod(at + taken, self.chunk_length)
                while len(chunks) <= chunk:
                    chunks.append([[] for _ in range(self.rows)])
                stop = min(length, taken + self.chunk_length - inside)
                chunks[chunk][row].append(_Segment(piece, taken, stop))
                taken = stop
        return chunks


def in_order(
    pieces: Sequence[Piece], encoding: Encoding, batch_size: int
) -> Iterator[tuple[NDArray[np.int64], Batch]]:
    """Every piece once, whole and as it is: yields (indices into pieces (B,), Batch).

    Batches hold pieces of similar length, the shortest first: the indices say which.
    """
    _at_least_one("batch_size", batch_size)
    lengths = lengths_of(pieces)
    order = np.argsort(lengths, kind="stable").astype(np.int64)
    for at in range(0, len(order), batch_size):
        indices = order[at : at + batch_size]
        rows = [[_Segment(int(i), 0, int(lengths[i]))] for i in indices]
        width = int(lengths[indices].max())
        yield indices, assemble(rows, width, pieces.__getitem__, encoding, carried=False)


def assemble(
    rows: Sequence[_Row], width: int, look: _Look, encoding: Encoding, *, carried: bool
) -> Batch:
    """Copy the segments of each row into one padded batch of `width` steps."""
    factors, clocks = len(encoding.sizes), len(encoding.clock_sizes)
    shape = (len(rows), width)
    inputs = np.zeros((*shape, factors), dtype=np.int64)
    targets = np.zeros((*shape, factors), dtype=np.int64)
    clock = np.zeros((*shape, clocks), dtype=np.int64)
    reset = np.zeros(shape, dtype=np.bool_)
    lengths = np.zeros(len(rows), dtype=np.int64)
    silence = encoding.start_step()
    for b, row in enumerate(rows):
        at = 0
        for index, start, stop in row:
            piece = look(index)
            end = at + stop - start
            targets[b, at:end] = piece.steps[start:stop]
            clock[b, at:end] = piece.clock[start:stop]
            inputs[b, at] = silence if start == 0 else piece.steps[start - 1]
            inputs[b, at + 1 : end] = piece.steps[start : stop - 1]
            reset[b, at] = start == 0
            at = end
        lengths[b] = at
    mask = np.arange(width) < lengths[:, None]

    def tensor(array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array)

    return Batch(
        inputs=tensor(inputs),
        targets=tensor(targets),
        clock=tensor(clock),
        mask=tensor(mask),
        reset=tensor(reset) if carried else None,
        lengths=tensor(lengths),
    )


def _row_length(row: _Row) -> int:
    return sum(segment.stop - segment.start for segment in row)


def _at_least_one(name: str, value: int) -> int:
    if value < 1:
        raise UsageError(f"{name} must be 1 or more, not {value}.")
    return value
