"""What recurrences in continuous time share: sizes, a state of one vector, and time spans."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.protocol import Learned, Recurrent, State


class ContinuousState(NamedTuple):
    """h (B, H) at the time of the step before."""

    h: Tensor


class ContinuousLayer(Recurrent):
    """A state that moves between the steps too: `dt` is how long it has, 1 by default.

    Shapes: x (B, T, input_size), y (B, T, size).
    """

    is_timed = True

    def __init__(self, input_size: int, size: int, learned: Learned) -> None:
        super().__init__()
        self._set_sizes(input_size, size)
        self._add_initial(size, learned=learned)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, batch_size rows: zeros or learned."""
        return ContinuousState(self.initial_row().expand(batch_size, -1))


def span(dt: Tensor | float, like: Tensor) -> Tensor:
    """Times since the step before as a column (B, 1) for states like (B, H)."""
    return torch.as_tensor(dt, dtype=like.dtype, device=like.device).expand(len(like)).unsqueeze(1)


def runge_kutta(slope: Callable[[Tensor], Tensor], h: Tensor, time: Tensor, parts: int) -> Tensor:
    """h after dh/dt = slope(h) for a time (B, 1) of each row's own, in `parts` equal steps of the
    classical rule of order 4 (Kutta 1901). A fixed number of them: no row waits for another, and
    nothing can underflow."""
    part = time / parts
    for _ in range(parts):
        k1 = slope(h)
        k2 = slope(h + part / 2 * k1)
        k3 = slope(h + part / 2 * k2)
        k4 = slope(h + part * k3)
        h = h + part / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return h


def check_parts(parts: int) -> int:
    """UsageError unless a step can be cut in so many parts."""
    if parts < 1:
        raise UsageError(f"parts is {parts}; give 1 or more steps of the solver.")
    return parts
