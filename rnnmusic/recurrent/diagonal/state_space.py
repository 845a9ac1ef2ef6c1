"""Diagonal state spaces: one set of modes for all channels, or a set for each."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from rnnmusic.errors import UsageError
from rnnmusic.filters.forms import Complexes, Diagonal, Reals
from rnnmusic.recurrent.diagonal.modes import Discretization, ModalLayer, Poles, Start
from rnnmusic.recurrent.diagonal.products import linear
from rnnmusic.recurrent.protocol import Learned

Feedthrough = Literal["dense", "diagonal"]


class DiagonalSsm(ModalLayer):
    """h_t = p h_(t-1) + g B x_t, y_t = 2 Re(C h_t) + D x_t: p, g and starts as in `ModalLayer`.

    Shapes: x (B, T, input_size), y (B, T, size), h (B, modes) complex, kept as pairs of reals;
    `modes` is `size` by default. A learned time step is one per mode. feedthrough: D is a matrix,
    or "diagonal" as in the papers, for as many outputs as inputs.
    """

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
        time_step: tuple[float, float] | None = None,
        feedthrough: Feedthrough = "dense",
        learned_initial_state: Learned = False,
    ) -> None:
        modes = size if modes is None else modes
        super().__init__(
            input_size,
            size,
            Poles(discretization, start, ring, max_radius, time_step),
            modes,
            groups=1,
            steps=modes,
            learned_initial_state=learned_initial_state,
        )
        # Rows for the real and the imaginary part of each state, and 2 C as the weights of both.
        into, out = torch.randn(modes, 2, input_size), torch.randn(size, modes, 2)
        self.input_weight = nn.Parameter(into / math.sqrt(2 * input_size))
        self.readout_weight = nn.Parameter(out / math.sqrt(modes))
        self.feedthrough = feedthrough
        if feedthrough == "dense":
            self.direct_weight = nn.Parameter(torch.empty(size, input_size))
            nn.init.xavier_uniform_(self.direct_weight)
        elif feedthrough != "diagonal":
            raise UsageError(f"feedthrough is {feedthrough!r}; choose dense or diagonal.")
        elif input_size != size:
            raise UsageError(
                f"A diagonal feedthrough from {input_size} inputs to {size} outputs can't be; "
                "make them equal, or the feedthrough dense."
            )
        else:
            self.direct_weight = nn.Parameter(torch.randn(size))

    def lift(self, x: Tensor, dt: Tensor | None) -> tuple[Tensor, Tensor]:
        """p, and g B x: without dt in one product of reals, g being part of the weights."""
        if dt is None:
            multiplier, weight = self._keeping(self._scaled)
            return multiplier, self._product(x, weight)
        multiplier, gain = self._coefficients(dt)
        return multiplier, gain * self._product(x, self.input_weight)

    def read(self, h: Tensor, x: Tensor) -> Tensor:
        """2 Re(C h) + D x, in products of reals."""
        y = linear(torch.view_as_real(h).flatten(-2), self.readout_weight.flatten(1))
        if self.feedthrough == "diagonal":
            return torch.addcmul(y, x, self.direct_weight)
        return y + linear(x, self.direct_weight)

    def filters(self) -> tuple[Diagonal]:
        """The layer as a diagonal state space, at dt = 1."""
        return (Diagonal.from_scan(*self.system()),)

    def system(self) -> tuple[Complexes, Complexes, Complexes, Reals]:
        """p (M,), g B (M, I), C (O, M) with the 2, and D (O, I) at dt = 1, as the numbers that run:
        h_t = p h_(t-1) + g B x_t, y_t = Re(C h_t) + D x_t."""
        p, gain = self._exact_coefficients()
        with torch.no_grad():
            b = torch.complex(*self.input_weight.double().unbind(1)).cpu().numpy()
            c = torch.complex(*self.readout_weight.double().unbind(2)).cpu().numpy().conj()
            d = self.direct_weight.double().cpu().numpy()
        return p, gain[:, None] * b, c, np.diag(d) if self.feedthrough == "diagonal" else d

    def _scaled(self) -> tuple[Tensor, Tensor]:
        """p (modes,) and g B (modes, 2, input_size)."""
        multiplier, gain = self._coefficients()
        if self.discretization == "lru":
            return multiplier, gain.real.view(-1, 1, 1) * self.input_weight
        scaled = gain.unsqueeze(1) * torch.complex(*self.input_weight.unbind(1))
        return multiplier, torch.stack([scaled.real, scaled.imag], 1)

    def _product(self, x: Tensor, weight: Tensor) -> Tensor:
        """(..., input_size) -> (..., modes) complex, in one product of reals."""
        parts = linear(x, weight.flatten(0, 1))
        return torch.view_as_complex(parts.view(*x.shape[:-1], self.modes, 2))


class ChannelSsm(ModalLayer):
    """Every channel a system of its own, S4D: y = 2 Re(C h) + D x with `modes` modes a channel.

    h_t = p h_(t-1) + g x_t; p, g and starts as in `ModalLayer`; a learned time step is one per
    channel. Shapes: x (B, T, size), y (B, T, size), h (B, size modes) complex, kept as pairs of
    reals (Gu, Gupta, Goel and Re 2022, arXiv:2206.11893).
    """

    def __init__(
        self,
        size: int,
        *,
        modes: int = 16,
        discretization: Discretization = "zoh",
        start: Start = "s4d-lin",
        ring: tuple[float, float] = (0.5, 0.99),
        max_radius: float = 0.9999,
        time_step: tuple[float, float] | None = (1e-3, 1e-1),
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__(
            size,
            size,
            Poles(discretization, start, ring, max_radius, time_step),
            modes,
            groups=size,
            steps=size,
            learned_initial_state=learned_initial_state,
        )
        # Those of the real and the imaginary part of each state, with the 2 and the sign.
        self.readout_weight = nn.Parameter(math.sqrt(2) * torch.randn(size, modes, 2))
        self.direct_weight = nn.Parameter(torch.randn(size))

    def lift(self, x: Tensor, dt: Tensor | None) -> tuple[Tensor, Tensor]:
        """p, and g times each channel's input."""
        if dt is None:
            multiplier, gain = self._keeping(self._coefficients)
        else:
            multiplier, gain = self._coefficients(dt)
        each = gain.view(*gain.shape[:-1], self.output_size, self.modes)
        return multiplier, (each * x.unsqueeze(-1)).flatten(-2)

    def read(self, h: Tensor, x: Tensor) -> Tensor:
        """2 Re(C h) + D x per channel."""
        parts = torch.view_as_real(h).reshape(*x.shape, 2 * self.modes)
        y = (parts * self.readout_weight.flatten(1)).sum(-1)
        return torch.addcmul(y, x, self.direct_weight)

    def filters(self) -> tuple[Diagonal, ...]:
        """Each channel as a diagonal state space, at dt = 1."""
        return tuple(
            Diagonal.from_scan(p, b[:, None], c[None], np.reshape(d, (1, 1)))
            for p, b, c, d in zip(*self.system(), strict=True)
        )

    def system(self) -> tuple[Complexes, Complexes, Complexes, Reals]:
        """p, g and C with the 2, (size, modes) each, and D (size,), as in `DiagonalSsm.system`."""
        p, gain = (part.reshape(self.output_size, -1) for part in self._exact_coefficients())
        with torch.no_grad():
            c = torch.complex(*self.readout_weight.double().unbind(2)).cpu().numpy().conj()
            d = self.direct_weight.double().cpu().numpy()
        return p, gain, c, d
