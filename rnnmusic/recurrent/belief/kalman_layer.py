"""Kalman filters side by side as a recurrence that learns its models by gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.gated import loop
from rnnmusic.recurrent.protocol import Learned, Recurrent


class KalmanState(NamedTuple):
    """The belief given all steps heard: mean (B, H) and covariance (B, H / n, n, n)."""

    mean: Tensor
    covariance: Tensor


class KalmanLayer(Recurrent):
    """Filters of `order` (n) units each, that see one number made of the features (Kalman 1960).

    predict   m = A m, P = A P A' + Q
    seen      z = W x_t + b, taken for c.m plus noise of variance r
    update    k = P c / (c.P c + r), m += k (z - c.m), P = (I - k c') P (I - k c')' + r k k'
    output    y_t = A m of all filters: where they expect to be next

    A = exp(S - S') diag(rho) turns and shrinks: 0 < rho < 1, so that no belief runs away. Q and r
    are positive by their logarithms. Gains settle within some steps to those of Wiener's filter: it
    is a linear recurrence whose coefficients vary in time, and which trusts what it sees more while
    it knows little, as after a start that is learned to be uncertain.

    Shapes: x (B, T, input_size), y (B, T, size). UsageError unless `order` divides size.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        order: int = 4,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__()
        if min(input_size, size, order) < 1 or size % order:
            raise UsageError(
                f"A layer of {input_size} inputs and {size} units in filters of {order} can't be; "
                "give 1 or more of each, and a size that the order divides."
            )
        self.input_size, self.output_size, self.order = input_size, size, order
        filters = size // order
        self.view = nn.Linear(input_size, filters)
        self.turn = nn.Parameter(torch.randn(filters, order, order))  # S
        self.shrink = nn.Parameter(torch.rand(filters, order) * 4)  # logits of rho: .5 to .98
        self.reading = nn.Parameter(torch.randn(filters, order))  # c
        self.log_process_noise = nn.Parameter(torch.full((filters, order), -2.0))  # of Q's diagonal
        self.log_view_noise = nn.Parameter(torch.zeros(filters))  # of r
        # A row of means, and `order` rows of factors F of covariances F'F.
        self._add_initial(1 + order, size, learned=learned_initial_state)

    def initial_state(self, batch_size: int) -> KalmanState:
        """The state before the first step, batch_size rows: zero for certain, or learned."""
        initial = self.initial_row()
        mean = initial[:1]
        factor = initial[1:].view(self.order, -1, self.order).transpose(0, 1)
        covariance = factor.mT @ factor
        return KalmanState(mean.expand(batch_size, -1), covariance.expand(batch_size, -1, -1, -1))

    def step(
        self, x: Tensor, state: KalmanState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, KalmanState]:
        """One step: x (B, input_size) -> y (B, size)."""
        a = self.transition()
        after = self._mover(a)(self.view(x), state)
        return self._ahead(a, after.mean), after

    def forward(
        self,
        x: Tensor,
        state: KalmanState | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, KalmanState]:
        """A whole stretch, as in `Recurrent`, with the views of all steps at once."""
        initial = self.initial_state(len(x))
        begin = initial if state is None else state
        views = self.view(x).unbind(1)
        a = self.transition()
        states, end = loop.run(self._mover(a), views, begin, initial, reset, lengths)
        means = torch.stack([after.mean for after in states], 1)
        return loop.alive_only(self._ahead(a, means), lengths), end

    def transition(self) -> Tensor:
        """A of all filters: (size / order, order, order), its largest singular value below 1."""
        turned: Tensor = torch.linalg.matrix_exp(self.turn - self.turn.mT)
        return turned * torch.sigmoid(self.shrink).unsqueeze(1)

    def _mover(self, a: Tensor) -> Callable[[Tensor, KalmanState], KalmanState]:
        c = self.reading.unsqueeze(2)
        process_noise = torch.diag_embed(self.log_process_noise.exp())
        r = self.log_view_noise.exp().view(-1, 1, 1)
        eye = torch.eye(self.order, dtype=c.dtype, device=c.device)

        def move(z: Tensor, state: KalmanState) -> KalmanState:
            mean = a @ state.mean.view(len(z), -1, self.order, 1)
            covariance = a @ state.covariance @ a.mT + process_noise
            spread = covariance @ c
            gain = spread / (c.mT @ spread + r)
            mean = mean + gain * (z[..., None, None] - c.mT @ mean)
            rest = eye - gain @ c.mT
            covariance = rest @ covariance @ rest.mT + r * gain @ gain.mT
            return KalmanState(mean.flatten(1), covariance)

        return move

    def _ahead(self, a: Tensor, mean: Tensor) -> Tensor:
        """A m of mean (..., H)."""
        return (a @ mean.view(*mean.shape[:-1], -1, self.order, 1)).flatten(-3)
