"""The classics that torch has fused kernels for: Elman's network, LSTM and GRU, one layer each.

`forward` runs the kernels, `step` the same equations written out: a fused LSTM takes milliseconds
for a single step where the plain sums take microseconds. The parameters are torch's: blocks of rows
per gate, in torch's order, and two biases. These networks count steps, not time: `dt` is ignored.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent import segments
from rnnmusic.recurrent.gated.layer import GatedLayer, GruState, LstmState, RnnState
from rnnmusic.recurrent.protocol import Learned, State


class FusedLayer(GatedLayer):
    """A gated layer with a kernel for whole sequences, and torch's second bias."""

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        learned_initial_state: Learned = False,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__(
            input_size,
            size,
            learned_initial_state=learned_initial_state,
            recurrent_dropout=recurrent_dropout,
        )
        self.bias_hh = nn.Parameter(torch.zeros(self.gates * size))

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`: one fused call where nothing resets or ends early.

        With resets or lengths, rows are cut into their unbroken stretches, which run side by side.
        """
        if state is None:
            state = self.initial_state(len(x))
        weights = [self.weight_ih, self.dropped_weight(), self.bias_ih, self.bias_hh]
        if reset is None and lengths is None:
            return self._run(x, state, weights)

        def kernel(x: Tensor, state: State, valid: Tensor) -> tuple[Tensor, State]:
            return self._run_ragged(x, state, weights, valid)

        return segments.run(self, kernel, x, state, reset, lengths)

    @abstractmethod
    def _run(self, x: Tensor, state: State, weights: list[Tensor]) -> tuple[Tensor, State]:
        """One call of the fused kernel."""

    def _run_ragged(
        self, x: Tensor, state: State, weights: list[Tensor], valid: Tensor
    ) -> tuple[Tensor, State]:
        """The same with rows that end where valid (N, L) does; the state is that at their ends."""
        y, _ = self._run(x, state, weights)
        return y, self.state_type(segments.at_end(y, valid))

    def _fused(self, kernel: Any, x: Tensor, initial: Any, weights: list[Tensor]) -> Any:
        # Arguments: biases, layers, dropout, keep what backward needs, bidirectional, batch first.
        return kernel(x, initial, weights, True, 1, 0.0, torch.is_grad_enabled(), False, True)


class VanillaRnn(FusedLayer):
    """h_t = tanh(W x_t + U h_(t-1) + b), or relu for tanh (Elman 1990, with U orthogonal at first).

    Shapes: x (B, T, input_size), y (B, T, size) = h.
    """

    gates = 1
    state_type = RnnState

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        learned_initial_state: Learned = False,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__(
            input_size,
            size,
            learned_initial_state=learned_initial_state,
            recurrent_dropout=recurrent_dropout,
        )
        if nonlinearity not in ("tanh", "relu"):
            raise UsageError(f"nonlinearity is {nonlinearity!r}; choose tanh or relu.")
        self.nonlinearity = nonlinearity

    def advance(self, drive: Tensor, state: RnnState, weight_hh: Tensor) -> RnnState:
        """h_t of W x_t + b and h_(t-1)."""
        total = drive + F.linear(state.h, weight_hh, self.bias_hh)
        return RnnState(total.tanh() if self.nonlinearity == "tanh" else total.relu())

    def _run(self, x: Tensor, state: RnnState, weights: list[Tensor]) -> tuple[Tensor, RnnState]:
        kernel = torch.rnn_tanh if self.nonlinearity == "tanh" else torch.rnn_relu
        y, h = self._fused(kernel, x, state.h.unsqueeze(0).contiguous(), weights)
        return y, RnnState(h[0])


class Gru(FusedLayer):
    """The gated recurrent unit (Cho et al. 2014), reset after the matrix product as in cuDNN.

    r, z = sigmoid(W x_t + U h_(t-1) + b), n = tanh(W_n x_t + b + r (U_n h_(t-1) + b')),
    h_t = (1 - z) n + z h_(t-1). Shapes: x (B, T, input_size), y (B, T, size) = h.

    `GruBefore` resets before the product, as the papers do.
    """

    gates = 3
    state_type = GruState

    def advance(self, drive: Tensor, state: GruState, weight_hh: Tensor) -> GruState:
        """h_t of W x_t + b, three blocks, and h_(t-1)."""
        h = state.h
        x_r, x_z, x_n = drive.chunk(3, 1)
        h_r, h_z, h_n = F.linear(h, weight_hh, self.bias_hh).chunk(3, 1)
        n = torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
        return GruState(n + torch.sigmoid(x_z + h_z) * (h - n))

    def _run(self, x: Tensor, state: GruState, weights: list[Tensor]) -> tuple[Tensor, GruState]:
        y, h = self._fused(torch.gru, x, state.h.unsqueeze(0).contiguous(), weights)
        return y, GruState(h[0])


class Lstm(FusedLayer):
    """Long short-term memory (Hochreiter & Schmidhuber 1997) with forget gates (Gers et al. 2000).

    i, f, o = sigmoid(W x_t + U h_(t-1) + b), g = tanh(likewise), c_t = f c_(t-1) + i g,
    h_t = o tanh(c_t). Shapes: x (B, T, input_size), y (B, T, size) = h.

    forget_bias: the bias that the forget gates start with, the sum of torch's two. At 1 the cells
    remember from the first day (Jozefowicz et al. 2015); torch's own start is about 0.
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

    def advance(self, drive: Tensor, state: LstmState, weight_hh: Tensor) -> LstmState:
        """h_t and c_t of W x_t + b, blocks i, f, g, o, and the state before."""
        total = drive + F.linear(state.h, weight_hh, self.bias_hh)
        i, f, g, o = total.chunk(4, 1)
        c = torch.sigmoid(f) * state.c + torch.sigmoid(i) * torch.tanh(g)
        return LstmState(torch.sigmoid(o) * torch.tanh(c), c)

    def _run(self, x: Tensor, state: LstmState, weights: list[Tensor]) -> tuple[Tensor, LstmState]:
        initial = [part.unsqueeze(0).contiguous() for part in state]
        y, h, c = self._fused(torch.lstm, x, initial, weights)
        return y, LstmState(h[0], c[0])

    def _run_ragged(
        self, x: Tensor, state: LstmState, weights: list[Tensor], valid: Tensor
    ) -> tuple[Tensor, LstmState]:
        # The kernel doesn't show c on its way, so c has to stand still once a row has ended: one
        # more input, 1 from there on, opens the forget gates and shuts the input gates so far that
        # c_t = 1 c_(t-1) + 0 g to the last bit. (Packed sequences would run 4 times slower.)
        weight_ih, *others = weights
        i, f, g, o = weight_ih.new_tensor((-200.0, 200.0, 0.0, 0.0))
        hold = torch.stack((i, f, g, o)).repeat_interleave(self.output_size).unsqueeze(1)
        x = torch.cat([x, (~valid).unsqueeze(2).to(x.dtype)], dim=2)
        y, end = self._run(x, state, [torch.cat([weight_ih, hold], dim=1), *others])
        return y, LstmState(segments.at_end(y, valid), end.c)
