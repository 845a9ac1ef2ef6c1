"""Plans: which steps of which examples stand in which row of which batch of an epoch.

Planners know nothing but the lengths of the examples; everything they draw comes from the `rng`
they are given. In every plan each step of each example stands in exactly one row.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator as Rng
from numpy.typing import NDArray

from rnnmusic.errors import UsageError

Ints = NDArray[np.int64]

POOL_BATCHES = 16  # examples are sorted by length within pools of about so many batches


class Segment(NamedTuple):
    """Steps start..stop of one example."""

    item: int
    start: int
    stop: int


Rows = list[list[Segment]]  # each row's segments, end to end


class Plan:
    """The batches of an epoch, as flat arrays: an epoch of a million segments is a few megabytes.

    item, start, stop: the segments (S,). row_splits (R + 1,): row r is segments row_splits[r] to
    row_splits[r + 1]. batch_splits (K + 1,): batch k is those rows.
    """

    def __init__(
        self, item: Ints, start: Ints, stop: Ints, row_splits: Ints, batch_splits: Ints
    ) -> None:
        self._item, self._start, self._stop = item, start, stop
        self._row_splits, self._batch_splits = row_splits, batch_splits
        self._ends = np.concatenate([[0], np.cumsum(stop - start)])[row_splits]

    @classmethod
    def of_whole(cls, lengths: Ints, items: Ints, row_splits: Ints, batch_splits: Ints) -> Plan:
        """A plan that cuts nothing: `items` is the examples in the order they stand in."""
        return cls(items, np.zeros_like(items), lengths[items], row_splits, batch_splits)

    def __len__(self) -> int:
        return len(self._batch_splits) - 1

    def width(self, k: int) -> int:
        """Steps of the longest row of batch k."""
        ends = self._ends[self._batch_splits[k] : self._batch_splits[k + 1] + 1]
        return int(np.diff(ends).max())

    def rows(self, k: int, rank: int = 0, world: int = 1) -> Rows:
        """Rows rank, rank + world, ... of batch k; one without segments where there are none."""
        first, end = self._batch_splits[k : k + 2].tolist()
        return [self._row(r) for r in range(first + rank, end, world)] or [[]]

    def _row(self, r: int) -> list[Segment]:
        part = slice(*self._row_splits[r : r + 2].tolist())
        columns = (self._item[part], self._start[part], self._stop[part])
        return list(map(Segment, *(column.tolist() for column in columns)))


def shuffled(lengths: Ints, rng: Rng, *, batch_size: int) -> Plan:
    """Examples in random order, batch_size rows each; the last batch has the rest."""
    order = rng.permutation(len(lengths))
    return Plan.of_whole(lengths, order, _each(order), _cuts(len(order), batch_size))


def in_order(lengths: Ints, *, batch_size: int) -> tuple[Plan, Ints]:
    """The shortest examples first, batch_size rows each; and the order (N,) they come in."""
    order = np.argsort(lengths, kind="stable").astype(np.int64)
    return Plan.of_whole(lengths, order, _each(order), _cuts(len(order), batch_size)), order


def bucketed(
    lengths: Ints, rng: Rng, *, batch_size: int | None = None, max_steps: int | None = None
) -> Plan:
    """Examples of similar length share a batch: the longest row first, the batches shuffled.

    A batch has batch_size rows, or as many as keep rows * width, padding included, within
    max_steps; what a pool leaves over makes a smaller one.
    """
    if batch_size is not None:
        pool = batch_size * POOL_BATCHES
    else:
        fitting = _budget(lengths, max_steps) // max(1, round(float(lengths.mean())))
        pool = max(1, fitting) * POOL_BATCHES
    order = rng.permutation(len(lengths))
    batches: list[Ints] = []
    for at in range(0, len(order), pool):
        bucket = order[at : at + pool]
        bucket = bucket[np.argsort(-lengths[bucket], kind="stable")]
        done = 0
        while done < len(bucket):
            size = batch_size or (max_steps or 0) // int(lengths[bucket[done]])
            batches.append(bucket[done : done + size])
            done += size
    chosen = [batches[b] for b in rng.permutation(len(batches))]
    return Plan.of_whole(
        lengths, np.concatenate(chosen), _each(order), _splits([len(b) for b in chosen])
    )


def packed(lengths: Ints, rng: Rng, *, rows: int, row_length: int) -> Plan:
    """Several examples end to end in each row of at most row_length steps; `rows` rows a batch.

    Within pools of shuffled examples, the longest first, each goes into the fullest row that has
    room for it (best fit decreasing); then the rows are shuffled.
    """
    if lengths.max() > row_length:
        raise UsageError(
            f"The longest example has {lengths.max()} steps and a row {row_length}; give a larger "
            f"row_length, or windows({row_length}) of the data set."
        )
    pool = max(1, rows * row_length // max(1, round(float(lengths.mean())))) * POOL_BATCHES
    order = rng.permutation(len(lengths))
    filled: list[list[int]] = []
    for at in range(0, len(order), pool):
        bucket = order[at : at + pool]
        bucket = bucket[np.argsort(-lengths[bucket], kind="stable")]
        rooms: list[tuple[int, int]] = []  # (steps left, row), the fullest row first
        for item, length in zip(bucket.tolist(), lengths[bucket].tolist(), strict=True):
            place = bisect_left(rooms, (length, 0))
            if place < len(rooms):
                room, row = rooms.pop(place)
            else:
                room, row = row_length, len(filled)
                filled.append([])
            filled[row].append(item)
            insort(rooms, (room - length, row))
    chosen = [filled[r] for r in rng.permutation(len(filled))]
    items = np.array([item for row in chosen for item in row], dtype=np.int64)
    return Plan.of_whole(
        lengths, items, _splits([len(row) for row in chosen]), _cuts(len(chosen), rows)
    )


def carried(lengths: Ints, rng: Rng, *, rows: int, chunk_length: int) -> Plan:
    """`rows` streams of shuffled examples, cut into chunks: row b of a batch goes on in the next.

    An example goes to the row that is shortest so far: rows differ by at most the longest one, and
    end in padding.
    """
    order = rng.permutation(len(lengths))
    row_of, begins = _dealt(lengths[order], rows)
    ends = begins + lengths[order]
    # An example is cut wherever a chunk of its row ends.
    first_chunk = begins // chunk_length
    counts = (ends - 1) // chunk_length - first_chunk + 1
    of = np.repeat(np.arange(len(order)), counts)
    chunk = np.repeat(first_chunk - np.cumsum(counts) + counts, counts) + np.arange(len(of))
    start = np.maximum(chunk * chunk_length - begins[of], 0)
    stop = np.minimum((chunk + 1) * chunk_length, ends[of]) - begins[of]
    place = chunk * rows + row_of[of]
    sort = np.lexsort((begins[of], place))
    chunks = int(chunk.max()) + 1
    segments = np.bincount(place, minlength=chunks * rows)
    return Plan(
        order[of][sort], start[sort], stop[sort], _splits(segments), np.arange(chunks + 1) * rows
    )


def _dealt(lengths: Ints, rows: int) -> tuple[Ints, Ints]:
    """The row of each example and the step of the row where it begins."""
    ends = [(0, row) for row in range(rows)]  # a heap: the shortest row first
    places = []
    for length in lengths.tolist():
        end, row = ends[0]
        places.append((row, end))
        heapq.heapreplace(ends, (end + length, row))
    dealt = np.array(places, dtype=np.int64)
    return dealt[:, 0], dealt[:, 1]


def _budget(lengths: Ints, max_steps: int | None) -> int:
    longest = int(lengths.max())
    if max_steps is None or longest > max_steps:
        raise UsageError(
            f"The longest example has {longest} steps and a batch may have {max_steps}; give a "
            "larger max_steps, or windows of the data set."
        )
    return max_steps


def _each(items: Ints) -> Ints:
    """Row splits for one item a row."""
    return np.arange(len(items) + 1)


def _cuts(count: int, size: int) -> Ints:
    """Splits of `count` rows into batches of `size` and a rest."""
    return np.array([*range(0, count, size), count], dtype=np.int64)


def _splits(counts: Sequence[int] | Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
