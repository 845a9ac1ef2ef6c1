"""Gated feedback: a stack in which upper layers speak to lower ones."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.gated import loop
from rnnmusic.recurrent.gated.layer import GruState, LstmState
from rnnmusic.recurrent.protocol import Learned, Recurrent, State


class GatedFeedback(Recurrent):
    """A stack whose layers all hear each other's past (Chung et al. 2015, arXiv:1502.02367).

    Layer j reads x_t^j, the input or the new h_t^(j-1) below it. Its gates are those of a plain
    stack: of x_t^j and h_(t-1)^j. Its candidate hears all layers i of the step before, each through
    one number, the global reset gate of the ordered pair:

        g_ij = sigmoid(w_ij x_t^j + u_ij [h_(t-1)^1, ..., h_(t-1)^L] + b_ij),
        fed_j = sum over i of g_ij U_ij h_(t-1)^i,
        cell "lstm": c_t = f c_(t-1) + i tanh(W x_t^j + fed_j + b), h_t = o tanh(c_t),
        cell "gru":  n = tanh(W x_t^j + r fed_j + b), h_t = (1 - z) n + z h_(t-1).

    Shapes: x (B, T, input_size), y (B, T, size) = h^L. State: `LstmState` or `GruState` with a row
    per layer, (B, L, H). depth: L, the layers of this one recurrence. forget_bias: as in `Lstm`;
    a GRU has none.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        depth: int = 2,
        cell: Literal["lstm", "gru"] = "lstm",
        forget_bias: float = 1.0,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__()
        if min(input_size, size, depth) < 1:
            raise UsageError(
                f"{depth} layers of {input_size} inputs and {size} units can't be; give 1 or more "
                "of each."
            )
        if cell not in ("lstm", "gru"):
            raise UsageError(f"cell is {cell!r}; choose lstm or gru.")
        self.input_size, self.output_size = input_size, size
        self.depth, self.cell = depth, cell
        gates = 3 if cell == "lstm" else 2
        # Rows: the gates, blocks i, f, o or r, z; the candidate; the L global gates.
        rows = (gates + 1) * size + depth
        self.weight_ih = nn.ParameterList(
            nn.init.xavier_uniform_(torch.empty(rows, size if j else input_size))
            for j in range(depth)
        )
        self.bias = nn.Parameter(torch.zeros(depth, rows))
        self.weight_hh = nn.Parameter(torch.empty(depth, gates * size, size))
        self.weight_feedback = nn.Parameter(torch.empty(depth, size, depth * size))
        self.weight_global = nn.Parameter(torch.empty(depth * depth, depth * size))
        for j in range(depth):
            for block in self.weight_hh.data[j].view(gates, size, size):
                nn.init.orthogonal_(block)
            for block in self.weight_feedback.data[j].chunk(depth, 1):
                nn.init.orthogonal_(block)
        nn.init.xavier_uniform_(self.weight_global)
        if cell == "lstm":
            nn.init.constant_(self.bias.data[:, size : 2 * size], forget_bias)
        self._add_initial(2 if cell == "lstm" else 1, depth, size, learned=learned_initial_state)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, batch_size rows: zeros or learned."""
        rows = [row.expand(batch_size, -1, -1) for row in self.initial_row()]
        return LstmState(*rows) if self.cell == "lstm" else GruState(*rows)

    def step(self, x: Tensor, state: State, dt: Tensor | float = 1.0) -> tuple[Tensor, State]:
        """One step: x (B, input_size) -> y (B, size)."""
        after = self._advance(self._drive(0, x), state)
        return after.h[:, -1], after

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`: only the lowest layer's inputs are known before."""
        initial = self.initial_state(len(x))
        start = initial if state is None else state
        drives = self._drive(0, x).unbind(1)
        states, end = loop.run(self._advance, drives, start, initial, reset, lengths)
        y = torch.stack([after.h[:, -1] for after in states], 1)
        return loop.alive_only(y, lengths), end

    def _drive(self, layer: int, x: Tensor) -> Tensor:
        return F.linear(x, self.weight_ih[layer], self.bias[layer])

    def _advance(self, drive: Tensor, state: State) -> State:
        depth, size, h = self.depth, self.output_size, state.h
        past = F.linear(h.flatten(1), self.weight_global).view(len(h), depth, depth)
        own = self.weight_hh.shape[1]
        new_h: list[Tensor] = []
        new_c: list[Tensor] = []
        for j in range(depth):
            if j:
                drive = self._drive(j, new_h[-1])
            heard, scores = drive[:, own : own + size], drive[:, own + size :]
            g = torch.sigmoid(scores + past[:, j])
            fed = F.linear((g.unsqueeze(2) * h).flatten(1), self.weight_feedback[j])
            gates = torch.sigmoid(drive[:, :own] + F.linear(h[:, j], self.weight_hh[j]))
            if self.cell == "lstm":
                i, f, o = gates.chunk(3, 1)
                new_c.append(f * state.c[:, j] + i * torch.tanh(heard + fed))
                new_h.append(o * torch.tanh(new_c[-1]))
            else:
                r, z = gates.chunk(2, 1)
                n = torch.tanh(heard + r * fed)
                new_h.append(n + z * (h[:, j] - n))
        after = torch.stack(new_h, 1)
        return LstmState(after, torch.stack(new_c, 1)) if new_c else GruState(after)
