"""Attention over the states of the last steps, as a recurrence."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnnmusic.errors import UsageError
from rnnmusic.recurrent import segments
from rnnmusic.recurrent.gated import Gru, GruState
from rnnmusic.recurrent.protocol import Learned, Recurrent, State


class AttentiveState(NamedTuple):
    """h (B, H) of the GRU; past (B, window - 1, H): its last outputs, the latest at the end; filled
    (B, window - 1): 1 where there is one, 0 before the beginning."""

    h: Tensor
    past: Tensor
    filled: Tensor


class AttentiveGru(Recurrent):
    """y_t = tanh(W_h h_t + W_c c_t + b), c_t the attention of h_t over h_(t-window+1) to h_t.

    h is a GRU's; c_t = sum of a_ti h_i with a_t = softmax of h_t' W_a h_i / sqrt(H), the step
    itself included (Luong, Pham and Manning 2015, eq. 5 to 8, over the network's own past as in
    Cheng, Dong and Lapata 2016). The window makes it a recurrence with a state of fixed size.
    Shapes: x (B, T, input_size), y (B, T, size).
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        window: int = 32,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__()
        if window < 1:
            raise UsageError(f"window is {window}; give 1 step or more.")
        self.window = window
        self.input_size, self.output_size = input_size, size
        self.core = Gru(input_size, size, learned_initial_state=learned_initial_state)
        self.score = nn.Linear(size, size, bias=False)
        self.combine = nn.Linear(2 * size, size)

    def initial_state(self, batch_size: int) -> State:
        """Nothing heard yet, batch_size rows; the GRU's state zeros or learned."""
        (h,) = self.core.initial_state(batch_size)
        past = h.new_zeros(batch_size, self.window - 1, self.output_size)
        return AttentiveState(h, past, past.new_zeros(past.shape[:2]))

    def step(
        self, x: Tensor, state: AttentiveState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, AttentiveState]:
        """One step: x (B, input_size) -> y (B, size); `dt` is ignored."""
        h, _ = self.core.step(x, GruState(state.h))
        past = torch.cat([state.past, h.unsqueeze(1)], 1)
        filled = torch.cat([state.filled, torch.ones_like(h[:, :1])], 1)
        y = self._attend(h.unsqueeze(1), past, filled, first=self.window - 1)
        return y.squeeze(1), AttentiveState(h, past[:, 1:], filled[:, 1:])

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`: the fused GRU, then one masked product."""
        if state is None:
            state = self.initial_state(len(x))
        if reset is None and lengths is None:
            return self._run(x, state, None)
        return segments.run(self, self._run, x, state, reset, lengths)

    def _run(self, x: Tensor, state: AttentiveState, valid: Tensor | None) -> tuple[Tensor, State]:
        h, _ = self.core(x, GruState(state.h))
        past = torch.cat([state.past, h], 1)
        filled = torch.cat([state.filled, torch.ones_like(h[..., 0])], 1)
        y = self._attend(h, past, filled, first=self.window - 1)
        count = torch.full((len(x),), x.shape[1], device=x.device)
        if valid is not None:
            count = valid.sum(1)
        # The window - 1 outputs that end at the last valid step.
        places = count.unsqueeze(1) + torch.arange(self.window - 1, device=x.device)
        rows = torch.arange(len(x), device=x.device).unsqueeze(1)
        last = h[rows[:, 0], count - 1]
        return y, AttentiveState(last, past[rows, places], filled[rows, places])

    def _attend(self, h: Tensor, past: Tensor, filled: Tensor, *, first: int) -> Tensor:
        """y of h (B, T, H), of which row t is row first + t of past (B, L, H)."""
        scores = self.score(h) @ past.mT / math.sqrt(self.output_size)
        now = torch.arange(first, first + h.shape[1], device=h.device).unsqueeze(1)
        behind = now - torch.arange(past.shape[1], device=h.device)
        near = (behind >= 0) & (behind < self.window)
        share = scores.masked_fill(~(near & (filled > 0.5).unsqueeze(1)), -torch.inf).softmax(-1)
        y: Tensor = torch.tanh(self.combine(torch.cat([h, share @ past], -1)))
        return y
