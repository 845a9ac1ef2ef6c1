"""Batches with resets and lengths, laid out so that fused kernels can run them.

A fused kernel knows neither resets nor the end of a row. So rows are cut where they reset and where
they end: each piece is an independent row of its own, and pieces of similar length run together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from rnnmusic.recurrent.protocol import Recurrent, State, tree_map, where

# Pieces run with others up to this many times as long, which bounds both padding and kernel calls.
_MAX_PADDING = 4


class Segments(NamedTuple):
    """Unbroken stretches of a batch, (N,) each, by row and then by time.

    fresh: begins with a reset. last: the last one of its row.
    """

    row: Tensor
    start: Tensor
    length: Tensor
    fresh: Tensor
    last: Tensor


def cut(
    batch: int, time: int, reset: Tensor | None, lengths: Tensor | None, like: Tensor
) -> Segments:
    """Cut `batch` rows of `time` steps; resets at or past a row's length don't count."""
    steps = torch.arange(time, device=like.device)
    if lengths is None:
        lengths = torch.full((batch,), time, device=like.device)
    lengths = lengths.to(like.device)
    begins = (steps == 0).expand(batch, time)
    fresh = torch.zeros_like(begins) if reset is None else reset
    row, start = ((begins | fresh) & (steps < lengths.unsqueeze(1))).nonzero(as_tuple=True)
    last = torch.ones_like(row, dtype=torch.bool)
    last[:-1] = row[1:] != row[:-1]
    end = lengths[row]
    end[:-1] = torch.where(last[:-1], end[:-1], start[1:])
    return Segments(row, start, end - start, fresh[row, start], last)


def groups(segments: Segments) -> list[Tensor]:
    """Indices of segments that run together: none is padded to more than four times its length."""
    if not len(segments.length):
        return []
    ratio = segments.length.max() / segments.length
    group = (ratio.log() / math.log(_MAX_PADDING)).long()
    return [
        (group == number).nonzero()[:, 0]
        for number in range(int(group.max()) + 1)
        if (group == number).any()
    ]


def positions(segments: Segments, time: int) -> tuple[Tensor, Tensor]:
    """Where the segments' steps lie in a flattened (B * T) batch.

    Returns index (N, L) into it and valid (N, L) bool; what isn't valid repeats a step in range.
    """
    steps = torch.arange(int(segments.length.max()), device=segments.row.device)
    valid = steps < segments.length.unsqueeze(1)
    within = torch.minimum(steps, segments.length.unsqueeze(1) - 1)
    return (segments.row * time + segments.start).unsqueeze(1) + within, valid


def run(
    layer: Recurrent,
    kernel: Callable[[Tensor, State, Tensor], tuple[Tensor, State]],
    x: Tensor,
    state: State,
    reset: Tensor | None,
    lengths: Tensor | None,
) -> tuple[Tensor, State]:
    """A layer's `forward` with resets and lengths, by a kernel for rows that only end early.

    kernel(x (N, L, input_size), state, valid (N, L)) -> y (N, L, output_size), state where valid
    ends. Resets and lengths are looked at on the host: a GPU is waited for.
    """
    batch, time, _ = x.shape
    flat = x.flatten(0, 1)
    pieces = cut(batch, time, reset, lengths, x)
    y = x.new_zeros(batch * time, layer.output_size)
    end = state
    for group in groups(pieces):
        part = Segments(*(column[group] for column in pieces))
        index, valid = positions(part, time)
        inputs = flat.index_select(0, index.flatten()).view(*index.shape, -1)
        carried = tree_map(partial(torch.index_select, dim=0, index=part.row), state)
        begin = where(part.fresh, layer.initial_state(len(group)), carried)
        outputs, ends = kernel(inputs, begin, valid)
        y = y.index_copy(0, index[valid], outputs[valid].to(y))
        end = tree_map(partial(_put_last, part), end, ends)
    return y.view(batch, time, -1), end


def at_end(y: Tensor, valid: Tensor) -> Tensor:
    """The last valid step of each row: y (N, L, H), valid (N, L) -> (N, H)."""
    rows = torch.arange(len(y), device=y.device)
    return y[rows, valid.sum(1) - 1]


def _put_last(part: Segments, rows: Tensor, ends: Tensor) -> Tensor:
    """Rows (B, ...) with the ends (N, ...) of those segments that are the last of theirs."""
    return rows.index_copy(0, part.row[part.last], ends[part.last].to(rows))
