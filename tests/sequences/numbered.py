"""Sequences whose every step is unlike any other: its number, from 1 on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnnmusic.sequences import (
    Bucketed,
    Carried,
    FrameDataset,
    Packed,
    SequenceBatch,
    Shuffled,
)
from rnnmusic.sequences.samplers import Batches

some_lengths = st.lists(st.integers(1, 30), min_size=1, max_size=20)
small = st.integers(1, 5)

DictBatch = SequenceBatch[dict[str, torch.Tensor]]


def numbered(lengths: Sequence[int], *, width: int = 0) -> list[NDArray[np.int32]]:
    """Arrays (T,), or (T, width) whose columns are the number times 1, 2, 3, ..."""
    numbers = np.arange(1, sum(lengths) + 1, dtype=np.int32)
    steps = numbers[:, None] * np.arange(1, width + 1, dtype=np.int32) if width else numbers
    return np.split(steps, np.cumsum(lengths)[:-1].tolist())


def samplers(source: Any, size: int, *, seed: int = 3) -> list[Batches[Any]]:
    """One of each, for examples of at most 30 steps."""
    return [
        Shuffled(source, batch_size=size, seed=seed),
        Bucketed(source, batch_size=size, seed=seed),
        Bucketed(source, max_steps=30 * size, seed=seed),
        Packed(source, rows=size, row_length=30 + 7 * size, seed=seed),
        Carried(source, rows=size, chunk_length=3 * size, seed=seed),
    ]


def data_of(lengths: Sequence[int]) -> FrameDataset:
    """A data set with one stream of numbers, "x"."""
    return FrameDataset({"x": numbered(lengths)})


def same(a: Any, b: Any) -> bool:
    """Whether two batches, examples or parts of them are equal to the bit."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a is None and b is None
