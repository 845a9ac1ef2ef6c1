"""Diagonal state spaces: S4D and the linear recurrent unit, as one layer."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.filters.forms import Diagonal
from rnnmusic.filters.functional.scan import diagonal_scan
from rnnmusic.recurrent.fixed import LinearLayer
from rnnmusic.recurrent.protocol import Learned, State
from rnnmusic.recurrent.registry import Flavour

Discretization = Literal["lru", "zoh", "bilinear"]
Start = Literal["ring", "s4d-lin"]


class DiagonalState(NamedTuple):
    """h (B, modes, 2): real and imaginary part of each mode after the step before."""

    h: Tensor


class DiagonalSsm(LinearLayer):
    """h_t = p h_(t-1) + g B x_t, y_t = 2 Re(C h_t) + D x_t with a complex diagonal p.

    Shapes: x (B, T, input_size), y (B, T, size), h (B, modes) complex, kept as pairs of reals;
    `modes` is `size` by default. Each mode stands for a conjugate pair of poles.

    The parameters are logarithms: p = exp((log r + 1j theta) dt), with log r below that of
    max_radius by a softplus, for the time dt since the step before, 1 where none is given. What
    a step takes in depends on the discretization:

    - "lru": g = sqrt(1 - |p|**2), states of unit variance under white noise (Orvieto et al. 2023,
      arXiv:2303.06349);
    - "zoh": the input is held since the step before, g = (p - 1) / (log r + 1j theta) (S4D, Gu et
      al. 2022, arXiv:2206.11893);
    - "bilinear": Tustin's rule. p is the parameters' at dt = 1, and follows the rule at others;
      g = dt / (1 - s dt / 2) = dt (p1 + 1) / (p1 + 1 - dt (p1 - 1)) with p1 = p at dt = 1.

    start: "ring", p uniform in area between two radii, or "s4d-lin", s = -1/2 + 1j pi n for mode n
    at a time step of 1 / modes. max_radius is that of dt = 1; in less time less decays.
    """

    is_timed = True

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        modes: int | None = None,
        discretization: Discretization = "lru",
        start: Start = "ring",
        ring: tuple[float, float] = (0.5, 0.99),
        max_radius: float = 0.9999,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__(input_size, size, max_radius)
        modes = size if modes is None else modes
        if modes < 1:
            raise UsageError(f"modes is {modes}; give 1 or more.")
        if discretization not in ("lru", "zoh", "bilinear"):
            raise UsageError(f"discretization is {discretization!r}; choose lru, zoh or bilinear.")
        self.modes = modes
        self.discretization = discretization
        radius, phase = _start(start, modes, ring, self._limit)
        excess = math.log(self._limit) - radius.log()
        # The inverse of softplus.
        self.decay = nn.Parameter((excess + torch.log(-torch.expm1(-excess))).float())
        self.phase = nn.Parameter(phase.float())
        # Rows for the real and the imaginary part of each state, and 2 C as the weights of both.
        into, out = torch.randn(modes, 2, input_size), torch.randn(size, modes, 2)
        self.input_weight = nn.Parameter(into / math.sqrt(2 * input_size))
        self.readout_weight = nn.Parameter(out / math.sqrt(modes))
        self.direct_weight = nn.Parameter(torch.empty(size, input_size))
        nn.init.xavier_uniform_(self.direct_weight)
        self._add_initial(modes, 2, learned=learned_initial_state, units=0)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, batch_size rows: zeros or learned."""
        return DiagonalState(self.initial_row().expand(batch_size, -1, -1))

    def step(
        self, x: Tensor, state: DiagonalState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, DiagonalState]:
        """One step of dt, a number or (B,): x (B, input_size) -> y (B, size)."""
        if isinstance(dt, Tensor) or dt != 1.0:
            time = torch.as_tensor(dt, dtype=x.dtype, device=x.device).expand(len(x))
            multiplier, gain = self._coefficients(time)
        else:
            multiplier, gain = self._keeping(self._coefficients)
        h = multiplier * torch.view_as_complex(state.h.contiguous()) + gain * self._taken_in(x)
        return self._read(h, x), DiagonalState(torch.view_as_real(h))

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`: a scan, of multiplier 0 where a row resets."""
        batch, time, _ = x.shape
        if state is None:
            state = self.initial_state(batch)
        start = torch.view_as_complex(state.h.contiguous())
        if dt is None:
            multiplier, gain = self._keeping(self._coefficients)
        else:
            multiplier, gain = self._coefficients(dt.to(x))
        u = gain * self._taken_in(x)
        if reset is not None:
            again = reset.unsqueeze(2)
            initial = torch.view_as_complex(self.initial_row())
            u = u + torch.where(again, multiplier * initial, 0.0)
            multiplier = torch.where(again, 0.0, multiplier)
        h = diagonal_scan(u, multiplier, start)
        y = self._read(h, x)
        if lengths is None:
            return y, DiagonalState(torch.view_as_real(h[:, -1]))
        lengths = lengths.to(x.device)
        alive = torch.arange(time, device=x.device) < lengths.unsqueeze(1)
        rows = torch.arange(batch, device=x.device)
        end = torch.where((lengths > 0).unsqueeze(1), h[rows, lengths - 1], start)
        return torch.where(alive.unsqueeze(2), y, 0.0), DiagonalState(torch.view_as_real(end))

    def poles(self) -> NDArray[np.complex128]:
        """p at dt = 1 and its conjugates."""
        with torch.no_grad():
            p = self._coefficients()[0].cpu().numpy().astype(np.complex128)
        return np.concatenate([p, p.conj()])

    def filters(self) -> tuple[Diagonal]:
        """The layer as a diagonal state space, at dt = 1."""
        with torch.no_grad():
            p, gain = (part.cpu().numpy().astype(np.complex128) for part in self._coefficients())
            b = torch.complex(*self.input_weight.double().unbind(1)).cpu().numpy()
            c = torch.complex(*self.readout_weight.double().unbind(2)).cpu().numpy().conj()
            d = self.direct_weight.double().cpu().numpy()
        return (Diagonal.from_scan(p, gain[:, None] * b, c, d),)

    def _coefficients(self, dt: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """p and g: (modes,), or for dt (...) of the parameters' type (..., modes)."""
        log_radius = math.log(self._limit) - F.softplus(self.decay)
        rate = torch.complex(log_radius, self.phase)
        real, imaginary = log_radius, cast(Tensor, self.phase)
        if dt is not None:
            real, imaginary = real * dt.unsqueeze(-1), imaginary * dt.unsqueeze(-1)
        p = torch.polar(torch.exp(real), imaginary)
        if self.discretization == "lru":
            return p, torch.sqrt(-torch.expm1(2 * real)).to(p)
        if self.discretization == "zoh":
            return p, _expm1(real, imaginary) / rate
        if dt is None:
            return p, (p + 1) / 2
        p1, time = torch.polar(torch.exp(log_radius), self.phase), dt.unsqueeze(-1)
        below = p1 + 1 - time * (p1 - 1)
        return (p1 + 1 + time * (p1 - 1)) / below, time * (p1 + 1) / below

    def _taken_in(self, x: Tensor) -> Tensor:
        """B x: (..., input_size) -> (..., modes) complex, in one product of reals."""
        parts = F.linear(x, self.input_weight.flatten(0, 1))
        return torch.view_as_complex(parts.view(*x.shape[:-1], self.modes, 2))

    def _read(self, h: Tensor, x: Tensor) -> Tensor:
        """2 Re(C h) + D x, in products of reals."""
        parts = torch.view_as_real(h).flatten(-2)
        return F.linear(parts, self.readout_weight.flatten(1)) + F.linear(x, self.direct_weight)


def _expm1(real: Tensor, imaginary: Tensor) -> Tensor:
    """exp(z) - 1 without cancellation near 0."""
    growth = torch.expm1(real)
    half = torch.sin(imaginary / 2)
    return torch.complex(
        growth * torch.cos(imaginary) - 2 * half * half,
        torch.exp(real) * torch.sin(imaginary),
    )


def _start(
    name: Start, modes: int, ring: tuple[float, float], limit: float
) -> tuple[Tensor, Tensor]:
    """Radius and phase (modes,) of the poles before any learning, within `limit`."""
    if name == "s4d-lin":
        # s = -1/2 + 1j pi n over a time step of 1 / modes.
        number = torch.arange(modes, dtype=torch.float64)
        radius, phase = torch.full_like(number, math.exp(-0.5 / modes)), math.pi * number / modes
    elif name == "ring":
        low, high = ring
        if not 0.0 <= low <= high < 1.0:
            raise UsageError(f"ring is {ring}; give two radii in order, from 0 to below 1.")
        share = torch.rand(modes, dtype=torch.float64)
        radius = torch.sqrt(low**2 + share * (high**2 - low**2)).clamp_min(1e-6)
        phase = math.pi * torch.rand(modes, dtype=torch.float64)
    else:
        raise UsageError(f"start is {name!r}; choose ring or s4d-lin.")
    return radius.clamp_max(limit * (1 - 1e-4)), phase


FLAVOURS: dict[str, Flavour] = {
    "ssm": Flavour(DiagonalSsm, "diagonal", "Gu et al. 2022; Orvieto et al. 2023"),
}
