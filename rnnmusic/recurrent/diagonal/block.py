"""A linear recurrence as networks use it: normalised, gated, and added to what came in."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.diagonal.linear_scan import LinearScan
from rnnmusic.recurrent.diagonal.products import linear
from rnnmusic.recurrent.protocol import Recurrent, State

Gate = Literal["full", "half"]


class ResidualBlock(Recurrent):
    """y_t = u_t + gate(gelu(mixer(norm(u))_t)), u_t = x_t, or W x_t + b where sizes differ.

    norm is a layer norm over the units of each step; gelu that of tanh; mixer a linear recurrence
    of `size` inputs and outputs. gate: "full", the gated linear unit (W v + b) sigmoid(V v + c), or
    "half", v sigmoid(V v + c). So a stack of blocks is nonlinear across layers alone, and each
    layer's recurrence remains a filter. Shapes: x (B, T, input_size), y (B, T, size). The state is
    the mixer's.
    """

    def __init__(self, input_size: int, mixer: LinearScan, gate: Gate) -> None:
        super().__init__()
        size = mixer.output_size
        if mixer.input_size != size:
            raise UsageError(
                f"A mixer of {mixer.input_size} inputs and {size} outputs doesn't fit a residual "
                "block; make them equal."
            )
        if input_size < 1:
            raise UsageError(f"A block of {input_size} inputs can't be; give 1 or more.")
        if gate not in ("full", "half"):
            raise UsageError(f"gate is {gate!r}; choose full or half.")
        self.input_size, self.output_size = input_size, size
        self.is_timed = mixer.is_timed
        self.entry = nn.Linear(input_size, size) if input_size != size else None
        self.norm = nn.LayerNorm(size)
        self.mixer = mixer
        self.is_full = gate == "full"
        self.gate = nn.Linear(size, 2 * size if self.is_full else size)

    def initial_state(self, batch_size: int) -> State:
        """The mixer's."""
        return self.mixer.initial_state(batch_size)

    def step(self, x: Tensor, state: State, dt: Tensor | float = 1.0) -> tuple[Tensor, State]:
        """One step of dt: x (B, input_size) -> y (B, size)."""
        u = self._entered(x)
        mixed, after = self.mixer.step(self.norm(u), state, dt)
        return u + self._gated(mixed), after

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`: what isn't the mixer's looks at one step alone."""
        u = self._entered(x)
        mixed, after = self.mixer(self.norm(u), state, dt, reset, lengths)
        y = u + self._gated(mixed)
        if lengths is not None:
            alive = torch.arange(x.shape[1], device=x.device) < lengths.to(x.device).unsqueeze(1)
            y = torch.where(alive.unsqueeze(2), y, 0.0)
        return y, after

    def heard(self, x: Tensor) -> Tensor:
        """What the mixer reads of x (..., input_size), (..., size)."""
        normed: Tensor = self.norm(self._entered(x))
        return normed

    def _entered(self, x: Tensor) -> Tensor:
        return x if self.entry is None else linear(x, self.entry.weight, self.entry.bias)

    def _gated(self, mixed: Tensor) -> Tensor:
        v = F.gelu(mixed, approximate="tanh")
        gate = linear(v, self.gate.weight, self.gate.bias)
        if self.is_full:
            return F.glu(gate, -1)
        return v * torch.sigmoid(gate)
