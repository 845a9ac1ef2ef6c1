"""The recurrence of the recurrent temporal restricted Boltzmann machine."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnmusic.recurrent.gated import FusedLayer, RnnState


class MeanField(FusedLayer):
    """h_t = sigmoid(W v_t + U h_(t-1) + c): a machine's hidden units given what has been heard.

    Exactly what they are on average, for given v_t they are independent (Sutskever, Hinton and
    Taylor 2008). With the rbm head, whose biases are linear in h, it is their recurrent temporal
    RBM; only that the head's W is its own, where theirs is this layer's, and that the columns'
    biases may move too.

    Shapes: x (B, T, input_size), y (B, T, size) = h.
    """

    gates = 1
    state_type = RnnState

    def advance(self, drive: Tensor, state: RnnState, weight_hh: Tensor) -> RnnState:
        """As in `GatedLayer`."""
        return RnnState(torch.sigmoid(drive + F.linear(state.h, weight_hh, self.bias_hh)))

    def _run(self, x: Tensor, state: RnnState, weights: list[Tensor]) -> tuple[Tensor, RnnState]:
        # sigmoid(a) = (1 + tanh(a / 2)) / 2, so that torch's kernel for tanh runs it on 2 h - 1.
        weight_ih, weight_hh, bias_ih, bias_hh = weights
        halved = [
            weight_ih / 2,
            weight_hh / 4,
            bias_ih / 2,
            bias_hh / 2 + weight_hh.sum(1) / 4,
        ]
        begin = (2 * state.h - 1).unsqueeze(0).contiguous()
        y, h = self._fused(torch.rnn_tanh, x, begin, halved)
        return (y + 1) / 2, RnnState((h[0] + 1) / 2)
