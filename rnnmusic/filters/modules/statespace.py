"""General state spaces: contracting state matrices, orthogonal and unitary ones."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.forms import Form, StateSpace, convert
from rnnmusic.filters.functional.statespace import statespace
from rnnmusic.filters.modules.base import Filter, OverTime, fill
from rnnmusic.filters.modules.matrices import (
    balanced,
    cayley,
    cayley_parameters,
    contraction,
    contraction_parameters,
    room,
)


class MatrixFilter(Filter):
    """s[t+1] = A s[t] + B x[t], y[t] = C s[t] + D x[t], of any inputs and outputs.

    One of one input and one output is applied to each channel, with the same coefficients.
    Parameters B (N, inputs), C (outputs, N), D (outputs, inputs) are free.
    """

    def __init__(
        self,
        order: int,
        inputs: int = 1,
        outputs: int = 1,
        *,
        complex: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if min(order, inputs, outputs) < 1 or self.channels != 1:
            raise UsageError(
                f"A state of {order} with {inputs} inputs, {outputs} outputs and {self.channels} "
                "channels was asked for; give at least 1 of the first three and one channel."
            )
        self.order, self.inputs, self.outputs = order, inputs, outputs
        self.complex = complex
        kind = torch.complex128 if complex else torch.float64
        self.B = nn.Parameter(torch.randn(order, inputs, dtype=kind) / inputs**0.5)
        self.C = nn.Parameter(torch.randn(outputs, order, dtype=kind) / order**0.5)
        self.D = nn.Parameter(torch.zeros(outputs, inputs, dtype=torch.float64))
        self._kept: Tensor | None = None

    @abstractmethod
    def compute_state_matrix(self) -> Tensor:
        """A (N, N) of the parameters, norm at most max_radius, complex128 or float64."""

    def state_matrix(self) -> Tensor:
        """A (N, N), or what `cached` keeps of it."""
        return self.compute_state_matrix() if self._kept is None else self._kept

    @contextmanager
    def cached(self) -> Iterator[None]:
        """Compute A once for all that happens within; parameters must not change meanwhile."""
        self._kept = self.compute_state_matrix()
        try:
            yield
        finally:
            self._kept = None

    def matrices(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """A, B, C, D in float64; a complex state as one of twice as many real numbers.

        y = Re(C s) + D x, with s = u + 1j v: (u, v) is turned by [[Re A, -Im A], [Im A, Re A]].
        """
        self._finite(self.B, self.C, self.D)
        a, d = self.state_matrix(), self.D.double()
        if not self.complex:
            return a, self.B.double(), self.C.double(), d
        top, bottom = torch.cat([a.real, -a.imag], dim=1), torch.cat([a.imag, a.real], dim=1)
        b, c = self.B.to(torch.complex128), self.C.to(torch.complex128)
        return (
            torch.cat([top, bottom]),
            torch.cat([b.real, b.imag]),
            torch.cat([c.real, -c.imag], dim=1),
            d,
        )

    def forward(self, waveform: Tensor, over_time: OverTime | None = None) -> Tensor:
        """Filter waveform (..., inputs, T), or (..., T) for one input and one output, from rest."""
        self._no_changes(over_time)
        each = self.inputs == self.outputs == 1
        rows = waveform.unsqueeze(-2) if each else waveform
        a, b, c, d = (matrix.to(waveform.dtype) for matrix in self.matrices())
        y = statespace(rows, a, b, c, d)
        return y.squeeze(-2) if each else y

    def response(self, omega: Tensor) -> Tensor:
        """C (z - A)**-1 B + D: (K,), or (K, outputs, inputs) where either is more than one."""
        a, b, c, d = (matrix.to(torch.complex128) for matrix in self.matrices())
        z = torch.exp(1j * omega.double())[:, None, None]
        one = torch.eye(len(a), dtype=a.dtype, device=a.device)
        heard = torch.linalg.solve(z * one - a, b.expand(len(omega), *b.shape))
        result: Tensor = c @ heard + d
        return result[:, 0, 0] if self.inputs == self.outputs == 1 else result

    def form(self, channel: int = 0) -> StateSpace:
        """The matrices; of a complex state the real ones of twice the size."""
        with torch.no_grad():
            a, b, c, d = (matrix.detach().cpu().numpy() for matrix in self.matrices())
        return StateSpace(a, b, c, d, self.sample_rate_hz)


class StateSpaceFilter(MatrixFilter):
    """A contracts: A = r L**-1 Y with L L^T = 1 + Y Y^T for any matrix Y.

    A norm below r keeps the poles within r, and every stable filter has such a state space, by
    the discrete Lyapunov equation. Parameters: free (N, N) = Y, B, C, D.
    """

    def __init__(self, order: int, inputs: int = 1, outputs: int = 1, **options: Any) -> None:
        super().__init__(order, inputs, outputs, **options)
        self.free = nn.Parameter(torch.randn(order, order, dtype=torch.float64) / order**0.5)

    @classmethod
    def from_form(cls, form: Form, **options: Any) -> Self:
        """Begin as any filter, its state in coordinates where A contracts."""
        ss = convert(form, StateSpace)
        options = {"sample_rate_hz": form.sample_rate_hz, **options}
        module = cls(ss.order, ss.inputs, ss.outputs, **options)
        radius = module.max_radius * room(ss.order)
        change = balanced(ss.A, radius)
        fill(module.free, contraction_parameters(np.linalg.solve(change, ss.A @ change) / radius))
        fill(module.B, np.linalg.solve(change, ss.B))
        fill(module.C, ss.C @ change)
        fill(module.D, ss.D)
        return module

    def compute_state_matrix(self) -> Tensor:
        """r L**-1 Y."""
        self._finite(self.free)
        return self.max_radius * room(self.order) * contraction(self.free.double())


class OrthogonalFilter(MatrixFilter):
    """A = rho Q with Q orthogonal, or unitary where `complex`, and rho = r sigmoid(radius).

    Q by Cayley's map of a skew matrix, times signs that training leaves alone (Helfrich, Willmott
    & Ye, Orthogonal recurrent neural networks with scaled Cayley transform, 2018): the memory
    fades at one rate in all directions. Playing within `cached()` computes Q once. Parameters:
    free (N, N) whose skew part counts, radius (), B, C, D.
    """

    signs: Tensor

    def __init__(
        self,
        order: int,
        inputs: int = 1,
        outputs: int = 1,
        *,
        complex: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(order, inputs, outputs, complex=complex, **options)
        kind = torch.complex128 if complex else torch.float64
        self.free = nn.Parameter(torch.randn(order, order, dtype=kind))
        self.radius = nn.Parameter(torch.tensor(3.0, dtype=torch.float64))
        self.register_buffer("signs", torch.ones(order, dtype=torch.float64))

    @classmethod
    def from_form(cls, form: Form, **options: Any) -> Self:
        """Begin as a state space whose A is a number times an orthogonal matrix.

        InputError for others: no change of coordinates gives poles of different radii one radius.
        """
        ss = convert(form, StateSpace)
        options = {"sample_rate_hz": form.sample_rate_hz, **options}
        module = cls(ss.order, ss.inputs, ss.outputs, **options)
        rho = float(np.sqrt(np.trace(ss.A @ ss.A.T) / ss.order))
        share = rho / (module.max_radius * room(ss.order))
        error = abs(ss.A @ ss.A.T - rho**2 * np.eye(ss.order)).max()
        if not 0 < share < 1 or error > 1e-9:
            raise InputError(
                f"A isn't a number below {module.max_radius} times an orthogonal matrix (radius "
                f"{rho:.9g}, off by {error:.2g}); use StateSpaceFilter."
            )
        free, signs = cayley_parameters(ss.A / rho)
        fill(module.free, free)
        fill(module.signs, signs)
        fill(module.radius, np.log(share / (1 - share)))
        fill(module.B, ss.B)
        fill(module.C, ss.C)
        fill(module.D, ss.D)
        return module

    def compute_state_matrix(self) -> Tensor:
        """rho Q."""
        self._finite(self.free, self.radius)
        wide = torch.complex128 if self.complex else torch.float64
        rho = self.max_radius * room(self.order) * torch.sigmoid(self.radius.double())
        return rho * cayley(self.free.to(wide)) * self.signs.double()
