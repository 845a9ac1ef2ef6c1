"""ARMA models as a learnable recurrence, stationary and invertible whatever the parameters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.filters.forms import TransferFunction
from rnnmusic.filters.functional.direct import lfilter
from rnnmusic.filters.modules.stability import step_up
from rnnmusic.recurrent import segments
from rnnmusic.recurrent.fixed import LinearLayer
from rnnmusic.recurrent.protocol import Learned, State


class ArmaState(NamedTuple):
    """s (B, size, max(p, q)): what the past adds to the next value, the one after, and so on."""

    s: Tensor


class Arma(LinearLayer):
    """Each output is what an ARMA(p, q) model expects next of a mix of the inputs, u_t = W x_t:

    e_t = u_t - y_(t-1),  y_t = sum_(k=1..p) phi_k u_(t+1-k) + sum_(k=1..q) theta_k e_(t+1-k).

    So the squared error y_t - u_(t+1) fits a model to u, and any other loss a filter whose poles
    are the zeros of the moving average. phi and theta come from partial autocorrelations,
    tanh(autoregressive) and tanh(moving_average), by the recursion of Durbin and Levinson
    (Barndorff-Nielsen and Schou 1973): gradient descent can't leave the stationary and invertible
    models, all roots being within max_radius.

    Shapes: x (B, T, input_size), y (B, T, size), s (B, size, max(p, q)); a model per output.
    `dt` is ignored. Nothing is elementwise here, so it runs as `lfilter`.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        p: int = 2,
        q: int = 2,
        max_radius: float = 0.9999,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__(input_size, size, max_radius)
        if p < 0 or q < 0 or p + q < 1:
            raise UsageError(f"An ARMA({p}, {q}) can't be; give orders of 0 or more, not both 0.")
        self.p, self.q = p, q
        self.input_weight = nn.Parameter(torch.empty(size, input_size))
        nn.init.xavier_uniform_(self.input_weight)
        self.autoregressive = nn.Parameter(torch.randn(size, p))
        self.moving_average = nn.Parameter(torch.randn(size, q))
        self._add_initial(size, max(p, q), learned=learned_initial_state, units=0)

    def coefficients(self) -> tuple[Tensor, Tensor]:
        """phi and theta, (size, max(p, q)) both, with zeros past their orders."""
        return self._keeping(self._coefficients)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, batch_size rows: zeros or learned."""
        return ArmaState(self.initial_row().expand(batch_size, -1, -1))

    def step(
        self, x: Tensor, state: ArmaState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, ArmaState]:
        """One step: x (B, input_size) -> y (B, size)."""
        phi, theta = self.coefficients()
        u = F.linear(x, self.input_weight)
        e = u - state.s[..., 0]
        s = phi * u.unsqueeze(2) + theta * e.unsqueeze(2) + F.pad(state.s[..., 1:], (0, 1))
        return s[..., 0], ArmaState(s)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`."""
        if state is None:
            state = self.initial_state(len(x))
        phi, theta = self.coefficients()

        def kernel(x: Tensor, state: ArmaState, valid: Tensor) -> tuple[Tensor, State]:
            return self._run(x, state, valid, phi, theta)

        if reset is None and lengths is None:
            return kernel(x, state, torch.ones(x.shape[:2], dtype=torch.bool, device=x.device))
        return segments.run(self, kernel, x, state, reset, lengths)

    def poles(self) -> NDArray[np.complex128]:
        """All channels' poles, one channel after the other."""
        return np.concatenate([form.poles() for form in self.filters()])

    def filters(self) -> tuple[TransferFunction, ...]:
        """Each output's filter, over its mix of the inputs (`input_weight`)."""
        with torch.no_grad():
            phi, theta = (part.double().cpu().numpy() for part in self.coefficients())
        rows = zip(phi, theta, strict=True)
        return tuple(TransferFunction(ar + ma, np.append(1.0, ma)) for ar, ma in rows)

    def _coefficients(self) -> tuple[Tensor, Tensor]:
        # In double precision, so that rounding happens once.
        phi = -step_up(-self.autoregressive.double().tanh())[:, 1:]
        theta = step_up(self.moving_average.double().tanh())[:, 1:]
        lag = torch.arange(1, max(self.p, self.q) + 1, dtype=phi.dtype, device=phi.device)
        # Scaled like this, roots at the unit circle come to lie at this radius.
        scale = self._limit**lag
        padded = (F.pad(part, (0, len(lag) - part.shape[1])) for part in (phi, theta))
        phi, theta = ((scale * part).to(self.input_weight) for part in padded)
        return phi, theta

    def _run(
        self, x: Tensor, state: ArmaState, valid: Tensor, phi: Tensor, theta: Tensor
    ) -> tuple[Tensor, ArmaState]:
        """Rows that end where valid (N, L) does."""
        u = F.linear(x, self.input_weight).transpose(1, 2)
        order = phi.shape[1]
        first = state.s[..., :1]
        # lfilter remembers in transposed direct form II.
        memory = F.pad(state.s[..., 1:], (0, 1)) - theta * first
        b, a = F.pad(phi + theta, (0, 1)), F.pad(theta, (1, 0), value=1.0)
        y = lfilter(u, a, b, clamp=False, zi=memory)
        e = u - torch.cat([first, y[..., :-1]], 2)
        # What the last `order` values and errors, zeros before the first, add to those to come.
        steps = valid.sum(1)
        index = steps.view(-1, 1, 1) + torch.arange(order, device=x.device)
        index = index.expand(-1, self.output_size, -1)
        late_u, late_e = (F.pad(part, (order, 0)).gather(2, index) for part in (u, e))
        s = F.pad(state.s, (0, order)).gather(2, index.clamp_max(order + order - 1))
        parts = [s]
        for k in range(1, order + 1):
            said = phi[:, k - 1, None] * late_u[..., order - k :]
            said = said + theta[:, k - 1, None] * late_e[..., order - k :]
            parts.append(F.pad(said, (0, order - k)))
        return y.transpose(1, 2), ArmaState(torch.stack(parts).sum(0))
