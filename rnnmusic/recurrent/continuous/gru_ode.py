"""GRU-ODE: the gated recurrent unit as a differential equation."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.recurrent.continuous.layer import (
    ContinuousLayer,
    ContinuousState,
    check_parts,
    span,
)
from rnnmusic.recurrent.protocol import Learned


class GruOde(ContinuousLayer):
    """dh/dt = (1 - z) (n - h), the GRU's update taken to the limit (De Brouwer et al. 2019, eq. 3).

    r, z = sigmoid(W x + U h + b), n = tanh(W_n x + U_n (r h) + b_n); x is held since the step
    before. In each of the `parts` of a step gates and candidate are held in the middle of it, and
    the rest is solved exactly: h' = n + exp(-(1 - z) dt) (h - n), which stays within -1..1 for any
    dt (exponential midpoint rule). Shapes: x (B, T, input_size), y (B, T, size) = h.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        parts: int = 2,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__(input_size, size, learned_initial_state)
        self.parts = check_parts(parts)
        self.from_input = nn.Linear(input_size, 3 * size)
        self.gates = nn.Linear(size, 2 * size, bias=False)
        self.candidate = nn.Linear(size, size, bias=False)
        for weight in (*self.gates.weight.data.chunk(2), self.candidate.weight.data):
            nn.init.orthogonal_(weight)

    def step(
        self, x: Tensor, state: ContinuousState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, ContinuousState]:
        """One step of dt, a number or (B,): x (B, input_size) -> y (B, size)."""
        h = state.h
        drive, part = self.from_input(x), span(dt, h) / self.parts
        for _ in range(self.parts):
            middle = self._relaxed(h, h, drive, part / 2)
            h = self._relaxed(h, middle, drive, part)
        return h, ContinuousState(h)

    def _relaxed(self, h: Tensor, at: Tensor, drive: Tensor, time: Tensor) -> Tensor:
        """h after a time with the gates that there are at another state."""
        x_r, x_z, x_n = drive.chunk(3, 1)
        h_r, h_z = self.gates(at).chunk(2, 1)
        n = torch.tanh(x_n + F.linear(torch.sigmoid(x_r + h_r) * at, self.candidate.weight))
        return torch.lerp(n, h, torch.exp(-torch.sigmoid(-x_z - h_z) * time))
