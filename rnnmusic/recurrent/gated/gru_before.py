"""The gated recurrent unit as the papers have it."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnmusic.recurrent.gated.layer import GatedLayer, GruState


class GruBefore(GatedLayer):
    """The gated recurrent unit with its reset before the matrix product (Cho et al. 2014).

    r, z = sigmoid(W x_t + U h_(t-1) + b), n = tanh(W_n x_t + U_n (r h_(t-1)) + b),
    h_t = (1 - z) h_(t-1) + z n. Shapes: x (B, T, input_size), y (B, T, size) = h.

    It differs from `Gru`, which is torch's and cuDNN's, in three ways:

    - r chooses which units the candidate n may hear at all, before U_n mixes them; in `Gru` it
      scales what U_n has made of them all. Neither can stand in for the other;
    - z is the share of the new, as Chung et al. 2014 write it; in `Gru`, and in Cho's own
      equations, it is the share of the old. The same networks: turn the signs of z's weights;
    - one bias, where `Gru` needs a second inside the bracket that r scales.
    """

    gates = 3
    state_type = GruState

    def advance(self, drive: Tensor, state: GruState, weight_hh: Tensor) -> GruState:
        """h_t of W x_t + b, blocks r, z, n, and h_(t-1)."""
        h, size = state.h, self.output_size
        weight_rz, weight_n = weight_hh[: 2 * size], weight_hh[2 * size :]
        x_rz, x_n = drive[:, : 2 * size], drive[:, 2 * size :]
        r, z = torch.sigmoid(torch.addmm(x_rz, h, weight_rz.t())).chunk(2, 1)
        n = torch.tanh(torch.addmm(x_n, r * h, weight_n.t()))
        return GruState(h + z * (n - h))
