"""LSTM whose gates see the memory cells."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnnmusic.recurrent.gated.layer import GatedLayer, LstmState
from rnnmusic.recurrent.protocol import Learned


class PeepholeLstm(GatedLayer):
    """Long short-term memory with peepholes (Gers and Schmidhuber 2000).

    i, f = sigmoid(W x_t + U h_(t-1) + p c_(t-1) + b), g = tanh(W x_t + U h_(t-1) + b),
    c_t = f c_(t-1) + i g, o = sigmoid(W x_t + U h_(t-1) + p_o c_t + b), h_t = o tanh(c_t).
    Shapes: x (B, T, input_size), y (B, T, size) = h.

    Each gate sees its own unit's cell through one weight, the output gate the new one: it can tell
    time by what is stored even while nothing is let out. Blocks of rows are in the order of `Lstm`,
    with a single bias, and the peepholes (3, size) those of i, f and o, zero at first.
    forget_bias: as in `Lstm`.
    """

    gates = 4
    state_type = LstmState

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        forget_bias: float = 1.0,
        learned_initial_state: Learned = False,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__(
            input_size,
            size,
            learned_initial_state=learned_initial_state,
            recurrent_dropout=recurrent_dropout,
        )
        nn.init.constant_(self.bias_ih.data[size : 2 * size], forget_bias)
        self.peepholes = nn.Parameter(torch.zeros(3, size))

    def advance(self, drive: Tensor, state: LstmState, weight_hh: Tensor) -> LstmState:
        """h_t and c_t of W x_t + b, blocks i, f, g, o, and the state before."""
        i, f, g, o = torch.addmm(drive, state.h, weight_hh.t()).chunk(4, 1)
        see_i, see_f, see_o = self.peepholes.unbind(0)
        forget = torch.sigmoid(f + see_f * state.c)
        c = forget * state.c + torch.sigmoid(i + see_i * state.c) * torch.tanh(g)
        return LstmState(torch.sigmoid(o + see_o * c) * torch.tanh(c), c)
