"""Samplers: epochs of batches that can be resumed at any batch and shared between processes.

An epoch is a pure function of (seed, its number), and each batch of it of its number besides.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from copy import copy
from typing import ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnnmusic.errors import UsageError
from rnnmusic.sequences import plans
from rnnmusic.sequences.plans import Plan, Rows

B = TypeVar("B")
B_co = TypeVar("B_co", covariant=True)


class Source(Protocol[B_co]):
    """Examples that batches are made of. lengths: steps of each (N,) int64."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each example (N,)."""
        ...

    def for_epoch(self, rng: np.random.Generator) -> Source[B_co]:
        """The examples as they are in one epoch, with what is drawn for it from `rng`."""
        ...

    def batch(self, rows: Rows, width: int, *, with_resets: bool) -> B_co:
        """Rows of segments of examples, padded to `width` steps."""
        ...


class Epoch(Generic[B]):
    """The batches of an epoch as a map-style data set, any of them made when it is asked for.

    `DataLoader(epoch, batch_size=None, num_workers=2)` makes them in other processes; without
    shuffling it keeps their order.
    """

    def __init__(
        self, source: Source[B], plan: Plan, with_resets: bool, rank: int, world: int, start: int
    ) -> None:
        self._source, self._plan, self._with_resets = source, plan, with_resets
        self._rank, self._world, self._start = rank, world, start

    def __len__(self) -> int:
        return max(0, len(self._plan) - self._start)

    def __getitem__(self, k: int) -> B:
        if not 0 <= k < len(self):
            raise IndexError(f"There is no batch {k} in the {len(self)} of this epoch.")
        k += self._start
        # A shard that has no row left takes one of padding, so that all shards keep step.
        rows = self._plan.rows(k, self._rank, self._world)
        return self._source.batch(rows, self._plan.width(k), with_resets=self._with_resets)

    def __iter__(self) -> Iterator[B]:
        return (self[k] for k in range(len(self)))


class Batches(ABC, Generic[B]):
    """What all samplers share: epochs by number, and shards of them."""

    with_resets: ClassVar[bool]  # whether a row may hold several examples, or go on in the next

    def __init__(self, source: Source[B], *, seed: int) -> None:
        self.source, self.seed = source, seed
        self._rank, self._world = 0, 1
        if not len(source.lengths):
            raise UsageError("There are no examples to make batches of; give longer sequences.")

    @abstractmethod
    def _plan(self, rng: np.random.Generator) -> Plan:
        """The rows of every global batch of an epoch."""

    def planned(self, n: int, start: int = 0) -> Epoch[B]:
        """Epoch n from batch `start` on, as a data set of whole batches."""
        if start < 0:
            raise UsageError(f"An epoch can't start at batch {start}; batches count from 0.")
        rng = self._rng(n)
        plan = self._plan(rng)
        source = self.source.for_epoch(rng)
        return Epoch(source, plan, self.with_resets, self._rank, self._world, start)

    def epoch(self, n: int, start: int = 0) -> Iterator[B]:
        """The batches of epoch n from batch `start` on; those before it aren't made."""
        yield from self.planned(n, start)

    def batches_per_epoch(self, n: int) -> int:
        """Number of batches of epoch n; the same on all shards."""
        return len(self._plan(self._rng(n)))

    def shard(self, rank: int, world: int) -> Self:
        """The same batches for process `rank` of `world`: their rows rank, rank + world, ...

        Rows are padded as in the global batch; where a batch has too few, a shard gets one of
        nothing but padding. Losses are to be divided by the number of unmasked steps of all shards
        together.
        """
        if not 0 <= rank < world:
            raise UsageError(f"There is no shard {rank} of {world}; ranks count from 0.")
        other = copy(self)
        other._rank, other._world = rank, world
        return other

    def _rng(self, n: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, n])


class Shuffled(Batches[B]):
    """Batches of batch_size examples in random order, one a row; the last has the rest."""

    with_resets = False

    def __init__(self, source: Source[B], *, batch_size: int, seed: int) -> None:
        super().__init__(source, seed=seed)
        self.batch_size = at_least_one("batch_size", batch_size)

    def _plan(self, rng: np.random.Generator) -> Plan:
        return plans.shuffled(self.source.lengths, rng, batch_size=self.batch_size)


class Bucketed(Batches[B]):
    """Batches of examples of similar length, one a row, the longest first; little is padding.

    A batch has batch_size rows, or as many as keep rows * width within max_steps.
    """

    with_resets = False

    def __init__(
        self,
        source: Source[B],
        *,
        seed: int,
        batch_size: int | None = None,
        max_steps: int | None = None,
    ) -> None:
        super().__init__(source, seed=seed)
        if (batch_size is None) == (max_steps is None):
            raise UsageError(
                "Give either batch_size or max_steps, the steps that a batch may have."
            )
        for name, value in (("batch_size", batch_size), ("max_steps", max_steps)):
            if value is not None:
                at_least_one(name, value)
        self.batch_size, self.max_steps = batch_size, max_steps

    def _plan(self, rng: np.random.Generator) -> Plan:
        return plans.bucketed(
            self.source.lengths, rng, batch_size=self.batch_size, max_steps=self.max_steps
        )


class Packed(Batches[B]):
    """Batches of `rows` rows of at most row_length steps, each several whole examples end to end.

    `reset` says where the next one starts; next to nothing is padding. For torch's own RNNs, which
    know no resets: `SequenceBatch.packed`.
    """

    with_resets = True

    def __init__(self, source: Source[B], *, rows: int, row_length: int, seed: int) -> None:
        super().__init__(source, seed=seed)
        self.rows = at_least_one("rows", rows)
        self.row_length = at_least_one("row_length", row_length)

    def _plan(self, rng: np.random.Generator) -> Plan:
        return plans.packed(self.source.lengths, rng, rows=self.rows, row_length=self.row_length)


class Carried(Batches[B]):
    """Truncated backpropagation: `rows` streams of shuffled examples, cut into chunks.

    Row b of batch k + 1 continues row b of batch k, so the state is carried over; `reset` says
    where the next example starts. Rows differ by at most the longest example and end in padding.
    """

    with_resets = True

    def __init__(self, source: Source[B], *, rows: int, chunk_length: int, seed: int) -> None:
        super().__init__(source, seed=seed)
        self.rows = at_least_one("rows", rows)
        self.chunk_length = at_least_one("chunk_length", chunk_length)

    def _plan(self, rng: np.random.Generator) -> Plan:
        return plans.carried(
            self.source.lengths, rng, rows=self.rows, chunk_length=self.chunk_length
        )


def in_order(source: Source[B], batch_size: int) -> Iterator[tuple[NDArray[np.int64], B]]:
    """Every example once: yields (their indices (B,), batch), the shortest first, one a row."""
    plan, order = plans.in_order(source.lengths, batch_size=at_least_one("batch_size", batch_size))
    for k in range(len(plan)):
        indices = order[k * batch_size : (k + 1) * batch_size]
        yield indices, source.batch(plan.rows(k), plan.width(k), with_resets=False)


def at_least_one(name: str, value: int) -> int:
    """The value; UsageError when it is less than 1."""
    if value < 1:
        raise UsageError(f"{name} must be 1 or more, not {value}.")
    return value
