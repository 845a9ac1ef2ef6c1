"""The sparse core of NADE: hidden states only where they change, each read by the columns it rules.

NADE's hidden state moves only after an active column, so a frame with n notes has n + 1 distinct
states, not one per column. Frames are sorted by their number of notes; the states of rank r (after
r notes) then belong to the first frames and stack without padding, like a packed sequence. All
states of one rank read a common window of columns, from the lowest note before to the highest
after, with one matrix product; what a frame doesn't own in that window is masked away.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class _Read:
    """One matrix product: states `first:last` of rank `rank` read columns `low:high`."""

    rank: int
    frames: slice  # in sorted order
    states: slice
    columns: slice


@dataclass(frozen=True)
class Plan:
    """Which states a batch of frames has and which columns read them.

    order (N,): sorted frame -> frame. rank (N, D) int16: in sorted order, notes below each column.
    notes (S - N,): the column whose note made each state of rank 1 and above. alive: frames with at
    least r notes, for r = 0, 1, ...; their sum is the number of states S.
    """

    order: Tensor
    rank: Tensor
    notes: Tensor
    alive: list[int]
    reads: list[_Read]


def plan(active: Tensor) -> Plan:
    """Lay out the states of frames active (N, D) bool."""
    device, columns = active.device, active.shape[1]
    counts, order = active.sum(1).sort(descending=True, stable=True)
    active = active[order]
    below = active.cumsum(1, dtype=torch.int16) - active.to(torch.int16)
    most = int(counts[0])
    # alive[r]: how many frames have at least r notes. They come first.
    alive = (counts >= torch.arange(most + 1, device=device).unsqueeze(1)).sum(1).tolist()
    by_frame = active.nonzero()[:, 1]
    start = counts.cumsum(0) - counts
    by_rank = [by_frame[start[:frames] + rank] for rank, frames in enumerate(alive[1:])]
    notes = torch.cat(by_rank) if by_rank else by_frame
    return Plan(order, below, notes, alive, _reads(by_rank, alive, columns))


def _reads(by_rank: list[Tensor], alive: list[int], columns: int) -> list[_Read]:
    """Per rank: the frames that go on (up to their next note) and those that end there."""
    spans = []
    for rank, frames in enumerate(alive):
        going_on = alive[rank + 1] if rank + 1 < len(alive) else 0
        spans += [(rank, first, last) for first, last in ((0, going_on), (going_on, frames))]
    spans = [(rank, first, last) for rank, first, last in spans if last > first]
    lows, highs = [], []
    for rank, first, last in spans:
        ends = rank == len(by_rank) or first >= len(by_rank[rank])
        lows.append(by_rank[rank - 1][first:last].min() + 1 if rank else None)
        highs.append(None if ends else by_rank[rank][first:last].max() + 1)
    # One transfer for all windows: on a GPU each would wait for the device.
    known = [edge for edge in lows + highs if edge is not None]
    values = iter(torch.stack(known).tolist() if known else [])
    low = [0 if edge is None else next(values) for edge in lows]
    high = [columns if edge is None else next(values) for edge in highs]
    offsets = [sum(alive[:rank]) for rank in range(len(alive))]
    return [
        _Read(
            rank,
            slice(first, last),
            slice(offsets[rank] + first, offsets[rank] + last),
            slice(low[i], high[i]),
        )
        for i, (rank, first, last) in enumerate(spans)
    ]


def sparse_readout(start: Tensor, weight: Tensor, readout: Tensor, layout: Plan) -> Tensor:
    """y[i, d] = readout[d] . sigmoid(start[i] + sum of weight[e] over active columns e < d).

    Shapes: start (N, K), weight and readout (D, K), y (N, D). Differentiable once.
    """
    y: Tensor = _SparseReadout.apply(start, weight, readout, layout)  # type: ignore[no-untyped-call]
    return y


class _SparseReadout(torch.autograd.Function):
    """Backward is written out by hand: autograd would copy every state once more per rank."""

    @staticmethod
    def forward(ctx: Any, start: Tensor, weight: Tensor, readout: Tensor, layout: Plan) -> Tensor:
        """Compute y; keeps the S states (S, K) for the way back."""
        states = start.new_empty(sum(layout.alive), start.shape[1])
        torch.index_select(start, 0, layout.order, out=states[: len(start)])
        torch.index_select(weight, 0, layout.notes, out=states[len(start) :])
        for before, after in _neighbours(layout.alive):
            states[after] += states[before]
        states.sigmoid_()
        y = start.new_empty(layout.rank.shape)
        for read in layout.reads:
            product = states[read.states] @ readout[read.columns].T
            part = y[read.frames, read.columns]
            torch.where(_owned(layout, read), product, part, out=part)
        ctx.layout = layout
        ctx.save_for_backward(states, readout)
        return torch.empty_like(y).index_copy_(0, layout.order, y)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Push grad (N, D) through the reads, the sigmoid and the sums over ranks."""
        layout: Plan = ctx.layout
        states, readout = ctx.saved_tensors
        grad = grad[layout.order]
        d_states = torch.empty_like(states)
        d_readout = torch.zeros_like(readout)
        for read in layout.reads:
            part = grad[read.frames, read.columns] * _owned(layout, read)
            d_readout[read.columns].addmm_(part.T, states[read.states])
            torch.mm(part, readout[read.columns], out=d_states[read.states])
        # In place: a temporary of this size costs more than the arithmetic.
        torch.ops.aten.sigmoid_backward.grad_input(d_states, states, grad_input=d_states)
        for before, after in reversed(_neighbours(layout.alive)):
            d_states[before] += d_states[after]
        frames = layout.alive[0]
        d_start = torch.empty_like(d_states[:frames]).index_copy_(
            0, layout.order, d_states[:frames]
        )
        d_weight = torch.zeros_like(readout).index_add_(0, layout.notes, d_states[frames:])
        return d_start, d_weight, d_readout, None


def _owned(layout: Plan, read: _Read) -> Tensor:
    return layout.rank[read.frames, read.columns] == read.rank


def _neighbours(alive: list[int]) -> list[tuple[slice, slice]]:
    """Per rank above 0: the states one note earlier of the frames that go on, and its own."""
    pairs, offset = [], 0
    for earlier, frames in pairwise(alive):
        pairs.append(
            (slice(offset, offset + frames), slice(offset + earlier, offset + earlier + frames))
        )
        offset += earlier
    return pairs
