"""The first layer's drive, looked up: the step before and the clock choose rows of one table."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rnnmusic.compiling import Kernel
from rnnmusic.embeddings import StepEmbedding
from rnnmusic.encodings.protocol import Steps
from rnnmusic.errors import InputError
from rnnmusic.sampling.compiled.arithmetic import Floats
from rnnmusic.sampling.compiled.layer import Layer
from rnnmusic.sampling.compiled.weights import doubles, floats

Ints = NDArray[np.int64]


class InputTable:
    """Embedding and input weights of a generator's first layer as rows to add up.

    A factor of a categorical step has a row per value, the product of its embedding and its share
    of the weights; a binary column the one row of its weight; a clock column a row per value.
    """

    def __init__(self, embedding: StepEmbedding, layer: Layer) -> None:
        self._is_binary = not len(embedding.tables)
        counts = [1] * len(embedding.sizes)
        folded, at = [], 0
        for k, table in enumerate(embedding.tables):
            values = doubles(cast(Tensor, table.weight))
            size = values.shape[1]
            # In this order: a library's product would depend on the machine, in its last bit.
            folded.append(
                sum(values[:, i : i + 1] * layer.input_weight[at + i] for i in range(size))
            )
            counts[k], at = len(values), at + size
        # Binary columns and clock columns read their rows of the weights as they are.
        folded.append(layer.input_weight[at:])
        counts.extend(embedding.clock_sizes)
        self._table = floats(np.concatenate(folded))
        self._bias = floats(layer.input_bias)
        self._counts = np.array(counts, dtype=np.int64)
        self._columns = len(embedding.sizes), len(embedding.clock_sizes)
        self._kernel = _LOOKUP.for_work(1)

    def drive(self, previous: Steps, clock: NDArray[np.uint8]) -> Floats:
        """The drive (P,) after previous (F,) at clock (C,); InputError for what isn't a step."""
        # Copies: a kernel is compiled anew for arrays that are strided or mustn't be written to.
        columns = np.array(previous, dtype=np.int64), np.array(clock, dtype=np.int64)
        if (len(columns[0]), len(columns[1])) == self._columns:
            total = self._bias.copy()
            if self._kernel(total, self._table, self._counts, *columns, self._is_binary):
                return total
        raise InputError(
            f"Step {np.asarray(previous).tolist()} at clock {np.asarray(clock).tolist()} isn't one "
            "of this model's encoding; give it what its own encoding or head made."
        )


def _lookup(
    total: Floats, table: Floats, counts: Ints, previous: Ints, clock: Ints, is_binary: bool
) -> bool:
    """Add the rows that step and clock choose; False for a value that has no row."""
    offset = 0
    for k in range(len(counts)):
        value = previous[k] if k < len(previous) else clock[k - len(previous)]
        if is_binary and k < len(previous):
            if value < 0 or value > 1:
                return False
            row, is_read = offset, value == 1
        else:
            if value < 0 or value >= counts[k]:
                return False
            row, is_read = offset + value, True
        if is_read:
            chosen = table[row]
            for i in range(len(total)):
                total[i] += chosen[i]
        offset += counts[k]
    return True


def _example() -> tuple[object, ...]:
    row, ids = np.zeros(1, np.float32), np.zeros(1, np.int64)
    return row, np.zeros((1, 1), np.float32), ids + 1, ids, ids[:0], True


_LOOKUP = Kernel(_lookup, patience=0, example=_example)
