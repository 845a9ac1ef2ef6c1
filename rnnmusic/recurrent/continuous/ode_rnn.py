"""ODE-RNN: a differential equation between the steps, a GRU at them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnnmusic.recurrent.continuous.layer import (
    ContinuousLayer,
    ContinuousState,
    check_parts,
    runge_kutta,
    span,
)
from rnnmusic.recurrent.gated import Gru, GruState
from rnnmusic.recurrent.protocol import Learned


class OdeRnn(ContinuousLayer):
    """dh/dt = f(h) for the time since the step before, then h = GRU(x, h) (Rubanova et al. 2019).

    f = V tanh(W h + b) + c with `width` units inside, solved by `parts` Runge-Kutta steps whatever
    the time is; f begins at zero. Shapes: x (B, T, input_size), y (B, T, size) = h.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        width: int | None = None,
        parts: int = 2,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__(input_size, size, learned_initial_state)
        self.parts = check_parts(parts)
        width = size if width is None else width
        self.inner, self.outer = nn.Linear(size, width), nn.Linear(width, size)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)
        self.update = Gru(input_size, size)

    def step(
        self, x: Tensor, state: ContinuousState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, ContinuousState]:
        """One step of dt, a number or (B,): x (B, input_size) -> y (B, size)."""
        h = runge_kutta(self.slope, state.h, span(dt, state.h), self.parts)
        y, after = self.update.step(x, GruState(h))
        return y, ContinuousState(after.h)

    def slope(self, h: Tensor) -> Tensor:
        """f(h), (B, H)."""
        change: Tensor = self.outer(torch.tanh(self.inner(h)))
        return change
