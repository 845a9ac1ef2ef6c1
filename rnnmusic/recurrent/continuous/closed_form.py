"""CfC: a liquid time-constant network solved in closed form."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnnmusic.recurrent.continuous.layer import ContinuousLayer, ContinuousState, span
from rnnmusic.recurrent.protocol import Learned


class ClosedForm(ContinuousLayer):
    """h_t = s g + (1 - s) k with s = sigmoid(-(a dt + b)), all of a hidden layer of (x_t, h_(t-1)).

    g and k are tanh, a and b linear, of one layer of `width` units, 1.7159 tanh(2/3 z) as in the
    authors' networks (Hasani et al. 2022, eq. 10): no solver, one evaluation a step. Shapes:
    x (B, T, input_size), y (B, T, size) = h.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        width: int | None = None,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__(input_size, size, learned_initial_state)
        width = size if width is None else width
        self.backbone = nn.Linear(input_size + size, width)
        self.heads = nn.Linear(width, 4 * size)
        nn.init.xavier_uniform_(self.backbone.weight)
        nn.init.xavier_uniform_(self.heads.weight)

    def step(
        self, x: Tensor, state: ContinuousState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, ContinuousState]:
        """One step of dt, a number or (B,): x (B, input_size) -> y (B, size)."""
        z = self.backbone(torch.cat([x, state.h], 1))
        g, k, a, b = self.heads(1.7159 * torch.tanh(2 / 3 * z)).chunk(4, 1)
        share = torch.sigmoid(-(a * span(dt, state.h) + b))
        h = torch.lerp(torch.tanh(k), torch.tanh(g), share)
        return h, ContinuousState(h)
