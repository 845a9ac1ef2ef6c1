"""Batches: segments of sequences copied into padded tensors, with what tells them apart again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rnnmusic.errors import UsageError
from rnnmusic.sequences.plans import Rows
from rnnmusic.sequences.streams import Array

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn.utils.rnn import PackedSequence

Read = Callable[[int, int, int], Array]  # sequence, start, stop -> (stop - start, ...)

#: What a batch or example holds: a dict of tensors by stream, or one tensor.
Content = TypeVar("Content")


class Example(NamedTuple, Generic[Content]):
    """One example for teacher forcing: tensors (T, ...)."""

    inputs: Content
    targets: Content


class SequenceBatch(NamedTuple, Generic[Content]):
    """B rows of T steps for teacher forcing; rows end in padding.

    inputs and targets: tensors (B, T, ...), by the name of their stream where there are several.
    mask (B, T) bool: False where a row is padding. reset (B, T) bool: True where an example starts;
    None where every row is one example. lengths (B,) int64: steps of the row that aren't padding.
    """

    inputs: Content
    targets: Content
    mask: Tensor
    reset: Tensor | None
    lengths: Tensor

    def to(self, device: torch.device | str) -> SequenceBatch[Content]:
        """The same batch on another device."""

        def move(part: Any) -> Any:
            if isinstance(part, dict):
                return {name: move(tensor) for name, tensor in part.items()}
            return None if part is None else part.to(device, non_blocking=True)

        return SequenceBatch(*map(move, self))

    def packed(self, values: Tensor) -> PackedSequence:
        """Values (B, T, ...) of this batch as what torch's RNNs run without padding or resets.

        Each stretch from one reset to the next is a sequence of its own. Stretches come in the
        same order whatever is packed: `gru(batch.packed(x))[0].data` and `batch.packed(y).data`
        belong together step by step. UsageError where a row goes on from the batch before, as its
        state would be lost, and for a shard's batch of nothing but padding.
        """
        from torch.nn.utils.rnn import pack_sequence

        stretches: list[Tensor] = []
        for b, length in enumerate(self.lengths.tolist()):
            starts = [0] if length else []
            if self.reset is not None:
                starts = self.reset[b, :length].nonzero()[:, 0].tolist()
                if length and (not starts or starts[0]):
                    raise UsageError(
                        f"Row {b} goes on from the batch before, and a PackedSequence always "
                        "starts anew; give the batch to a network that takes `reset`."
                    )
            stops = [*starts[1:], length]
            stretches += [values[b, i:j] for i, j in zip(starts, stops, strict=False)]
        if not stretches:
            raise UsageError("This batch is all padding: its shard has no row in it; skip it.")
        return pack_sequence(stretches, enforce_sorted=False)


def lay_out(
    read: Read,
    rows: Rows,
    width: int,
    *,
    lags: Sequence[int],
    shape: tuple[int, ...],
    dtype: DTypeLike,
    start_step: Array,
    padding: float = 0,
) -> list[Array]:
    """Copy the segments of each row, end to end, into arrays (B, width, *shape), one for each lag.

    Segments are (sequence, start, stop). With a lag of n, each step of the sequence is replaced by
    the one n steps earlier, and the first n by start_step (*shape): what comes before a segment in
    its row is never looked at. What a row has left holds the padding.
    """
    arrays = [np.empty((len(rows), width, *shape), dtype=dtype) for _ in lags]
    longest = max(lags, default=0)
    for b, row in enumerate(rows):
        at = 0
        for sequence, start, stop in row:
            first = max(0, start - longest)
            block = read(sequence, first, stop)
            end = at + stop - start
            for array, lag in zip(arrays, lags, strict=True):
                known = min(at + max(0, lag - start), end)  # before it, there is no earlier step
                array[b, at:known] = start_step
                array[b, known:end] = block[max(0, start - lag) - first :][: end - known]
            at = end
        for array in arrays:
            array[b, at:] = padding
    return arrays


def row_lengths(rows: Rows) -> NDArray[np.int64]:
    """Steps of each row (B,)."""
    return np.array([sum(stop - start for _, start, stop in row) for row in rows], dtype=np.int64)


def mask_of(lengths: NDArray[np.int64], width: int) -> NDArray[np.bool_]:
    """Which steps of rows of such lengths aren't padding, (B, width)."""
    mask: NDArray[np.bool_] = np.arange(width) < lengths[:, None]
    return mask


def resets_of(rows: Rows, width: int) -> NDArray[np.bool_]:
    """Where examples start, (B, width), given rows of segments of examples."""
    reset = np.zeros((len(rows), width), dtype=np.bool_)
    for b, row in enumerate(rows):
        at = 0
        for _, start, stop in row:
            reset[b, at] = start == 0
            at += stop - start
    return reset


def tensor(array: Array) -> Tensor:
    """The tensor that shares an array's memory."""
    import torch

    return torch.from_numpy(array)
