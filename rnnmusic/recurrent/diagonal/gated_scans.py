"""Gates that see the input alone, so that the recurrence stays linear: minGRU and RG-LRU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.diagonal.linear_scan import LinearScan
from rnnmusic.recurrent.diagonal.products import linear
from rnnmusic.recurrent.protocol import Learned


class MinGru(LinearScan):
    """h_t = (1 - z) h_(t-1) + z c with z = sigmoid(W_z x_t + b_z), c = W x_t + b.

    Feng et al. 2024, arXiv:2410.01201. The scan runs on h itself, so it needs no logarithms, and c
    may be of any sign: their log-space form, with a g that keeps c positive, is for scans that
    divide by products of 1 - z. Shapes: x (B, T, input_size), y (B, T, size) = h. `dt` is ignored.
    """

    def __init__(
        self, input_size: int, size: int, *, learned_initial_state: Learned = False
    ) -> None:
        super().__init__()
        _check_sizes(input_size, size)
        self.input_size, self.output_size = input_size, size
        # Rows of z, then of c.
        self.weight = nn.Parameter(torch.empty(2 * size, input_size))
        self.bias = nn.Parameter(torch.zeros(2 * size))
        for part in self.weight.data.view(2, size, input_size):
            nn.init.xavier_uniform_(part)
        self._add_initial(size, learned=learned_initial_state)

    def lift(self, x: Tensor, dt: Tensor | None) -> tuple[Tensor, Tensor]:
        """1 - z, and z c."""
        gate, candidate = linear(x, self.weight, self.bias).chunk(2, -1)
        return torch.sigmoid(-gate), torch.sigmoid(gate) * candidate

    def read(self, h: Tensor, x: Tensor) -> Tensor:
        """h."""
        return h


class RgLru(LinearScan):
    """The real-gated linear recurrent unit of Griffin: h_t = a h_(t-1) + sqrt(1 - a**2) (i x_t).

    a = sigmoid(L)**(c r dt) with gates r, i = sigmoid(W x_t + b) and c = 8, `SHARPNESS`, as in the
    paper (De et al. 2024, arXiv:2402.19427). dt, the time since the step before, is ours: without
    it, 1. Shapes: x (B, T, size), y (B, T, size) = h.

    radius: sigmoid(L)**c, the slowest decay of a step, is uniform in area between these at first.
    """

    SHARPNESS = 8.0
    is_timed = True

    def __init__(
        self,
        size: int,
        *,
        radius: tuple[float, float] = (0.9, 0.999),
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__()
        _check_sizes(size, size)
        low, high = radius
        if not 0.0 < low <= high < 1.0:
            raise UsageError(f"radius is {radius}; give two in order, between 0 and 1.")
        self.input_size = self.output_size = size
        # Rows of r, then of i.
        self.weight = nn.Parameter(torch.empty(2 * size, size))
        self.bias = nn.Parameter(torch.zeros(2 * size))
        for part in self.weight.data.view(2, size, size):
            nn.init.xavier_uniform_(part)
        share = torch.rand(size)
        keep = torch.sqrt(low**2 + share * (high**2 - low**2)) ** (1 / self.SHARPNESS)
        self.decay = nn.Parameter(keep.logit())
        self._add_initial(size, learned=learned_initial_state)

    def lift(self, x: Tensor, dt: Tensor | None) -> tuple[Tensor, Tensor]:
        """a, and sqrt(1 - a**2) (i x)."""
        r, i = torch.sigmoid(linear(x, self.weight, self.bias)).chunk(2, -1)
        log_a = self.SHARPNESS * F.logsigmoid(self.decay) * r
        if dt is not None:
            log_a = log_a * dt.unsqueeze(-1)
        return torch.exp(log_a), torch.sqrt(-torch.expm1(2 * log_a)) * (i * x)

    def read(self, h: Tensor, x: Tensor) -> Tensor:
        """h."""
        return h


def _check_sizes(input_size: int, size: int) -> None:
    if input_size < 1 or size < 1:
        raise UsageError(
            f"A layer of {input_size} inputs and {size} units can't be; give 1 or more of both."
        )
