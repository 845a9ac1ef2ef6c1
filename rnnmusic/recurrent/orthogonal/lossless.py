"""A linear network that neither makes nor loses energy."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.filters.forms import StateSpace
from rnnmusic.recurrent import segments
from rnnmusic.recurrent.fixed import LinearLayer
from rnnmusic.recurrent.linear import LinearState, linear_states
from rnnmusic.recurrent.orthogonal.maps import Map, OrthogonalMatrix
from rnnmusic.recurrent.protocol import Learned, State


class LosslessNetwork(LinearLayer):
    """(h_t, y_t) = U (h_(t-1), W x_t) with U orthogonal: a multichannel allpass (Gerzon 1976).

    |h_t|**2 + |y_t|**2 = |h_(t-1)|**2 + |W x_t|**2: what goes in comes out, sooner or later, so
    that no frequency is lost, and its poles are inside the circle. Shapes: x (B, T, input_size),
    y (B, T, size), h (B, states), `states` being `size` by default. max_radius < 1 takes that much
    from the state at each step. map, depth: how U is made, see `OrthogonalMatrix`; "rotations" is
    the lattice form.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        states: int | None = None,
        map: Map = "rotations",
        depth: int | None = None,
        max_radius: float = 0.9999,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__(input_size, size, max_radius)
        states = size if states is None else states
        if states < 1:
            raise UsageError(f"states is {states}; give 1 or more.")
        self.states = states
        self.orthogonal = OrthogonalMatrix(states + size, map, depth)
        self.input_weight = nn.Parameter(torch.empty(size, input_size))
        nn.init.xavier_uniform_(self.input_weight)
        self._add_initial(states, learned=learned_initial_state)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, batch_size rows: zeros or learned."""
        return LinearState(self.initial_row().expand(batch_size, -1))

    def step(
        self, x: Tensor, state: LinearState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, LinearState]:
        """One step: x (B, input_size) -> y (B, size); `dt` is ignored."""
        a, b, c, d = self._keeping(self._matrices)
        h = F.linear(x, b) + F.linear(state.h, a)
        return F.linear(state.h, c) + F.linear(x, d), LinearState(h)

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
        a, b, c, d = self._keeping(self._matrices)

        def kernel(x: Tensor, state: LinearState, valid: Tensor | None) -> tuple[Tensor, State]:
            h = linear_states(F.linear(x, b), a, state.h)
            end = h[:, -1] if valid is None else segments.at_end(h, valid)
            before = torch.cat([state.h.unsqueeze(1), h[:, :-1]], 1)
            return F.linear(before, c) + F.linear(x, d), LinearState(end)

        if reset is None and lengths is None:
            return kernel(x, state, None)
        return segments.run(self, kernel, x, state, reset, lengths)

    def poles(self) -> NDArray[np.complex128]:
        """Eigenvalues of the part of U that leads from state to state."""
        return self.filters()[0].poles()

    def filters(self) -> tuple[StateSpace]:
        """The layer as a state space."""
        with torch.no_grad():
            a, b, c, d = (part.double().cpu().numpy() for part in self._matrices())
        return (StateSpace(a, b, c, d),)

    def _matrices(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """A (N, N), B (N, D), C (H, N), D (H, D)."""
        whole, n = self.orthogonal(), self.states
        weight = self.input_weight.double()
        parts = (
            self._limit * whole[:n, :n],
            whole[:n, n:] @ weight,
            self._limit * whole[n:, :n],
            whole[n:, n:] @ weight,
        )
        a, b, c, d = (part.to(self.input_weight.dtype) for part in parts)
        return a, b, c, d
