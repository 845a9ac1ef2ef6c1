"""sLSTM: an LSTM whose input gate is an exponential, and what it stores a mean."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.gated.layer import GatedLayer
from rnnmusic.recurrent.protocol import Learned


class SlstmState(NamedTuple):
    """h (B, H): the output of the step before. mean (B, H): c / n. log_n (B, H): log of n."""

    h: Tensor
    mean: Tensor
    log_n: Tensor


class Slstm(GatedLayer):
    """The sLSTM of xLSTM (Beck et al. 2024, arXiv:2405.04517).

    i = exp(W x_t + R h_(t-1) + b), f = sigmoid or exp(likewise), z = tanh(likewise),
    o = sigmoid(likewise), c_t = f c_(t-1) + i z, n_t = f n_(t-1) + i, h_t = o c_t / n_t.
    Shapes: x (B, T, input_size), y (B, T, size) = h.

    heads: R is block-diagonal, with a block per head, so that units hear those of their own head.

    The exponentials overflow, so the paper divides c and n by exp(m), with the stabiliser
    m_t = max(log f + m_(t-1), log i). Here c / n, the mean of all z so far weighted by how they
    were let in and kept, and log n, which holds m and the log of the paper's n, are the state:

        a = log f + log n_(t-1), log n_t = log(exp(a) + i) = a + softplus(log i - a),
        mean_t = mean_(t-1) + sigmoid(log i - a) (z - mean_(t-1)), h_t = o mean_t.

    The same function of the same gates, with nothing that can overflow or be divided by. A zero
    state is a memory of 0 with weight n = 1. With forget_gate "exp" log n may drift without bound,
    and in single precision the gates then lose digits; "sigmoid" is the authors' own choice.
    forget_bias: as in `Lstm`.
    """

    gates = 4
    state_type = SlstmState

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        heads: int = 1,
        forget_gate: Literal["sigmoid", "exp"] = "sigmoid",
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
        if heads < 1 or size % heads:
            raise UsageError(f"{size} units can't be shared out to {heads} heads; give a divisor.")
        if forget_gate not in ("sigmoid", "exp"):
            raise UsageError(f"forget_gate is {forget_gate!r}; choose sigmoid or exp.")
        self.heads = heads
        self.forget_gate = forget_gate
        # Rows of all weights are head by head, and in each blocks i, f, z, o.
        width = size // heads
        self.weight_hh = nn.Parameter(torch.empty(heads, 4 * width, width))
        for block in self.weight_hh.data.view(-1, width, width):
            nn.init.orthogonal_(block)
        nn.init.constant_(self.bias_ih.data.view(heads, 4, width)[:, 1], forget_bias)

    def advance(self, drive: Tensor, state: SlstmState, weight_hh: Tensor) -> SlstmState:
        """The state of W x_t + b and the state before."""
        heard = self._by_head(state.h)
        total = torch.baddbmm(self._by_head(drive), heard, weight_hh.transpose(1, 2))
        # (heads, B, 4 width) -> four of (B, H).
        blocks = total.view(self.heads, len(drive), 4, -1).permute(1, 2, 0, 3).flatten(2)
        log_i, f, z, o = blocks.unbind(1)
        a = state.log_n + (F.logsigmoid(f) if self.forget_gate == "sigmoid" else f)
        excess = log_i - a
        mean = state.mean + torch.sigmoid(excess) * (torch.tanh(z) - state.mean)
        return SlstmState(torch.sigmoid(o) * mean, mean, a + F.softplus(excess))

    def _by_head(self, part: Tensor) -> Tensor:
        """(B, heads * n) -> (heads, B, n)."""
        return part.view(len(part), self.heads, -1).transpose(0, 1)
