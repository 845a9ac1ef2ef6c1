"""The continuous-time recurrent network of leaky neurons."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.continuous.layer import (
    ContinuousLayer,
    ContinuousState,
    check_parts,
    span,
)
from rnnmusic.recurrent.protocol import Learned


class Ctrnn(ContinuousLayer):
    """tau_i dh_i/dt = -h_i + sum_j W_ij s(h_j + theta_j) + (U x)_i, y = s(h + theta), s logistic.

    (Beer 1995, "On the dynamics of small continuous-time recurrent neural networks".) The leak is
    solved exactly, h' = e h + (1 - e) (...) with e = exp(-dt / tau), so that no time constant is
    too short; what the other units send is taken in the middle of each of the `parts` of a step
    (exponential midpoint rule). U x is held from the step before to this one. Shapes:
    x (B, T, input_size), y (B, T, size).

    tau lies above `shortest`, in units of dt; it begins log-uniform between there and `longest`.
    theta begins where the inputs from the others are centred (Mathayomchan and Beer 2002), which
    is where oscillations are found.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        shortest: float = 0.5,
        longest: float = 32.0,
        gain: float = 4.0,
        parts: int = 1,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__(input_size, size, learned_initial_state)
        if not 0.0 < shortest < longest:
            raise UsageError(
                f"Time constants from {shortest} to {longest} can't be; give two in order, above 0."
            )
        self.shortest = shortest
        self.parts = check_parts(parts)
        self.recurrent_weight = nn.Parameter(torch.randn(size, size) * gain / size**0.5)
        self.input_weight = nn.Parameter(torch.empty(size, input_size))
        nn.init.xavier_uniform_(self.input_weight)
        self.threshold = nn.Parameter(-0.5 * self.recurrent_weight.detach().sum(1))
        ratio = (longest / shortest) ** torch.rand(size)
        # softplus(free) is what comes on top of the shortest.
        above = (shortest * ratio - shortest).clamp_min(1e-3 * shortest)
        self.free_tau = nn.Parameter(above + torch.log(-torch.expm1(-above)))

    @property
    def tau(self) -> Tensor:
        """The time constants (H,)."""
        return self.shortest + F.softplus(self.free_tau)

    def step(
        self, x: Tensor, state: ContinuousState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, ContinuousState]:
        """One step of dt, a number or (B,): x (B, input_size) -> y (B, size)."""
        h = state.h
        kept = torch.exp(-span(dt, h) / (self.parts * self.tau))
        half = torch.exp(-span(dt, h) / (2 * self.parts * self.tau))
        drive = F.linear(x, self.input_weight)
        for _ in range(self.parts):
            middle = torch.lerp(self._sent(h, drive), h, half)
            h = torch.lerp(self._sent(middle, drive), h, kept)
        return torch.sigmoid(h + self.threshold), ContinuousState(h)

    def _sent(self, h: Tensor, drive: Tensor) -> Tensor:
        """What the units would settle at if the others stayed at h."""
        return F.linear(torch.sigmoid(h + self.threshold), self.recurrent_weight, drive)
