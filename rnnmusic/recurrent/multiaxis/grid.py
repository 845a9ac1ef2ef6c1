"""Grid LSTM along two axes, time and depth: memory cells run up through the layers too."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.gated import Lstm, LstmState
from rnnmusic.recurrent.protocol import Learned, Recurrent, State


class GridState(NamedTuple):
    """levels: h and c along time of each level, (B, H) both."""

    levels: tuple[LstmState, ...]


class GridLstm(Recurrent):
    """Grid LSTM of two dimensions (Kalchbrenner, Danihelka and Graves 2016, arXiv:1507.01526).

    A block at level l and step t has a pair (h, c) coming in along time, from t - 1, and a pair
    (g, m) along depth, from level l - 1. Both dimensions have an LSTM of their own, which reads
    both h's and updates its own cells:

        h_t^l, c_t^l = LSTM_time([g_t^(l-1), h_(t-1)^l], c_(t-1)^l)
        g_t^l, m_t^l = LSTM_depth([g_t^(l-1), h_(t-1)^l], m_t^(l-1))

    The input is projected into the first pair along depth, (g^0, m^0) = W x_t + b, and y_t is the
    last g: what a stack hands up by its outputs alone runs through gated cells here, so that depth
    neither squashes signals nor gradients. y is `depth` blocks from x_t, whichever way.

    Shapes: x (B, T, input_size), y (B, T, size). depth: levels. tied: all levels share their
    weights, so that depth is a recurrence like time. forget_bias as in `Lstm`, of both dimensions.
    dt is ignored.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        depth: int = 2,
        tied: bool = False,
        forget_bias: float = 1.0,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__()
        if depth < 1:
            raise UsageError(f"depth is {depth}; give 1 or more.")
        self.input_size = input_size
        self.output_size = size
        self.depth = depth
        self.entry = nn.Linear(input_size, 2 * size)
        kept = 1 if tied else depth
        along_time = [
            Lstm(
                size,
                size,
                forget_bias=forget_bias,
                learned_initial_state=learned_initial_state,
            )
            for _ in range(kept)
        ]
        self.along_time = nn.ModuleList(along_time)
        # The same cell, whose state is what comes up from the level below and whose input is the
        # state along time.
        along_depth = [nn.Linear(2 * size, 4 * size) for _ in range(kept)]
        for linear in along_depth:
            nn.init.zeros_(linear.bias)
            nn.init.constant_(linear.bias.data[size : 2 * size], forget_bias)
            for gate in linear.weight.data.view(4, size, 2, size).unbind(0):
                nn.init.xavier_uniform_(gate[:, 0])
                nn.init.orthogonal_(gate[:, 1])
        self.along_depth = nn.ModuleList(along_depth)

    @property
    def levels(self) -> list[tuple[Lstm, nn.Linear]]:
        """The cells along time and along depth, from the bottom up; the same ones where tied."""
        pairs = list(
            zip(
                cast("list[Lstm]", list(self.along_time)),
                cast("list[nn.Linear]", list(self.along_depth)),
                strict=True,
            )
        )
        return pairs * self.depth if len(pairs) < self.depth else pairs

    def initial_state(self, batch_size: int) -> GridState:
        """The state before the first step, batch_size rows: zeros or learned."""
        return GridState(tuple(time.initial_state(batch_size) for time, _ in self.levels))

    def step(
        self, x: Tensor, state: GridState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, GridState]:
        """One step: x (B, input_size) -> y (B, size)."""
        g, m = self.entry(x).chunk(2, -1)
        after = []
        for (time, depth), before in zip(self.levels, state.levels, strict=True):
            _, new = time.step(g, before)
            g, m = _up(depth, before.h, g, m)
            after.append(new)
        return g, GridState(tuple(after))

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`: per level a fused LSTM along time, then one product.

        What goes up at a step depends on the state along time of the step before only, so that all
        steps go up at once.
        """
        if state is None:
            state = self.initial_state(len(x))
        g, m = self.entry(x).chunk(2, -1)
        after = []
        for (time, depth), before in zip(self.levels, state.levels, strict=True):
            h, new = time(g, before, None, reset, lengths)
            h_before = torch.cat([before.h.unsqueeze(1), h[:, :-1]], dim=1)
            if reset is not None:
                fresh = time.initial_state(len(x)).h.unsqueeze(1)
                h_before = torch.where(reset.unsqueeze(2), fresh, h_before)
            g, m = _up(depth, h_before, g, m)
            after.append(new)
        if lengths is not None:
            alive = torch.arange(x.shape[1], device=x.device) < lengths.to(x.device).unsqueeze(1)
            g = torch.where(alive.unsqueeze(2), g, 0.0)
        return g, GridState(tuple(after))


def _up(depth: nn.Linear, h: Tensor, g: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    """An LSTM step along depth: h, g, m (..., H) -> g, m of the next level."""
    i, f, c, o = depth(torch.cat([h, g], -1)).chunk(4, -1)
    m = torch.sigmoid(f) * m + torch.sigmoid(i) * torch.tanh(c)
    return torch.sigmoid(o) * torch.tanh(m), m
