"""A linear RNN with a dense state matrix."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.filters.forms import StateSpace
from rnnmusic.recurrent import segments
from rnnmusic.recurrent.fixed import LinearLayer
from rnnmusic.recurrent.iir import IirCell
from rnnmusic.recurrent.protocol import Learned, State
from rnnmusic.recurrent.registry import Flavour

# From so many multiplications a step on, two passes cost more than they save.
_WORTH_TWO_PASSES = 300_000


class LinearState(NamedTuple):
    """h (B, N): the state after the step before."""

    h: Tensor


class LinearRecurrence(LinearLayer):
    """h_t = A h_(t-1) + B x_t, y_t = C h_t + D x_t: Elman's network without its nonlinearity.

    Shapes: x (B, T, input_size), y (B, T, size), h (B, states), `states` being `size` by default.

    A is max_radius times a contraction, ||A|| < max_radius: the upper half of Q in the
    decomposition of the parameter, [M; 1] = Q R. That is no loss: in suitable coordinates of the
    state, which B and C are free to follow, every filter with poles inside max_radius is one
    (Lyapunov), and no step of an optimiser leads out. orthogonal: A is max_radius times Cayley's
    (1 - S) / (1 + S) of a skew S, all of whose poles lie on that circle (Helfrich et al. 2018).
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        states: int | None = None,
        orthogonal: bool = False,
        max_radius: float = 0.9999,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__(input_size, size, max_radius)
        states = size if states is None else states
        if states < 1:
            raise UsageError(f"states is {states}; give 1 or more.")
        self.states = states
        self.orthogonal = orthogonal
        self.recurrent_weight = nn.Parameter(torch.empty(states, states))
        self.input_weight = nn.Parameter(torch.empty(states, input_size))
        self.readout_weight = nn.Parameter(torch.empty(size, states))
        self.direct_weight = nn.Parameter(torch.empty(size, input_size))
        for weight in (self.input_weight, self.readout_weight, self.direct_weight):
            nn.init.xavier_uniform_(weight)
        if orthogonal:
            # Rotations by all angles; S has the eigenvalues 1j tan(angle / 2).
            nn.init.normal_(self.recurrent_weight, std=1 / math.sqrt(states))
        else:
            # ||A|| = 0.95 max_radius, with the poles of an orthogonal matrix.
            nn.init.orthogonal_(self.recurrent_weight, gain=0.95 / math.sqrt(1 - 0.95**2))
        self._add_initial(states, learned=learned_initial_state)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, batch_size rows: zeros or learned."""
        return LinearState(self.initial_row().expand(batch_size, -1))

    def step(
        self, x: Tensor, state: LinearState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, LinearState]:
        """One step: x (B, input_size) -> y (B, size); `dt` is ignored."""
        h = F.linear(x, self.input_weight) + F.linear(state.h, self.matrix())
        return self._read(h, x), LinearState(h)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`; `dt` is ignored."""
        if state is None:
            state = self.initial_state(len(x))
        matrix = self.matrix()

        def kernel(x: Tensor, state: LinearState, valid: Tensor | None) -> tuple[Tensor, State]:
            h = linear_states(F.linear(x, self.input_weight), matrix, state.h)
            end = h[:, -1] if valid is None else segments.at_end(h, valid)
            return self._read(h, x), LinearState(end)

        if reset is None and lengths is None:
            return kernel(x, state, None)
        return segments.run(self, kernel, x, state, reset, lengths)

    def matrix(self) -> Tensor:
        """A (states, states), found in double precision and rounded to that of the parameters."""
        return self._keeping(self._coefficients)

    def _coefficients(self) -> Tensor:
        free = self.recurrent_weight.double()
        one = torch.eye(self.states, dtype=free.dtype, device=free.device)
        if self.orthogonal:
            # Entries of 1e3 turn by nearly pi; larger ones would only cost digits.
            skew = 1e3 * torch.tanh((free - free.T) / 1e3)
            matrix = torch.linalg.solve(one + skew, one - skew)
        else:
            q, r = torch.linalg.qr(torch.cat([free, one]))
            # R is unique once its diagonal is positive, and then smooth in M.
            matrix = q[: self.states] * r.diagonal().sign()
        rounded: Tensor = (self._limit * matrix).to(self.recurrent_weight.dtype)
        return rounded

    def poles(self) -> NDArray[np.complex128]:
        """Eigenvalues of A."""
        return self.filters()[0].poles()

    def filters(self) -> tuple[StateSpace]:
        """The layer as a state space."""
        with torch.no_grad():
            a, b, c, d = (
                part.detach().double().cpu().numpy()
                for part in (
                    self.matrix(),
                    self.input_weight,
                    self.readout_weight,
                    self.direct_weight,
                )
            )
        # The form's state is h_(t-1): y = C (A h + B x) + D x.
        return (StateSpace(a, b, c @ a, d + c @ b),)

    def _read(self, h: Tensor, x: Tensor) -> Tensor:
        return F.linear(h, self.readout_weight) + F.linear(x, self.direct_weight)


def linear_states(u: Tensor, a: Tensor, h: Tensor) -> Tensor:
    """h_t = A h_(t-1) + u_t: u (B, T, N), A (N, N), h (B, N) -> (B, T, N).

    Where a step is little work, the time of which goes into calls, in about 3 sqrt(T) of them: all
    chunks run side by side from zero for what each adds, powers of A link their ends, and all run
    once more from the right states.
    """
    batch, time, size = u.shape
    length = math.isqrt(time)
    if length < 3 or batch * size * size > _WORTH_TWO_PASSES:
        return torch.stack(_loop(u.unbind(1), a, h), 1)
    chunks = time // length
    parts = u[:, : chunks * length].reshape(batch * chunks, length, size).unbind(1)
    zero = torch.zeros_like(parts[0])
    gained = _loop(parts, a, zero)[-1].view(batch, chunks, size)
    ends = _loop(gained.unbind(1), torch.linalg.matrix_power(a, length), h)
    starts = torch.stack([h, *ends[:-1]], 1).flatten(0, 1)
    states = torch.stack(_loop(parts, a, starts), 1).view(batch, chunks * length, size)
    rest = _loop(u[:, chunks * length :].unbind(1), a, ends[-1])
    return torch.cat([states, torch.stack(rest, 1)], 1) if rest else states


def _loop(u: tuple[Tensor, ...], a: Tensor, h: Tensor) -> list[Tensor]:
    transposed = a.T
    states = []
    for part in u:
        h = torch.addmm(part, h, transposed)
        states.append(h)
    return states


FLAVOURS: dict[str, Flavour] = {
    "linear": Flavour(LinearRecurrence, "linear", "Helfrich et al. 2018"),
    "iir": Flavour(IirCell, "linear", "Back and Tsoi 1991"),
}
